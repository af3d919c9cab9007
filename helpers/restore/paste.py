"""A restored square back into its frame."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from ..face.mask import local_mask
from ..face.square import square_rectangle

Arrays = Sequence[np.ndarray]
Rectangle = tuple[int, int, int, int]  # x1, y1, x2, y2 in pixels of a frame


class Square(NamedTuple):
    """The square that a restorer sees of a face.

    ``matrix`` ``float64 (2, 3)`` maps frame to square, ``window`` ``float32 (size, size)`` says how
    much of the restored square may be used.
    """

    matrix: np.ndarray
    window: np.ndarray


def from_square(picture: np.ndarray, matrix: np.ndarray, rectangle: Rectangle) -> np.ndarray:
    """What a square holds, in a rectangle of the frame; ``matrix`` maps frame to square."""
    x1, y1, x2, y2 = rectangle
    local = matrix.copy()
    local[:, 2] += matrix[:, :2] @ (x1, y1)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(picture, local, (x2 - x1, y2 - y1), flags=flags)


def region_mask(
    frame: np.ndarray, square: Square, landmarks: np.ndarray, region: str
) -> tuple[Rectangle, np.ndarray]:
    """The rectangle of a frame in which a region, "mouth" or "face", lies, and the mask there.

    The mask is ``float32``, and empty where the region lies outside the frame.
    """
    height, width = frame.shape[:2]
    if region == "mouth":
        rectangle, mask = local_mask(landmarks, width, height)
    else:
        rectangle = square_rectangle(square.matrix, width, height, len(square.window))
        mask = np.ones((1, 1), np.float32)

    x1, y1, x2, y2 = rectangle
    if x2 <= x1 or y2 <= y1:
        return rectangle, np.zeros((0, 0), np.float32)
    return rectangle, mask * from_square(square.window, square.matrix, rectangle)


def steadied(changes: Arrays, runs: Sequence[int], steady: float) -> list[np.ndarray]:
    """What a restorer changed, averaged with the neighbours' in the same run.

    At ``steady`` 1 evenly over three, at 0 not at all.
    """
    if steady == 0:
        return list(changes)

    averaged = []
    for n, change in enumerate(changes):
        beside = [k for k in (n - 1, n + 1) if 0 <= k < len(changes) and runs[k] == runs[n]]
        pull = sum((steady / 3) * (changes[k] - change) for k in beside)
        averaged.append(change + pull)
    return averaged
