"""What happens to faces on their way: shrunk and blown up, softened, noisy, compressed."""

from __future__ import annotations

import math

import cv2
import numpy as np
import torch
from torch.nn import functional as F

from .faces import SMALL, SQUARE

UNTOUCHED = 0.1  # share of samples to which nothing is done
RESIZED = 0.9
USUAL = 0.5  # share of these that are resized as a run does it
FACTORS = (1.1, 2.2)  # of the others
SOFTENED = 0.4
SOFT_FACTORS = (1.5, 4.0)
NOISY = 0.1
NOISE = 0.012
COMPRESSED = 0.1
JPEG_QUALITY = (60, 98)


def round_trip(pictures: torch.Tensor, factor: float) -> torch.Tensor:
    """Pictures ``(B, 3, S, S)`` shrunk by a factor without aliasing and blown up again, bicubic.

    Both sizes are given to torch: with a scale factor the two grids do not meet.
    """
    size = pictures.shape[-1]
    small = F.interpolate(pictures, (round(size / factor),) * 2, mode="bicubic", antialias=True)
    return F.interpolate(small, (size, size), mode="bicubic")


def damage(pictures: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """Each of ``(B, 3, S, S)`` in [0, 1] harmed in its own way."""
    return torch.cat([_harmed(picture, rng) for picture in pictures[:, None]]).clamp(0, 1)


def _harmed(picture: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    if rng.random() < UNTOUCHED:
        return picture

    if rng.random() < RESIZED:
        picture = _resized(picture, rng)
    if rng.random() < SOFTENED:
        picture = _softened(picture, rng)
    if rng.random() < NOISY:
        level = NOISE * float(rng.random())
        picture = picture + level * torch.randn(picture.shape[2:])
    if rng.random() < COMPRESSED:
        picture = _compressed(picture, int(rng.integers(*JPEG_QUALITY)))
    return picture


def _resized(picture: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    if rng.random() < USUAL:
        return round_trip(picture, SQUARE / SMALL)
    low, high = FACTORS
    return round_trip(picture, math.exp(rng.uniform(math.log(low), math.log(high))))


def _softened(picture: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """Soft paint: a blurred ellipse."""
    size = picture.shape[-1]
    soft = round_trip(picture, rng.uniform(*SOFT_FACTORS))

    line = torch.arange(size)
    x, y = rng.uniform(0.2, 0.8, 2) * size
    across, down = rng.uniform(0.1, 0.5, 2) * size
    inside = 1.5 - torch.hypot((line[None] - x) / across, (line[:, None] - y) / down)
    mask = inside.clamp(0, 0.5)[None, None] * 2
    return picture * (1 - mask) + soft * mask


def _compressed(picture: torch.Tensor, quality: int) -> torch.Tensor:
    array = (picture[0].clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()

    coded = cv2.imencode(".jpg", array, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    decoded = cv2.imdecode(coded, cv2.IMREAD_COLOR)
    return torch.from_numpy(decoded).permute(2, 0, 1)[None].float() / 255
