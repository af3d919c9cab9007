"""Figures of restored faces and of finished videos."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from ...plan.geometry import face_rectangle
from ...plan.plan import Plan
from .canvas import BESIDE, FACE_COLOUR, FACES_COLOURS, SHEET_WIDTH, show, strip, tinted

CHANGE_GAIN = 4
NO_CHANGE = 128  # grey level
MOST_DIFFERENCE = 30  # grey levels


def restoration(view: dict[str, np.ndarray], n: int) -> Figure:
    """A face on its way through the restorer (``inspect_face``'s result), and what it changed."""
    aligned = view["aligned"].astype(float)
    change = NO_CHANGE + CHANGE_GAIN * (view["restored"] - aligned)

    pictures = {
        f"face of frame {n}": view["aligned"],
        "restored": view["restored"],
        f"change x {CHANGE_GAIN} (grey: none)": np.clip(change, 0, 255).astype(np.uint8),
        "mask": tinted(view["made"], view["mask"]),
        "back in the frame": view["made"],
    }
    return strip(list(pictures.values()), list(pictures))


def difference_pairs(pairs: dict[str, Sequence[np.ndarray]]) -> Figure:
    """Two pictures a row that should be the same, and how they differ."""
    count = len(pairs)
    figure, axes = plt.subplots(
        count, 3, figsize=(9, 3.1 * count), layout="constrained", squeeze=False
    )

    for row, (name, (first, second)) in zip(axes, pairs.items(), strict=True):
        difference = np.abs(first.astype(float) - second).mean(axis=2)
        show(row[0], first, name)
        show(row[1], second, "again")
        title = f"difference: mean {difference.mean():.2f}"
        show(row[2], difference, title, cmap="magma", vmin=0, vmax=MOST_DIFFERENCE)
    return figure


def flicker(curves: dict[str, np.ndarray], plan: Plan) -> Figure:
    """``flicker_curves`` over time."""
    figure, axes = plt.subplots(figsize=(SHEET_WIDTH, 3), layout="constrained")
    seconds = np.arange(plan.frames) / float(plan.fps)
    for (name, curve), colour in zip(curves.items(), ("black", *FACES_COLOURS), strict=False):
        label = f"{name}: mean {np.nanmean(curve):.2f}"
        axes.plot(seconds, curve, color=colour, linewidth=1.2, label=label)

    measured = np.flatnonzero(np.isfinite(next(iter(curves.values()))))
    axes.set(xlabel="seconds", ylabel="grey levels", title="Flicker of the mouth", ylim=(0, None))
    axes.set_xlim(seconds[measured[0]], seconds[measured[-1]])
    axes.legend(**BESIDE)
    return figure


def stage_times(seconds: dict[str, dict[str, float]], frames: int) -> Figure:
    """Milliseconds a frame of every stage of every step of a run."""
    stages = {
        f"{step}: {stage}": 1000 * value / frames
        for step, parts in seconds.items()
        for stage, value in parts.items()
        if stage != "all"
    }

    height = 0.6 + 0.32 * len(stages)
    figure, axes = plt.subplots(figsize=(SHEET_WIDTH, height), layout="constrained")
    bars = axes.barh(list(stages), list(stages.values()), color=FACE_COLOUR)

    axes.bar_label(bars, fmt="%.1f", padding=3)
    axes.invert_yaxis()
    axes.margins(x=0.08)
    axes.set(xlabel="milliseconds a frame (time that the next stage waited for this one)")
    return figure


def before_after(
    rows: dict[str, Sequence[np.ndarray]], numbers: Sequence[int], plan: Plan
) -> Figure:
    """The same frames of several videos, cut to the face, one video a row."""
    pictures = []
    titles = []
    for name, frames in rows.items():
        for n, frame in zip(numbers, frames, strict=True):
            x1, y1, x2, y2 = face_rectangle(plan, n)
            pictures.append(frame[y1:y2, x1:x2] if plan.redrawn[n] else frame)
            titles.append(f"{name}, frame {n}")
    return strip(pictures, titles, rows=len(rows))
