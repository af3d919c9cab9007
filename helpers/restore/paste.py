"""A restored square back into its frame."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from ..face.mask import local_mask
from ..face.square import square_rectangle


def from_square(
    picture: np.ndarray, matrix: np.ndarray, x1: int, y1: int, x2: int, y2: int
) -> np.ndarray:
    """What a square holds, in a rectangle of the frame; ``matrix`` maps frame to square."""
    local = matrix.copy()
    local[:, 2] += matrix[:, :2] @ (x1, y1)
    return cv2.warpAffine(
        picture, local, (x2 - x1, y2 - y1), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    )


def region_mask(
    frame: np.ndarray, matrix: np.ndarray, landmarks: np.ndarray, region: str, window: np.ndarray
) -> tuple[tuple[int, int, int, int], np.ndarray]:
    """Rectangle x1, y1, x2, y2 of a frame in which a region lies, and the mask there, ``float32``.

    ``window`` ``float32 (size, size)`` says how much of the restored square may be used, ``matrix`` maps frame to
    square. The mask is empty where the region lies outside the frame.
    """
    height, width = frame.shape[:2]
    if region == "mouth":
        place, mask = local_mask(landmarks, width, height)
    else:
        place, mask = square_rectangle(matrix, width, height, len(window)), np.float32(1)
    if place[2] <= place[0] or place[3] <= place[1]:
        return place, np.zeros((0, 0), np.float32)
    return place, mask * from_square(window, matrix, *place)


def steadied(changes: Sequence[np.ndarray], runs: Sequence[int], steady: float) -> list[np.ndarray]:
    """What a restorer changed, averaged with the neighbours' in the same run: at ``steady`` 1 evenly over three."""
    if steady == 0:
        return list(changes)
    made = []
    for n, own in enumerate(changes):
        near = [changes[k] for k in (n - 1, n + 1) if 0 <= k < len(changes) and runs[k] == runs[n]]
        made.append(own + sum((steady / 3) * (other - own) for other in near))
    return made
