"""An unsharp mask on the mouth."""

from __future__ import annotations

import cv2
import numpy as np

from ..face.mask import local_mask, paste_through_mask
from ..face.square import FACE_SIZE, square_side

SHARPEN_AMOUNT = 1.0  # of the unsharp mask at strength 1
SHARPEN_RADIUS = 1.2  # its sigma, in pixels of the network's 96 px face


def sharpen(
    frame: np.ndarray, landmarks: np.ndarray, matrix: np.ndarray, strength: float
) -> np.ndarray:
    """Unsharp mask on the lower face of an RGB frame; ``strength`` 0 gives the frame itself.

    ``landmarks`` ``(5, 2)`` and ``matrix`` (frame -> crop) in this frame's pixels. It adds no detail: it only steepens
    edges that are there.
    """
    if strength == 0:
        return frame
    (x1, y1, x2, y2), mask = local_mask(landmarks, frame.shape[1], frame.shape[0])
    if x2 <= x1 or y2 <= y1:
        return frame
    part = frame[y1:y2, x1:x2].astype(np.float32)
    sigma = max(0.5, SHARPEN_RADIUS * square_side(matrix) / FACE_SIZE)
    sharp = part + SHARPEN_AMOUNT * strength * (part - cv2.GaussianBlur(part, (0, 0), sigma))
    return paste_through_mask(frame, sharp, x1, y1, mask)
