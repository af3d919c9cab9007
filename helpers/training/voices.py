"""Other voices, rooms and microphones for the same words, in time with them."""

from __future__ import annotations

import math

import numpy as np
import torch
from scipy.ndimage import gaussian_filter1d
from scipy.signal import fftconvolve
from torch.nn import functional as F

from ..media import SAMPLE_RATE
from ..sound.mel import MEL_DECIBEL, MEL_LIMIT, N_MELS, magnitudes, mel_from_magnitudes
from .draws import Draws

# another person, in waveforms
ROOM_SECONDS = 0.4
ROOM_DECAY = (0.1, 0.5)  # s until the room's answer is 60 dB down
ROOM_LEVEL = (0.005, 0.03)  # of the answer, the direct sound being 1
SIXTY_DECIBELS = 6.9  # as a natural logarithm of amplitude
ENVELOPE_BINS = 7  # spread of the smoothing that leaves the vocal tract's envelope
TRACT = (0.8, 1.3)  # stretches of the envelope
PITCH = (0.65, 1.8)  # stretches of the rest

# another microphone, in mels
GAIN = (-12, 8)  # dB
EQUALISER = 4  # dB, spread
NOISE_LEVEL = (-70, -15)  # dB
NOISE_TILT = 6  # dB, spread
NOISE_OFFSET = 1.5  # mel units: of 0 dB
NOISE_SPREAD = 0.25  # mel units
TOP_BAND = (55, 130)  # mels: over the 80 there are, nothing is cut
CUT_SLOPE = 0.5  # mel units a band
NATURAL = math.log(10) / 20 / MEL_DECIBEL  # mel units -> natural logarithm of the amplitude


def _log_uniform(rng: np.random.Generator, bounds: tuple[float, float]) -> float:
    low, high = bounds
    return math.exp(rng.uniform(math.log(low), math.log(high)))


def _in_room(wave: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    t = np.arange(int(ROOM_SECONDS * SAMPLE_RATE)) / SAMPLE_RATE
    noise = rng.standard_normal(t.size)

    decay = np.exp(-SIXTY_DECIBELS * t / rng.uniform(*ROOM_DECAY))
    answer = noise * decay * rng.uniform(*ROOM_LEVEL)
    answer[0] = 1.0
    return fftconvolve(wave, answer)[: len(wave)]


def _stretched(values: np.ndarray, factor: float) -> np.ndarray:
    """Rows ``(bins, M)`` moved up by a factor, with lines between them."""
    at = np.clip(np.arange(len(values)) / factor, 0, len(values) - 1)

    low = np.minimum(at.astype(int), len(values) - 2)
    part = (at - low)[:, None]
    return values[low] * (1 - part) + values[low + 1] * part


def change_voice(wave: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Mel ``(80, M)`` of the same words in another voice and room, in time with the original.

    The magnitude spectrum is split into a smooth envelope (vocal tract) and the rest (pitch); each
    is stretched along the frequency axis by a factor of its own. Half of the time a synthetic room
    answers.
    """
    if rng.random() < 0.5:
        wave = _in_room(wave, rng)

    log = np.log(magnitudes(wave) + 1e-6)
    envelope = gaussian_filter1d(log, ENVELOPE_BINS, axis=0)

    tract = _log_uniform(rng, TRACT)
    pitch = _log_uniform(rng, PITCH)
    changed = _stretched(envelope, tract) + _stretched(log - envelope, pitch)
    return mel_from_magnitudes(np.exp(changed))


def _equaliser(batch: int, knots: int, spread: float, draws: Draws) -> torch.Tensor:
    """Random decibels ``(batch, 1, 80, 1)``: lines through ``knots`` values of that spread."""
    values = draws.normal(batch, 1, knots) * spread
    return F.interpolate(values, size=N_MELS, mode="linear", align_corners=True)[..., None]


def vary_microphone(mel: torch.Tensor, strength: float, draws: Draws) -> torch.Tensor:
    """Another microphone for each clip: mels ``(B, n, 80, 16)``, gain, equaliser, noise, lost
    top.
    """
    batch = len(mel)

    equaliser = _equaliser(batch, 6, EQUALISER, draws)
    gain = draws.uniform(batch, 1, 1, 1, low=GAIN[0], high=GAIN[1]) + equaliser
    mel = mel + strength * MEL_DECIBEL * gain

    tilt = _equaliser(batch, 4, NOISE_TILT, draws)
    level = draws.uniform(batch, 1, 1, 1, low=NOISE_LEVEL[0], high=NOISE_LEVEL[1])
    decibels = level + tilt - 60 * (1 - strength)
    noise = decibels * MEL_DECIBEL + NOISE_OFFSET + NOISE_SPREAD * draws.normal(*mel.shape)
    mel = torch.logaddexp(mel * NATURAL, noise * NATURAL) / NATURAL

    top = draws.uniform(batch, 1, 1, 1, low=TOP_BAND[0], high=TOP_BAND[1])
    bands = torch.arange(N_MELS, device=mel.device)[None, None, :, None]
    drop = (bands - top).clamp(min=0)
    return (mel - CUT_SLOPE * strength * drop).clamp(-MEL_LIMIT, MEL_LIMIT)
