"""LSE-D and LSE-C: lip-sync errors under SyncNet, the measure that papers on lip-sync report.

SyncNet is Chung and Zisserman's ("Out of time", 2016; joonson/syncnet_python), the two errors are Wav2Lip's name
(Prajwal et al., 2020) for its scorer's minimum distance and confidence. Checked against that program (6efbb1c) with
seeded weights only: the real ``syncnet_v2.model`` was not at hand. With it, that program's README gives offset 3,
distance 5.353 and confidence 10.021 for its own example. That program also codes crops as XVID and JPEG, this one does
not.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable

import cv2
import numpy as np
import torch
from scipy.fft import dct
from torch.nn import functional as F

from .. import media
from ..networks.sync_expert import MAX_OFFSET, SYNC_FRAMES
from ..networks.syncnet import SyncNet

LSE_FPS = 25  # of the pictures; SyncNet knows no other rate
LSE_CROP = 224  # px
CROP_PAD = 0.4  # of the face's half size, on each side
PAD_GREY = 110
LSE_SMOOTHING = 13  # pictures, of the median over a face's place and size
PICTURE_SAMPLES = media.SAMPLE_RATE // LSE_FPS  # 640
# MFCC as in the package python_speech_features 0.6 with its default values
MFCC_FRAME, MFCC_STEP, MFCC_FFT = 400, 160, 512  # samples: 25 ms, 10 ms
MFCC_PREEMPHASIS = 0.97
MFCC_FILTERS, MFCC_CEPSTRA, MFCC_LIFTER = 26, 13, 22
MFCC_STEPS = PICTURE_SAMPLES // MFCC_STEP  # 4 MFCC frames a picture
MFCC_WINDOW = SYNC_FRAMES * MFCC_STEPS  # 20 MFCC frames heard with five pictures


@functools.cache
def mel_bank() -> np.ndarray:
    """Triangles whose corners are whole bins of the spectrum: ``float64 (26, 257)``."""
    top = 2595 * np.log10(1 + media.SAMPLE_RATE / 2 / 700)
    hertz = 700 * (10 ** (np.linspace(0, top, MFCC_FILTERS + 2) / 2595) - 1)
    corners = np.floor((MFCC_FFT + 1) * hertz / media.SAMPLE_RATE)
    bins = np.arange(MFCC_FFT // 2 + 1)
    return np.stack([np.interp(bins, corners[n : n + 3], [0, 1, 0]) for n in range(MFCC_FILTERS)])


def mfcc(wave: np.ndarray) -> np.ndarray:
    """16 kHz waveform in [-1, 1] -> MFCC at 100 frames a second, ``float64 (13, M)``; row 0 is the log energy.

    The waveform is first rounded to 16 bits: SyncNet was trained on whole numbers up to 32767.
    """
    whole = np.clip(np.round(wave.astype(np.float64) * 32768), -32768, 32767)
    emphasised = np.append(whole[:1], whole[1:] - MFCC_PREEMPHASIS * whole[:-1])
    missing = (
        MFCC_FRAME - len(whole)
        if len(whole) < MFCC_FRAME
        else (MFCC_FRAME - len(whole)) % MFCC_STEP
    )
    frames = np.lib.stride_tricks.sliding_window_view(np.pad(emphasised, (0, missing)), MFCC_FRAME)[
        ::MFCC_STEP
    ]
    power = np.square(np.abs(np.fft.rfft(frames, MFCC_FFT))) / MFCC_FFT
    tiny = np.finfo(float).eps
    energy, bands = power.sum(axis=1), power @ mel_bank().T
    cepstra = dct(np.log(np.where(bands == 0, tiny, bands)), norm="ortho")[:, :MFCC_CEPSTRA]
    cepstra *= 1 + MFCC_LIFTER / 2 * np.sin(np.pi * np.arange(MFCC_CEPSTRA) / MFCC_LIFTER)
    cepstra[:, 0] = np.log(np.where(energy == 0, tiny, energy))
    return cepstra.T


def syncnet_square(frame: np.ndarray, x: float, y: float, half: float) -> np.ndarray:
    """The crop that SyncNet sees: ``uint8 (224, 224, 3)``; ``half`` is half of the face box's longer side.

    ``x, y`` is the middle of the face box. The square goes from ``half`` above it to 1.8 ``half`` below it and 1.4
    ``half`` to each side, as in ``crop_video`` of ``run_pipeline.py``; what lies outside of the frame is grey.
    """
    left, right = (int(np.floor(x + side * half * (1 + CROP_PAD))) for side in (-1, 1))
    top, bottom = int(np.floor(y - half)), int(np.floor(y + half * (1 + 2 * CROP_PAD)))
    height, width = frame.shape[:2]
    square = cv2.copyMakeBorder(
        frame[max(0, top) : bottom, max(0, left) : right],
        max(0, -top), max(0, bottom - height), max(0, -left), max(0, right - width),
        cv2.BORDER_CONSTANT, value=(PAD_GREY,) * 3,
    )  # fmt: skip
    return cv2.resize(square, (LSE_CROP, LSE_CROP))


@torch.no_grad()
def embed_lips(net: SyncNet, crops: Iterable[np.ndarray], batch: int = 20) -> torch.Tensor:
    """RGB crops ``uint8 (224, 224, 3)``, 25 a second -> one vector for every five, ``(N - 4, 1024)``, on the CPU."""
    device = next(net.parameters()).device
    vectors, held = [torch.zeros(0, net.netfclip[-1].out_features)], []

    def flush() -> None:
        pictures = torch.from_numpy(np.stack(held)[..., ::-1].copy()).to(device)
        vectors.append(net.lips(pictures.permute(3, 0, 1, 2).float()).cpu())

    for crop in crops:
        held.append(crop)
        if len(held) == batch + SYNC_FRAMES - 1:
            flush()
            del held[:batch]
    if len(held) >= SYNC_FRAMES:
        flush()
    return torch.cat(vectors)


@torch.no_grad()
def embed_sound(net: SyncNet, wave: np.ndarray, count: int, batch: int = 64) -> torch.Tensor:
    """Vectors of the sound that goes with pictures n to n + 4, for n under ``count``: ``(count, 1024)``, on the CPU."""
    windows = np.lib.stride_tricks.sliding_window_view(mfcc(wave), MFCC_WINDOW, axis=1)[
        :, ::MFCC_STEPS
    ][:, :count]
    rows = torch.from_numpy(windows.transpose(1, 0, 2)[:, None].astype(np.float32))
    return torch.cat(
        [net.sound(part.to(next(net.parameters()).device)).cpu() for part in rows.split(batch)]
    )


def lse_score(lips: torch.Tensor, sound: torch.Tensor) -> dict[str, float]:
    """Distances of vectors ``(N, D)`` at -15 to 15 frames: lse_d, the smallest mean; lse_c, the median less that.

    Where a shifted sound has no vector, zeros stand for it. ``lse_offset`` in frames is where the smallest lies:
    positive when the mouth comes late (the opposite sign of ``syncnet.score``).
    """
    padded = F.pad(sound, (0, 0, MAX_OFFSET, MAX_OFFSET))
    shifted = padded.unfold(0, len(lips), 1).transpose(1, 2)  # (31, N, D)
    curve = torch.stack([F.pairwise_distance(lips, row).mean() for row in shifted])
    best = int(curve.argmin())
    return dict(
        lse_d=float(curve[best]), lse_c=float(curve.median() - curve[best]), lse_offset=MAX_OFFSET - best
    )  # fmt: skip


def measure_lse(net: SyncNet, crops: Iterable[np.ndarray], wave: np.ndarray) -> dict[str, float]:
    """lse_d (lower is better), lse_c (higher is better) and lse_offset (see ``score``) of a talking face.

    ``crops`` as in ``face_square``, RGB, 25 a second; ``wave`` 16 kHz, from the first crop on. The longer of the two is
    cut. Empty if there are fewer than six crops: the last five are left out, as in ``SyncNetInstance.evaluate``.
    """
    lips = embed_lips(net, itertools.islice(crops, len(wave) // PICTURE_SAMPLES))[:-1]
    return lse_score(lips, embed_sound(net, wave, len(lips))) if len(lips) else {}
