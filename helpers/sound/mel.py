"""Waveform -> mel spectrogram -> one mel window for every video frame.

The mel is the one Wav2Lip was trained with (``audio.py`` and ``hparams.py`` of Rudrabha/Wav2Lip at
5c90fa9): pre-emphasis, a centred STFT with reflect padding (librosa's default when Wav2Lip was
trained; it is "constant" now), 80 mels, decibels, scaled to [-4, 4].
"""

from __future__ import annotations

import functools
from fractions import Fraction

import numpy as np

from .. import media
from ..errors import ParameterError
from ..timing import Progress, counted, silent
from .filters import mel_filters

PREEMPHASIS = 0.97
N_FFT = 800  # samples: 50 ms, also the window's length
HOP = 200  # samples: 12.5 ms
MELS_PER_SECOND = media.SAMPLE_RATE // HOP  # 80
N_MELS = 80
F_MIN, F_MAX = 55, 7600  # Hz
MIN_DB, REF_DB = -100.0, 20.0
MEL_LIMIT = 4.0
MEL_DECIBEL = 2 * MEL_LIMIT / -MIN_DB  # mel units a decibel
BLOCK = 1000  # columns made at once
MEL_WINDOW = 16  # mel frames of a video frame's window: 0.2 s
MEL_ALIGNMENTS = ("inference", "training", "centred")


@functools.cache
def mel_basis() -> np.ndarray:
    """Mel filter bank, ``float32 (80, 401)``."""
    return mel_filters(N_FFT, N_MELS, F_MIN, F_MAX)


def magnitudes(wave: np.ndarray, first: int = 0, count: int | None = None) -> np.ndarray:
    """|STFT| of a pre-emphasised waveform, ``(401, M)``: a column every 12.5 ms, amid its time.

    ``count`` columns from ``first`` on. Before its start and after its end a recording is mirrored.
    """
    if count is None:
        count = 1 + len(wave) // HOP
    missing = N_FFT // 2 + 1 - len(wave)  # a mirror needs more samples than it adds
    if missing > 0:
        wave = np.pad(wave, (0, missing))

    start = first * HOP - N_FFT // 2
    last = len(wave) - 1
    heard = last - abs(last - abs(np.arange(start, start + (count - 1) * HOP + N_FFT)))
    before = np.where(heard > 0, wave[heard - 1], 0)
    emphasised = wave[heard].astype(np.float64) - PREEMPHASIS * before.astype(np.float64)

    columns = np.lib.stride_tricks.sliding_window_view(emphasised, N_FFT)[::HOP]
    window = np.hanning(N_FFT + 1)[:-1]
    return np.abs(np.fft.rfft(columns * window)).T


def mel_from_magnitudes(magnitude: np.ndarray) -> np.ndarray:
    """|STFT| ``(401, M)`` -> mel in [-4, 4], ``float32 (80, M)``."""
    floor_level = 10.0 ** (MIN_DB / 20.0)
    level = np.maximum(floor_level, mel_basis() @ magnitude)
    decibels = 20.0 * np.log10(level) - REF_DB

    scaled = 2 * MEL_LIMIT * ((decibels - MIN_DB) / -MIN_DB) - MEL_LIMIT
    return np.clip(scaled, -MEL_LIMIT, MEL_LIMIT).astype(np.float32)


def melspectrogram(wave: np.ndarray, progress: Progress = silent) -> np.ndarray:
    """16 kHz mono waveform ``(samples,)`` -> mel ``float32 (80, M)`` in [-4, 4], M >= 16.

    Sound shorter than one window (0.2 s) is padded with silence; digital silence gives -4.
    """
    missing = MEL_WINDOW * HOP - len(wave)
    if missing > 0:
        wave = np.pad(wave, (0, missing))

    total = 1 + len(wave) // HOP
    mel = np.empty((N_MELS, total), np.float32)
    firsts = range(0, total, BLOCK)
    for first in counted(firsts, progress, "sound", len(firsts)):
        part = magnitudes(wave, first, min(BLOCK, total - first))
        mel[:, first : first + BLOCK] = mel_from_magnitudes(part)

    return mel


def window_starts(
    frames: int,
    fps: Fraction,
    mel_frames: int,
    alignment: str = "centred",
    offset_ms: float = 0.0,
) -> np.ndarray:
    """First mel frame of each video frame's window, ``int64 (frames,)``, in [0, mel_frames - 16].

    ``inference`` starts at int(80 k / fps) as Wav2Lip's ``inference.py``, ``training`` at
    int(80 (k - 1) / fps) as its ``wav2lip_train.py``, ``centred`` puts the middle of the window on
    the middle of the frame's display time. A positive ``offset_ms`` makes the mouth follow later
    sound. Raises ParameterError for a rate that is not above 0.
    """
    if fps <= 0:
        raise ParameterError(f"fps={fps} is no frame rate; give one above 0, such as 25")

    rate = Fraction(MELS_PER_SECOND) / fps
    shift = Fraction(offset_ms).limit_denominator(10**6) * MELS_PER_SECOND / 1000
    constant = {
        "inference": shift,
        "training": shift - rate,
        "centred": shift + rate / 2 - MEL_WINDOW // 2 + Fraction(1, 2),
    }[alignment]

    # Whole numbers of Python: a rate of many digits goes beyond 64 bits.
    whole = rate.denominator * constant.denominator
    step = int(rate * whole)
    first = int(constant * whole)
    starts = np.array([(n * step + first) // whole for n in range(frames)], dtype=np.int64)

    return np.clip(starts, 0, max(0, mel_frames - MEL_WINDOW))


def mel_windows(mel: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Windows of a mel ``(80, M)`` that start at ``starts``: ``float32 (len(starts), 80, 16)``."""
    columns = np.asarray(starts)[:, None] + np.arange(MEL_WINDOW)
    windows = mel[:, columns.clip(0, mel.shape[1] - 1)]
    return np.ascontiguousarray(windows.transpose(1, 0, 2))
