"""The audio encoder against numbers of the published network, and recordings of any length."""

import numpy as np
import pytest
import torch
from support import SAMPLE_SPEECH, tone

from helpers import checkpoints, media
from helpers.networks.audio_encoder import EDGE, EMBEDDINGS_PER_SECOND, PIECE, embed

SAMPLES = media.SAMPLE_RATE // EMBEDDINGS_PER_SECOND  # an embedding


@pytest.fixture(scope="module")
def encoder():
    return checkpoints.audio_encoder()


def embeddings(encoder, wave: np.ndarray) -> np.ndarray:
    return torch.cat(list(embed(encoder, wave))).numpy()


def test_embeddings_are_whispers(encoder, clips):
    """Printed by a separate program, whose full encoder agrees with CTranslate2's to 5e-4 of 22."""
    made = embeddings(encoder, media.read_audio(clips / "speech_2.wav"))

    assert made.shape == (251, 512) and made.dtype == np.float32
    assert made.mean() == pytest.approx(0.51449, abs=2e-4)
    assert made.std() == pytest.approx(0.36408, abs=2e-4)
    assert made[100, :5] == pytest.approx([-0.138, 1.225, 0.419, 0.411, 1.001], abs=2e-3)


def test_embeddings_of_a_made_sound(encoder):
    """The same program's numbers for a sound that needs no file."""
    made = embeddings(encoder, tone(2.0))

    assert made.shape == (100, 512)
    assert made.mean() == pytest.approx(0.55459, abs=1e-4)
    assert made.std() == pytest.approx(0.42198, abs=1e-4)
    assert made[60, :5] == pytest.approx([0.2187, 1.4284, 0.1432, 0.3704, 0.896], abs=1e-3)


def test_a_long_recording_is_heard_in_pieces_that_overlap(encoder):
    """Ten seconds at a time, of which the second at each end is left to the neighbours."""
    wave = media.read_audio(SAMPLE_SPEECH)
    wave = np.tile(wave, 4)[: 24 * media.SAMPLE_RATE]
    parts = list(embed(encoder, wave))
    second = wave[(PIECE - 2 * EDGE) * SAMPLES :]
    alone = next(embed(encoder, second))

    assert [len(part) for part in parts] == [PIECE - EDGE, PIECE - 2 * EDGE, 350]
    assert (parts[1] - alone[EDGE:]).abs().mean() < 0.01
    assert len(list(embed(encoder, wave[: 9 * media.SAMPLE_RATE]))) == 1


@pytest.mark.parametrize("samples", [0, 1, 100, 319, 16000])
def test_short_and_silent_sound(encoder, samples):
    made = embeddings(encoder, np.zeros(samples, np.float32))

    assert len(made) == max(1, -(-samples // 320))
    assert np.isfinite(made).all()
