"""Waveform -> the log-mel spectrogram that Whisper hears (Radford et al., 2022).

A stretch at a time. Powers of ten, of which the highest eight of a recording count.
"""

from __future__ import annotations

import functools

import numpy as np
import torch

from .. import media
from .filters import mel_filters

N_FFT = 400  # samples: 25 ms, also the window's length
HOP = 160  # samples: 10 ms
FRAMES_PER_SECOND = media.SAMPLE_RATE // HOP  # 100
N_MELS = 80
FAINTEST = 1e-10  # power
RANGE = 8.0  # powers of ten under the loudest: what is fainter counts as that
BLOCK = 3000  # frames looked at together


@functools.cache
def _filters() -> torch.Tensor:
    """Mel filter bank, ``float32 (80, 201)``."""
    return torch.from_numpy(mel_filters(N_FFT, N_MELS, 0, media.SAMPLE_RATE / 2))


def _powers(wave: np.ndarray, first: int, count: int) -> torch.Tensor:
    """Log10 powers ``(80, count)`` of ``count`` frames from ``first`` on.

    Before its start a recording is mirrored, after its end it is silent.
    """
    start = first * HOP - N_FFT // 2
    stop = start + (count - 1) * HOP + N_FFT
    part = wave[max(0, start) : max(0, stop)]
    if start < 0:
        part = np.pad(part, (-start, 0), mode="reflect" if len(part) else "constant")
    part = np.pad(part, (0, stop - start - len(part)))

    window = torch.hann_window(N_FFT)
    spectrum = torch.stft(
        torch.from_numpy(part), N_FFT, HOP, window=window, center=False, return_complex=True
    )
    return (_filters() @ spectrum.abs().square()).clamp(min=FAINTEST).log10()


def loudest(wave: np.ndarray) -> float:
    """The highest log10 power of a 16 kHz waveform ``float32 (samples,)``."""
    frames = max(1, -(-len(wave) // HOP))
    return max(
        float(_powers(wave, first, min(BLOCK, frames - first)).max())
        for first in range(0, frames, BLOCK)
    )


def log_mel(
    wave: np.ndarray, first: int, count: int, top: float, gain: float = 0.0
) -> torch.Tensor:
    """``count`` frames from ``first`` on of a 16 kHz waveform's log-mel, ``float32 (80, count)``.

    ``top``: the recording's ``loudest`` power; ``gain``: powers of ten that it is made louder by.
    """
    return (_powers(wave, first, count).clamp(min=top - RANGE) + gain + 4) / 4
