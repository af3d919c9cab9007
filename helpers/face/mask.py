"""The feathered mask of the lower face, through which a drawn mouth goes into the frame."""

from __future__ import annotations

import math

import cv2
import numpy as np

# The mask is an ellipse over mouth, chin and lower cheeks, in units of d (eyes to mouth), centred below the mouth.
MASK_DROP = 0.15
MASK_HALF_WIDTH = 0.95
MASK_HALF_HEIGHT = 0.95
FEATHER = 0.35  # share of the ellipse's radius over which it fades out
RING = (0.02, 0.5)  # mask values between which patch and frame are compared for colour
DONOR_REACH = 0.65  # of the mask's size: what is taken of another frame's mouth


def face_mask(
    landmarks: np.ndarray, x: int, y: int, width: int, height: int, reach: float = 1.0
) -> np.ndarray:
    """Feathered mask of the lower face for the rectangle at (x, y): ``float32 (height, width)`` in [0, 1].

    ``landmarks`` ``(5, 2)`` in frame pixels. The ellipse follows the head's roll; ``reach`` multiplies its size.
    """
    eyes, mouth = landmarks[:2].mean(axis=0), landmarks[3:].mean(axis=0)
    down = mouth - eyes
    distance = max(1e-3, float(np.hypot(*down)))
    down = down / distance
    centre = mouth + MASK_DROP * distance * down
    across = np.arange(x, x + width, dtype=np.float32)[None] - centre[0]
    along = np.arange(y, y + height, dtype=np.float32)[:, None] - centre[1]
    u = (across * down[1] - along * down[0]) / (reach * MASK_HALF_WIDTH * distance)
    v = (across * down[0] + along * down[1]) / (reach * MASK_HALF_HEIGHT * distance)
    return fade((1 - np.sqrt(u * u + v * v)) / FEATHER)


def fade(inside: np.ndarray) -> np.ndarray:
    """A mask that goes smoothly from 0 where ``inside`` is 0 or less to 1 where it is 1 or more: ``float32``."""
    inside = np.clip(inside, 0, 1)
    return (inside * inside * (3 - 2 * inside)).astype(np.float32)


def local_mask(
    landmarks: np.ndarray, width: int, height: int, reach: float = 1.0
) -> tuple[tuple[int, int, int, int], np.ndarray]:
    """Rectangle x1, y1, x2, y2 of the frame outside which the mask is 0 (of a circle around the ellipse), and the mask
    in it, ``float32``. For a face that lies outside the frame x2 <= x1 or y2 <= y1, and the mask is empty."""
    eyes, mouth = landmarks[:2].mean(axis=0), landmarks[3:].mean(axis=0)
    distance = float(np.hypot(*(mouth - eyes)))
    x, y = mouth + MASK_DROP * (mouth - eyes)
    away = reach * max(MASK_HALF_WIDTH, MASK_HALF_HEIGHT) * distance
    low, high = (
        (math.floor(x - away), math.floor(y - away)),
        (math.ceil(x + away) + 1, math.ceil(y + away) + 1),
    )
    x1, y1, x2, y2 = max(0, low[0]), max(0, low[1]), min(width, high[0]), min(height, high[1])
    return (x1, y1, x2, y2), face_mask(landmarks, x1, y1, max(0, x2 - x1), max(0, y2 - y1), reach)


def mouth_ring(points: np.ndarray, size: int) -> np.ndarray:
    """The ring around the mouth that is compared with another face's: ``bool (size, size)`` of a face square, in which
    the landmarks are ``points``."""
    return (face_mask(points, 0, 0, size, size) > RING[0]) & (
        face_mask(points, 0, 0, size, size, DONOR_REACH) < 0.3
    )


def paste_through_mask(
    frame: np.ndarray, made: np.ndarray, x: int, y: int, mask: np.ndarray | None
) -> np.ndarray:
    """``made`` (float32, 0 to 255) into a copy of the frame at (x, y), through a mask of its size if there is one."""
    result = frame.copy()
    part = result[y : y + made.shape[0], x : x + made.shape[1]]
    if mask is not None:
        made = cv2.blendLinear(np.ascontiguousarray(part, np.float32), made, 1 - mask, mask)
    part[:] = cv2.convertScaleAbs(made.clip(0))  # rounds to nearest, and stops at 255
    return result
