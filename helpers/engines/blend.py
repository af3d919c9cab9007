"""Patch -> frame: where the drawn mouth goes, how it fades out, how its colour is matched.

Everything happens in the smallest rectangle around the face, so the cost does not grow with the
frame.
"""

from __future__ import annotations

import cv2
import numpy as np

from ..face.mask import RING, face_mask, local_mask, paste_through_mask
from ..face.square import FACE_SIZE, square_rectangle


def apply_maps(
    frame: np.ndarray, maps: np.ndarray, matrix: np.ndarray, landmarks: np.ndarray | None
) -> np.ndarray:
    """Warp and paint a face of a frame at the frame's own resolution; returns a new frame.

    ``maps`` ``float32 (6, 96, 96)`` of ``CompactWav2Lip``, ``matrix`` ``(2, 3)`` frame -> crop,
    ``landmarks`` ``(5, 2)`` for the mask, or None to use the whole square. Pixels where the mask is
    0 stay as they are.
    """
    height, width = frame.shape[:2]
    if landmarks is None:
        (x1, y1, x2, y2), mask = square_rectangle(matrix, width, height), None
    else:
        (x1, y1, x2, y2), mask = local_mask(landmarks, width, height)

    if x2 <= x1 or y2 <= y1:
        return frame.copy()

    local = matrix.copy()
    local[:, 2] += matrix[:, :2] @ (x1, y1)

    def place(planes: np.ndarray, border: int) -> np.ndarray:
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        planes = np.ascontiguousarray(planes.transpose(1, 2, 0))
        return cv2.warpAffine(planes, local, (x2 - x1, y2 - y1), flags=flags, borderMode=border)

    flow_alpha = place(maps[:3], cv2.BORDER_CONSTANT)
    paint = place(np.clip(maps[3:], 0, 1) * 255, cv2.BORDER_REPLICATE)
    turn = np.linalg.inv(matrix[:, :2]).astype(np.float32) * (
        FACE_SIZE / 2
    )  # half face widths -> frame pixels
    u, v, alpha = cv2.split(flow_alpha)
    columns = np.arange(x1, x2, dtype=np.float32)[None] + turn[0, 0] * u + turn[0, 1] * v
    rows = np.arange(y1, y2, dtype=np.float32)[:, None] + turn[1, 0] * u + turn[1, 1] * v
    warped = cv2.remap(frame, columns, rows, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    warped = cv2.blendLinear(warped.astype(np.float32), paint, 1 - alpha, alpha)

    return paste_through_mask(frame, warped, x1, y1, mask)


def paste_box(frame: np.ndarray, patch: np.ndarray, box: tuple[int, int, int, int]) -> np.ndarray:
    """Upstream's hard paste of a patch ``float (96, 96, 3)`` in [0, 1] into a box, bit for bit."""
    x1, y1, x2, y2 = box
    result = frame.copy()
    result[y1:y2, x1:x2] = cv2.resize(
        (patch * np.float32(255)).astype(np.uint8), (x2 - x1, y2 - y1)
    )

    return result


def paste_feathered(
    frame: np.ndarray, patch: np.ndarray, box: tuple[int, int, int, int], landmarks: np.ndarray
) -> np.ndarray:
    """A patch ``float (96, 96, 3)`` in [0, 1] pasted through the mask, its colour matched."""
    x1, y1, x2, y2 = box
    picture = cv2.resize(
        patch.astype(np.float32) * 255, (x2 - x1, y2 - y1), interpolation=cv2.INTER_CUBIC
    )
    mask = face_mask(landmarks, x1, y1, x2 - x1, y2 - y1) * _box_fade(x2 - x1, y2 - y1)

    return paste_through_mask(frame, match_colour(picture, frame[y1:y2, x1:x2], mask), x1, y1, mask)


def match_colour(patch: np.ndarray, part: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """``patch`` (float32) with the mean colour that the frame's ``part`` has on the mask's edge."""
    ring = np.flatnonzero((mask > RING[0]) & (mask < RING[1]))
    if not len(ring):
        return patch

    there = part.reshape(-1, 3).take(ring, axis=0).astype(np.float32)
    return patch + (there - patch.reshape(-1, 3).take(ring, axis=0)).mean(axis=0)


def _box_fade(width: int, height: int) -> np.ndarray:
    """1 inside a rectangle, fading to 0 at its left, right and lower edge."""
    across = np.minimum(np.arange(width), np.arange(width)[::-1]) / max(1, 0.1 * width)
    down = np.arange(height)[::-1] / max(1, 0.1 * height)
    return np.clip(np.minimum(across[None], down[:, None]), 0, 1).astype(np.float32)
