"""Faces that lie on their side: seen a second time, in a picture that is turned until they stand.

Detectors learn from faces that stand. At 90 degrees they still find the box, but they set mouth
corners and eyes wrong by up to half the distance between eyes and mouth.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .boxes import MIN_IOU, face_roll, iou

LYING = 50.0  # degrees of roll from which on a face is looked at again
SURROUNDINGS = 1.0  # of the box's longer side around the face, in the second look


def correct_lying(
    frame: np.ndarray, found: np.ndarray, detect: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """Detections ``(faces, 15)`` of a frame, those that lie on their side replaced.

    ``detect``: RGB frame -> detections. Faces that are not found standing are left out.
    """
    rolls = [face_roll(row[5:].reshape(5, 2)) for row in found]
    if not any(abs(roll) > LYING for roll in rolls):
        return found

    faces = []
    for row, roll in zip(found, rolls, strict=True):
        face = row if abs(roll) <= LYING else detect_standing(frame, row, roll, detect)
        if face is not None:
            faces.append(face)
    return np.stack(faces) if faces else found[:0]


def detect_standing(
    frame: np.ndarray,
    row: np.ndarray,
    roll: float,
    detect: Callable[[np.ndarray], np.ndarray],
) -> np.ndarray | None:
    """The detection of a lying face, made where it stands; None if there is none."""
    height, width = frame.shape[:2]
    margin = SURROUNDINGS * max(row[2:4] - row[:2])
    x1, y1 = np.maximum(row[:2] - margin, 0).astype(int)
    x2, y2 = np.minimum(row[2:4] + margin, [width, height]).astype(int)
    around = frame[y1:y2, x1:x2]
    if not around.size:
        return None

    first = round(roll / 90)
    for turns in (first, first + 2):  # a first look may take the chin for the brow
        turned = np.ascontiguousarray(np.rot90(around, turns))
        for face in detect(turned):
            back = turn_detection(face, -turns, *turned.shape[1::-1])
            back += np.array([x1, y1, x1, y1, 0, *[x1, y1] * 5], np.float32)
            stands = abs(face_roll(face[5:].reshape(5, 2))) <= LYING
            if stands and iou(back, row) >= MIN_IOU:
                return back
    return None


def turn_detection(row: np.ndarray, turns: int, width: int, height: int) -> np.ndarray:
    """A detection in a picture that ``np.rot90`` turns: ``turns`` quarters counter-clockwise."""
    points = np.concatenate([row[:4], row[5:]]).reshape(-1, 2)
    for _ in range(turns % 4):
        points = np.stack([points[:, 1], width - points[:, 0]], axis=1)
        width, height = height, width

    corners = np.sort(points[:2], axis=0)
    return np.concatenate([corners.ravel(), row[4:5], points[2:].ravel()]).astype(np.float32)
