"""The compact network's mouth code: eight numbers that tell how a mouth stands, seen by eyes or heard by an ear.

The eyes are trained with the picture layers, which must draw a frame from another frame and the code alone. So the code
holds how the mouth stands and not whose it is, and means the same on every face: what the ear needs to learn from one
voice what holds for others. (An ear that learns from drawn pictures, as in Wav2Lip, follows strangers' speech less.)
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from .audio import N_MELS
from .syncnet import FRAMES, ConvBlock, residual

CODE = 8
BANDS = 20  # that an ear hears of the 80 mels: coarse enough to be deaf to pitch
EARS = 4
ROWS, COLUMNS = slice(46, 94), slice(16, 80)  # of the 96 px square: the mouth and the chin


class Ear(nn.Module):
    """Mel window -> code. ``forward(mel (B, 1, 80, 16))`` -> ``(B, 8)``: the mean of four small encoders.

    Few bands, few layers and much dropout: what a larger encoder learns from one voice it does not find in another.
    """

    def __init__(self):
        super().__init__()
        self.encoders = nn.ModuleList([
            nn.Sequential(
                nn.AvgPool2d((N_MELS // BANDS, 1)),
                ConvBlock(1, 32, 3, (2, 1), 1), ConvBlock(32, 32, 3, 2, 1), ConvBlock(32, 32, 3, 2, 1),
                nn.Flatten(), nn.Dropout(0.5), nn.Linear(384, 64), nn.ReLU(), nn.Dropout(0.5), nn.Linear(64, CODE),
            ) for _ in range(EARS)
        ])  # fmt: skip
        self.register_buffer("spread", torch.ones(CODE))

    def each(self, mel: torch.Tensor) -> torch.Tensor:
        """What every encoder says, ``(4, B, 8)``."""
        return torch.stack([encoder(mel) for encoder in self.encoders])

    def forward(self, mel: torch.Tensor) -> torch.Tensor:
        return self.each(mel).mean(dim=0) * self.spread


class Eyes(nn.Module):
    """Mouth -> code. ``forward(pictures (B, 3, 96, 96))`` in [0, 1] -> ``(B, 8)``, of mean 0 and spread 1 in training.

    Grey, and of equal brightness and contrast for everybody. In training every group of five pictures is moved, turned
    and mirrored a little, which the code must not tell.
    """

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.PixelUnshuffle(2), ConvBlock(4, 32, 3, 1, 1),
            ConvBlock(32, 48, 3, 2, 1), residual(48), ConvBlock(48, 64, 3, 2, 1), residual(64),
            ConvBlock(64, 96, 3, 2, 1),
            nn.Flatten(), nn.Dropout(0.2), nn.Linear(96 * 12, 64), nn.ReLU(), nn.Linear(64, CODE),
            nn.BatchNorm1d(CODE, affine=False),
        )  # fmt: skip

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        grey = pictures.mean(dim=1, keepdim=True)
        if self.training:
            grey = _move(grey)
        mouth = grey[:, :, ROWS, COLUMNS]
        mouth = (mouth - mouth.mean(dim=(2, 3), keepdim=True)) / (mouth.std(dim=(2, 3), keepdim=True) + 0.02)
        return self.layers(mouth).float()


def _move(pictures: torch.Tensor) -> torch.Tensor:
    """Grey pictures ``(5 n, 1, S, S)``, each five moved, turned, mirrored and with a gamma of their own."""
    groups, device = len(pictures) // FRAMES, pictures.device
    vary = lambda *shape: torch.rand(groups, *shape, device=device) * 2 - 1  # noqa: E731
    scale, angle = 1 + 0.06 * vary(2), 0.08 * vary()
    flip = torch.where(vary(1) < 0, -1.0, 1.0)
    cos, sin = torch.cos(angle), torch.sin(angle)
    across = torch.stack((scale[:, 0] * cos, -sin), dim=1) * flip
    matrix = torch.stack((across, torch.stack((sin, scale[:, 1] * cos), dim=1)), dim=1)
    matrix = torch.cat((matrix, 0.06 * vary(2, 1)), dim=2).repeat_interleave(FRAMES, dim=0)
    grid = F.affine_grid(matrix, pictures.shape, align_corners=False)
    moved = F.grid_sample(pictures, grid, padding_mode="border", align_corners=False)
    gamma = torch.exp(0.3 * torch.randn(groups, 1, 1, 1, device=device)).repeat_interleave(FRAMES, dim=0)
    return moved.clamp(1e-3, 1) ** gamma
