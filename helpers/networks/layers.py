"""Blocks that the networks share."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional as F


class ConvBlock(nn.Module):
    """Convolution, batch norm, optional skip, ReLU: the block of every network here.

    The attribute name ``conv_block`` is Wav2Lip's (``models/conv.py``), so its checkpoints load by
    name.
    """

    def __init__(
        self, cin, cout, kernel_size, stride, padding, *, residual=False, output_padding=None
    ):
        super().__init__()
        conv: nn.Module
        if output_padding is None:
            conv = nn.Conv2d(cin, cout, kernel_size, stride, padding)
        else:
            conv = nn.ConvTranspose2d(cin, cout, kernel_size, stride, padding, output_padding)

        self.conv_block = nn.Sequential(conv, nn.BatchNorm2d(cout))
        self.residual = residual

    def forward(self, x):
        y = self.conv_block(x)
        return F.relu(y + x if self.residual else y)


def residual(channels: int) -> ConvBlock:
    return ConvBlock(channels, channels, 3, 1, 1, residual=True)


def mel_encoder(width: float) -> nn.Sequential:
    """Mel window ``(B, 1, 80, 16)`` -> ``(B, 512 width, 1, 1)``; at width 1 Wav2Lip's own."""
    c32, c64, c128, c256, c512 = (round(c * width) for c in (32, 64, 128, 256, 512))
    return nn.Sequential(
        ConvBlock(1, c32, 3, 1, 1), residual(c32), residual(c32),
        ConvBlock(c32, c64, 3, (3, 1), 1), residual(c64), residual(c64),
        ConvBlock(c64, c128, 3, 3, 1), residual(c128), residual(c128),
        ConvBlock(c128, c256, 3, (3, 2), 1), residual(c256),
        ConvBlock(c256, c512, 3, 1, 0), ConvBlock(c512, c512, 1, 1, 0),
    )  # fmt: skip


def upsampling(cin: int, cout: int) -> ConvBlock:
    return ConvBlock(cin, cout, 3, 2, 1, output_padding=1)


def unet(net: Any, bottom: torch.Tensor, faces: torch.Tensor) -> torch.Tensor:
    """Faces through encoder and decoder, which starts from ``bottom`` ``(B, C, 1, 1)``."""
    skips = []
    for block in net.face_encoder_blocks:
        faces = block(faces)
        skips.append(faces)

    x = bottom
    for block in net.face_decoder_blocks:
        x = torch.cat((block(x), skips.pop()), dim=1)

    return x
