"""Sound and faces as mouth codes."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from support import SAMPLE_SPEECH
from torch.nn import functional as F

from helpers import checkpoints, media
from helpers.networks.audio_encoder import embed
from helpers.networks.codes import READ_REACH, TAPS
from helpers.networks.encode import (
    LOUDNESS,
    MOST_STRETCH,
    SPOKEN_OPEN,
    SPREAD,
    USUALLY_OPEN,
    embed_around,
    encode_speech,
    frame_moments,
    is_talking,
    neutral_code,
)


@pytest.fixture(scope="module")
def net():
    return checkpoints.load(checkpoints.locate("compact").path)


@pytest.fixture(scope="module")
def encoder():
    return checkpoints.audio_encoder()


@pytest.fixture(scope="module")
def speech() -> np.ndarray:
    return media.read_audio(SAMPLE_SPEECH)[: 6 * media.SAMPLE_RATE]


def speech_mean(net) -> np.ndarray:
    """The mean code of speech: away from that of silence."""
    return -SPOKEN_OPEN * F.normalize(net.readout.silence, dim=0).numpy()


def test_codes_are_read_from_the_embeddings_around_a_moment(net, encoder, speech):
    """Between two embeddings the mean of what is read at both; less the recording's mean."""
    embeddings = torch.cat(list(embed(encoder, speech, LOUDNESS)))
    weight = net.readout.weight.flatten(0, 1)

    def read(first: int) -> torch.Tensor:
        return embeddings[first : first + TAPS].flatten() @ weight

    moments = np.array([1.0, 2.0, 2.01])
    codes = encode_speech(net, encoder, speech, moments)
    expected = []
    for place in (49.5, 99.5, 100):
        low = int(np.floor(place)) - READ_REACH
        high = int(np.ceil(place)) - READ_REACH
        expected.append((read(low) + read(high)) / 2)

    expected = torch.stack(expected).numpy()
    centred = expected - expected.mean(axis=0)
    stretch = min(MOST_STRETCH, SPREAD / np.sqrt(centred.var(axis=0).sum()))
    assert codes == pytest.approx(centred * stretch + speech_mean(net), abs=2e-3)
    around = embed_around(encoder, speech, moments)
    assert around @ weight.numpy() == pytest.approx(expected, abs=1e-3)


def test_pauses_have_the_code_of_silence(net, encoder, speech):
    moments = frame_moments(100, Fraction(25))
    activity = np.ones(100, np.float32)
    activity[60:] = 0
    activity[59] = 0.5
    codes = encode_speech(net, encoder, speech, moments, activity)
    silence = net.readout.silence.numpy()

    assert codes[60:] == pytest.approx(np.tile(silence, (40, 1)))
    assert codes[:59].mean(axis=0) == pytest.approx(speech_mean(net), abs=1e-4)
    spoken = encode_speech(net, encoder, speech, moments[:59])
    assert codes[:50] == pytest.approx(spoken[:50], abs=0.1)  # smoothed, so the end differs


def test_little_movement_is_stretched_to_what_people_move(net, encoder, speech):
    moments = frame_moments(100, Fraction(25))
    codes = encode_speech(net, encoder, speech, moments)
    assert np.sqrt(codes.var(axis=0).sum()) <= SPREAD * 1.001

    silence = encode_speech(net, encoder, np.zeros_like(speech), moments)
    assert np.sqrt(silence.var(axis=0).sum()) < SPREAD / 2


def test_a_quiet_recording_asks_for_the_same(net, encoder, speech):
    moments = frame_moments(100, Fraction(25))
    loud = encode_speech(net, encoder, speech, moments)
    quiet = encode_speech(net, encoder, speech * np.float32(0.1), moments)

    assert np.abs(quiet - loud).max() < 0.01


def test_codes_do_not_depend_on_the_frame_rate(net, encoder, speech):
    """What is asked for at one moment is the same in films of 25 and 50 frames a second."""
    slow = encode_speech(net, encoder, speech, frame_moments(100, Fraction(25)))
    fast = encode_speech(net, encoder, speech, frame_moments(200, Fraction(50)))
    between = (fast[::2] + fast[1::2]) / 2

    assert np.abs(slow - between).mean() < 0.25 * slow.std()


def test_a_mouth_that_does_not_move_counts_by_half(net):
    """One picture shows a moment: the other half is a usual mouth, a little open."""
    still = np.repeat(np.linspace(-0.5, 0.5, 8, dtype=np.float32)[None], 5, 0)
    away = F.normalize(net.readout.silence, dim=0).numpy()

    assert not is_talking(still)
    assert neutral_code(net, still) == pytest.approx((still[0] - USUALLY_OPEN * away) / 2)
    talking = still + np.array([-1, 1, 0, 1, -1], np.float32)[:, None]
    assert is_talking(talking)
    assert neutral_code(net, talking) == pytest.approx(talking.mean(axis=0))
