"""The compact network's mouth code: eight numbers that tell how a mouth stands, seen by eyes or heard by an ear.

The eyes are trained with the picture layers, which must draw a frame from another frame and the code alone, while the
eyes see it on a face of another shape and colour. So the code holds how the mouth stands and not whose it is, and means
the same on every face: what the ear needs to learn from one voice what holds for others. (An ear that learns from drawn
pictures, as in Wav2Lip, follows strangers' speech less.)
"""

from __future__ import annotations

import torch
from torch import nn

from ..sound.mel import MEL_WINDOW, N_MELS
from .layers import ConvBlock, residual

CODE_SIZE = 8
AUDIO_BANDS = 20  # that an ear hears of the 80 mels: coarse enough to be deaf to pitch
ENCODER_SPANS = (
    16,
    16,
    28,
    28,
)  # mel frames that each of four encoders hears at a time: 0.2 or 0.35 s
ENCODER_SHIFT = 2  # mel frames: it hears three times, moved by this
MEL_MARGIN = (
    max(ENCODER_SPANS) - MEL_WINDOW
) // 2 + ENCODER_SHIFT  # what it needs of the mel on both sides of a frame's window
MOUTH_ROWS, MOUTH_COLUMNS = (
    slice(46, 94),
    slice(16, 80),
)  # of the 96 px square: the mouth and the chin
LIP_ROWS, LIP_COLUMNS = (
    slice(6, 34),
    slice(14, 50),
)  # of these: lips and what is near them, never background
CONTRAST_LIMIT = 4.0  # spreads


class AudioEncoder(nn.Module):
    """Mel window -> code. ``forward(mel (B, 1, 80, 32))`` -> ``(B, 8)``: the mean of four small encoders, two of which
    hear the middle 16 mel frames and two the middle 28, all of them in time, a little early and a little late.

    Few bands, few layers and much dropout: what a larger encoder learns from one voice it does not find in another.
    """

    def __init__(self):
        super().__init__()
        self.encoders = nn.ModuleList([
            nn.Sequential(
                nn.AvgPool2d((N_MELS // AUDIO_BANDS, 1)),
                ConvBlock(1, 32, 3, (2, 1), 1), ConvBlock(32, 32, 3, 2, 1), ConvBlock(32, 32, 3, 2, 1),
                nn.Flatten(), nn.Dropout(0.4), nn.Linear(24 * heard, 64), nn.ReLU(),
                nn.Dropout(0.4), nn.Linear(64, CODE_SIZE),
            ) for heard in ENCODER_SPANS
        ])  # fmt: skip
        self.register_buffer("spread", torch.ones(CODE_SIZE))
        self.register_buffer(
            "opening", torch.zeros(CODE_SIZE)
        )  # the direction of the code along which lips part

    def each(self, mel: torch.Tensor) -> torch.Tensor:
        """What every encoder says of mels ``(B, 1, 80, 28)``: ``(4, B, 8)``."""
        around = [(mel.shape[3] - heard) // 2 for heard in ENCODER_SPANS]
        return torch.stack([
            encoder(mel[..., first : first + heard])
            for encoder, first, heard in zip(self.encoders, around, ENCODER_SPANS, strict=True)
        ])  # fmt: skip

    def forward(self, mel: torch.Tensor) -> torch.Tensor:
        shifted = mel.unfold(3, max(ENCODER_SPANS), ENCODER_SHIFT).unbind(
            dim=3
        )  # 25 ms early, in time, 25 ms late
        heard = self.each(torch.cat(shifted)).mean(dim=0)
        return heard.view(len(shifted), -1, CODE_SIZE).mean(dim=0) * self.spread


class FaceEncoder(nn.Module):
    """Mouth -> code. ``forward(pictures (B, 3, 96, 96))`` in [0, 1] -> ``(B, 8)``, of mean 0 and spread 1 in training.

    Grey, and with lips of equal brightness and contrast for everybody, whatever is behind the face.
    """

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.PixelUnshuffle(2), ConvBlock(4, 32, 3, 1, 1),
            ConvBlock(32, 48, 3, 2, 1), residual(48), ConvBlock(48, 64, 3, 2, 1), residual(64),
            ConvBlock(64, 96, 3, 2, 1),
            nn.Flatten(), nn.Dropout(0.2), nn.Linear(96 * 12, 64), nn.ReLU(), nn.Linear(64, CODE_SIZE),
            nn.BatchNorm1d(CODE_SIZE, affine=False),
        )  # fmt: skip

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        grey = pictures.mean(dim=1, keepdim=True)
        mouth = grey[:, :, MOUTH_ROWS, MOUTH_COLUMNS]
        lips = mouth[:, :, LIP_ROWS, LIP_COLUMNS]
        mouth = (mouth - lips.mean(dim=(2, 3), keepdim=True)) / (
            lips.std(dim=(2, 3), keepdim=True) + 0.02
        )
        return self.layers(mouth.clamp(-CONTRAST_LIMIT, CONTRAST_LIMIT)).float()
