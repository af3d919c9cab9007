"""The upright square that the networks see of a face, cut by its landmarks."""

from __future__ import annotations

import math

import cv2
import numpy as np

from .boxes import upright_axis

FACE_SIZE = 96  # px
# The square follows the head's roll; d is the distance from between the eyes to the mouth.
CROP_HALF = 1.35  # half-width in d
CROP_DROP = 0.12  # centre below the middle of eyes and mouth, in d
SHRINK_BELOW = 0.7  # scale under which a warp alone would alias: it reads four pixels
LEAST_SIDE = 16  # px: negative pads leave that much of a box


def padded_box(
    box: np.ndarray, pads: tuple[int, int, int, int], width: int, height: int
) -> tuple[int, int, int, int]:
    """Box with pads (top, bottom, left, right, as in Wav2Lip's ``--pads``) in whole pixels.

    Clamped to the frame; negative pads leave 16 px, or the box if it is smaller.
    """
    top, bottom, left, right = pads
    x1, x2 = _padded_span(int(box[0]), int(box[2]), left, right, width)
    y1, y2 = _padded_span(int(box[1]), int(box[3]), top, bottom, height)
    return x1, y1, x2, y2


def _padded_span(first: int, end: int, before: int, after: int, limit: int) -> tuple[int, int]:
    """From ``first`` to ``end``, widened on both sides within 0 to ``limit``."""
    first = max(0, first)
    end = min(limit, end)
    low = max(0, first - before)
    high = min(limit, end + after)

    least = min(LEAST_SIDE, end - first)
    if high - low < least:
        middle = (low + high) // 2
        low = min(max(first, middle - least // 2), end - least)
        high = low + least
    return low, high


def square_matrix(landmarks: np.ndarray, size: int, zoom: float = 1.0) -> np.ndarray:
    """Similarity that maps frame pixels to the face square of ``size`` px: ``float64 (2, 3)``.

    ``landmarks`` ``(5, 2)``; the roll of eyes and mouth is taken out, and ``zoom`` makes the square
    cover that many times more.
    """
    eyes = landmarks[:2].mean(axis=0)
    mouth = landmarks[3:].mean(axis=0)
    down = (mouth - eyes).astype(np.float64)
    distance = max(1e-3, float(np.hypot(*down)))

    upright = upright_axis(landmarks)
    angle = math.atan2(upright[1], upright[0]) - math.pi / 2
    centre = (eyes + mouth) / 2 + CROP_DROP * distance * upright / np.hypot(*upright)

    scale = size / (2 * CROP_HALF * zoom * distance)
    cos = scale * math.cos(angle)
    sin = scale * math.sin(angle)
    turn = np.array([[cos, sin], [-sin, cos]])
    return np.concatenate([turn, ((size - 1) / 2 - turn @ centre)[:, None]], axis=1)


def crop_square(frame: np.ndarray, matrix: np.ndarray, size: int) -> np.ndarray:
    """The square that a ``square_matrix`` cuts from a frame: ``uint8 (size, size, 3)``.

    Without aliasing: large faces are cut a whole number of times larger first, then averaged.
    """
    scale = math.hypot(*matrix[0, :2])
    if scale >= SHRINK_BELOW:
        return _warp(frame, matrix, size)

    factor = max(1, math.floor(1 / scale))
    enlarged = matrix * factor
    enlarged[:, 2] = (matrix[:, 2] + 0.5) * factor - 0.5
    large = _warp(frame, enlarged, size * factor)
    return cv2.resize(large, (size, size), interpolation=cv2.INTER_AREA)


def _warp(frame: np.ndarray, matrix: np.ndarray, size: int) -> np.ndarray:
    return cv2.warpAffine(
        frame, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )


def square_rectangle(
    matrix: np.ndarray, width: int, height: int, size: int = FACE_SIZE
) -> tuple[int, int, int, int]:
    """Smallest rectangle x1, y1, x2, y2 of the frame that holds the square of ``square_matrix``."""
    end = size - 0.5
    edge = np.array([[-0.5, -0.5, 1], [end, -0.5, 1], [-0.5, end, 1], [end, end, 1]])
    corners = edge @ cv2.invertAffineTransform(matrix).T
    x1, y1 = np.floor(corners.min(axis=0))
    x2, y2 = np.ceil(corners.max(axis=0))
    return max(0, int(x1)), max(0, int(y1)), min(width, int(x2) + 1), min(height, int(y2) + 1)


def square_side(matrix: np.ndarray) -> float:
    """Side of the face square in frame pixels."""
    return FACE_SIZE / math.sqrt(abs(np.linalg.det(matrix[:, :2])))


def result_matrix(
    matrix: np.ndarray, place: tuple[int, int, int, int], width: int, height: int
) -> np.ndarray:
    """The matrix for a frame of a source -> that for the same frame in rectangle x, y, w, h."""
    x, y, w, h = place
    sx = w / width
    sy = h / height
    back = np.array(
        [[1 / sx, 0, (0.5 - x) / sx - 0.5], [0, 1 / sy, (0.5 - y) / sy - 0.5], [0, 0, 1]]
    )
    return matrix @ back


def result_points(
    points: np.ndarray, place: tuple[int, int, int, int], width: int, height: int
) -> np.ndarray:
    """Points ``(..., 2)`` of a source frame of width x height, in rectangle x, y, w, h."""
    x, y, w, h = place
    scale = np.array([w / width, h / height])
    return (points + 0.5) * scale - 0.5 + [x, y]
