"""Measures of single pictures and of pictures that follow each other."""

from __future__ import annotations

import functools
import importlib
import math
import warnings
from collections.abc import Callable

import cv2
import numpy as np
from skimage.feature import hog

from ..errors import ParameterError
from ..face.mask import face_mask, local_mask
from ..face.square import FACE_SIZE
from ..restore.reference import import_gfpgan

MOUTH_HEIGHTS, MOUTH_WIDTHS = (0.50, 0.85), (0.25, 0.75)  # the mouth's part of the face square
NIQE_FACES = 8  # pictures
RIM_LEVEL = 0.2  # mask values under this are the mask's rim


def edge_sharpness(picture: np.ndarray) -> float:
    """Standard deviation of the Laplacian of the grey picture (Pech-Pacheco et al., 2000, square root of theirs)."""
    return float(cv2.Laplacian(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), cv2.CV_64F).std())


def mouth_part(crop: np.ndarray) -> np.ndarray:
    """The mouth's rectangle of a face crop of any size."""
    size = len(crop)
    (top, bottom), (left, right) = (
        [round(v * size) for v in pair] for pair in (MOUTH_HEIGHTS, MOUTH_WIDTHS)
    )
    return crop[top:bottom, left:right]


def psnr(a: np.ndarray, b: np.ndarray, where: np.ndarray) -> float:
    """Peak signal-to-noise ratio in dB of two ``uint8`` pictures over a ``bool (H, W)`` mask; infinite if equal."""
    error = np.square(a[where].astype(np.float64) - b[where]).mean()
    return math.inf if error == 0 else 10 * math.log10(255**2 / error)


def pixel_jumps(crops: np.ndarray) -> np.ndarray:
    """|a - 2 b + c| / 2 over three consecutive pictures, mean over pixels, in grey levels: ``float32 (K - 2,)``.

    ``crops`` is ``uint8 (K, S, S, 3)``, steadied. Steady motion and steady change of light count nothing.
    """
    grey = np.stack([cv2.cvtColor(c, cv2.COLOR_RGB2GRAY) for c in crops]).astype(np.float32)
    return np.abs(grey[:-2] - 2 * grey[1:-1] + grey[2:]).mean(axis=(1, 2)) / 2


def mean_flicker(crops: np.ndarray) -> float:
    """How much pixels jump back and forth (see ``jumps``), in grey levels."""
    return float(pixel_jumps(crops).mean())


def identity_drift(made: np.ndarray, source: np.ndarray) -> float:
    """1 - cosine of two faces' histograms of oriented gradients (Dalal and Triggs, 2005), the mouth left out.

    ``uint8 (S, S, 3)`` steadied face squares. 0: the same structure. It sees changed eyes, nose and outline, not who
    somebody is: a face recogniser would need a download.
    """
    vectors = []
    for face in (made, source):
        grey = cv2.cvtColor(
            cv2.resize(face, (FACE_SIZE, FACE_SIZE), interpolation=cv2.INTER_AREA),
            cv2.COLOR_RGB2GRAY,
        )
        cells = hog(
            grey,
            orientations=9,
            pixels_per_cell=(12, 12),
            cells_per_block=(1, 1),
            feature_vector=False,
        )
        rows, columns = cells.shape[:2]
        cells[
            round(MOUTH_HEIGHTS[0] * rows) :,
            round(MOUTH_WIDTHS[0] * columns) : round(MOUTH_WIDTHS[1] * columns),
        ] = 0
        vectors.append(cells.ravel())
    a, b = vectors
    return max(0.0, float(1 - a @ b / max(1e-9, np.linalg.norm(a) * np.linalg.norm(b))))


@functools.cache
def _niqe() -> Callable[..., float] | None:
    """NIQE of basicsr, or None where that package is not installed."""
    try:
        import_gfpgan()
        return importlib.import_module("basicsr.metrics.niqe").calculate_niqe
    except (ImportError, ParameterError):
        return None


def naturalness(crops: list[np.ndarray]) -> dict[str, float]:
    """Mean NIQE (Mittal et al., 2013; basicsr's) of a few faces; nothing where basicsr is not installed."""
    if not crops or _niqe() is None:
        return {}
    with warnings.catch_warnings(action="ignore"):
        values = [
            float(np.squeeze(_niqe()(c[..., ::-1], crop_border=0)))
            for c in crops[:: -(-len(crops) // NIQE_FACES)]
        ]
    return dict(niqe=round(float(np.mean(values)), 2))


def seam_edges(made: np.ndarray, source: np.ndarray, landmarks: np.ndarray) -> float | None:
    """New edges along the mask's rim: mean gradient of (made - source) there, less that just outside, grey levels a px.

    Encoding changes both places alike, so 0 means that the rim does not show. None if no rim lies in the frame.
    """
    height, width = source.shape[:2]
    (x1, y1, x2, y2), _ = local_mask(landmarks, width, height)
    margin = max(4, (x2 - x1) // 12)
    x1, y1, x2, y2 = (
        max(0, x1 - margin),
        max(0, y1 - margin),
        min(width, x2 + margin),
        min(height, y2 + margin),
    )
    if x2 <= x1 or y2 <= y1:
        return None
    mask = face_mask(landmarks, x1, y1, x2 - x1, y2 - y1)
    change = (made[y1:y2, x1:x2].astype(np.float32) - source[y1:y2, x1:x2]).mean(axis=2)
    steep = np.hypot(*np.gradient(change))
    rim = (mask > 0) & (mask < RIM_LEVEL)
    outside = (mask == 0) & (cv2.dilate(rim.astype(np.uint8), np.ones((2 * margin + 1,) * 2)) > 0)
    return float(steep[rim].mean() - steep[outside].mean()) if rim.any() and outside.any() else None
