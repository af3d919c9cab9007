"""Figures of restored faces and of finished videos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from ...plan.geometry import face_rectangle
from ...plan.plan import Plan
from .canvas import FACE_COLOUR, FACES_COLOURS, SHEET_WIDTH, show, strip, tinted

CHANGE_GAIN = 8
STRENGTH_GAIN = 12
NO_CHANGE = 128  # grey level
MOST_DIFFERENCE = 30  # grey levels


def restoration(view: dict[str, np.ndarray], n: int) -> Figure:
    """A face on its way through the restorer (``inspect_face``'s result), and what it changed."""
    aligned = view["aligned"].astype(float)
    change = NO_CHANGE + CHANGE_GAIN * (view["restored"] - aligned)
    near = _around(view["mask"])

    pictures = {
        f"face of frame {n}": view["aligned"],
        "restored": view["restored"],
        f"change x {CHANGE_GAIN} (grey: none)": np.clip(change, 0, 255).astype(np.uint8),
        "the mask, in green": tinted(view["made"], view["mask"])[near],
        "back in the frame": view["made"][near],
    }
    return strip(list(pictures.values()), list(pictures))


def _around(mask: np.ndarray) -> tuple[slice, slice]:
    """Rows and columns of a face whose mouth's mask this is; all of them if it is empty."""
    rows, columns = np.nonzero(mask > 0)
    if not len(rows):
        return slice(None), slice(None)
    height = np.ptp(rows)
    top = max(0, rows.min() - height // 2)
    left = max(0, columns.min() - height // 4)
    return slice(top, rows.max() + height // 4), slice(left, columns.max() + height // 4)


def strength(made: Mapping[float, np.ndarray]) -> Figure:
    """The same face at growing strength, and how each differs from the first, enlarged."""
    none, *_ = made.values()
    titles = [f"strength {value:g}" for value in made]
    pictures = [*made.values()]
    for value, picture in made.items():
        away = STRENGTH_GAIN * (picture.astype(float) - none)
        pictures.append(np.clip(NO_CHANGE + away, 0, 255).astype(np.uint8))
        titles.append(f"change at {value:g}, x {STRENGTH_GAIN} (grey: none)")

    figure = strip(pictures, titles, rows=2)
    first = figure.axes[len(made)]
    first.text(0.5, 0.5, "none at all", ha="center", color="white", transform=first.transAxes)
    return figure


def difference_pairs(pairs: Mapping[str, Sequence[np.ndarray]]) -> Figure:
    """Two pictures a row that should be the same, and how they differ."""
    count = len(pairs)
    figure, axes = plt.subplots(
        count, 3, figsize=(9, 3.1 * count), layout="constrained", squeeze=False
    )

    for row, (name, (first, second)) in zip(axes, pairs.items(), strict=True):
        difference = np.abs(first.astype(float) - second).mean(axis=2)
        show(row[0], first, name)
        show(row[1], second, "again")
        title = f"difference: mean {difference.mean():.2f} grey levels"
        show(row[2], difference, title, cmap="magma", vmin=0, vmax=MOST_DIFFERENCE)
        if not difference.any():
            middle = dict(ha="center", va="center", transform=row[2].transAxes, color="white")
            row[2].text(0.5, 0.5, "none at all", **middle)
    return figure


def offsets(curves: Mapping[str, np.ndarray], fps: float) -> Figure:
    """How well mouth and sound agree at each offset: ``sync_similarity`` by video."""
    figure, axes = plt.subplots(figsize=(SHEET_WIDTH, 3.4), layout="constrained")
    for (name, curve), colour in zip(curves.items(), ("black", *FACES_COLOURS), strict=False):
        reach = len(curve) // 2
        frames = np.arange(-reach, reach + 1)
        best = int(np.nanargmax(curve))
        label = f"{name}: best at {frames[best]:+d}"
        style = "--" if name == list(curves)[-1] else "-"
        axes.plot(frames, curve, style, color=colour, marker=".", linewidth=1.2, label=label)
        axes.plot(frames[best], curve[best], color=colour, marker="o", markersize=8)

    axes.axvline(0, color="black", linewidth=0.8, linestyle="--")
    axes.set(ylabel="mean cosine", title="Does the mouth fit the sound, if the sound is shifted?")
    axes.set_xlabel(f"frames by which the sound is taken later ({1000 / fps:.0f} ms each)")
    axes.legend(loc="best")
    return figure


def flicker(curves: dict[str, np.ndarray], plan: Plan) -> Figure:
    """``flicker_curves`` over time; those of which nothing was measured are left out."""
    figure, axes = plt.subplots(figsize=(SHEET_WIDTH, 3), layout="constrained")
    seconds = np.arange(plan.frames) / float(plan.fps)
    for (name, curve), colour in zip(curves.items(), ("black", *FACES_COLOURS), strict=False):
        measured = np.flatnonzero(np.isfinite(curve))
        if not len(measured):
            continue

        shown = slice(measured[0], measured[-1] + 1)
        label = f"{name}: mean {np.nanmean(curve):.2f}"
        style = "--" if name == list(curves)[-1] else "-"
        axes.plot(seconds[shown], curve[shown], style, color=colour, linewidth=1.4, label=label)

    axes.set(xlabel="seconds", ylabel="grey levels", title="Flicker of the mouth", ylim=(0, None))
    axes.margins(x=0)
    axes.legend(loc="best")
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
    rows: Mapping[str, Sequence[np.ndarray]], numbers: Sequence[int], plan: Plan
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
