"""Other people in another light: geometry, beards, colour, resolution and noise of face crops.

A corpus is mostly one person's, and shows few kinds of skin. All pictures of a clip get the same
change.
"""

from __future__ import annotations

import math

import torch
from torch.nn import functional as F

from ..face.square import FACE_SIZE
from .draws import Draws
from .prepare import CROP_SIZE

# geometry
ANGLE = math.radians(8)
ASPECT = 0.07
ZOOM = 0.08
SHEAR = 0.06
SHIFT = 5  # px of a stored crop
BEND = 2.5  # px of a stored crop, spread
BEND_KNOTS = 5

# light
SATURATION = 0.35
DARK_SKIN = (-0.5, 0.9)  # logarithms of gamma: the corpus has hardly any dark skin
TINT = 0.06
BRIGHTNESS = (0.98, 0.18)  # middle and half of the range
SHADE = 0.12
SHADE_KNOTS = 3
LIFT = 0.06

# camera
RESOLUTION = (-1.2, 0.93)  # share that is kept of it, where it is over LEAST_RESOLUTION: a quarter
LEAST_RESOLUTION = 0.4
NOISE = (-0.02, 0.02)  # spread, where it is over 0: half

# beards, in units of the networks' square, in which the lips lie at 0.64
MOUSTACHES = 0.25  # share of the clips
BEARDS = 0.15
MOUTH_HEIGHT = 0.66
BEARD_TOP = 0.55
HAIR_BEND = 0.012
HAIR_GRAIN = 0.25
HAIR_TINT = 0.15
HAIR_BRIGHTNESS = (0.02, 0.55)


def vary_look(
    crops: torch.Tensor, strength: float, draws: Draws, first_row: int = 0, hair: float = 1.0
) -> torch.Tensor:
    """Another person in another light for each clip: ``uint8 (B, n, 128, 128, 3)`` to ``(B, n, 3,
    96, 96)``.

    All n pictures of a clip get the same change: affine, smooth warp, flip, beard, colour, shade,
    resolution; noise is each one's own. Only the rows from ``first_row`` on are made. ``hair``, 0
    to 1, is the strength of beards beside the rest.
    """
    batch, n = crops.shape[:2]
    grid = _grid(batch, strength, first_row, draws)
    pictures = crops.permute(0, 1, 4, 2, 3).float().div_(255)
    if strength > 0:
        colour, cover = beards(batch, draws)
        pictures = torch.lerp(pictures, colour, strength * hair * cover)

    pictures = pictures.reshape(batch, n * 3, CROP_SIZE, CROP_SIZE)
    faces = F.grid_sample(pictures, grid, padding_mode="border", align_corners=False)
    faces = faces.view(batch, n, 3, FACE_SIZE - first_row, FACE_SIZE)
    if strength > 0:
        _vary_light(faces, strength, first_row, draws)
        _vary_camera(faces, strength, draws)
        faces.clamp_(0, 1)
    return faces


def smooth_fields(
    batch: int, channels: int, knots: int, amount: float, draws: Draws
) -> torch.Tensor:
    """Smooth random fields ``(batch, channels, 96, 96)`` through ``knots`` squared random
    values.
    """
    field = draws.normal(batch, channels, knots, knots) * amount
    return F.interpolate(field, (FACE_SIZE, FACE_SIZE), mode="bicubic", align_corners=True)


def _grid(batch: int, strength: float, first_row: int, draws: Draws) -> torch.Tensor:
    """Where each pixel is read, ``(B, rows, 96, 2)``, in grid_sample's units of a stored crop."""
    rows = FACE_SIZE - first_row
    line = torch.arange(FACE_SIZE, dtype=torch.float32, device=draws.device)
    line = line * 2 / (FACE_SIZE - 1) - 1
    across = line.expand(rows, FACE_SIZE)
    down = line[first_row:, None].expand(rows, FACE_SIZE)
    base = torch.stack((across, down), dim=-1)
    base = base * ((FACE_SIZE - 1) / CROP_SIZE)  # the middle 96 of 128 px

    def vary(*shape: int) -> torch.Tensor:
        return draws.uniform(*shape) * strength

    angle = vary(batch) * ANGLE
    scale = 1 + vary(batch, 2) * ASPECT + vary(batch, 1) * ZOOM
    flip = torch.where(draws.uniform(batch) < 0, -1.0, 1.0)

    shear = vary(batch) * SHEAR
    cos = torch.cos(angle)
    sin = torch.sin(angle)
    values = (cos * scale[:, 0] * flip, -sin + shear, sin, cos * scale[:, 1])
    turn = torch.stack(values, dim=1).view(batch, 2, 2)

    bend = smooth_fields(batch, 2, BEND_KNOTS, BEND / CROP_SIZE * strength, draws)
    bend = bend[:, :, first_row:].permute(0, 2, 3, 1)
    turned = torch.einsum("hwc,bdc->bhwd", base, turn)
    return turned + vary(batch, 1, 1, 2) * (SHIFT / CROP_SIZE) + bend


def _vary_light(faces: torch.Tensor, strength: float, first_row: int, draws: Draws) -> None:
    """Saturation, gamma, tint, shade and lift of faces ``(B, n, 3, rows, 96)``, in place."""
    batch = len(faces)

    def vary(*shape: int) -> torch.Tensor:
        return draws.uniform(*shape) * strength

    grey = faces.mean(dim=2, keepdim=True)
    faces.sub_(grey).mul_(1.0 + SATURATION * vary(batch, 1, 1, 1, 1)).add_(grey)

    low, high = DARK_SKIN
    gamma = torch.exp(draws.uniform(batch, 1, 1, 1, 1, low=low, high=high) * strength)
    faces.clamp_(1e-4, 1).pow_(gamma)

    middle, half = BRIGHTNESS
    tint = (1 + TINT * vary(batch, 1, 3, 1, 1)) * (middle + half * vary(batch, 1, 1, 1, 1))
    shade = smooth_fields(batch, 1, SHADE_KNOTS, SHADE * strength, draws)
    shade = 1 + shade[:, None, :, first_row:]
    faces.mul_(tint * shade).add_(LIFT * vary(batch, 1, 1, 1, 1))


def _vary_camera(faces: torch.Tensor, strength: float, draws: Draws) -> None:
    """A quarter of the clips keep a part of their resolution, half of them get noise; in place."""
    batch = len(faces)
    rows = faces.shape[-2]
    shares = draws.rng.uniform(*RESOLUTION, batch)
    noises = draws.rng.uniform(*NOISE, batch) * strength
    for face, share, noise in zip(faces, shares, noises, strict=True):
        if share > LEAST_RESOLUTION:
            low = F.interpolate(face, scale_factor=float(share), mode="bilinear", antialias=True)
            face.copy_(F.interpolate(low, (rows, FACE_SIZE), mode="bicubic"))
        if noise > 0:
            face.add_(draws.normal(*face.shape), alpha=float(noise))


def beards(batch: int, draws: Draws) -> tuple[torch.Tensor, torch.Tensor]:
    """Moustaches, beards and stubble for a third of the clips.

    Colour ``(batch, 1, 3, 128, 128)`` and cover ``(batch, 1, 1, 128, 128)``, 0 to 1.
    """

    def between(low: float, high: float) -> torch.Tensor:
        return draws.uniform(batch, 1, 1, low=low, high=high)

    line = (torch.arange(CROP_SIZE, device=draws.device) + 0.5) / CROP_SIZE - 0.5
    line = line * CROP_SIZE / FACE_SIZE + 0.5
    x = (line[None] - 0.5)[None]
    y = line[:, None][None]

    bend = smooth_fields(batch, 1, 6, HAIR_BEND, draws)
    bend = F.interpolate(bend, (CROP_SIZE, CROP_SIZE), mode="bilinear")[:, 0]

    away = x / between(0.12, 0.2)
    arch = y + bend - between(0.55, 0.58) - between(0, 0.09) * away**2
    thick = between(0.02, 0.035)
    moustache = torch.exp(-((arch / thick) ** 2)) * torch.sigmoid(8 * (1.1 - away.abs()))

    wide = between(0.16, 0.34)
    chin = between(0.6, 0.68)
    below = torch.hypot(x / wide, (y + bend - chin) / between(0.16, 0.24))
    mouth = torch.hypot(x / 0.2, (y - MOUTH_HEIGHT) / between(0.1, 0.13))
    beard = torch.sigmoid(10 * (mouth - 1))
    beard = beard * torch.exp(-((2 * (below - 1).clamp(min=0)) ** 2))
    beard = beard * torch.sigmoid(25 * (y - BEARD_TOP))

    moustache = moustache * (between(0.25, 0.95) * (between(0, 1) < MOUSTACHES))
    beard = beard * (between(0.25, 0.95) * (between(0, 1) < BEARDS))
    cover = torch.maximum(moustache, beard)
    colour = _hair_colour(batch, draws)
    return colour, cover[:, None, None]


def _hair_colour(batch: int, draws: Draws) -> torch.Tensor:
    grain = 1 + HAIR_GRAIN * draws.normal(batch, 1, 1, CROP_SIZE, CROP_SIZE)
    tint = 1 + HAIR_TINT * draws.normal(batch, 1, 3, 1, 1)

    low, high = HAIR_BRIGHTNESS
    colour = draws.uniform(batch, 1, 1, 1, 1, low=low, high=high) ** 1.5 * tint
    return (colour * grain).clamp(0, 1)
