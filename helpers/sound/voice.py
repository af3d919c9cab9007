"""A voice's pitch, loudness and vocal tract, brought near to those that the audio encoder was trained on."""

from __future__ import annotations

import librosa
import numpy as np
import torch

from .. import media
from .mel import MEL_DECIBEL, MEL_LIMIT, N_MELS

USUAL_PITCH = 106.0  # Hz: of the man whom the bundled weights know best
PITCH_SHARE = 0.1  # of how far a voice's pitch is from it, in octaves: so far its formants are
PITCH_SECONDS, PITCH_WITHIN = (
    10,
    60,
)  # s that are looked at, from where it is loud on in the first minute
PITCH_FRAME, LOUD_RANGE_DB = 1024, 30  # samples at a time; dB under the loudest
FAINT = -3.0  # mel level: a recording whose loudest is no louder stays as it is, 12.5 dB above it gets all its gain
USUAL_LOUDNESS = (
    -0.9
)  # mel level: of the GRID speakers whom the bundled weights know, from -1.3 to -0.5


def stretch_bands(mel: torch.Tensor, factors: torch.Tensor) -> torch.Tensor:
    """Mels ``(B, n, 80, T)`` with their frequency axis stretched by ``factors`` ``(B,)``: another vocal tract's length.

    Over 1 the bands move up. As in Jaitly and Hinton, "Vocal tract length perturbation" (2013), but linear in mels.
    """
    at = torch.arange(N_MELS, device=mel.device) / factors[:, None]
    low = at.clamp(max=N_MELS - 2).long()
    part = (at.clamp(max=N_MELS - 1) - low)[:, None, :, None]
    band = lambda index: mel.gather(2, index[:, None, :, None].expand_as(mel))  # noqa: E731
    return band(low) * (1 - part) + band(low + 1) * part


def median_pitch(wave: np.ndarray) -> float:
    """Median pitch in Hz of what is voiced in ten seconds of a 16 kHz waveform, from where it is loud on.

    By pYIN (Mauch and Dixon, 2014). ``USUAL_PITCH`` of sound without a voice.
    """
    if len(wave) < PITCH_FRAME:
        return USUAL_PITCH
    wave = librosa.effects.trim(wave[: PITCH_WITHIN * media.SAMPLE_RATE], top_db=LOUD_RANGE_DB)[0][
        : PITCH_SECONDS * media.SAMPLE_RATE
    ]
    wave = np.pad(wave, (0, max(0, PITCH_FRAME - len(wave))))
    found, voiced, _ = librosa.pyin(
        wave, fmin=65, fmax=400, sr=media.SAMPLE_RATE, frame_length=PITCH_FRAME
    )
    return float(np.median(found[voiced])) if voiced.any() else USUAL_PITCH


def usual_stretch(pitch: float) -> float:
    """How far to stretch the bands of a voice of this pitch, so that they come to lie about as those of a low one.

    High voices mostly come from short vocal tracts, whose formants lie higher.
    """
    return (pitch / USUAL_PITCH) ** -PITCH_SHARE


def missing_gain(windows: np.ndarray) -> float:
    """What mel windows ``float32 (K, 80, 16)`` of a recording lack of the usual loudness, in mel units.

    Its loudness is the mean level of what is at most ``LOUD`` dB under its loudest fiftieth. 0 without windows, and of
    silence or hum: what is ``FAINT`` is nobody's speech.
    """
    if not len(windows):
        return 0.0
    level = windows.mean(axis=1).ravel()
    loudest = np.percentile(level, 98)
    lacks = USUAL_LOUDNESS - level[level >= loudest - LOUD_RANGE_DB * MEL_DECIBEL].mean()
    return float(lacks * np.clip(loudest - FAINT, 0, 1))


def normalise_voice(windows: np.ndarray, factor: float, gain: float = 0.0) -> np.ndarray:
    """Mel windows ``float32 (K, 80, 16)``, all made louder by a gain (see ``missing_gain``) and stretched by one factor
    (see ``stretch_bands``)."""
    if gain:
        windows = np.clip(windows + np.float32(gain), -MEL_LIMIT, MEL_LIMIT)
    if factor == 1:
        return windows
    return stretch_bands(torch.from_numpy(windows)[None], torch.tensor([factor]))[0].numpy()
