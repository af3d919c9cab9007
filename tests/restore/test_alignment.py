"""The aligned face of GFPGAN, and its way back into the frame."""

import cv2
import numpy as np
import pytest
from hypothesis import given, strategies as st

from helpers.face.square import crop_square
from helpers.restore.gfpgan import ALIGNED_SIZE, FFHQ_TEMPLATE, align_matrix, paste_aligned


def mapped(points: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    return points @ matrix[:, :2].T + matrix[:, 2]


def at(frame: np.ndarray, point: np.ndarray) -> np.ndarray:
    """The pixel of a frame that is next to a point."""
    column, row = np.round(point).astype(int)
    return frame[row, column]


@given(
    st.floats(0.05, 4),
    st.floats(-3.1, 3.1),
    st.floats(-500, 4000),
    st.floats(-500, 4000),
    st.integers(0, 2**32 - 1),
)
def test_landmarks_land_on_the_template(scale, angle, x, y, seed):
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = FFHQ_TEMPLATE @ turn.T + (x, y)
    assert np.abs(mapped(points, align_matrix(points)) - FFHQ_TEMPLATE).max() < 1e-6

    # With landmarks that do not fit, no similarity near it fits better.
    rng = np.random.default_rng(seed)
    shaken = points + rng.normal(0, 8 * scale, points.shape)
    matrix = align_matrix(shaken)
    a, b, c, d = rng.normal(0, 1e-3, 4)
    nudged = np.array([[1 + a, -b], [b, 1 + a]]) @ matrix + [[0, 0, c], [0, 0, d]]

    def error(candidate: np.ndarray) -> float:
        return ((mapped(shaken, candidate) - FFHQ_TEMPLATE) ** 2).sum()

    assert error(matrix) <= error(nudged)


@pytest.mark.parametrize("region", ("mouth", "face"))
def test_only_the_region_changes(region, sample_face):
    frame, points = sample_face
    matrix = align_matrix(points)
    face = 255 - crop_square(frame, matrix, ALIGNED_SIZE)
    nothing, half, full = (
        paste_aligned(frame, face, matrix, points, region, strength).astype(int)
        for strength in (0.0, 0.5, 1.0)
    )
    assert np.array_equal(nothing, frame)
    assert np.abs(half - (full + frame) / 2).max() <= 1.01

    changed = (full != frame).any(axis=2)
    rows, columns = np.nonzero(changed)
    inside = mapped(np.stack([columns, rows], axis=1), matrix)
    assert inside.min() > 0
    assert inside.max() < ALIGNED_SIZE - 1
    assert at(changed, points[3:].mean(axis=0))
    assert at(changed, points[:2].mean(axis=0)) == (region == "face")

    step = np.abs(np.diff(full - frame.astype(int), axis=1)).max()
    steps_in_frame = np.abs(np.diff(frame.astype(int), axis=1)).max()
    assert step < 60 + steps_in_frame * 2  # no hard line around it


@pytest.mark.parametrize("region", ("mouth", "face"))
@pytest.mark.parametrize("scale", (0.4, 1.0, 3.3))
def test_an_unchanged_face_goes_back_to_its_place(region, scale, sample_face):
    frame, points = sample_face
    frame = cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    frame = cv2.GaussianBlur(frame, (0, 0), max(2.5, 4 * scale))
    points = (points + 0.5) * scale - 0.5

    matrix = align_matrix(points)
    face = crop_square(frame, matrix, ALIGNED_SIZE)
    pasted = paste_aligned(frame, face, matrix, points, region, 1.0)
    assert np.abs(pasted.astype(int) - frame).max() <= 2


def test_a_face_outside_the_frame_changes_nothing(sample_face):
    frame, points = sample_face
    far = points + 5000
    black = np.zeros((512, 512, 3), np.uint8)
    assert np.array_equal(paste_aligned(frame, black, align_matrix(far), far, "face", 1.0), frame)
