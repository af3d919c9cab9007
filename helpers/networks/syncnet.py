"""Upstream's SyncNet v2 (Chung and Zisserman, 2016; joonson/syncnet_python)."""

from __future__ import annotations

import functools
from typing import Any

import torch
from torch import nn


def _layer(conv: Any, norm: Any, *shape: Any) -> list[nn.Module]:
    layer = conv(*shape)
    return [layer, norm(layer.out_channels), nn.ReLU(inplace=True)]


def _head() -> nn.Sequential:
    return nn.Sequential(nn.Linear(512, 512), nn.BatchNorm1d(512), nn.ReLU(), nn.Linear(512, 1024))


class SyncNet(nn.Module):
    """SyncNet v2, key for key (``SyncNetModel.py``); vectors are ``float32 (B, 1024)``."""

    def __init__(self):
        super().__init__()
        flat = functools.partial(_layer, nn.Conv2d, nn.BatchNorm2d)
        deep = functools.partial(_layer, nn.Conv3d, nn.BatchNorm3d)
        self.netcnnaud = nn.Sequential(
            *flat(1, 64, 3, 1, 1), nn.Identity(),
            *flat(64, 192, 3, 1, 1), nn.MaxPool2d(3, (1, 2)),
            *flat(192, 384, 3, 1, 1), *flat(384, 256, 3, 1, 1),
            *flat(256, 256, 3, 1, 1), nn.MaxPool2d(3, 2),
            *flat(256, 512, (5, 4)),
        )  # fmt: skip

        self.netcnnlip = nn.Sequential(
            *deep(3, 96, (5, 7, 7), (1, 2, 2)), nn.MaxPool3d((1, 3, 3), (1, 2, 2)),
            *deep(96, 256, (1, 5, 5), (1, 2, 2), (0, 1, 1)),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1)),
            *deep(256, 256, (1, 3, 3), 1, (0, 1, 1)), *deep(256, 256, (1, 3, 3), 1, (0, 1, 1)),
            *deep(256, 256, (1, 3, 3), 1, (0, 1, 1)), nn.MaxPool3d((1, 3, 3), (1, 2, 2)),
            *deep(256, 512, (1, 6, 6)),
        )  # fmt: skip
        self.netfcaud = _head()
        self.netfclip = _head()

    def sound(self, windows: torch.Tensor) -> torch.Tensor:
        """MFCC windows ``(B, 1, 13, 20)`` -> ``(B, 1024)``."""
        return self.netfcaud(self.netcnnaud(windows).flatten(1))

    def lips(self, pictures: torch.Tensor) -> torch.Tensor:
        """BGR crops ``(3, N, 224, 224)``, 0 to 255 -> a vector for every five."""
        return self.netfclip(self.netcnnlip(pictures[None])[0, :, :, 0, 0].T)
