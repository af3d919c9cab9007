"""Upstream's lip-sync network (Prajwal et al., "A Lip Sync Expert Is All You Need", 2020;
``models/wav2lip.py`` of Rudrabha/Wav2Lip): it paints a 96x96 face.
"""

from __future__ import annotations

import torch
from torch import nn

from .layers import ConvBlock, mel_encoder, residual, unet, upsampling


class Wav2Lip(nn.Module):
    """Upstream's network, 36,298,035 parameters, its key names.

    ``forward(mel (B, 1, 80, 16), faces (B, 6, 96, 96))`` -> ``(B, 3, 96, 96)`` in [0, 1]. Faces are
    BGR in [0, 1]: the target with its lower half zeroed, then the reference.
    """

    def __init__(self):
        super().__init__()
        self.face_encoder_blocks = nn.ModuleList([
            nn.Sequential(ConvBlock(6, 16, 7, 1, 3)),  # 96
            nn.Sequential(ConvBlock(16, 32, 3, 2, 1), residual(32), residual(32)),  # 48
            nn.Sequential(ConvBlock(32, 64, 3, 2, 1), *(residual(64) for _ in range(3))),  # 24
            nn.Sequential(ConvBlock(64, 128, 3, 2, 1), residual(128), residual(128)),  # 12
            nn.Sequential(ConvBlock(128, 256, 3, 2, 1), residual(256), residual(256)),  # 6
            nn.Sequential(ConvBlock(256, 512, 3, 2, 1), residual(512)),  # 3
            nn.Sequential(ConvBlock(512, 512, 3, 1, 0), ConvBlock(512, 512, 1, 1, 0)),  # 1
        ])  # fmt: skip

        self.audio_encoder = mel_encoder(1.0)
        self.face_decoder_blocks = nn.ModuleList([
            nn.Sequential(ConvBlock(512, 512, 1, 1, 0)),  # 1
            nn.Sequential(ConvBlock(1024, 512, 3, 1, 0, output_padding=0), residual(512)),  # 3
            nn.Sequential(upsampling(1024, 512), residual(512), residual(512)),  # 6
            nn.Sequential(upsampling(768, 384), residual(384), residual(384)),  # 12
            nn.Sequential(upsampling(512, 256), residual(256), residual(256)),  # 24
            nn.Sequential(upsampling(320, 128), residual(128), residual(128)),  # 48
            nn.Sequential(upsampling(160, 64), residual(64), residual(64)),  # 96
        ])  # fmt: skip

        self.output_block = nn.Sequential(
            ConvBlock(80, 32, 3, 1, 1), nn.Conv2d(32, 3, 1), nn.Sigmoid()
        )

    def forward(self, mel: torch.Tensor, faces: torch.Tensor) -> torch.Tensor:
        return self.output_block(unet(self, self.audio_encoder(mel), faces))
