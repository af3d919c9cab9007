"""The compact restorer, a small residual network in the manner of SRVGG (Real-ESRGAN, 2021)."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

CHANNELS = 48
DEPTH = 8  # layers between the first and the last
MEAN_SIZE = 9  # px: side of the square whose mean is taken away
DETAIL_GAIN = 10.0  # of the detail that the network sees; what it answers is divided by it


class CompactRestorer(nn.Module):
    """``forward(pictures (B, 3, H, W))``, RGB in [0, 1], even sides -> mended, not clamped.

    It sees the picture less its local mean, and adds a residual: so it cannot tell dark from bright
    or one complexion from another, and a new network changes nothing. Inside it works at half the
    resolution (sub-pixel layers).
    """

    def __init__(self):
        super().__init__()
        layers: list[nn.Module] = [
            nn.PixelUnshuffle(2),
            nn.Conv2d(12, CHANNELS, 3, 1, 1),
            nn.PReLU(CHANNELS),
        ]

        for _ in range(DEPTH):
            layers += [nn.Conv2d(CHANNELS, CHANNELS, 3, 1, 1), nn.PReLU(CHANNELS)]

        last = nn.Conv2d(CHANNELS, 12, 3, 1, 1)
        layers += [last, nn.PixelShuffle(2)]
        self.body = nn.Sequential(*layers)
        for layer in layers:
            if isinstance(layer, nn.Conv2d):  # the default's signal dies in so many layers
                nn.init.kaiming_normal_(layer.weight, a=0.25)
                nn.init.constant_(layer.get_parameter("bias"), 0)

        nn.init.zeros_(last.weight)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        mean = pictures.contiguous()  # in channels_last these two take five times as long
        for kernel, padding in (
            ((MEAN_SIZE, 1), (MEAN_SIZE // 2, 0)),
            ((1, MEAN_SIZE), (0, MEAN_SIZE // 2)),
        ):
            mean = F.avg_pool2d(mean, kernel, 1, padding, count_include_pad=False)

        detail = self.body((pictures - mean) * DETAIL_GAIN).float() / DETAIL_GAIN
        return pictures + F.hardtanh(detail, -0.5, 0.5)
