"""Detections as rows of numbers, and the geometry of their boxes and landmarks.

A detection is a row of 15 numbers in pixels: box x1, y1, x2, y2, confidence, then x, y of the five
landmarks: eye on the left of the picture, eye on the right, nose tip, mouth corner on the left,
mouth corner on the right.
"""

from __future__ import annotations

import math

import numpy as np

MIN_SCORE = 0.6  # confidence below which a detection is none
MIN_IOU = 0.3  # of two boxes of one face
# Places of the landmarks in a detector's box: mean over the detections in GRID clips.
BOX_LANDMARKS = np.array(
    [[0.30, 0.42], [0.70, 0.42], [0.50, 0.60], [0.34, 0.76], [0.66, 0.76]], np.float32
)


def box_landmarks(box: np.ndarray) -> np.ndarray:
    """Where landmarks usually lie in a box x1, y1, x2, y2: ``float32 (5, 2)``."""
    return BOX_LANDMARKS * (box[2:] - box[:2]) + box[:2]


def iou(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union of two boxes x1, y1, x2, y2; what follows in a row is ignored."""
    sides = np.minimum(a[2:4], b[2:4]) - np.maximum(a[:2], b[:2])
    overlap = np.prod(np.clip(sides, 0, None))
    union = np.prod(a[2:4] - a[:2]) + np.prod(b[2:4] - b[:2]) - overlap
    return float(overlap / (union + 1e-9))


def scale_detections(found: np.ndarray, across: float, down: float) -> np.ndarray:
    """Detections ``(faces, 15)`` in a frame that is so many times wider and higher."""
    factors = np.full(15, down, np.float32)
    factors[[0, 2, *range(5, 15, 2)]] = across
    factors[4] = 1  # the confidence
    return found * factors


def upright_axis(landmarks: np.ndarray) -> np.ndarray:
    """A vector down the face of landmarks ``(5, 2)``: ``float64 (2,)``, of any length.

    The sum of two vectors that point down the face, which is steadier than either: from the eyes to
    the mouth, and across the eyes, turned by 90 degrees.
    """
    eyes = landmarks[:2].mean(axis=0)
    mouth = landmarks[3:].mean(axis=0)
    down = (mouth - eyes).astype(np.float64)
    across = (landmarks[1] - landmarks[0]).astype(np.float64)
    return down + np.array([-across[1], across[0]])


def face_roll(landmarks: np.ndarray) -> float:
    """Degrees by which a face lies to its side, -180 to 180, clockwise in the picture."""
    x, y = upright_axis(landmarks)
    return math.degrees(math.atan2(-x, y))
