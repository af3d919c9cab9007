"""The feathered mask of the lower face, through which a drawn mouth goes into the frame."""

from __future__ import annotations

import math

import cv2
import numpy as np

# The mask is a disc over mouth, chin and lower cheeks, in units of d (eyes to mouth).
MASK_DROP = 0.15  # its centre below the mouth
MASK_RADIUS = 0.95
FEATHER = 0.35  # share of the radius over which it fades out
RING = (0.02, 0.5)  # mask values between which patch and frame are compared for colour
DONOR_REACH = 0.65  # of the mask's size: what is taken of another frame's mouth
DONOR_EDGE = 0.3  # of a donor's mask, under which its surroundings begin


def face_mask(
    landmarks: np.ndarray, x: int, y: int, width: int, height: int, reach: float = 1.0
) -> np.ndarray:
    """Mask of the lower face in a rectangle at (x, y): ``float32 (height, width)`` in [0, 1].

    ``landmarks`` ``(5, 2)`` in frame pixels; ``reach`` multiplies the disc's size.
    """
    eyes = landmarks[:2].mean(axis=0)
    mouth = landmarks[3:].mean(axis=0)
    down = mouth - eyes
    distance = max(1e-3, float(np.hypot(*down)))
    down = down / distance
    centre = mouth + MASK_DROP * distance * down

    dx = (np.arange(x, x + width) - centre[0]) / (reach * MASK_RADIUS * distance)
    dy = (np.arange(y, y + height) - centre[1]) / (reach * MASK_RADIUS * distance)
    away = np.add.outer(dy * dy, dx * dx)
    np.sqrt(away, out=away)
    np.subtract(1, away, out=away)
    return fade(np.divide(away, FEATHER, out=away))


def fade(inside: np.ndarray) -> np.ndarray:
    """A smooth step, ``float32``: 0 where ``inside`` is 0 or less, 1 where it is 1 or more."""
    inside = np.clip(inside, 0, 1)
    rise = 3 - 2 * inside
    rise *= inside
    rise *= inside
    return rise.astype(np.float32)


def local_mask(
    landmarks: np.ndarray, width: int, height: int, reach: float = 1.0
) -> tuple[tuple[int, int, int, int], np.ndarray]:
    """The rectangle x1, y1, x2, y2 of a frame outside which the mask is 0, and the mask in it.

    For a face that lies outside the frame x2 <= x1 or y2 <= y1, and the mask is empty.
    """
    eyes = landmarks[:2].mean(axis=0)
    mouth = landmarks[3:].mean(axis=0)
    distance = float(np.hypot(*(mouth - eyes)))
    x, y = mouth + MASK_DROP * (mouth - eyes)
    radius = reach * MASK_RADIUS * distance

    x1 = max(0, math.floor(x - radius))
    y1 = max(0, math.floor(y - radius))
    x2 = min(width, math.ceil(x + radius) + 1)
    y2 = min(height, math.ceil(y + radius) + 1)
    mask = face_mask(landmarks, x1, y1, max(0, x2 - x1), max(0, y2 - y1), reach)
    return (x1, y1, x2, y2), mask


def mouth_ring(points: np.ndarray, size: int) -> np.ndarray:
    """The ring around the mouth in which face squares are compared: ``bool (size, size)``.

    ``points`` ``(5, 2)``: the landmarks in the square.
    """
    whole = face_mask(points, 0, 0, size, size)
    mouth = face_mask(points, 0, 0, size, size, DONOR_REACH)
    return (whole > RING[0]) & (mouth < DONOR_EDGE)


def paste_through_mask(
    frame: np.ndarray, patch: np.ndarray, x: int, y: int, mask: np.ndarray | None
) -> np.ndarray:
    """A copy of a frame with a patch at (x, y), through a mask of the patch's size if there is one.

    ``patch`` ``float32 (h, w, 3)``, 0 to 255; ``mask`` ``float32 (h, w)``.
    """
    result = frame.copy()
    part = result[y : y + patch.shape[0], x : x + patch.shape[1]]
    if mask is not None:
        below = np.ascontiguousarray(part, np.float32)
        patch = cv2.blendLinear(below, patch, 1 - mask, mask)
    part[:] = cv2.convertScaleAbs(patch.clip(0))  # rounds to nearest, and stops at 255
    return result
