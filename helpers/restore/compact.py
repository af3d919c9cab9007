"""The compact restorer on faces of a run."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import torch
from torch import nn

from .. import checkpoints
from ..checkpoints import Found
from ..face.mask import FEATHER, fade, paste_through_mask
from ..face.square import crop_square, square_matrix, square_side
from ..networks.devices import choose_device, choose_precision, halving_batches
from ..params import Params
from .paste import Arrays, Square, from_square, region_mask, steadied

COMPACT_SIZE = 192  # px: side of the largest square that the compact restorer sees
SMALLEST_SIZE = 64  # px: of the smallest
SIZE_STEP = 32  # px: coarse, for a size that changes would flicker
COMPACT_ZOOM = 1.15  # of the square over the networks' one: its border lies outside the masks
OVAL_CENTRE = (0.5, 0.52)  # x, y of the region "face", in sides of the square
OVAL_AXES = (0.42, 0.46)  # its half-axes


class CompactRestoration:
    """The bundled network on squares of up to 192 px; see ``base.Restorer``."""

    parameters: ClassVar[tuple[str, ...]] = ("strength", "region", "steady")
    needs_memory = False

    def __init__(self, p: Params):
        device = choose_device(p.device)
        self.net = checkpoints.load(self.locate(p).path).to(device)
        self.precision = choose_precision(p.precision, device)
        self.region = p.region
        self.strength = p.strength
        self.steady = p.steady

    @staticmethod
    def locate(p: Params) -> Found:
        return checkpoints.locate("restore-compact")

    def __call__(
        self, frames: Arrays, landmarks: Arrays, matrices: Arrays, runs: Sequence[int]
    ) -> list[np.ndarray]:
        return compact_faces(
            self.net,
            frames,
            landmarks,
            matrices,
            runs,
            precision=self.precision,
            region=self.region,
            strength=self.strength,
            steady=self.steady,
        )

    def square(self, landmarks: np.ndarray, matrix: np.ndarray) -> Square:
        return compact_square(landmarks, matrix, self.region)


def compact_size(matrices: Arrays) -> int:
    """Side in px of the compact restorer's square, for faces with these crop matrices."""
    side = max(square_side(matrix) for matrix in matrices) * COMPACT_ZOOM
    return int(np.clip(SIZE_STEP * round(side / SIZE_STEP), SMALLEST_SIZE, COMPACT_SIZE))


def compact_square(landmarks: np.ndarray, matrix: np.ndarray, region: str) -> Square:
    """The square of one face with this crop matrix."""
    size = compact_size([matrix])
    return Square(square_matrix(landmarks, size, COMPACT_ZOOM), compact_window(region, size))


@functools.cache
def compact_window(region: str, size: int) -> np.ndarray:
    """How much of the compact restorer's square a region may use, ``float32 (size, size)``."""
    if region == "mouth":
        return np.ones((size, size), np.float32)

    line = (np.arange(size) + 0.5) / size
    across = (line[None] - OVAL_CENTRE[0]) / OVAL_AXES[0]
    down = (line[:, None] - OVAL_CENTRE[1]) / OVAL_AXES[1]
    return fade((1 - np.hypot(across, down)) / FEATHER)


@torch.inference_mode()
def compact_faces(
    net: nn.Module,
    frames: Arrays,
    landmarks: Arrays,
    matrices: Arrays,
    runs: Sequence[int],
    *,
    precision: torch.dtype,
    region: str,
    strength: float,
    steady: float,
) -> list[np.ndarray]:
    """RGB frames with their faces restored by the compact network in a region, "mouth" or "face".

    It sees the face at its own size, up to 192 px; what it changes is scaled to the frame and
    added, so nothing finer is lost in a larger face.
    """
    if not frames:
        return []

    device = next(net.parameters()).device
    size = compact_size(matrices)
    window = compact_window(region, size)
    squares = [Square(square_matrix(points, size, COMPACT_ZOOM), window) for points in landmarks]
    crops = [crop_square(f, s.matrix, size) for f, s in zip(frames, squares, strict=True)]

    def changes(batch: list[np.ndarray]) -> list[np.ndarray]:
        pixels = torch.from_numpy(np.stack(batch)).to(device).permute(0, 3, 1, 2).float() / 255
        with torch.autocast(device.type, precision, enabled=precision != torch.float32):
            restored = net(pixels.contiguous(memory_format=torch.channels_last))
        return list(((restored - pixels) * 255).permute(0, 2, 3, 1).cpu().numpy())

    change = steadied(list(halving_batches(changes, crops, len(crops), "restore")), runs, steady)
    faces = zip(frames, change, squares, landmarks, strict=True)
    return [add_change(*face, region, strength) for face in faces]


def add_change(
    frame: np.ndarray,
    change: np.ndarray,
    square: Square,
    landmarks: np.ndarray,
    region: str,
    strength: float,
) -> np.ndarray:
    """A new frame with a change ``float32 (size, size, 3)`` of grey levels in it."""
    rectangle, mask = region_mask(frame, square, landmarks, region)
    if not mask.size:
        return frame

    x1, y1, x2, y2 = rectangle
    there = from_square(np.ascontiguousarray(change), square.matrix, rectangle)
    restored = frame[y1:y2, x1:x2] + (strength * mask)[..., None] * there
    return paste_through_mask(frame, restored.astype(np.float32), x1, y1, None)
