"""Random batches of prepared clips."""

import numpy as np
import pytest
import torch

from helpers.training.clips import Clips, speaker_weights


def test_batches_have_their_shapes(prepared):
    clips = Clips(prepared.arrays)
    mel, stacks = clips.expert_batch(4, 2)
    assert mel.shape == (8, 1, 80, 16)
    assert stacks.shape == (8, 15, 48, 96)
    assert mel.abs().max() <= 4

    target, reference, other_look = clips.generator_batch(2)
    assert target.shape == reference.shape == other_look.shape == (2, 5, 3, 96, 96)
    assert target.min() >= 0
    assert target.max() <= 1
    assert (other_look - target).abs().mean() > 0.02  # the same mouths


def test_batches_go_on_from_the_state_of_their_draws(prepared):
    clips = Clips(prepared.arrays, seed=3)
    clips.generator_batch(1)
    state = clips.draws.state_dict()
    expected = clips.generator_batch(1)

    later = Clips(prepared.arrays, seed=4)
    later.draws.load_state_dict(state)
    for a, b in zip(later.generator_batch(1), expected, strict=True):
        assert torch.equal(a, b)


def test_one_voice_does_not_drown_the_others():
    weights = speaker_weights(["a"] * 9 + ["b"])
    assert weights.sum() == pytest.approx(1)
    assert weights[:9].sum() == pytest.approx(3 * weights[9])


def test_squares_are_the_middle_of_the_crops(prepared):
    clips = Clips(prepared.arrays)
    at = np.arange(3)
    crops = clips.faces(clips.train[0], at)
    assert np.array_equal(clips.squares(clips.train[0], at), crops[:, 16:112, 16:112])
