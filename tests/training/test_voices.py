"""Other voices for the same words."""

import numpy as np
import torch
from scipy.signal import correlate
from support import tone

from helpers.sound.mel import melspectrogram
from helpers.training.clips import Clips
from helpers.training.voices import change_voice, vary_voice


def test_another_voice_keeps_its_time():
    wave = tone(3.0)
    level = melspectrogram(wave).mean(axis=0)
    for seed in range(4):
        changed = change_voice(wave, np.random.default_rng(seed)).mean(axis=0)
        assert len(changed) == len(level)
        match = correlate(changed - changed.mean(), level - level.mean())
        assert abs(np.argmax(match) - (len(level) - 1)) <= 1


def test_a_little_another_voice_is_near_and_no_change_is_none(prepared):
    clips = Clips(prepared.arrays)
    mel = torch.from_numpy(clips.windows(clips.train[0], np.arange(6)))[None]
    assert torch.allclose(vary_voice(mel, 0.0, clips.draws), mel, atol=1e-5)
    changed = vary_voice(mel, 1.0, clips.draws)
    assert changed.shape == mel.shape
    assert 0.01 < (changed - mel).abs().mean() < 1.5
    assert changed.abs().max() <= 4
