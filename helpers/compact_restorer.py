"""The compact restorer: a small residual network that mends softness, in the manner of SRVGG (Real-ESRGAN, 2021)."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

CHANNELS, DEPTH = 48, 8


class CompactRestorer(nn.Module):
    """``forward(pictures (B, 3, H, W))``, RGB in [0, 1], H and W even -> the same, mended, not clamped.

    It works at half the resolution (sub-pixel layers in and out) and adds a residual: the new network changes nothing.
    """

    def __init__(self):
        super().__init__()
        layers: list[nn.Module] = [nn.PixelUnshuffle(2), nn.Conv2d(12, CHANNELS, 3, 1, 1), nn.PReLU(CHANNELS)]
        for _ in range(DEPTH):
            layers += [nn.Conv2d(CHANNELS, CHANNELS, 3, 1, 1), nn.PReLU(CHANNELS)]
        layers += [nn.Conv2d(CHANNELS, 12, 3, 1, 1), nn.PixelShuffle(2)]
        self.body = nn.Sequential(*layers)
        for layer in layers:
            if isinstance(layer, nn.Conv2d):  # the default's signal dies in so many layers
                nn.init.kaiming_normal_(layer.weight, a=0.25)
                nn.init.zeros_(layer.bias)
        nn.init.zeros_(layers[-2].weight)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        return pictures + F.hardtanh(self.body(pictures).float(), -0.5, 0.5)
