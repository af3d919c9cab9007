"""Which frame lends its mouth."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from helpers import checkpoints, media, params
from helpers.engines.load import load_engine
from helpers.face.square import crop_square, square_matrix
from helpers.plan.make import make_plan
from helpers.plan.selection import (
    Donors,
    Wanted,
    donor_codes,
    own_offset,
    select_donors,
    speech_scores,
)
from helpers.sound.mel import mel_windows

RNG = np.random.default_rng(0)


def choose(wanted, codes, *, shown=None, speech=None, **donors):
    """The donors of ``select_donors``; what is not given is zero, and everybody speaks."""
    count = len(codes)
    shown = np.zeros((len(wanted), 4)) if shown is None else shown
    speech = np.ones(len(wanted)) if speech is None else speech
    wide = {name: np.zeros((count, 4)) for name in ("lips", "poses", "rings")}
    values = wide | dict(openness=np.zeros(count)) | donors
    return select_donors(Wanted(wanted, shown, speech), Donors(codes, **values))


@given(st.permutations([0, 1, 2, 3, 4]), st.integers(3, 40))
@settings(max_examples=25, deadline=None)
def test_pieces_are_found_again(order, block):
    """Wishes cut from the known mouths in another order are answered with those, in blocks of any
    length.
    """
    known = np.random.default_rng(1).normal(size=(50, 8)) * 3
    path = np.concatenate([np.arange(10 * k, 10 * k + 10) for k in order])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("helpers.plan.selection.SEARCH_BLOCK", block)
        assert (choose(known[path], known) == path).all()


def test_cuts_poses_and_pauses_cost():
    known = np.zeros((20, 8))
    known[12] = 0.5
    wanted = np.zeros((6, 8))
    wanted[3] = 0.5
    path = choose(wanted, known)
    assert (np.diff(path) == 1).all()  # no cut for so little
    turned = np.zeros((20, 4))
    turned[:10, 0] = 30  # the first ten look another way
    assert (choose(wanted, known, poses=turned) >= 10).all()
    smiling = np.zeros((20, 4))
    smiling[:10, 0] = 2
    seen = np.zeros((20, 4))
    seen[10, 0] = 5  # the pose of the frame that is shown, and of one that does not smile
    assert (choose(wanted, known, shown=seen[[10] * 6], poses=seen, rings=smiling) >= 10).all()
    opened = np.full(20, 2.0)
    opened[15:] = 0
    assert (choose(wanted, known, speech=np.zeros(6), openness=opened)[1:] >= 15).all()
    lips = np.zeros((20, 4))
    lips[10:] = 5  # looks that do not join
    known[:10], wanted[3:] = 0, 1
    known[10:] = 1
    apart = choose(wanted, known, lips=lips)
    assert not ((apart[:-1] < 9) & (apart[1:] >= 10)).any()


def test_a_person_is_read_by_what_is_heard():
    """Eyes that see noise: the pixels are read all the same, as their own sound teaches."""
    true = np.cumsum(RNG.normal(size=(300, 8)), axis=0)
    throughout = np.ones(len(true))
    true = speech_scores(true, throughout)
    lips = (true @ RNG.normal(size=(8, 60))).astype(np.float32)
    codes = RNG.normal(size=(300, 8))
    heard = true + 0.5 * RNG.normal(size=true.shape)
    right = lambda known: np.mean([np.corrcoef(known[:, k], true[:, k])[0, 1] for k in range(8)])  # noqa: E731
    assert abs(right(donor_codes(codes, lips, None, throughout))) < 0.2
    assert right(donor_codes(codes, lips, heard, throughout)) > 0.6


def test_scores_do_not_depend_on_how_long_a_recording_pauses():
    codes = RNG.normal(size=(100, 9)) * 2 + 5
    speech = np.ones(100)
    scores = speech_scores(codes, speech)
    np.testing.assert_allclose(scores.std(axis=0), 1, rtol=1e-4)

    shut = np.full((60, 9), -4.0)
    longer = speech_scores(np.vstack([codes, shut]), np.append(speech, np.zeros(60)))
    np.testing.assert_allclose(longer[:100], scores)
    assert (longer[100:] < scores.min(axis=0)).all()
    assert np.isfinite(speech_scores(codes, 0 * speech)).all()  # nobody speaks: all counts


def test_own_sound_is_known(clips):
    """The clip's sound belongs to it, another's does not."""
    expert = checkpoints.sync_expert()
    squares, windows = {}, {}
    for name in ("grid_v2.mpg", "vr_2.mp4"):
        p = params.build(video=clips / name, audio=clips / name, run_dir="unused")
        plan, _ = make_plan(p, p.video, p.audio, load_engine(checkpoints.locate("compact"), p))
        frames = media.read_frames(p.video, plan.fps, 0, 70)
        matrices = [square_matrix(points, 96) for points in plan.faces.landmarks]
        squares[name] = np.stack(
            [crop_square(f, m, 96) for f, m in zip(frames, matrices, strict=False)]
        )
        windows[name] = mel_windows(plan.mel, plan.mel_start[:70])
    first, second = squares
    assert own_offset(expert, squares[first], windows[first], Fraction(25)) in (-1, 0, 1)
    assert own_offset(expert, squares[second], windows[second], Fraction(25)) in (-1, 0, 1)
    assert own_offset(expert, squares[first], windows[second], Fraction(25)) is None
    assert own_offset(expert, squares[second], windows[first], Fraction(25)) is None
    assert own_offset(None, squares[first], windows[first], Fraction(25)) is None
