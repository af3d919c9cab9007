"""LSE-D and LSE-C: lip-sync errors under SyncNet, the measure that papers on lip-sync report.

SyncNet is Chung and Zisserman's ("Out of time", 2016; joonson/syncnet_python), the two errors are
Wav2Lip's name (Prajwal et al., 2020) for its scorer's minimum distance and confidence. Checked
against that program (6efbb1c) with seeded weights only: the real ``syncnet_v2.model`` was not at
hand. With it, that program's README gives offset 3, distance 5.353 and confidence 10.021 for its
own example. That program also codes crops as XVID and JPEG, this one does not.
"""

from __future__ import annotations

import functools

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
VECTOR_SIZE = 1024
LIP_BATCH = 20  # vectors that are made at once
SOUND_BATCH = 64
PICTURE_SAMPLES = media.SAMPLE_RATE // LSE_FPS  # 640

# MFCC as in the package python_speech_features 0.6 with its default values
MFCC_FRAME = 400  # samples: 25 ms
MFCC_STEP = 160  # samples: 10 ms
MFCC_FFT = 512  # samples
MFCC_PREEMPHASIS = 0.97
MFCC_FILTERS = 26
MFCC_CEPSTRA = 13
MFCC_LIFTER = 22
MFCC_STEPS = PICTURE_SAMPLES // MFCC_STEP  # 4 MFCC frames a picture
MFCC_WINDOW = SYNC_FRAMES * MFCC_STEPS  # 20 MFCC frames go with five pictures
SIXTEEN_BITS = 32768


@functools.cache
def mel_bank() -> np.ndarray:
    """Triangles whose corners are whole bins of the spectrum: ``float64 (26, 257)``."""
    top = 2595 * np.log10(1 + media.SAMPLE_RATE / 2 / 700)
    hertz = 700 * (10 ** (np.linspace(0, top, MFCC_FILTERS + 2) / 2595) - 1)
    corners = np.floor((MFCC_FFT + 1) * hertz / media.SAMPLE_RATE)
    bins = np.arange(MFCC_FFT // 2 + 1)
    return np.stack([np.interp(bins, corners[n : n + 3], [0, 1, 0]) for n in range(MFCC_FILTERS)])


def mfcc(wave: np.ndarray) -> np.ndarray:
    """16 kHz waveform in [-1, 1] -> MFCC at 100 frames a second, ``float64 (13, M)``.

    Row 0 is the log energy. The waveform is first rounded to 16 bits: SyncNet was trained on whole
    numbers up to 32767.
    """
    scaled = np.round(wave.astype(np.float64) * SIXTEEN_BITS)
    whole = np.clip(scaled, -SIXTEEN_BITS, SIXTEEN_BITS - 1)
    emphasised = np.append(whole[:1], whole[1:] - MFCC_PREEMPHASIS * whole[:-1])

    missing = MFCC_FRAME - len(whole)
    if missing < 0:
        missing %= MFCC_STEP
    padded = np.pad(emphasised, (0, missing))
    frames = np.lib.stride_tricks.sliding_window_view(padded, MFCC_FRAME)[::MFCC_STEP]
    power = np.square(np.abs(np.fft.rfft(frames, MFCC_FFT))) / MFCC_FFT

    tiny = np.finfo(float).eps
    energy = power.sum(axis=1)
    bands = power @ mel_bank().T
    cepstra = dct(np.log(np.where(bands == 0, tiny, bands)), norm="ortho")[:, :MFCC_CEPSTRA]
    cepstra *= 1 + MFCC_LIFTER / 2 * np.sin(np.pi * np.arange(MFCC_CEPSTRA) / MFCC_LIFTER)
    cepstra[:, 0] = np.log(np.where(energy == 0, tiny, energy))
    return cepstra.T


def syncnet_square(frame: np.ndarray, x: float, y: float, half: float) -> np.ndarray:
    """The crop that SyncNet sees, ``uint8 (224, 224, 3)``, as in ``crop_video`` of
    ``run_pipeline.py``.

    ``x, y`` is the middle of the face box, ``half`` half of its longer side, in pixels. The square
    goes from ``half`` above it to 1.8 ``half`` below it and 1.4 ``half`` to each side; what lies
    outside of the frame is grey.
    """
    left = int(np.floor(x - half * (1 + CROP_PAD)))
    right = int(np.floor(x + half * (1 + CROP_PAD)))
    top = int(np.floor(y - half))
    bottom = int(np.floor(y + half * (1 + 2 * CROP_PAD)))

    height, width = frame.shape[:2]
    square = cv2.copyMakeBorder(
        frame[max(0, top) : bottom, max(0, left) : right],
        max(0, -top),
        max(0, bottom - height),
        max(0, -left),
        max(0, right - width),
        cv2.BORDER_CONSTANT,
        value=(PAD_GREY, PAD_GREY, PAD_GREY),
    )
    return cv2.resize(square, (LSE_CROP, LSE_CROP))


class LseScorer:
    """LSE of one talking face whose pictures come one by one, so that few are in memory.

    ``wave`` ``float32 (samples,)``, 16 kHz, begins with the first picture. Of pictures and sound
    the longer is cut.
    """

    def __init__(self, net: SyncNet, wave: np.ndarray, batch: int = LIP_BATCH):
        self.net = net
        self.wave = wave
        self.batch = batch
        self.left = len(wave) // PICTURE_SAMPLES  # pictures that have sound
        self.waiting: list[np.ndarray] = []
        self.vectors = [torch.zeros(0, VECTOR_SIZE)]

    def add(self, crop: np.ndarray) -> None:
        """The next picture, ``uint8 (224, 224, 3)`` RGB, 25 a second (see ``syncnet_square``)."""
        if not self.left:
            return

        self.left -= 1
        self.waiting.append(crop)
        if len(self.waiting) == self.batch + SYNC_FRAMES - 1:
            self._embed()

    @torch.no_grad()
    def _embed(self) -> None:
        pictures = torch.from_numpy(np.stack(self.waiting)[..., ::-1].copy())
        pictures = pictures.to(next(self.net.parameters()).device)
        self.vectors.append(self.net.lips(pictures.permute(3, 0, 1, 2).float()).cpu())
        del self.waiting[: self.batch]

    def lip_vectors(self) -> torch.Tensor:
        """A vector for every five pictures, ``(N - 4, 1024)``, on the CPU; none can be added
        then.
        """
        if len(self.waiting) >= SYNC_FRAMES:
            self._embed()
        return torch.cat(self.vectors)

    def score(self) -> dict[str, float]:
        """lse_d, lse_c and lse_offset (see ``lse_score``).

        Empty if there were fewer than six pictures: the last five are left out, as in
        ``SyncNetInstance.evaluate``.
        """
        lips = self.lip_vectors()[:-1]
        return lse_score(lips, embed_sound(self.net, self.wave, len(lips))) if len(lips) else {}


@torch.no_grad()
def embed_sound(net: SyncNet, wave: np.ndarray, count: int) -> torch.Tensor:
    """Vectors of the sound that goes with pictures n to n + 4, for n under ``count``.

    ``(count, 1024)``, on the CPU.
    """
    windows = np.lib.stride_tricks.sliding_window_view(mfcc(wave), MFCC_WINDOW, axis=1)
    windows = windows[:, ::MFCC_STEPS][:, :count]
    rows = torch.from_numpy(windows.transpose(1, 0, 2)[:, None].astype(np.float32))
    device = next(net.parameters()).device
    return torch.cat([net.sound(part.to(device)).cpu() for part in rows.split(SOUND_BATCH)])


def lse_score(lips: torch.Tensor, sound: torch.Tensor) -> dict[str, float]:
    """Distances of vectors ``(N, D)`` at -15 to 15 frames: lse_d, lse_c and lse_offset.

    lse_d is the smallest mean (lower is better), lse_c the median less that (higher is better).
    Where a shifted sound has no vector, zeros stand for it. lse_offset in frames is where the
    smallest lies: positive when the mouth comes late (the opposite sign of ``sync_score``).
    """
    padded = F.pad(sound, (0, 0, MAX_OFFSET, MAX_OFFSET))
    shifted = padded.unfold(0, len(lips), 1).transpose(1, 2)  # (31, N, D)
    curve = torch.stack([F.pairwise_distance(lips, row).mean() for row in shifted])
    best = int(curve.argmin())
    return dict(
        lse_d=float(curve[best]),
        lse_c=float(curve.median() - curve[best]),
        lse_offset=MAX_OFFSET - best,
    )
