"""An unsharp mask on the mouth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import cv2
import numpy as np

from ..face.mask import local_mask, paste_through_mask
from ..face.square import FACE_SIZE, square_side
from ..params import Params
from .compact import compact_square
from .paste import Arrays, Square

SHARPEN_AMOUNT = 1.0  # of the unsharp mask at strength 1
SHARPEN_RADIUS = 1.2  # its sigma, in pixels of the network's 96 px face
SMALLEST_SIGMA = 0.5  # px of the frame


class SharpenRestoration:
    """Unsharp mask on the lower face; see ``base.Restorer``."""

    parameters: ClassVar[tuple[str, ...]] = ("strength",)
    needs_memory = False
    region = "mouth"

    def __init__(self, p: Params):
        self.strength = p.strength

    @staticmethod
    def locate(p: Params) -> None:
        return None

    def __call__(
        self, frames: Arrays, landmarks: Arrays, matrices: Arrays, runs: Sequence[int]
    ) -> list[np.ndarray]:
        faces = zip(frames, landmarks, matrices, strict=True)
        return [sharpen(*face, self.strength) for face in faces]

    def square(self, landmarks: np.ndarray, matrix: np.ndarray) -> Square:
        return compact_square(landmarks, matrix, self.region)


def sharpen(
    frame: np.ndarray, landmarks: np.ndarray, matrix: np.ndarray, strength: float
) -> np.ndarray:
    """Unsharp mask on the lower face of an RGB frame.

    ``landmarks`` ``(5, 2)`` and ``matrix`` ``(2, 3)``, frame -> crop, in this frame's pixels. It
    adds no detail: it only steepens edges that are there.
    """
    (x1, y1, x2, y2), mask = local_mask(landmarks, frame.shape[1], frame.shape[0])
    if x2 <= x1 or y2 <= y1:
        return frame

    part = frame[y1:y2, x1:x2].astype(np.float32)
    sigma = max(SMALLEST_SIGMA, SHARPEN_RADIUS * square_side(matrix) / FACE_SIZE)
    edges = part - cv2.GaussianBlur(part, (0, 0), sigma)
    sharp = part + SHARPEN_AMOUNT * strength * edges
    return paste_through_mask(frame, sharp, x1, y1, mask)
