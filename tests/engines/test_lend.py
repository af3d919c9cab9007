"""A donor's mouth, laid over a frame."""

from fractions import Fraction

import cv2
import numpy as np
from hypothesis import given, settings, strategies as st
from support import SAMPLE_VIDEO, draw_batch

from helpers import checkpoints, media
from helpers.engines.lend import cut_donor_mouth, lend_mouth
from helpers.face.detect import detect_in_frame
from helpers.face.mask import DONOR_REACH, local_mask

RNG = np.random.default_rng(0)


def sample():
    frame = next(media.read_frames(SAMPLE_VIDEO, Fraction(25)))
    return frame, detect_in_frame(frame)[0, 5:].reshape(5, 2).astype(np.float64)


@given(st.floats(-4, 4), st.floats(-4, 4), st.floats(0.95, 1.05), st.floats(-12, 12))
@settings(max_examples=12, deadline=None)
def test_a_lent_mouth_lies_where_its_own_lay(right, down, scale, light):
    """A frame gets its mouth back from a moved, larger and brighter copy whose landmarks are the
    frame's.
    """
    frame, points = sample()
    middle = points.mean(axis=0)
    move = np.array(
        [[scale, 0, middle[0] * (1 - scale) + right], [0, scale, middle[1] * (1 - scale) + down]]
    )
    other = cv2.warpAffine(
        frame, move, frame.shape[1::-1], flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    other = np.clip(other + light, 0, 255).astype(np.uint8)
    (x1, y1, x2, y2), mask = local_mask(points, *frame.shape[1::-1], DONOR_REACH)
    spoilt = frame.copy()
    (a1, b1, a2, b2), hole = local_mask(points, *frame.shape[1::-1], 0.4)
    spoilt[b1:b2, a1:a2][hole > 0.02] = 90
    made = lend_mouth(spoilt, points, cut_donor_mouth(other, points))
    assert made is not None
    assert (made[y1:y2, x1:x2][mask == 0] == frame[y1:y2, x1:x2][mask == 0]).all()
    assert (np.delete(made, np.s_[y1:y2], 0) == np.delete(frame, np.s_[y1:y2], 0)).all()
    error = np.abs(made[b1:b2, a1:a2].astype(float) - frame[b1:b2, a1:a2])[hole > 0.5].mean()
    assert error < 9  # grey levels; 4 mostly, laid over without alignment 11 to 33


def test_no_mouth_of_another_picture():
    frame, points = sample()
    noise = RNG.integers(0, 255, frame.shape, dtype=np.uint8)
    assert lend_mouth(frame, points, cut_donor_mouth(noise, points)) is None
    outside = points + 10 * frame.shape[0]
    assert lend_mouth(frame, outside, cut_donor_mouth(frame, points)) is None


def test_a_lent_mouth_is_bent_by_one_pass_without_paint():
    net = checkpoints.load(checkpoints.locate("compact").path)
    pictures = RNG.integers(0, 255, (3, 96, 96, 3), dtype=np.uint8)
    codes = RNG.normal(size=(3, 8)).astype(np.float32)
    lent = np.array([False, True, False])
    one = draw_batch(net, codes, pictures, passes=1)
    two = draw_batch(net, codes, pictures, passes=2)
    pauses = np.array(
        [0, 1, 0], np.float32
    )  # the most shut of the person's own mouths is chosen for them
    made = draw_batch(net, codes, pictures, passes=2, from_donor=lent, pauses=pauses)
    assert np.abs(made[1, :2] - one[1, :2]).max() < 1e-5 and (made[1, 2] == 0).all()
    assert np.abs(made[[0, 2]] - two[[0, 2]]).max() < 5e-4
