"""Mouths behind a medical mask, a microphone or a sleeve: told by their colour.

Lips and chin have about the hue of the skin around the eyes, whatever its tone and the light. Where
next to nothing between the mouth corners has it, something else is seen there. A bare hand is not
told from a face by this, and neither is anything in a picture without colours.
"""

from __future__ import annotations

import cv2
import numpy as np

from .square import FACE_SIZE, crop_square, square_matrix

EYE_ROWS = slice(27, 36)  # of the face square: lower lids and cheekbones, above a mask
EYE_COLUMNS = slice(26, 70)
MOUTH_ROWS = slice(54, 70)
MOUTH_COLUMNS = slice(34, 62)
BLUR = 1.0  # px, standard deviation
SKIN_HUE = (5.0, 95.0)  # degrees in the a*b* plane of CIELAB, from red to yellow
LEAST_CHROMA = 8.0  # of CIELAB: with less colour in the skin nothing can be told
SKIN_SHARE = 0.5  # of the skin's chroma, along its hue, that a pixel of the mouth has
SHOWN = 0.25  # of the pixels between the mouth corners; a full beard leaves the lips


def skin_share(square: np.ndarray) -> float:
    """The share of a mouth in a face square ``uint8 (96, 96, 3)`` that has the skin's hue, 0 to 1.

    1 where the skin itself has too little colour, or none that skin can have.
    """
    pixels = cv2.GaussianBlur(square, (0, 0), BLUR).astype(np.float32) / 255
    chroma = cv2.cvtColor(pixels, cv2.COLOR_RGB2LAB)[..., 1:]
    skin = np.median(chroma[EYE_ROWS, EYE_COLUMNS].reshape(-1, 2), axis=0)
    strength = float(np.hypot(*skin))
    hue = np.degrees(np.arctan2(skin[1], skin[0]))
    if strength < LEAST_CHROMA or not SKIN_HUE[0] <= hue <= SKIN_HUE[1]:
        return 1.0

    along = chroma[MOUTH_ROWS, MOUTH_COLUMNS] @ (skin / strength)
    return float((along > SKIN_SHARE * strength).mean())


def is_covered(frame: np.ndarray, landmarks: np.ndarray) -> bool:
    """Does something hide the mouth of a face with landmarks ``(5, 2)``?"""
    square = crop_square(frame, square_matrix(landmarks, FACE_SIZE), FACE_SIZE)
    return skin_share(square) < SHOWN


def mark_covered(frame: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Detections ``(faces, 15)`` of a frame, with confidence 0 where the mouth is covered."""
    marked = found.copy()
    for row in marked:
        if is_covered(frame, row[5:].reshape(5, 2)):
            row[4] = 0
    return marked
