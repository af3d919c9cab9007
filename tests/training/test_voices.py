"""Other voices for the same words."""

import numpy as np
from scipy.signal import correlate
from support import tone

from helpers.sound.mel import melspectrogram
from helpers.training.voices import change_voice


def test_another_voice_keeps_its_time():
    wave = tone(3.0)
    level = melspectrogram(wave).mean(axis=0)
    for seed in range(4):
        changed = change_voice(wave, np.random.default_rng(seed)).mean(axis=0)
        assert len(changed) == len(level)
        match = correlate(changed - changed.mean(), level - level.mean())
        assert abs(np.argmax(match) - (len(level) - 1)) <= 1
