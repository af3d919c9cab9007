"""Speech activity and pauses."""

from fractions import Fraction

import numpy as np
import pytest
from support import SAMPLE_SPEECH, tone

from helpers import media
from helpers.plan.speech import speech_activity
from helpers.sound.speech import QUIET, quieten_pauses


def test_a_pause_in_real_speech_is_found():
    wave = media.read_audio(SAMPLE_SPEECH)
    loud = wave[: 3 * 16000]
    paused = np.concatenate([loud, np.zeros(2 * 16000, np.float32), loud])
    speech = speech_activity(paused, 200, Fraction(25))
    assert speech.dtype == np.float32 and speech.shape == (200,)
    assert (
        (speech[85:110] == 0).all() and speech[10:60].mean() > 0.9 and speech[140:190].mean() > 0.9
    )
    assert speech[118] == 1  # the mouth opens ahead of the voice, heard from frame 125 on
    assert np.abs(np.diff(speech)).max() < 0.5  # it opens and closes smoothly


def test_sound_without_speech_counts_as_speech_throughout():
    assert (speech_activity(tone(1.0), 25, Fraction(25)) == 1).all()
    assert (speech_activity(np.zeros(10, np.float32), 1, Fraction(25)) == 1).all()


def test_quieting_keeps_speech_and_sinks_pauses():
    windows = np.random.default_rng(0).uniform(-4, 4, (3, 80, 16)).astype(np.float32)
    half = quieten_pauses(windows, np.array([1.0, 0.5, 0.0], np.float32))
    assert (half[0] == windows[0]).all()
    assert half[2].max() == pytest.approx(QUIET) and (half[1] <= windows[1]).all()
