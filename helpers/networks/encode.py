"""Encoders of the compact network, run over numpy arrays of any length."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import torch
from scipy.ndimage import gaussian_filter1d
from torch import nn
from torch.nn import functional as F

from ..timing import Progress, silent
from .audio_encoder import EMBEDDINGS_PER_SECOND, AudioEncoder, embed, embedding_count
from .codes import CODE_SIZE, READ_REACH, TAPS
from .compact import CompactWav2Lip

NEUTRAL_LIMIT = 3.0  # length of a person's neutral code
TALKING_SPREAD = 0.5  # spread of the codes of a mouth that moves
USUALLY_OPEN = 0.65  # from the code of silence to people's mean code: ten GRID speakers
SMOOTH_S = 0.03  # standard deviation in time
SPOKEN_OPEN = 1.8  # away from the code of silence: mean of speech; faces have 0.45, drawn ones shut
SPREAD = 3.2  # of codes in speech, root of the sum of variances: faces 2.4, drawn ones move less
MOST_STRETCH = 2.0
LOUDNESS = 1.8  # log10 power of the loudest band in what GRID's speakers say, from 1.4 to 2.2
ENCODE_BATCH = 256  # faces encoded at once
BLOCK = 4096  # moments looked up at once


def to_pixels(net: nn.Module, faces: np.ndarray) -> torch.Tensor:
    pixels = torch.from_numpy(faces).to(next(net.parameters()).device, non_blocking=True)
    return pixels.permute(0, 3, 1, 2).float() / 255


def frame_moments(count: int, fps: Fraction) -> np.ndarray:
    """The middles of frames' display times in s, ``float64 (count,)``."""
    return (np.arange(count) + 0.5) / float(fps)


@torch.inference_mode()
def encode_speech(
    net: CompactWav2Lip,
    encoder: AudioEncoder,
    wave: np.ndarray,
    moments: np.ndarray,
    activity: np.ndarray | None = None,
    progress: Progress = silent,
) -> np.ndarray:
    """Mouth codes ``float32 (K, 8)`` that a 16 kHz waveform asks for at ``moments`` ``(K,)`` in s.

    ``read_speech``, then ``codes_at``.
    """
    return codes_at(net, read_speech(net, encoder, wave, progress), moments, activity)


@torch.inference_mode()
def read_speech(
    net: CompactWav2Lip, encoder: AudioEncoder, wave: np.ndarray, progress: Progress = silent
) -> np.ndarray:
    """What each tap of the readout makes of each embedding of a waveform: ``(11, T, 8)``."""
    total = embedding_count(wave)
    taps = np.empty((TAPS, total, CODE_SIZE), np.float32)
    done = 0
    for part in embed(encoder, wave, LOUDNESS):
        taps[:, done : done + len(part)] = net.readout(part).transpose(0, 1).cpu().numpy()
        done += len(part)
        progress("sound", done, total)

    return taps


def codes_at(
    net: CompactWav2Lip, taps: np.ndarray, moments: np.ndarray, activity: np.ndarray | None = None
) -> np.ndarray:
    """Mouth codes ``float32 (K, 8)`` at ``moments`` ``(K,)`` in s, by ``taps`` of ``read_speech``.

    Each recording's are less their mean over speech, which is the voice's and the microphone's, as
    faces' codes are less their person's, and stretched to spread as people's do: what is told by a
    mean moves too little (the "global variance" of Toda and Tokuda, 2007). ``activity`` ``(K,)``, 1
    speech to 0 pause, where the code of silence takes over; by default all is speech.
    """
    if activity is None:
        activity = np.ones(len(moments), np.float32)

    blocks = np.split(moments, range(BLOCK, len(moments), BLOCK))
    codes = np.concatenate([_around(taps, block).sum(axis=0) for block in blocks])
    if len(moments) > 1:
        step = (moments[-1] - moments[0]) / (len(moments) - 1)
        codes = gaussian_filter1d(codes, SMOOTH_S / step, axis=0)

    silence = net.readout.silence.cpu().numpy()
    spoken = codes[activity > 0.5]
    if len(spoken):
        spread = float(np.sqrt(spoken.var(axis=0).sum()))
        stretch = np.clip(SPREAD / max(spread, 1e-6), 1 / MOST_STRETCH, MOST_STRETCH)
        usual = SPOKEN_OPEN * silence / max(1e-6, float(np.linalg.norm(silence)))
        codes = (codes - spoken.mean(axis=0)) * stretch - usual

    share = activity[:, None]
    return (share * codes + (1 - share) * silence).astype(np.float32)


def embed_around(encoder: AudioEncoder, wave: np.ndarray, moments: np.ndarray) -> np.ndarray:
    """Embeddings around moments ``(K,)`` in s of a waveform: ``float32 (K, 11 * 512)``."""
    embeddings = torch.cat(list(embed(encoder, wave, LOUDNESS))).cpu().numpy()
    around = _around(np.broadcast_to(embeddings, (TAPS, *embeddings.shape)), moments)
    return around.transpose(1, 0, 2).reshape(len(moments), -1)


def _around(taps: np.ndarray, moments: np.ndarray) -> np.ndarray:
    """Values ``(11, T, n)`` by tap and embedding -> at moments ``(11, K, n)``, linear between."""
    last = taps.shape[1] - 1
    number = np.arange(TAPS)[:, None]
    at = (moments * EMBEDDINGS_PER_SECOND - 0.5 + number - READ_REACH).clip(0, last)
    low = at.astype(int)
    share = (at - low)[..., None].astype(np.float32)
    return taps[number, low] * (1 - share) + taps[number, np.minimum(low + 1, last)] * share


@torch.inference_mode()
def encode_faces(net: CompactWav2Lip, faces: np.ndarray) -> np.ndarray:
    """Mouth codes ``float32 (K, 8)`` of RGB faces ``uint8 (K, 96, 96, 3)``."""
    parts = [
        net.face_encoder(to_pixels(net, faces[at : at + ENCODE_BATCH]))
        for at in range(0, len(faces), ENCODE_BATCH)
    ]
    return torch.cat(parts).cpu().numpy()


def with_opening(net: CompactWav2Lip, codes: np.ndarray) -> np.ndarray:
    """Codes ``(K, 8)`` and, after them, how far each parts the lips: ``(K, 9)``."""
    return np.column_stack((codes, codes @ net.readout.opening.cpu().numpy()))


def is_talking(codes: np.ndarray) -> bool:
    """Do the codes ``float32 (K, 8)`` of a person's faces move as in speech?"""
    return codes.std(axis=0).mean() >= TALKING_SPREAD


def neutral_code(net: CompactWav2Lip, codes: np.ndarray) -> np.ndarray:
    """A person's usual mouth: the mean ``float32 (8,)`` of their faces' codes ``float32 (K, 8)``.

    Sound tells how a mouth moves about it; what else is in it (beard, lips, teeth) is the person's.
    A mouth that does not move shows a moment, too, and counts by half, a usual mouth by the other
    half. No longer than ``NEUTRAL_LIMIT``: nobody talks about a wide smile.
    """
    code = codes.mean(axis=0)
    if not is_talking(codes):
        code = (code - USUALLY_OPEN * F.normalize(net.readout.silence, dim=0).cpu().numpy()) / 2
    length = max(1e-6, float(np.linalg.norm(code)))
    return code * min(1, NEUTRAL_LIMIT / length)
