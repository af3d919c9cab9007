"""The audio encoder: the stem and the first two blocks of Whisper base's.

What it hears is near to how a mouth moves, and much the same in every voice and language: it was
trained to write down 680,000 hours of anybody's speech (Radford et al., 2022). Later blocks know
more of words and less of mouths.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from .. import media
from ..sound.log_mel import FRAMES_PER_SECOND, N_MELS, log_mel, loudest

WIDTH = 512
HEADS = 8
BLOCKS = 2
MEL_STEP = 2  # mel frames an embedding
EMBEDDINGS_PER_SECOND = FRAMES_PER_SECOND // MEL_STEP  # 50
PIECE = 500  # embeddings heard at once: 10 s, a third of what Whisper hears
EDGE = 50  # embeddings: what is nearer to a piece's end is taken from the next piece
MOST_GAIN = 3.0  # powers of ten, 30 dB: silence and hum stay so
SILENCE = 50  # embeddings of silence that follow the end of a recording


class Attention(nn.Module):
    """Self-attention; keys have no bias."""

    def __init__(self):
        super().__init__()
        self.query = nn.Linear(WIDTH, WIDTH)
        self.key = nn.Linear(WIDTH, WIDTH, bias=False)
        self.value = nn.Linear(WIDTH, WIDTH)
        self.out = nn.Linear(WIDTH, WIDTH)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        parts = [
            layer(x).unflatten(-1, (HEADS, -1)).transpose(1, 2)
            for layer in (self.query, self.key, self.value)
        ]
        mixed = F.scaled_dot_product_attention(*parts)
        return self.out(mixed.transpose(1, 2).flatten(2))


class Block(nn.Module):
    """Transformer block, normalised before each half."""

    def __init__(self):
        super().__init__()
        self.attn = Attention()
        self.attn_ln = nn.LayerNorm(WIDTH)
        self.mlp = nn.Sequential(
            nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH)
        )
        self.mlp_ln = nn.LayerNorm(WIDTH)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.attn(self.attn_ln(x))
        return x + self.mlp(self.mlp_ln(x))


class AudioEncoder(nn.Module):
    """``forward(log_mel (B, 80, 2 T))`` -> embeddings ``(B, T, 512)``, T at most ``PIECE``.

    Names are OpenAI's, so that weights of Whisper load by name; positions are not stored.
    """

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv1d(N_MELS, WIDTH, 3, padding=1)
        self.conv2 = nn.Conv1d(WIDTH, WIDTH, 3, stride=MEL_STEP, padding=1)
        self.blocks = nn.ModuleList([Block() for _ in range(BLOCKS)])
        self.positions: torch.Tensor
        self.register_buffer("positions", sinusoids(PIECE), persistent=False)

    def forward(self, mel: torch.Tensor) -> torch.Tensor:
        x = F.gelu(self.conv1(mel))
        x = F.gelu(self.conv2(x)).transpose(1, 2)
        x = x + self.positions[: x.shape[1]]
        for block in self.blocks:
            x = block(x)
        return x


def sinusoids(count: int) -> torch.Tensor:
    """Positions ``(count, 512)``: sines, then cosines, of wavelengths 2 pi to 10,000 times that."""
    rates = torch.exp(-math.log(10000) / (WIDTH // 2 - 1) * torch.arange(WIDTH // 2))
    angles = torch.arange(count)[:, None] * rates
    return torch.cat((angles.sin(), angles.cos()), dim=1)


def embedding_count(wave: np.ndarray) -> int:
    """How many embeddings a 16 kHz waveform has."""
    return max(1, -(-len(wave) * EMBEDDINGS_PER_SECOND // media.SAMPLE_RATE))


@torch.inference_mode()
def embed(
    net: AudioEncoder, wave: np.ndarray, loudness: float | None = None
) -> Iterator[torch.Tensor]:
    """A 16 kHz waveform ``float32 (samples,)`` of any length -> embeddings, ``(n, 512)`` at a time.

    50 a second; the j-th is centred on about (j + 0.5) / 50 s. Pieces overlap by 2 ``EDGE``, and
    what is within that of a piece's edge is not used, but at the recording's own ends. With a
    ``loudness``, all is heard as if the loudest band had this log10 power.
    """
    device = net.conv1.weight.device
    top = loudest(wave)
    gain = 0.0 if loudness is None else min(loudness - top, MOST_GAIN)
    total = embedding_count(wave)
    done = 0
    while done < total:
        first = max(0, done - EDGE)
        count = min(PIECE, total + SILENCE - first)
        mel = log_mel(wave, first * MEL_STEP, count * MEL_STEP, top, gain)
        embeddings = net(mel[None].to(device))[0]
        is_last = first + count == total + SILENCE
        stop = total if is_last else first + count - EDGE
        yield embeddings[done - first : stop - first]
        done = stop
