"""Sound and faces as mouth codes."""

import numpy as np
import pytest
import torch
from support import SAMPLE_SPEECH

from helpers import checkpoints, media
from helpers.networks.codes import MEL_MARGIN
from helpers.networks.encode import (
    VOICE_STRETCHES,
    encode_mel,
    encode_speech,
    fit_voice,
    is_talking,
    neutral_code,
    silence_code,
)
from helpers.sound.mel import mel_windows, melspectrogram
from helpers.sound.voice import missing_gain, normalise_voice, usual_stretch


def test_an_ear_is_a_mean_over_places_and_encoders():
    """Heard early, in time and late by two mel frames (25 ms): by two encoders of 0.2 s and two of 0.35 s each."""
    ear = checkpoints.load(checkpoints.FOLDER / "wav2lip-compact.safetensors").audio_encoder
    mel = torch.randn(3, 1, 80, 32, generator=torch.Generator().manual_seed(0))
    short = [encoder(mel[..., at : at + 16]) for encoder in ear.encoders[:2] for at in (6, 8, 10)]
    long = [encoder(mel[..., at : at + 28]) for encoder in ear.encoders[2:] for at in (0, 2, 4)]
    told = torch.stack(short + long).mean(dim=0)
    assert torch.allclose(ear(mel), told * ear.spread, atol=1e-4)


def test_a_voice_is_fitted_to_the_ear():
    """Speech whose bands were moved is moved back, as far as the factors go: the one with which most is told."""
    net = checkpoints.load(checkpoints.locate("compact").path)
    mel = melspectrogram(media.read_audio(SAMPLE_SPEECH))
    windows = mel_windows(mel, np.arange(0, 560, 4), MEL_MARGIN)

    def movement(factor: float) -> float:
        with torch.no_grad():
            heard = net.audio_encoder(
                torch.from_numpy(normalise_voice(windows, factor, gain))[:, None]
            )
        return float(heard.var(dim=0).sum())

    usual, gain = usual_stretch(200.0), missing_gain(windows)
    assert usual == pytest.approx(0.938, abs=0.001) and usual_stretch(106.0) == 1
    fitted = lambda factor: fit_voice(net, normalise_voice(windows, factor), 200.0)[0]  # noqa: E731
    assert fitted(1.0) == max((usual * voice for voice in VOICE_STRETCHES), key=movement)
    assert fitted(1.15) < fitted(0.87)
    assert fit_voice(net, windows[:0], 200.0) == (usual, 0)


def test_a_quiet_recording_is_heard_as_a_loud_one():
    """10 dB less: a fifteenth of the codes' spread away, half as far as from an ear that is given it as it is."""
    net = checkpoints.load(checkpoints.locate("compact").path)
    wave = media.read_audio(SAMPLE_SPEECH)
    loud, quiet = (
        mel_windows(melspectrogram(wave * share), np.arange(0, 560, 4), MEL_MARGIN)
        for share in (1.0, 0.32)
    )
    told = encode_speech(net, loud, 120.0)
    away = np.abs(encode_speech(net, quiet, 120.0) - told).mean()
    stretch, gain = fit_voice(net, loud, 120.0)
    unheeded = np.abs(encode_mel(net, [normalise_voice(quiet, stretch, gain)]) - told).mean()
    assert away < 0.1 * told.std() and away < 0.6 * unheeded, (away, unheeded, told.std())


def test_a_mouth_that_does_not_move_counts_by_half():
    """One picture shows a moment: its code counts by half, the other half is a usual mouth, a little open."""
    net = checkpoints.load(checkpoints.locate("compact").path)
    still = np.repeat(np.linspace(-0.5, 0.5, 8, dtype=np.float32)[None], 5, 0)
    away = silence_code(net).numpy() / float(silence_code(net).norm())
    assert not is_talking(still) and np.allclose(
        neutral_code(net, still), (still[0] - 0.65 * away) / 2
    )
    talking = still + np.array([-1, 1, 0, 1, -1], np.float32)[:, None]
    assert is_talking(talking) and np.allclose(neutral_code(net, talking), talking.mean(axis=0))
