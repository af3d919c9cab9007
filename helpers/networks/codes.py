"""The compact network's mouth code: eight numbers that tell how a mouth stands.

The face encoder is trained with the picture layers, which must draw a frame from another frame and
the code alone, while the encoder is given it on a face of another shape and colour. So the code
holds how the mouth stands and not whose it is, and means the same on every face: what can be read
from one voice then holds for others. (What learns from drawn pictures, as in Wav2Lip, follows
strangers' speech less.)
"""

from __future__ import annotations

import torch
from torch import nn

from .audio_encoder import WIDTH
from .layers import ConvBlock, residual

CODE_SIZE = 8
READ_REACH = 5  # audio embeddings before and after a moment that tell its code: 0.1 s each way
TAPS = 2 * READ_REACH + 1
MOUTH_ROWS = slice(46, 94)  # of the 96 px square: the mouth and the chin
MOUTH_COLUMNS = slice(16, 80)
LIP_ROWS = slice(6, 34)  # of these: lips and what is near them, never background
LIP_COLUMNS = slice(14, 50)
CONTRAST_LIMIT = 4.0  # spreads


class SpeechReadout(nn.Module):
    """Audio embeddings -> mouth code, linear: a network here learns a voice, a line what all share.

    ``weight`` ``(11, 512, 8)``: of the embeddings around a moment, of every number of the code;
    ``silence`` ``(8,)``: the code of a mouth whose person keeps silent, less the person's mean
    code; ``opening`` ``(8,)``: the unit vector of codes along which lips part.
    """

    weight: torch.Tensor
    silence: torch.Tensor
    opening: torch.Tensor

    def __init__(self):
        super().__init__()
        self.register_buffer("weight", torch.zeros(TAPS, WIDTH, CODE_SIZE))
        self.register_buffer("silence", torch.zeros(CODE_SIZE))
        self.register_buffer("opening", torch.zeros(CODE_SIZE))

    def forward(self, embeddings: torch.Tensor) -> torch.Tensor:
        """Embeddings ``(T, 512)`` -> what each adds to codes around it, ``(T, 11, 8)``."""
        return torch.einsum("tw,kwc->tkc", embeddings, self.weight)


class FaceEncoder(nn.Module):
    """Mouth -> code. ``forward(pictures (B, 3, 96, 96))`` in [0, 1] -> ``(B, 8)``.

    Of mean 0 and spread 1 in training.

    Grey, and with lips of equal brightness and contrast for everybody, whatever is behind the face.
    """

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.PixelUnshuffle(2), ConvBlock(4, 32, 3, 1, 1),
            ConvBlock(32, 48, 3, 2, 1), residual(48), ConvBlock(48, 64, 3, 2, 1), residual(64),
            ConvBlock(64, 96, 3, 2, 1),
            nn.Flatten(), nn.Dropout(0.2), nn.Linear(96 * 12, 64), nn.ReLU(),
            nn.Linear(64, CODE_SIZE), nn.BatchNorm1d(CODE_SIZE, affine=False),
        )  # fmt: skip

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        grey = pictures.mean(dim=1, keepdim=True)
        mouth = grey[:, :, MOUTH_ROWS, MOUTH_COLUMNS]
        lips = mouth[:, :, LIP_ROWS, LIP_COLUMNS]
        mouth = (mouth - lips.mean(dim=(2, 3), keepdim=True)) / (
            lips.std(dim=(2, 3), keepdim=True) + 0.02
        )
        return self.layers(mouth.clamp(-CONTRAST_LIMIT, CONTRAST_LIMIT)).float()
