"""Where a face lies in an output frame, and the source frames in the result's size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np

from .. import media, parsing
from ..face.square import (
    FACE_SIZE,
    padded_box,
    result_matrix,
    result_points,
    square_matrix,
    square_rectangle,
)
from ..params import Params
from .plan import Plan


def frame_matrix(plan: Plan, n: int) -> np.ndarray:
    """Matrix that maps pixels of output frame ``n`` to the 96x96 square of its face."""
    matrix = square_matrix(plan.faces.landmarks[plan.source[n]], FACE_SIZE)
    return result_matrix(matrix, plan.place, *plan.source_size)


def face_rectangle(plan: Plan, n: int) -> tuple[int, int, int, int]:
    """Smallest rectangle x1, y1, x2, y2 of output frame ``n`` that holds the face square."""
    return square_rectangle(frame_matrix(plan, n), *plan.size)


def frame_landmarks(plan: Plan, n: int) -> np.ndarray:
    """Five landmarks in pixels of output frame ``n``: ``float64 (5, 2)``."""
    return source_landmarks(plan, plan.source[n])


def source_landmarks(plan: Plan, source: int) -> np.ndarray:
    """Five landmarks of the face in a source frame, in the result's pixels: ``float64 (5, 2)``."""
    return result_points(plan.faces.landmarks[source], plan.place, *plan.source_size)


def face_box(plan: Plan, n: int, pads: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    """Box with pads x1, y1, x2, y2 in whole pixels of output frame ``n``."""
    box = padded_box(plan.faces.box[plan.source[n]], pads, *plan.source_size)
    if plan.place == (0, 0, *plan.source_size):
        return box

    x1, y1, x2, y2 = np.round(
        result_points(np.reshape(box, (2, 2)) - 0.5, plan.place, *plan.source_size) + 0.5
    ).ravel()
    return int(x1), int(y1), int(x2), int(y2)


def source_pictures(plan: Plan, video: str, start: int, stop: int) -> Iterator[np.ndarray]:
    """Source frames of output frames start to stop, scaled and placed as the result will be."""
    x, y, w, h = plan.place
    for frame in scaled_pictures(plan, video, plan.source[start:stop]):
        if plan.size != (w, h):
            below, right = plan.size[1] - h - y, plan.size[0] - w - x
            frame = cv2.copyMakeBorder(frame, y, below, x, right, cv2.BORDER_CONSTANT)
        yield frame


def scaled_pictures(
    plan: Plan, video: str, source: Sequence[int] | np.ndarray
) -> Iterator[np.ndarray]:
    """Source frames by number, scaled as in the result, without the bars around them."""
    size = plan.place[2:]
    return media.read_indexed(
        video, plan.fps, source, None if size == plan.source_size else size, plan.view
    )


def box_pads(p: Params) -> tuple[int, int, int, int]:
    """Pads (top, bottom, left, right); none for a box given by hand, as upstream does."""
    pads = parsing.box_pads(p.pads)
    return (0, 0, 0, 0) if p.box else pads
