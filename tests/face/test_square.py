"""The face square, padded boxes and crops."""

import cv2
import numpy as np
import pytest
from hypothesis import assume, given, strategies as st

from helpers.face.square import (
    CROP_DROP,
    CROP_HALF,
    LEAST_SIDE,
    crop_square,
    padded_box,
    square_matrix,
    square_side,
)

UPRIGHT = np.array([[-0.5, -0.5], [0.5, -0.5], [0, 0.1], [-0.35, 0.5], [0.35, 0.5]])


@given(
    st.floats(50, 400),
    st.floats(50, 400),
    st.floats(10, 150),
    st.floats(-0.7, 0.7),
    st.sampled_from([96, 128, 192]),
)
def test_square_follows_place_size_and_roll(x, y, distance, angle, size):
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = (UPRIGHT * distance) @ turn.T + [x, y]
    matrix = square_matrix(points, size)
    square = points @ matrix[:, :2].T + matrix[:, 2]

    unit = size / (2 * CROP_HALF)  # pixels of the square that are one d
    middle = (size - 1) / 2
    eyes = [middle, middle - (0.5 + CROP_DROP) * unit]
    mouth = [middle, middle + (0.5 - CROP_DROP) * unit]
    assert np.allclose(square[:2].mean(axis=0), eyes, atol=1e-3)
    assert np.allclose(square[3:].mean(axis=0), mouth, atol=1e-3)
    assert square[0, 1] == pytest.approx(square[1, 1], abs=1e-3)

    side = square_side(square_matrix(points, 96))
    assert side == pytest.approx(2 * CROP_HALF * distance, rel=1e-3)


def test_crop_does_not_alias():
    stripes = np.zeros((800, 800, 3), np.uint8)
    stripes[::2] = 255
    points = np.array([[330, 300], [470, 300], [400, 390], [340, 460], [460, 460]], np.float32)
    matrix = square_matrix(points, 96)
    aliased = cv2.warpAffine(stripes, matrix, (96, 96))
    assert crop_square(stripes, matrix, 96).std() < 0.25 * aliased.std()


@given(
    st.tuples(st.integers(-40, 90), st.integers(-40, 70)),
    st.tuples(st.integers(24, 120), st.integers(24, 120)),
    st.tuples(*[st.integers(-200, 60)] * 4),
)
def test_padded_boxes_lie_in_the_frame_and_are_never_empty(corner, sides, pads):
    x1, y1 = corner
    box = np.array([x1, y1, x1 + sides[0], y1 + sides[1]], np.float32)
    assume(x1 + sides[0] > 0 and y1 + sides[1] > 0)  # not a face outside the frame
    a, b, c, d = padded_box(box, pads, 100, 80)
    assert 0 <= a < c <= 100
    assert 0 <= b < d <= 80


def test_pads_as_upstream_adds_them():
    box = np.array([20.6, 30.2, 60.9, 70.0])
    assert padded_box(box, (1, 2, 3, 4), 100, 80) == (17, 29, 64, 72)
    assert padded_box(box, (90, 90, 90, 90), 100, 80) == (0, 0, 100, 80)
    assert padded_box(box, (-1, -2, -3, -4), 100, 80) == (23, 31, 56, 68)


@pytest.mark.parametrize("pads", [(-50,) * 4, (-500, 0, 0, -500), (0, -500, -500, 0)])
def test_negative_pads_leave_a_part_of_the_box(pads):
    x1, y1, x2, y2 = padded_box(np.array([20, 10, 60, 70]), pads, 100, 80)
    assert x2 - x1 >= LEAST_SIDE and y2 - y1 >= LEAST_SIDE
    assert x1 >= 20 and y1 >= 10 and x2 <= 60 and y2 <= 70
