"""Figures of detected and followed faces."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from ...face.square import FACE_SIZE, crop_square
from ...plan.geometry import frame_matrix
from ...plan.plan import Plan
from .canvas import (
    FACE_COLOUR,
    FACES_COLOURS,
    LANDMARK_COLOUR,
    PASSED_COLOUR,
    SHEET_WIDTH,
    TITLE_SIZE,
    strip,
)
from .sound import draw_activity

SMOOTHED_FRAMES = 7  # of a row of ``smoothing``
MOST_CHANGE = 25  # grey levels, the brightest of its last column
CENTRE_REACH = 40  # frames before and after them whose box is followed


def contact_sheet(
    frames: Sequence[np.ndarray], detections: Sequence[np.ndarray], numbers: Sequence[int]
) -> Figure:
    """Frames with every detected box, its confidence and its five landmarks drawn on.

    ``detections`` are ``float32 (faces, 15)`` a frame: box, score, landmarks.
    """
    figure = strip(frames, [f"frame {n}: {_count(d)}" for n, d in _zip(numbers, detections)], 2)
    _mark_all(figure, frames, detections)
    return figure


def hard_faces(pictures: Mapping[str, np.ndarray], detections: Sequence[np.ndarray]) -> Figure:
    """One face made harder in several ways, by what was done to it, and what the detector says."""
    titles = [f"{name}: {_count(found)}" for name, found in _zip(pictures, detections)]
    figure = strip(list(pictures.values()), titles)
    _mark_all(figure, list(pictures.values()), detections)
    return figure


def _zip(names: Iterable[Any], values: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
    return zip(names, values, strict=True)


def _count(found: np.ndarray) -> str:
    return f"{len(found) or 'no'} face{'s' * (len(found) != 1)}"


def _mark_all(
    figure: Figure, pictures: Sequence[np.ndarray], detections: Sequence[np.ndarray]
) -> None:
    for axes, picture, found in zip(figure.axes, pictures, detections, strict=False):
        for face in found.tolist():
            _mark_face(axes, face, len(picture))
        axes.set(xlim=(-0.5, picture.shape[1] - 0.5), ylim=(len(picture) - 0.5, -0.5))


def _mark_face(axes: Axes, face: Sequence[float], height: int) -> None:
    x1, y1, x2, y2, score, *points = face
    box = Rectangle((x1, y1), x2 - x1, y2 - y1, fill=False, edgecolor=FACE_COLOUR, linewidth=2)
    axes.add_patch(box)
    axes.scatter(points[::2], points[1::2], s=8, color=LANDMARK_COLOUR, linewidths=0)

    label = dict(facecolor=FACE_COLOUR, edgecolor="none", pad=1.5)
    below = y2 + 0.02 * height
    above = below > 0.9 * height
    axes.text(
        x1,
        y1 - 0.02 * height if above else below,
        f"{score:.2f}",
        color="white",
        fontsize=9,
        va="bottom" if above else "top",
        bbox=label,
        clip_on=True,
    )


def timeline(plan: Plan) -> Figure:
    """Faces over time: where they are, how sure the detector was, cuts, what each frame becomes."""
    figure, (place, score, fate, speech) = plt.subplots(
        4,
        1,
        figsize=(SHEET_WIDTH, 6.6),
        sharex=True,
        layout="constrained",
        height_ratios=(3, 1.4, 0.7, 1),
    )
    seconds = np.arange(plan.frames) / float(plan.fps)
    _draw_detections(place, score, plan, seconds)
    for layer, colour in zip(plan.layers, FACES_COLOURS * len(plan.layers), strict=False):
        _draw_track(place, score, layer, seconds, colour)

    shot = plan.faces.shot[plan.source]
    for n in np.flatnonzero(np.diff(shot)) + 1:
        for axes in (place, score, fate, speech):
            label = "cut" if axes is place else None
            axes.axvline(seconds[n], color="black", linestyle="--", linewidth=1, label=label)

    place.set(ylabel="x, source pixels", title="Faces: where they are")
    place.set_ylim(0, plan.source_size[0])
    handles, labels = place.get_legend_handles_labels()
    entries = dict(zip(labels, handles, strict=True))  # one a label
    place.legend(entries.values(), entries.keys(), loc="upper right")
    score.set(ylabel="confidence", ylim=(0, 1.05))
    _draw_fate(fate, plan, seconds)
    draw_activity(speech, seconds, plan.speech)
    speech.set(xlabel="seconds", xlim=(0, float(plan.duration)))
    return figure


def _draw_detections(place: Axes, score: Axes, plan: Plan, seconds: np.ndarray) -> None:
    """A dot for every face found, at each output frame that shows its source frame."""
    numbers = plan.detections[:, 0]
    by_source = [plan.detections[numbers == n] for n in range(len(plan.faces.shot))]
    faces = np.concatenate([by_source[n] for n in plan.source])
    times = np.repeat(seconds, [len(by_source[n]) for n in plan.source])
    middle = (faces[:, 1] + faces[:, 3]) / 2
    place.scatter(times, middle, s=14, color=PASSED_COLOUR, label="every face found")
    score.scatter(times, faces[:, 5], s=6, color=PASSED_COLOUR)


def _draw_track(place: Axes, score: Axes, layer: Plan, seconds: np.ndarray, colour: str) -> None:
    box = layer.faces.box[layer.source].astype(float)
    confidence = layer.faces.score[layer.source].astype(float)
    box[~layer.redrawn] = np.nan
    confidence[~layer.redrawn] = np.nan

    middle = (box[:, 0] + box[:, 2]) / 2
    label = "re-drawn (band: its box)"
    place.plot(seconds, middle, color=colour, label=label)
    place.fill_between(seconds, box[:, 0], box[:, 2], color=colour, alpha=0.15, linewidth=0)
    score.plot(seconds, confidence, color=colour)


def _draw_fate(axes: Axes, plan: Plan, seconds: np.ndarray) -> None:
    """Which frames are re-drawn, and which are passed through."""
    end = float(plan.duration)
    states = {"re-drawn": plan.redrawn, "passed through": ~plan.redrawn}
    for (label, frames), colour in zip(states.items(), (FACE_COLOUR, PASSED_COLOUR), strict=True):
        axes.fill_between(
            np.append(seconds, end),
            0,
            np.append(frames, frames[-1:]),
            step="post",
            color=colour,
            label=f"{label}: {frames.sum()} frames",
            alpha=0.6,
        )

    axes.set(yticks=[], ylim=(0, 1), ylabel="frame")
    axes.legend(loc="center right")


def smoothing(
    frames: Sequence[np.ndarray], detected: Plan, smoothed: Plan, numbers: Sequence[int]
) -> Figure:
    """The centre of a face's box over time, as detected and smoothed, and what that does.

    ``numbers`` are consecutive frames, shown as they are cut out; on the right, what moves.
    """
    plans = {"as detected": detected, "smoothed": smoothed}
    columns = SMOOTHED_FRAMES + 1
    figure = plt.figure(figsize=(SHEET_WIDTH, 6.2), layout="constrained")
    grid = figure.add_gridspec(3, columns, height_ratios=(1.25, 1, 1))
    _draw_centres(figure.add_subplot(grid[0, :]), plans, numbers)

    for row, (name, plan) in enumerate(plans.items(), start=1):
        cells = [figure.add_subplot(grid[row, column]) for column in range(columns)]
        crops = [
            crop_square(frame, frame_matrix(plan, n), FACE_SIZE)
            for frame, n in zip(frames, numbers, strict=True)
        ]
        for cell in cells:
            cell.axis("off")
        for cell, picture, n in zip(cells, crops, numbers, strict=False):
            cell.imshow(picture)
            cell.set_title(f"{name}, {n}", fontsize=8)

        motion = np.std(np.stack(crops).astype(np.float32), axis=0).mean(axis=2)
        cells[-1].imshow(motion, cmap="magma", vmin=0, vmax=MOST_CHANGE)
        cells[-1].set_title(f"change: {motion.mean():.2f}", fontsize=8)
    return figure


def _draw_centres(axes: Axes, plans: Mapping[str, Plan], numbers: Sequence[int]) -> None:
    """The box's centre around some frames, in px from its mean there."""
    reach = range(max(0, numbers[0] - CENTRE_REACH), numbers[-1] + CENTRE_REACH)
    near = [n for n in reach if n < plans["smoothed"].frames and plans["smoothed"].redrawn[n]]
    mean = 0.0
    for (name, plan), colour in zip(plans.items(), (LANDMARK_COLOUR, FACE_COLOUR), strict=True):
        box = plan.faces.box[plan.source[near]].astype(float)
        centre = (box[:, 0] + box[:, 2]) / 2
        mean = mean or centre.mean()
        axes.plot(near, centre - mean, color=colour, marker=".", label=name)

    axes.axvspan(numbers[0] - 0.5, numbers[-1] + 0.5, color=PASSED_COLOUR, alpha=0.3, linewidth=0)
    axes.set(xlabel="frame (grey: those below)", ylabel="px from the mean")
    axes.set_title("Centre of the face's box, across", fontsize=TITLE_SIZE)
    axes.legend(loc="best")
