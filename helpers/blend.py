"""Patch -> frame: where the drawn mouth goes, how it fades out, how its colour is matched.

Everything happens in the smallest rectangle around the face, so the cost does not grow with the frame.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import cv2
import numpy as np

from . import faces
from .wav2lip import FACE

# The mask is an ellipse over mouth, chin and lower cheeks, in units of d (eyes to mouth), centred below the mouth.
MASK_DROP = 0.15
MASK_HALF_WIDTH = 0.95
MASK_HALF_HEIGHT = 0.95
FEATHER = 0.35  # share of the ellipse's radius over which it fades out
RING = (0.02, 0.5)  # mask values between which patch and frame are compared for colour
LENT = 0.65  # of the mask's size: what is taken of another frame's mouth
ALIGN = 160  # px, side of the square on which they are laid over each other: less shakes
ALIKE = 0.7  # correlation of two lower faces around their mouths, under which none is taken


def face_mask(landmarks: np.ndarray, x: int, y: int, width: int, height: int, reach: float = 1.0) -> np.ndarray:
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


def face_rectangle(matrix: np.ndarray, width: int, height: int, size: int = FACE) -> tuple[int, int, int, int]:
    """Smallest rectangle x1, y1, x2, y2 of the frame that holds the square of a crop matrix (see ``faces``)."""
    end = size - 0.5
    edge = np.array([[-0.5, -0.5, 1], [end, -0.5, 1], [-0.5, end, 1], [end, end, 1]])
    corners = edge @ cv2.invertAffineTransform(matrix).T
    (x1, y1), (x2, y2) = np.floor(corners.min(axis=0)), np.ceil(corners.max(axis=0))
    return max(0, int(x1)), max(0, int(y1)), min(width, int(x2) + 1), min(height, int(y2) + 1)


def local_mask(
    landmarks: np.ndarray, width: int, height: int, reach: float = 1.0
) -> tuple[tuple[int, int, int, int], np.ndarray]:
    """Rectangle x1, y1, x2, y2 of the frame outside which the mask is 0 (of a circle around the ellipse), and the mask
    in it, ``float32``. For a face that lies outside the frame x2 <= x1 or y2 <= y1, and the mask is empty."""
    eyes, mouth = landmarks[:2].mean(axis=0), landmarks[3:].mean(axis=0)
    distance = float(np.hypot(*(mouth - eyes)))
    x, y = mouth + MASK_DROP * (mouth - eyes)
    away = reach * max(MASK_HALF_WIDTH, MASK_HALF_HEIGHT) * distance
    low, high = (math.floor(x - away), math.floor(y - away)), (math.ceil(x + away) + 1, math.ceil(y + away) + 1)
    x1, y1, x2, y2 = max(0, low[0]), max(0, low[1]), min(width, high[0]), min(height, high[1])
    return (x1, y1, x2, y2), face_mask(landmarks, x1, y1, max(0, x2 - x1), max(0, y2 - y1), reach)


class Lender(NamedTuple):
    """A mouth to put into other frames: the grey square of its face, the matrix that cuts that square from its frame,
    and the part of the frame around the mouth, with the place x, y of its corner."""

    grey: np.ndarray
    matrix: np.ndarray
    picture: np.ndarray
    corner: tuple[int, int]


def around(points: np.ndarray, size: int) -> np.ndarray:
    """The ring around the mouth that is compared with another face's: ``bool (size, size)`` of a face square, in which
    the landmarks are ``points``."""
    return (face_mask(points, 0, 0, size, size) > RING[0]) & (face_mask(points, 0, 0, size, size, LENT) < 0.3)


def grey_square(frame: np.ndarray, landmarks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The face's square, ``uint8 (160, 160)``, and the matrix that cuts it from the frame."""
    matrix = faces.crop_matrix(landmarks, ALIGN)
    return cv2.cvtColor(faces.crop(frame, matrix, ALIGN), cv2.COLOR_RGB2GRAY), matrix


def lender(frame: np.ndarray, landmarks: np.ndarray) -> Lender:
    """The mouth of a frame's face."""
    (x1, y1, x2, y2), _ = local_mask(landmarks, frame.shape[1], frame.shape[0], LENT)
    return Lender(*grey_square(frame, landmarks), frame[y1:y2, x1:x2].copy(), (x1, y1))


def lend(frame: np.ndarray, landmarks: np.ndarray, mouth: Lender) -> np.ndarray | None:
    """A frame with another frame's mouth; None where the faces are too little alike.

    An affine map is found that makes the lower faces alike around the mouths (ECC, Evangelidis and Psarakis, 2008), so
    nose and chin meet; colours are matched on the mask's edge.
    """
    height, width = frame.shape[:2]
    (x1, y1, x2, y2), mask = local_mask(landmarks, width, height, LENT)
    if x2 <= x1 or y2 <= y1 or not mouth.picture.size:
        return None
    grey, matrix = grey_square(frame, landmarks)
    ring = around(landmarks @ matrix[:, :2].T + matrix[:, 2], ALIGN)
    try:
        alike, moved = cv2.findTransformECC(
            grey, mouth.grey, np.eye(2, 3, dtype=np.float32), cv2.MOTION_AFFINE,
            (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_COUNT, 30, 1e-3), ring.astype(np.uint8), 3,
        )  # fmt: skip
    except cv2.error:  # it does not converge
        return None
    if alike < ALIKE:
        return None
    whole = lambda m: np.vstack([m, [0, 0, 1]])  # noqa: E731
    turn = np.linalg.inv(whole(mouth.matrix)) @ whole(moved) @ whole(matrix)
    turn[:2, 2] += turn[:2, :2] @ (x1, y1) - mouth.corner
    made = cv2.warpAffine(
        mouth.picture, turn[:2], (x2 - x1, y2 - y1), flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    ).astype(np.float32)  # fmt: skip
    return put(frame, match_colour(made, frame[y1:y2, x1:x2], mask), x1, y1, mask)


def apply_maps(frame: np.ndarray, maps: np.ndarray, matrix: np.ndarray, landmarks: np.ndarray | None) -> np.ndarray:
    """Warp and paint a face of a frame at the frame's own resolution; returns a new frame.

    ``maps`` ``float32 (6, 96, 96)`` of ``CompactWav2Lip``, ``matrix`` ``(2, 3)`` frame -> crop, ``landmarks``
    ``(5, 2)`` for the mask, or None to use the whole square. Pixels where the mask is 0 stay as they are.
    """
    height, width = frame.shape[:2]
    if landmarks is None:
        (x1, y1, x2, y2), mask = face_rectangle(matrix, width, height), None
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
    turn = np.linalg.inv(matrix[:, :2]).astype(np.float32) * (FACE / 2)  # half face widths -> frame pixels
    u, v, alpha = cv2.split(flow_alpha)
    columns = np.arange(x1, x2, dtype=np.float32)[None] + turn[0, 0] * u + turn[0, 1] * v
    rows = np.arange(y1, y2, dtype=np.float32)[:, None] + turn[1, 0] * u + turn[1, 1] * v
    made = cv2.remap(frame, columns, rows, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    made = cv2.blendLinear(made.astype(np.float32), paint, 1 - alpha, alpha)
    return put(frame, made, x1, y1, mask)


def put(frame: np.ndarray, made: np.ndarray, x: int, y: int, mask: np.ndarray | None) -> np.ndarray:
    """``made`` (float32, 0 to 255) into a copy of the frame at (x, y), through a mask of its size if there is one."""
    result = frame.copy()
    part = result[y : y + made.shape[0], x : x + made.shape[1]]
    if mask is not None:
        made = cv2.blendLinear(np.ascontiguousarray(part, np.float32), made, 1 - mask, mask)
    part[:] = cv2.convertScaleAbs(made.clip(0))  # rounds to nearest, and stops at 255
    return result


def paste_box(frame: np.ndarray, patch: np.ndarray, box: tuple[int, int, int, int]) -> np.ndarray:
    """Upstream's hard paste, bit for bit (``inference.py``): patch ``float (96, 96, 3)`` in [0, 1] into a box."""
    x1, y1, x2, y2 = box
    result = frame.copy()
    result[y1:y2, x1:x2] = cv2.resize((patch * np.float32(255)).astype(np.uint8), (x2 - x1, y2 - y1))
    return result


def paste_feathered(
    frame: np.ndarray, patch: np.ndarray, box: tuple[int, int, int, int], landmarks: np.ndarray
) -> np.ndarray:
    """Patch ``float (96, 96, 3)`` in [0, 1] into a box through the mask, its colour matched on the mask's edge."""
    x1, y1, x2, y2 = box
    made = cv2.resize(patch.astype(np.float32) * 255, (x2 - x1, y2 - y1), interpolation=cv2.INTER_CUBIC)
    mask = face_mask(landmarks, x1, y1, x2 - x1, y2 - y1) * _box_fade(x2 - x1, y2 - y1)
    return put(frame, match_colour(made, frame[y1:y2, x1:x2], mask), x1, y1, mask)


def match_colour(made: np.ndarray, part: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """``made`` (float32) with the mean colour that the frame's ``part`` has on the mask's edge."""
    ring = (mask > RING[0]) & (mask < RING[1])
    return made + (part[ring].astype(np.float32) - made[ring]).mean(axis=0) if ring.any() else made


def _box_fade(width: int, height: int) -> np.ndarray:
    """1 inside a rectangle, fading to 0 at its left, right and lower edge: no mask ends in a hard line."""
    across = np.minimum(np.arange(width), np.arange(width)[::-1]) / max(1, 0.1 * width)
    down = np.arange(height)[::-1] / max(1, 0.1 * height)
    return np.clip(np.minimum(across[None], down[:, None]), 0, 1).astype(np.float32)


def output_matrix(matrix: np.ndarray, place: tuple[int, int, int, int], width: int, height: int) -> np.ndarray:
    """Crop matrix for a source frame -> that for the same frame scaled into rectangle x, y, w, h of the result."""
    x, y, w, h = place
    sx, sy = w / width, h / height
    back = np.array([[1 / sx, 0, (0.5 - x) / sx - 0.5], [0, 1 / sy, (0.5 - y) / sy - 0.5], [0, 0, 1]])
    return matrix @ back


def output_points(points: np.ndarray, place: tuple[int, int, int, int], width: int, height: int) -> np.ndarray:
    """Points ``(..., 2)`` of a source frame in the result's pixels."""
    x, y, w, h = place
    scale = np.array([w / width, h / height])
    return (points + 0.5) * scale - 0.5 + [x, y]


def face_size(matrix: np.ndarray) -> float:
    """Side of the crop square in frame pixels."""
    return FACE / math.sqrt(abs(np.linalg.det(matrix[:, :2])))
