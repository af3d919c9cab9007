"""The mel filter bank of Slaney's Auditory Toolbox (1998), which librosa's is, too."""

from __future__ import annotations

import numpy as np

from .. import media

LINEAR = 200 / 3  # Hz a mel, up to 1 kHz
BREAK = 1000.0  # Hz, from which on mels are logarithmic
LOG_STEP = np.log(6.4) / 27  # of a mel there


def hertz_to_mel(frequency: float) -> float:
    """Slaney's mel scale."""
    if frequency < BREAK:
        return frequency / LINEAR
    return BREAK / LINEAR + float(np.log(frequency / BREAK)) / LOG_STEP


def mel_to_hertz(mels: np.ndarray) -> np.ndarray:
    """The inverse of ``hertz_to_mel``."""
    above = mels - BREAK / LINEAR
    return np.where(above < 0, LINEAR * mels, BREAK * np.exp(LOG_STEP * above))


def mel_filters(n_fft: int, n_mels: int, f_min: float, f_max: float) -> np.ndarray:
    """Triangles of area 1 in Hz over the bins of an FFT: ``float32 (n_mels, 1 + n_fft / 2)``."""
    bins = np.linspace(0, media.SAMPLE_RATE / 2, 1 + n_fft // 2)
    edges = mel_to_hertz(np.linspace(hertz_to_mel(f_min), hertz_to_mel(f_max), n_mels + 2))
    low, middle, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]

    rising = (bins - low) / (middle - low)
    falling = (high - bins) / (high - middle)
    triangles = np.maximum(0, np.minimum(rising, falling))
    return (triangles * 2 / (high - low)).astype(np.float32)
