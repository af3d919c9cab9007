"""The compact restorer on faces of a run."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from ..face.mask import FEATHER, fade, paste_through_mask
from ..face.square import crop_square, square_matrix, square_side
from ..networks.devices import halving_batches
from .paste import from_square, region_mask, steadied

COMPACT_SIZE = 192  # px: side of the largest square that the compact restorer sees
COMPACT_ZOOM = (
    1.15  # of the square over the networks' one, so that its border lies outside the masks
)


def compact_size(matrices: Sequence[np.ndarray]) -> int:
    """Side of the compact restorer's square in px, for faces with these crop matrices."""
    side = max(square_side(m) for m in matrices) * COMPACT_ZOOM
    return int(
        np.clip(32 * round(side / 32), 64, COMPACT_SIZE)
    )  # in few steps: a size that changes would flicker


@torch.inference_mode()
def compact_faces(
    net: nn.Module, frames: Sequence[np.ndarray], landmarks: Sequence[np.ndarray], matrices: Sequence[np.ndarray],
    runs: Sequence[int], precision: torch.dtype, region: str, strength: float, steady: float,
) -> list[np.ndarray]:  # fmt: skip
    """RGB frames with their faces mended by the compact restorer in a region.

    It sees the face at its own size, up to 192 px; what it changes is scaled to the frame and added, so nothing finer
    is lost in a larger face.
    """
    if not frames:
        return []
    device = next(net.parameters()).device
    size = compact_size(matrices)
    placed = [square_matrix(points, size, COMPACT_ZOOM) for points in landmarks]
    squares = np.stack(
        [crop_square(frame, matrix, size) for frame, matrix in zip(frames, placed, strict=True)]
    )

    def work(rows: list[np.ndarray]) -> np.ndarray:
        pixels = torch.from_numpy(np.stack(rows)).to(device).permute(0, 3, 1, 2).float() / 255
        with torch.autocast(device.type, precision, enabled=precision != torch.float32):
            made = net(pixels.contiguous(memory_format=torch.channels_last))
        return ((made - pixels) * 255).permute(0, 2, 3, 1).cpu().numpy()

    change = steadied(list(halving_batches(work, squares, len(squares))), runs, steady)
    return [
        add_change(*row, region, strength)
        for row in zip(frames, change, placed, landmarks, strict=True)
    ]


@functools.cache
def compact_window(region: str, size: int) -> np.ndarray:
    """How much of the compact restorer's square a region may use, ``float32 (size, size)``."""
    if region == "mouth":
        return np.ones((size, size), np.float32)
    line = (np.arange(size) + 0.5) / size
    return fade((1 - np.hypot((line[None] - 0.5) / 0.42, (line[:, None] - 0.52) / 0.46)) / FEATHER)


def add_change(
    frame: np.ndarray,
    change: np.ndarray,
    matrix: np.ndarray,
    landmarks: np.ndarray,
    region: str,
    strength: float,
) -> np.ndarray:
    """A new frame with a change ``float32 (size, size, 3)`` of grey levels in it; ``matrix`` maps frame to square."""
    (x1, y1, x2, y2), mask = region_mask(
        frame, matrix, landmarks, region, compact_window(region, len(change))
    )
    if not mask.size:
        return frame
    there = from_square(np.ascontiguousarray(change), matrix, x1, y1, x2, y2)
    made = frame[y1:y2, x1:x2] + (strength * mask)[..., None] * there
    return paste_through_mask(frame, made.astype(np.float32), x1, y1, None)
