"""Figures of detected and followed faces."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...face.square import FACE_SIZE, crop_square
from ...plan.geometry import frame_matrix
from ...plan.plan import Plan
from .canvas import (
    BESIDE,
    FACE_COLOUR,
    FACES_COLOURS,
    LANDMARK_COLOUR,
    PASSED_COLOUR,
    SHEET_WIDTH,
    rgb,
    strip,
)

SMOOTHED_FRAMES = 7  # of a row of ``smoothing``
MOST_CHANGE = 25  # grey levels, the brightest of its last column
LINES_A_SIDE = 250  # a frame's longer side is so many times as long as a drawn line is thick


def contact_sheet(
    frames: Sequence[np.ndarray], detections: Sequence[np.ndarray], numbers: Sequence[int]
) -> Figure:
    """Frames with every detected box, its confidence and its five landmarks drawn on.

    ``detections`` are ``float32 (faces, 15)`` a frame: box, score, landmarks.
    """
    marked = []
    titles = []
    for frame, found, n in zip(frames, detections, numbers, strict=True):
        picture = frame.copy()
        for face in found.tolist():
            _mark_face(picture, face)
        marked.append(picture)
        titles.append(f"frame {n}: {len(found) or 'no'} face{'s' * (len(found) != 1)}")
    return strip(marked, titles, rows=2)


def _mark_face(picture: np.ndarray, face: Sequence[float]) -> None:
    """Draw a detection on a picture, in place."""
    x1, y1, x2, y2, score, *points = face
    thick = max(2, round(max(picture.shape) / LINES_A_SIDE))
    corners = (round(x1), round(y1)), (round(x2), round(y2))
    cv2.rectangle(picture, *corners, rgb(FACE_COLOUR), thick)
    for x, y in zip(points[::2], points[1::2], strict=True):
        cv2.circle(picture, (round(x), round(y)), thick + 1, rgb(LANDMARK_COLOUR), -1)

    place = (round(x1), max(14, round(y1) - 6))
    style = (cv2.FONT_HERSHEY_SIMPLEX, thick / 4, rgb(FACE_COLOUR), thick, cv2.LINE_AA)
    cv2.putText(picture, f"{score:.2f}", place, *style)


def timeline(plan: Plan) -> Figure:
    """Faces over time: where they are, how sure the detector was, cuts, what each frame becomes."""
    figure, (place, score, fate) = plt.subplots(
        3,
        1,
        figsize=(SHEET_WIDTH, 6),
        sharex=True,
        layout="constrained",
        height_ratios=(3, 1.4, 1.2),
    )
    seconds = np.arange(plan.frames) / float(plan.fps)
    _draw_detections(place, score, plan, seconds)
    for layer, colour in zip(plan.layers, FACES_COLOURS * len(plan.layers), strict=False):
        _draw_track(place, score, layer, seconds, colour)

    shot = plan.faces.shot[plan.source]
    for n in np.flatnonzero(np.diff(shot)) + 1:
        for axes in (place, score, fate):
            label = "cut" if axes is place else None
            axes.axvline(seconds[n], color="black", linestyle="--", linewidth=1, label=label)

    place.set(ylabel="x, source pixels", title="Faces: where they are")
    place.set_ylim(0, plan.source_size[0])
    handles, labels = place.get_legend_handles_labels()
    entries = dict(zip(labels, handles, strict=True))  # one a label
    place.legend(entries.values(), entries.keys(), **BESIDE)
    score.set(ylabel="confidence", ylim=(0, 1.05))
    _draw_fate(fate, plan, seconds)
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
    label = "re-drawn: centre, and box width (band)"
    place.plot(seconds, middle, color=colour, label=label)
    place.fill_between(seconds, box[:, 0], box[:, 2], color=colour, alpha=0.15, linewidth=0)
    score.plot(seconds, confidence, color=colour)


def _draw_fate(axes: Axes, plan: Plan, seconds: np.ndarray) -> None:
    """Which frames are re-drawn, which are passed through, and when somebody speaks."""
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

    axes.plot(seconds, plan.speech, color="black", linewidth=1, label="speech activity")
    axes.set(yticks=[], xlabel="seconds", xlim=(0, end), ylim=(0, 1.1), ylabel="frame")
    axes.legend(**BESIDE)


def smoothing(
    frames: Sequence[np.ndarray], detected: Plan, smoothed: Plan, numbers: Sequence[int]
) -> Figure:
    """Up to seven consecutive frames, cut by the detector's own landmarks and by smoothed ones.

    On the right, what moves in each row.
    """
    columns = SMOOTHED_FRAMES + 1
    figure, axes = plt.subplots(2, columns, figsize=(SHEET_WIDTH, 3.9), layout="constrained")
    for row, (name, plan) in enumerate({"as detected": detected, "smoothed": smoothed}.items()):
        crops = [
            crop_square(frame, frame_matrix(plan, n), FACE_SIZE)
            for frame, n in zip(frames, numbers, strict=True)
        ]
        for cell, picture, n in zip(axes[row], crops, numbers, strict=False):
            cell.imshow(picture)
            cell.set_title(f"{name}, {n}", fontsize=8)

        motion = np.std(np.stack(crops).astype(np.float32), axis=0).mean(axis=2)
        axes[row, -1].imshow(motion, cmap="magma", vmin=0, vmax=MOST_CHANGE)
        axes[row, -1].set_title(f"change: {motion.mean():.2f}", fontsize=8)

    for cell in axes.flat:
        cell.axis("off")
    return figure
