"""Losses that the generator's and the restorer's training share."""

from __future__ import annotations

import torch
from torch.nn import functional as F

DETAIL_AREA = 8  # px: side of the squares in which detail is summed


def gradient_error(error: torch.Tensor) -> torch.Tensor:
    """Mean absolute horizontal plus vertical difference of neighbours in an error ``(B, C, S, S)``: ``(B,)``."""
    return error.diff(dim=-1).abs().mean(dim=(1, 2, 3)) + error.diff(dim=-2).abs().mean(
        dim=(1, 2, 3)
    )


def detail_error(made: torch.Tensor, true: torch.Tensor) -> torch.Tensor:
    """How far the local amount of detail is from the true one, pictures ``(B, 3, S, S)``: ``(B,)``."""
    return (_detail(made) - _detail(true)).abs().mean(dim=(1, 2, 3))


def _detail(pictures: torch.Tensor) -> torch.Tensor:
    """Mean absolute Laplacian of grey pictures ``(B, 3, S, S)`` in squares of 8 px."""
    grey = pictures.mean(dim=1, keepdim=True)
    kernel = grey.new_tensor([[0, 1, 0], [1, -4, 1], [0, 1, 0]])[None, None]
    return F.avg_pool2d(F.conv2d(grey, kernel).abs(), DETAIL_AREA, DETAIL_AREA // 2)
