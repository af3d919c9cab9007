"""Flow, alpha and paint: applied to pictures, and chained."""

from __future__ import annotations

import torch
from torch.nn import functional as F


def warp(pictures: torch.Tensor, flow: torch.Tensor) -> torch.Tensor:
    """Pictures ``(B, C, S, S)`` read where a flow ``(B, 2, S, S)`` in half widths points to."""
    size = pictures.shape[-1]
    line = (torch.arange(size, dtype=pictures.dtype, device=pictures.device) + 0.5) * 2 / size - 1
    grid = torch.stack((line.expand(size, size), line[:, None].expand(size, size)), dim=-1)
    grid = grid + flow.permute(0, 2, 3, 1)

    return F.grid_sample(
        pictures, grid, mode="bilinear", padding_mode="border", align_corners=False
    )


def warp_and_paint(faces: torch.Tensor, maps: torch.Tensor) -> torch.Tensor:
    """Faces ``(B, 3, S, S)`` warped and painted by maps ``(B, 6, 96, 96)``, same shape."""
    if faces.shape[-1] != maps.shape[-1]:
        maps = F.interpolate(maps, size=faces.shape[-2:], mode="bilinear", align_corners=False)
    return paint_over(warp(faces, maps[:, :2]), maps)


def paint_over(pictures: torch.Tensor, maps: torch.Tensor) -> torch.Tensor:
    """Pictures ``(B, 3, S, S)`` under the paint of maps ``(B, 6, S, S)``."""
    alpha = maps[:, 2:3]
    return pictures * (1 - alpha) + maps[:, 3:] * alpha


def chain_maps(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Maps ``(B, 6, 96, 96)`` that do at once what ``first`` and then ``second`` do."""
    moved = warp(first, second[:, :2])
    below, above = moved[:, 2:3], second[:, 2:3]
    alpha = 1 - (1 - below) * (1 - above)
    paint = ((1 - above) * below * moved[:, 3:] + above * second[:, 3:]) / alpha.clamp(min=1e-6)
    return torch.cat((second[:, :2] + moved[:, :2], alpha, paint), dim=1)
