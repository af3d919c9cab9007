"""Measures of single pictures and of pictures that follow each other."""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Callable, Sequence

import cv2
import numpy as np
from skimage.feature import hog

from ..face.mask import face_mask, local_mask
from ..face.square import FACE_SIZE
from ..restore.reference import import_reference

# the mouth's part of the face square
MOUTH_HEIGHTS = (0.50, 0.85)
MOUTH_WIDTHS = (0.25, 0.75)

NIQE_FACES = 8  # pictures
RIM_LEVEL = 0.2  # mask values under this are the mask's rim
RIM_PARTS = 12  # of the mask's width: one of them is compared on both sides of the rim
SMALLEST_MARGIN = 4  # px
DRIFT_ORIENTATIONS = 9
DRIFT_CELL = 12  # px of the 96 px face


def edge_sharpness(picture: np.ndarray) -> float:
    """Standard deviation of the Laplacian of the grey picture.

    The square root of Pech-Pacheco et al.'s, 2000.
    """
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    return float(cv2.Laplacian(grey, cv2.CV_64F).std())


def mouth_part(crop: np.ndarray) -> np.ndarray:
    """The mouth's rectangle of a face crop of any size."""
    size = len(crop)
    top, bottom = (round(share * size) for share in MOUTH_HEIGHTS)
    left, right = (round(share * size) for share in MOUTH_WIDTHS)
    return crop[top:bottom, left:right]


def psnr(a: np.ndarray, b: np.ndarray, where: np.ndarray) -> float:
    """Peak signal-to-noise ratio in dB of two ``uint8`` pictures over a ``bool (H, W)`` mask.

    Infinite if they are equal.
    """
    error = np.square(a[where].astype(np.float64) - b[where]).mean()
    return math.inf if error == 0 else 10 * math.log10(255**2 / error)


def pixel_jumps(crops: np.ndarray) -> np.ndarray:
    """|a - 2 b + c| / 2 over three consecutive pictures, mean over pixels, in grey levels.

    ``crops`` ``uint8 (K, S, S, 3)``, steadied -> ``float32 (K - 2,)``. Steady motion and steady
    change of light count nothing.
    """
    grey = np.stack([cv2.cvtColor(c, cv2.COLOR_RGB2GRAY) for c in crops]).astype(np.float32)
    return np.abs(grey[:-2] - 2 * grey[1:-1] + grey[2:]).mean(axis=(1, 2)) / 2


def mean_flicker(crops: np.ndarray) -> float:
    """How much pixels jump back and forth (see ``pixel_jumps``), in grey levels."""
    return float(pixel_jumps(crops).mean())


def identity_drift(face: np.ndarray, source: np.ndarray) -> float:
    """1 - cosine of two faces' histograms of oriented gradients, the mouth left out.

    ``uint8 (S, S, 3)`` steadied face squares; Dalal and Triggs, 2005. 0: the same structure. It
    sees changed eyes, nose and outline, not who somebody is: a face recogniser would need a
    download.
    """
    a = _structure(face)
    b = _structure(source)
    return max(0.0, float(1 - a @ b / max(1e-9, np.linalg.norm(a) * np.linalg.norm(b))))


def _structure(face: np.ndarray) -> np.ndarray:
    small = cv2.resize(face, (FACE_SIZE, FACE_SIZE), interpolation=cv2.INTER_AREA)
    cells = hog(
        cv2.cvtColor(small, cv2.COLOR_RGB2GRAY),
        orientations=DRIFT_ORIENTATIONS,
        pixels_per_cell=(DRIFT_CELL, DRIFT_CELL),
        cells_per_block=(1, 1),
        feature_vector=False,
    )
    rows, columns = cells.shape[:2]
    left, right = (round(share * columns) for share in MOUTH_WIDTHS)
    cells[round(MOUTH_HEIGHTS[0] * rows) :, left:right] = 0
    return cells.ravel()


@functools.cache
def _niqe() -> Callable[..., np.ndarray] | None:
    """NIQE of basicsr, or None where that package is not installed."""
    try:
        return import_reference("basicsr.metrics.niqe").calculate_niqe
    except ImportError:
        return None


def naturalness(crops: Sequence[np.ndarray]) -> float | None:
    """Mean NIQE (Mittal et al., 2013; basicsr's) of a few faces; None where it is not installed."""
    niqe = _niqe()
    if not crops or niqe is None:
        return None

    step = math.ceil(len(crops) / NIQE_FACES)
    with warnings.catch_warnings(action="ignore"):
        values = [niqe(crop[..., ::-1], crop_border=0) for crop in crops[::step]]
    return float(np.mean([float(np.squeeze(value)) for value in values]))


def seam_edges(frame: np.ndarray, source: np.ndarray, landmarks: np.ndarray) -> float | None:
    """New edges along the mask's rim, in grey levels a pixel.

    The mean gradient of (frame - source) there, less that just outside. Encoding changes both
    places alike, so 0 means that the rim does not show. None if no rim lies in the frame.
    """
    height, width = source.shape[:2]
    (x1, y1, x2, y2), _ = local_mask(landmarks, width, height)
    margin = max(SMALLEST_MARGIN, (x2 - x1) // RIM_PARTS)
    x1 = max(0, x1 - margin)
    y1 = max(0, y1 - margin)
    x2 = min(width, x2 + margin)
    y2 = min(height, y2 + margin)
    if x2 <= x1 or y2 <= y1:
        return None

    mask = face_mask(landmarks, x1, y1, x2 - x1, y2 - y1)
    rim = (mask > 0) & (mask < RIM_LEVEL)
    near = cv2.dilate(rim.astype(np.uint8), np.ones((2 * margin + 1, 2 * margin + 1))) > 0
    outside = (mask == 0) & near
    if not rim.any() or not outside.any():
        return None

    change = (frame[y1:y2, x1:x2].astype(np.float32) - source[y1:y2, x1:x2]).mean(axis=2)
    steep = np.hypot(*np.gradient(change))
    return float(steep[rim].mean() - steep[outside].mean())
