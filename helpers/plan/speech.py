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
from ..networks.voice import PIECE_S, voice_certainty
from ..params import Params
from ..sound.mel import mel_windows, melspectrogram, window_starts
from ..sound.speech import activity_at, quieten_pauses
from ..timing import Progress, share_of, silent

# how far the stage "sound" is after the mel, and when pauses are known
MEL_SHARE = 0.12
HEARD_SHARE = 0.2


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


def plan_speech(
    wave: np.ndarray,
    count: int,
    fps: Fraction,
    alignment: str,
    p: Params,
    progress: Progress = silent,
) -> Speech:
    """A 16 kHz waveform at ``count`` output frames, without mouth codes."""
    mel = melspectrogram(wave, share_of(progress, 0, MEL_SHARE))
    activity = np.ones(count, np.float32)
    if p.silence == "close":
        activity = speech_activity(wave, count, fps, share_of(progress, MEL_SHARE, HEARD_SHARE))

    return Speech(
        mel=mel,
        mel_start=window_starts(count, fps, mel.shape[1], alignment, p.audio_offset_ms),
        activity=activity,
        target_codes=np.zeros((count, CODE_SIZE), np.float32),
    )


def speech_activity(
    wave: np.ndarray, frames: int, fps: Fraction, progress: Progress = silent
) -> np.ndarray:
    """Where somebody speaks in a 16 kHz waveform, at each video frame; see ``activity_at``."""
    certain = voice_certainty(checkpoints.voice_detector(), wave, progress)
    whole = certain[:-1]  # the last piece is filled up with silence
    return activity_at(whole, PIECE_S, frames, fps)


def with_target_codes(
    speech: Speech,
    wave: np.ndarray,
    fps: Fraction,
    net: CompactWav2Lip,
    offset_ms: float,
    progress: Progress = silent,
) -> Speech:
    """The speech with the mouth codes that it asks for; a positive offset hears later sound."""
    count = len(speech.activity)
    moments = frame_moments(count, fps) + offset_ms / 1000
    tell = share_of(progress, HEARD_SHARE, 1)
    codes = encode_speech(net, audio_encoder_for(net), wave, moments, speech.activity, tell)
    return replace(speech, target_codes=codes)


def audio_encoder_for(net: CompactWav2Lip) -> AudioEncoder:
    """The audio encoder, where the network is."""
    return checkpoints.audio_encoder().to(next(net.parameters()).device)
