"""Mel and windows."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, strategies as st
from support import tone

from helpers.errors import ParameterError
from helpers.sound.mel import MEL_WINDOW, mel_windows, melspectrogram, window_starts

RATES = [Fraction(rate) for rate in ("24000/1001", "24", "25", "30000/1001", "30", "50", "60")]


def test_mel_is_upstreams():
    """Numbers printed by ``audio.py`` of Rudrabha/Wav2Lip at 5c90fa9 for ``tone(1.0)``.

    librosa 0.11 was called with pad_mode="reflect", its default when that file was written.
    """
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
    """``int(i * 80. / fps)`` as in upstream's ``inference.py``; training is one frame earlier."""
    want = {
        "inference": [0, 3, 6, 9, 12, 16, 19, 22],
        "training": [0, 0, 3, 6, 9, 12, 16, 19],
        "centred": [0, 0, 0, 3, 6, 10, 13, 16],
    }
    for alignment, starts in want.items():
        assert window_starts(8, Fraction(25), 1000, alignment).tolist() == starts
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


@pytest.mark.parametrize("alignment", ["inference", "training", "centred"])
def test_a_rate_of_many_digits_keeps_time(alignment):
    fps = Fraction("29.123457")
    starts = window_starts(20000, fps, 10**6, alignment, 12.345)
    plain = window_starts(20000, Fraction(29), 10**6, alignment, 12.345)
    seconds = 19999 / fps
    assert (np.diff(starts) >= 0).all() and starts[-1] < plain[-1]
    assert abs(starts[-1] / 80 - seconds - 0.012345) < 0.13


@pytest.mark.parametrize("fps", [Fraction(0), Fraction(-25)])
def test_no_rate_is_told(fps):
    with pytest.raises(ParameterError, match=f"fps={fps} is no frame rate"):
        window_starts(10, fps, 100)
