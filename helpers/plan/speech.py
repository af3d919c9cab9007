"""The speech of a run: its mel windows, its pauses, the mouth codes that it asks for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from ..networks.codes import CODE_SIZE, MEL_MARGIN
from ..networks.compact import CompactWav2Lip
from ..networks.encode import ENCODE_BATCH, encode_mel, fit_voice
from ..params import Params
from ..sound.mel import mel_windows, melspectrogram, window_starts
from ..sound.speech import quieten_pauses, speech_activity
from ..sound.voice import median_pitch, normalise_voice

VOICE_FRAMES = 500  # of speech, from all over a recording, after which its voice is fitted


@dataclass(frozen=True)
class Speech:
    """What N output frames hear.

    mel ``float32 (80, M)``; mel_start ``int64 (N,)``; activity ``float32 (N,)``, 1 speech to 0 pause;
    voice: by how much the mel's bands are stretched for the audio encoder, gain: what is added to its
    level before (see ``encode.fit_voice``); target_codes ``float32 (N, 8)``, zero where the engine has
    no mouth codes.
    """

    mel: np.ndarray
    mel_start: np.ndarray
    activity: np.ndarray
    target_codes: np.ndarray
    voice: float = 1.0
    gain: float = 0.0

    def windows(self, numbers: Sequence[int], margin: int = 0) -> np.ndarray:
        """Mel windows of output frames, ``float32 (len(numbers), 80, 16)``, quiet in pauses.

        With a ``margin``, so many mel frames more on both sides.
        """
        windows = mel_windows(self.mel, self.mel_start[numbers], margin)
        windows = normalise_voice(windows, self.voice, self.gain)
        return quieten_pauses(windows, self.activity[numbers])


def plan_speech(wave: np.ndarray, count: int, fps: Fraction, alignment: str, p: Params) -> Speech:
    """A 16 kHz waveform at ``count`` output frames, as it is: no voice fitted, no mouth codes."""
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


def with_target_codes(speech: Speech, wave: np.ndarray, net: CompactWav2Lip) -> Speech:
    """The speech with its voice fitted to the audio encoder, and the mouth codes that it asks for."""
    spoken = np.flatnonzero(speech.activity > 0.5)
    count = min(len(spoken), VOICE_FRAMES)
    chosen = spoken[np.linspace(0, len(spoken) - 1, count).astype(int)]
    voice, gain = fit_voice(net, speech.windows(chosen, MEL_MARGIN), median_pitch(wave))
    fitted = replace(speech, voice=voice, gain=gain)

    frames = len(speech.activity)
    pieces = (
        fitted.windows(range(n, min(n + ENCODE_BATCH, frames)), MEL_MARGIN)
        for n in range(0, frames, ENCODE_BATCH)
    )
    return replace(fitted, target_codes=encode_mel(net, pieces))
