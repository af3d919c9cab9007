"""The upright square that the networks see of a face, cut by its landmarks."""

from __future__ import annotations

import math

import cv2
import numpy as np

FACE_SIZE = 96  # px
# The square that the compact networks see, from the five landmarks. d is the distance from the middle between the eyes
# to the middle between the mouth corners; the square follows the head's roll.
CROP_HALF = 1.35  # half-width in d
CROP_DROP = 0.12  # centre below the middle of eyes and mouth, in d


def padded_box(
    box: np.ndarray, pads: tuple[int, int, int, int], width: int, height: int
) -> tuple[int, int, int, int]:
    """Box with pads (top, bottom, left, right, as in Wav2Lip's ``--pads``) in whole pixels, clamped to the frame."""
    top, bottom, left, right = pads
    x1, y1, x2, y2 = (int(v) for v in box)
    return max(0, x1 - left), max(0, y1 - top), min(width, x2 + right), min(height, y2 + bottom)


def square_matrix(landmarks: np.ndarray, size: int, zoom: float = 1.0) -> np.ndarray:
    """Similarity that maps frame pixels to the compact networks' square of ``size`` px: ``float64 (2, 3)``.

    ``landmarks`` is ``(5, 2)``; the square stands upright on the face (the roll of eyes and mouth is taken out) and
    ``zoom`` makes it cover that many times more.
    """
    eyes, mouth = landmarks[:2].mean(axis=0), landmarks[3:].mean(axis=0)
    down = (mouth - eyes).astype(np.float64)
    distance = max(1e-3, float(np.hypot(*down)))
    across = (landmarks[1] - landmarks[0]).astype(np.float64)
    upright = down + np.array(
        [-across[1], across[0]]
    )  # both point down the face: steadier than either
    angle = math.atan2(upright[1], upright[0]) - math.pi / 2
    centre = (eyes + mouth) / 2 + CROP_DROP * distance * upright / np.hypot(*upright)
    scale = size / (2 * CROP_HALF * zoom * distance)
    cos, sin = scale * math.cos(angle), scale * math.sin(angle)
    turn = np.array([[cos, sin], [-sin, cos]])
    return np.concatenate([turn, ((size - 1) / 2 - turn @ centre)[:, None]], axis=1)


def crop_square(frame: np.ndarray, matrix: np.ndarray, size: int) -> np.ndarray:
    """The square that ``matrix`` (of ``crop_matrix``) cuts from a frame: ``uint8 (size, size, 3)``, no aliasing."""
    scale = math.hypot(*matrix[0, :2])
    if scale < 0.7:  # warpAffine reads four pixels only: shrink by whole factors first
        factor = max(1, math.floor(1 / scale))
        grown = matrix * factor
        grown[:, 2] = (matrix[:, 2] + 0.5) * factor - 0.5
        large = cv2.warpAffine(
            frame,
            grown,
            (size * factor,) * 2,
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
        return cv2.resize(large, (size, size), interpolation=cv2.INTER_AREA)
    return cv2.warpAffine(
        frame, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )


def square_rectangle(
    matrix: np.ndarray, width: int, height: int, size: int = FACE_SIZE
) -> tuple[int, int, int, int]:
    """Smallest rectangle x1, y1, x2, y2 of the frame that holds the square of a crop matrix (see ``faces``)."""
    end = size - 0.5
    edge = np.array([[-0.5, -0.5, 1], [end, -0.5, 1], [-0.5, end, 1], [end, end, 1]])
    corners = edge @ cv2.invertAffineTransform(matrix).T
    (x1, y1), (x2, y2) = np.floor(corners.min(axis=0)), np.ceil(corners.max(axis=0))
    return max(0, int(x1)), max(0, int(y1)), min(width, int(x2) + 1), min(height, int(y2) + 1)


def result_matrix(
    matrix: np.ndarray, place: tuple[int, int, int, int], width: int, height: int
) -> np.ndarray:
    """Crop matrix for a source frame -> that for the same frame scaled into rectangle x, y, w, h of the result."""
    x, y, w, h = place
    sx, sy = w / width, h / height
    back = np.array(
        [[1 / sx, 0, (0.5 - x) / sx - 0.5], [0, 1 / sy, (0.5 - y) / sy - 0.5], [0, 0, 1]]
    )
    return matrix @ back


def result_points(
    points: np.ndarray, place: tuple[int, int, int, int], width: int, height: int
) -> np.ndarray:
    """Points ``(..., 2)`` of a source frame in the result's pixels."""
    x, y, w, h = place
    scale = np.array([w / width, h / height])
    return (points + 0.5) * scale - 0.5 + [x, y]


def square_side(matrix: np.ndarray) -> float:
    """Side of the crop square in frame pixels."""
    return FACE_SIZE / math.sqrt(abs(np.linalg.det(matrix[:, :2])))
