"""Speech activity, pauses and voices."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from support import SAMPLE_SPEECH, tone

from helpers import media
from helpers.sound.mel import MEL_DECIBEL
from helpers.sound.speech import QUIET, quieten_pauses, speech_activity
from helpers.sound.voice import (
    USUAL_PITCH,
    median_pitch,
    missing_gain,
    normalise_voice,
    stretch_bands,
)


@pytest.mark.parametrize("hertz", [90.0, 210.0])
def test_a_pitch_is_found(hertz):
    """Harmonics that grow weaker, a low and a high voice; noise and too short a sound are of the usual pitch."""
    seconds = np.arange(16000) / 16000
    voice = sum(np.sin(2 * np.pi * k * hertz * seconds) / k for k in range(1, 20)).astype(
        np.float32
    )
    assert median_pitch(voice / 4) == pytest.approx(hertz, rel=0.02)
    assert median_pitch(voice[:500]) == median_pitch(np.zeros(16000, np.float32)) == USUAL_PITCH


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


@settings(deadline=None)
@given(st.floats(-12, 10))
def test_what_a_recording_lacks_of_the_usual_loudness(decibels):
    """Speech at any level, with pauses: louder by what it lacks, it lacks nothing."""
    rng = np.random.default_rng(0)
    windows = rng.uniform(-1.5, 0, (40, 80, 16)).astype(np.float32) + np.float32(
        MEL_DECIBEL * decibels
    )
    windows[::4] = QUIET
    gain = missing_gain(windows)
    assert missing_gain(normalise_voice(windows, 1.0, gain)) == pytest.approx(0, abs=0.01)
    assert missing_gain(windows - 0.2) == pytest.approx(gain + 0.2, abs=0.02)
    assert missing_gain(windows[:0]) == 0


def test_silence_and_hum_are_not_made_louder():
    hum = np.random.default_rng(0).uniform(-4, -2.5, (40, 80, 16)).astype(np.float32)
    assert missing_gain(np.full_like(hum, QUIET)) == missing_gain(hum) == 0
    assert 0 < missing_gain(hum + 0.6) < missing_gain(hum + 1.3)


@settings(deadline=None)
@given(st.integers(20, 60), st.floats(0.9, 1.1))
def test_stretching_moves_bands_up_in_proportion(band, factor):
    mel = torch.full((2, 1, 80, 16), -4.0)
    mel += 6 * torch.exp(-((torch.arange(80.0)[:, None] - band) ** 2) / 8)
    moved = stretch_bands(mel, torch.tensor([factor, 1.0]))
    assert torch.equal(moved[1], mel[1])
    assert abs(int(moved[0, 0, :, 5].argmax()) - band * factor) <= 1
    windows = mel[:, 0].numpy()
    assert normalise_voice(windows, 1.0) is windows
    assert np.array_equal(normalise_voice(windows, factor)[0], moved[0, 0].numpy())
