"""Mel and windows."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, strategies as st
from support import SAMPLE_SPEECH, tone

from helpers import media
from helpers.sound.mel import MEL_WINDOW, mel_windows, melspectrogram, window_starts
from helpers.sound.speech import QUIET, quieten_pauses, speech_activity

RATES = [
    Fraction(24000, 1001),
    Fraction(24),
    Fraction(25),
    Fraction(30000, 1001),
    Fraction(30),
    Fraction(50),
    Fraction(60),
]


def test_mel_is_upstreams():
    """Numbers printed by ``audio.py`` of Rudrabha/Wav2Lip at 5c90fa9 for ``tone(1.0)``, with librosa 0.11 called with
    pad_mode="reflect", which was its default when that file was written."""
    mel = melspectrogram(tone(1.0))
    assert mel.shape == (80, 81) and mel.dtype == np.float32
    assert mel.mean() == pytest.approx(-3.426717533685083, abs=1e-4)
    assert mel.std() == pytest.approx(1.347178656665261, abs=1e-4)
    assert mel[3, 10] == pytest.approx(1.0393729314955644, abs=1e-4)
    assert mel[40, 40] == mel[70, 60] == -4.0


@pytest.mark.parametrize(
    "wave", [np.zeros(16000), np.zeros(800), tone(0.05), tone(0.19), np.zeros(0)], ids=len
)
def test_short_and_silent_sound_gives_a_window(wave):
    mel = melspectrogram(wave.astype(np.float32))
    assert mel.shape[1] >= MEL_WINDOW and np.isfinite(mel).all()
    if not np.any(wave):
        assert (mel == -4).all()


def test_window_starts_at_25():
    """inference: ``int(i * 80. / fps)`` as in upstream's ``inference.py``; training: one frame earlier."""
    assert window_starts(8, Fraction(25), 1000, "inference").tolist() == [
        0,
        3,
        6,
        9,
        12,
        16,
        19,
        22,
    ]
    assert window_starts(8, Fraction(25), 1000, "training").tolist() == [0, 0, 3, 6, 9, 12, 16, 19]
    assert window_starts(8, Fraction(25), 1000, "centred").tolist() == [0, 0, 0, 3, 6, 10, 13, 16]
    assert window_starts(60, Fraction(25), 30, "inference").max() == 14


@given(st.sampled_from(RATES), st.integers(1, 2000), st.floats(-500, 500))
def test_windows_stay_on_their_frame(fps, frames, offset):
    mel_frames = int(80 * frames / fps) + 40
    starts = window_starts(frames, fps, mel_frames, "centred", offset)
    ideal = 80 * (np.arange(frames) + 0.5) / float(fps) - 8 + offset * 0.08
    assert np.abs(starts - np.clip(ideal, 0, mel_frames - 16)).max() <= 0.51
    assert (np.diff(starts) >= 0).all() and starts.min() >= 0 and starts.max() <= mel_frames - 16


@given(st.sampled_from(RATES), st.integers(1, 500))
def test_inference_rule_is_upstreams_float_rule(fps, frames):
    upstream = [int(i * (80.0 / float(fps)) + 1e-9) for i in range(frames)]
    assert window_starts(frames, fps, 10**6, "inference").tolist() == upstream


def test_windows_are_columns_of_the_mel():
    mel = np.arange(80 * 50, dtype=np.float32).reshape(80, 50)
    windows = mel_windows(mel, np.array([0, 34]))
    assert windows.shape == (2, 80, 16)
    assert (windows[1] == mel[:, 34:50]).all()


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
