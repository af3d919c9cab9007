"""The speech of a run: its mel windows, its pauses, the mouth codes that it asks for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from .. import checkpoints
from ..networks.audio_encoder import AudioEncoder
from ..networks.codes import CODE_SIZE
from ..networks.compact import CompactWav2Lip
from ..networks.encode import encode_speech, frame_moments
from ..params import Params
from ..sound.mel import mel_windows, melspectrogram, window_starts
from ..sound.speech import quieten_pauses, speech_activity


@dataclass(frozen=True)
class Speech:
    """What N output frames hear.

    mel ``float32 (80, M)``; mel_start ``int64 (N,)``; activity ``float32 (N,)``, 1 speech to 0
    pause; target_codes ``float32 (N, 8)``, zero where the engine has no mouth codes.
    """

    mel: np.ndarray
    mel_start: np.ndarray
    activity: np.ndarray
    target_codes: np.ndarray

    def windows(self, numbers: Sequence[int]) -> np.ndarray:
        """Mel windows of output frames, ``float32 (len(numbers), 80, 16)``, quiet in pauses."""
        windows = mel_windows(self.mel, self.mel_start[numbers])
        return quieten_pauses(windows, self.activity[numbers])


def plan_speech(wave: np.ndarray, count: int, fps: Fraction, alignment: str, p: Params) -> Speech:
    """A 16 kHz waveform at ``count`` output frames, without mouth codes."""
    mel = melspectrogram(wave)
    activity = np.ones(count, np.float32)
    if p.silence == "close":
        activity = speech_activity(wave, count, fps)

    return Speech(
        mel=mel,
        mel_start=window_starts(count, fps, mel.shape[1], alignment, p.audio_offset_ms),
        activity=activity,
        target_codes=np.zeros((count, CODE_SIZE), np.float32),
    )


def with_target_codes(
    speech: Speech, wave: np.ndarray, fps: Fraction, net: CompactWav2Lip, offset_ms: float
) -> Speech:
    """The speech with the mouth codes that it asks for; a positive offset hears later sound."""
    count = len(speech.activity)
    moments = frame_moments(count, fps) + offset_ms / 1000
    codes = encode_speech(net, audio_encoder_for(net), wave, moments, speech.activity)
    return replace(speech, target_codes=codes)


def audio_encoder_for(net: CompactWav2Lip) -> AudioEncoder:
    """The audio encoder, where the network is."""
    return checkpoints.audio_encoder().to(next(net.parameters()).device)
