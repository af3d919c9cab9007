"""The voice activity detector: Silero VAD 6.2 (Silero Team, 2025), for 16 kHz.

Pieces of 32 ms go through a short-time Fourier transform and four convolutions, many at once; an
LSTM then hears them in their order.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from .. import media
from ..timing import Progress, counted, silent

PIECE = 512  # samples
PIECE_S = PIECE / media.SAMPLE_RATE
MIRRORED = 64  # samples at either end of a piece
BINS = 129  # of its spectrum, of 256 samples
HOP = 128  # samples
BLOCK = 500  # pieces heard at once
SIXTEEN_BITS = 32767  # steps of a sample, to which sound is rounded


class VoiceDetector(nn.Module):
    """``forward(pieces (B, 512), state)`` -> certainty of speech ``(B,)``, the state after it."""

    def __init__(self):
        super().__init__()
        self.spectrum = nn.Conv1d(1, 2 * BINS, 256, HOP, bias=False)
        self.layers = nn.Sequential(
            nn.Conv1d(BINS, 128, 3, 1, 1), nn.ReLU(),
            nn.Conv1d(128, 64, 3, 2, 1), nn.ReLU(),
            nn.Conv1d(64, 64, 3, 2, 1), nn.ReLU(),
            nn.Conv1d(64, 128, 3, 1, 1), nn.ReLU(),
        )  # fmt: skip
        self.memory = nn.LSTM(128, 128)
        self.out = nn.Linear(128, 1)

    def forward(
        self, pieces: torch.Tensor, state: tuple[torch.Tensor, torch.Tensor] | None = None
    ) -> tuple[torch.Tensor, tuple[torch.Tensor, torch.Tensor]]:
        mirrored = F.pad(pieces[:, None], (MIRRORED, MIRRORED), "reflect")
        real, imaginary = self.spectrum(mirrored).split(BINS, dim=1)
        heard = self.layers(torch.hypot(real, imaginary))
        remembered, state = self.memory(heard.transpose(1, 2), state)
        return self.out(remembered[:, 0].relu())[:, 0].sigmoid(), state


@torch.inference_mode()
def voice_certainty(
    net: VoiceDetector, wave: np.ndarray, progress: Progress = silent
) -> np.ndarray:
    """How certain speech is in each 32 ms of a 16 kHz waveform: ``float32 (pieces,)``, 0 to 1."""
    state = None
    certain = []
    firsts = range(0, len(wave), BLOCK * PIECE)
    for first in counted(firsts, progress, "sound", len(firsts)):
        part = wave[first : first + BLOCK * PIECE]
        part = np.pad(part, (0, -len(part) % PIECE))
        part = np.trunc(part * SIXTEEN_BITS) / SIXTEEN_BITS
        pieces = torch.from_numpy(part.astype(np.float32)).view(-1, PIECE)
        answer, state = net(pieces, state)
        certain.append(answer.numpy())
    return np.concatenate(certain)
