"""Detection, tracks and the geometry of crops."""

from fractions import Fraction

import cv2
import numpy as np
import pytest
from conftest import SAMPLE_VIDEO
from hypothesis import given, strategies as st

from helpers import blend, faces, media
from helpers.errors import ParameterError

FPS = Fraction(25)


def detection(x=100.0, y=100.0, size=80.0, score=0.9):
    row = faces.box_detection((x, y, x + size, y + size), 10**4, 10**4)[0]
    row[4] = score
    return row


def track(frames, **more):
    found = [np.stack(f) if f else np.zeros((0, 15), np.float32) for f in frames]
    return faces.select_largest(found, np.zeros(len(found), np.int32), FPS, **more)


def test_sample_face_is_found_and_title_is_not():
    frames = list(media.read_indexed(SAMPLE_VIDEO, FPS, [10, 80]))
    face, title = (faces.detect(f) for f in frames)
    assert len(face) == 1 and len(title) == 0
    left, right, nose, *mouth = face[0, 5:].reshape(5, 2)
    assert left[0] < nose[0] < right[0] and left[1] < nose[1] < mouth[0][1]
    assert face[0, 4] > 0.9 and face.dtype == np.float32


def test_large_frames_are_scaled_and_coordinates_are_the_frames():
    frame = next(media.read_frames(SAMPLE_VIDEO, FPS))
    large = cv2.resize(frame, None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC)
    assert faces.iou(faces.detect(large)[0] / 3, faces.detect(frame)[0]) > 0.9


def test_every_real_clip_has_faces(clips):
    for name in ("grid_v1.mpg", "grid_v4.mpg", "vr_1.mp4", "vr_5.mp4", "portrait_1080.mp4", "quiz_2997.mp4"):
        fps = media.default_fps(media.probe(clips / name))
        assert all(len(faces.detect(f)) for f in media.read_frames(clips / name, fps, 0, 30)), name


@pytest.mark.parametrize("gap, bridged", [(1, True), (10, True), (11, False)])
def test_gaps_up_to_0_4_s_are_bridged(gap, bridged):
    frames = [[detection(100)]] * 5 + [[]] * gap + [[detection(110)]] * 5
    result = track(frames, smooth=False)
    assert result.present[5 : 5 + gap].all() == bridged
    assert result.present[:5].all() and result.present[-5:].all()
    if bridged:
        assert (np.diff(result.box[:, 0]) >= 0).all() and (result.score[5 : 5 + gap] == 0).all()


def test_the_largest_face_is_kept_without_hopping():
    small, large = detection(300, 100, 60), detection(100, 100, 90)
    rng = np.random.default_rng(1)
    frames = [[large, small] if rng.random() < 0.5 else [small, large] for _ in range(20)]
    frames[7] = [small]  # the large one is missed once
    result = track(frames, smooth=False)
    assert np.allclose(result.box[:, 0], 100) and len(set(result.track.tolist())) == 1


def test_a_cut_ends_a_track_and_smoothing_stops_there():
    found = [detection(100)[None]] * 6 + [detection(112)[None]] * 6
    shot = np.array([0] * 6 + [1] * 6, np.int32)
    result = faces.select_largest(found, shot, FPS, smooth_window=5)
    assert np.allclose(result.box[:6, 0], 100) and np.allclose(result.box[6:, 0], 112)
    assert len(set(result.track.tolist())) == 2


def test_cuts_are_seen(clips):
    fps = Fraction(25)
    small = [
        cv2.cvtColor(cv2.resize(f, (32, 32), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
        for f in media.read_frames(clips / "cuts_noface.mp4", fps)
    ]
    cuts = np.flatnonzero(np.diff(faces.shots(small))) + 1
    assert cuts.tolist() == [50, 75]  # two seconds of vr_2, one of blue, two of portrait_1080


def test_small_faces_count_as_none():
    assert not track([[detection(size=23)]] * 4).present.any()
    assert track([[detection(size=25)]] * 4).present.all()


@given(st.integers(1, 60), st.integers(1, 15), st.floats(-5, 5), st.floats(-100, 100))
def test_smoothing_leaves_straight_motion_alone(n, window, slope, start):
    line = start + slope * np.arange(n)
    assert np.allclose(faces.moving_average(line, window), line, atol=1e-6)


def test_smoothing_calms_jitter():
    noisy = np.random.default_rng(0).standard_normal((200, 4))
    assert faces.moving_average(noisy, 5).std() < 0.6 * noisy.std()


@given(
    st.floats(50, 400), st.floats(50, 400), st.floats(10, 150), st.floats(-0.7, 0.7), st.sampled_from([96, 128, 192])
)
def test_crop_square_follows_place_size_and_roll(x, y, distance, angle, size):
    upright = np.array([[-0.5, -0.5], [0.5, -0.5], [0, 0.1], [-0.35, 0.5], [0.35, 0.5]]) * distance
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = upright @ turn.T + [x, y]
    matrix = faces.crop_matrix(points, size)
    seen = points @ matrix[:, :2].T + matrix[:, 2]
    unit = size / (2 * faces.CROP_HALF)  # pixels of the crop that are one d
    middle = (size - 1) / 2
    assert np.allclose(seen[:2].mean(axis=0), [middle, middle - (0.5 + faces.CROP_DROP) * unit], atol=1e-3)
    assert np.allclose(seen[3:].mean(axis=0), [middle, middle + (0.5 - faces.CROP_DROP) * unit], atol=1e-3)
    assert seen[0, 1] == pytest.approx(seen[1, 1], abs=1e-3)
    assert blend.face_size(faces.crop_matrix(points, 96)) == pytest.approx(2 * faces.CROP_HALF * distance, rel=1e-3)


def test_crop_does_not_alias():
    stripes = np.zeros((800, 800, 3), np.uint8)
    stripes[::2] = 255
    points = np.array([[330, 300], [470, 300], [400, 390], [340, 460], [460, 460]], np.float32)
    matrix = faces.crop_matrix(points, 96)
    assert faces.crop(stripes, matrix, 96).std() < 0.25 * cv2.warpAffine(stripes, matrix, (96, 96)).std()


@pytest.mark.parametrize("box", [(10, 10, 5, 20), (-1, 0, 50, 50), (0, 0, 101, 50), (0, 60, 50, 60)])
def test_impossible_boxes(box):
    with pytest.raises(ParameterError, match="100x80"):
        faces.box_detection(box, 100, 80)


@given(st.tuples(*[st.floats(-50, 150)] * 4), st.tuples(*[st.integers(0, 60)] * 4))
def test_padded_boxes_stay_in_the_frame(corners, pads):
    x1, y1, x2, y2 = min(corners[::2]), min(corners[1::2]), max(corners[::2]), max(corners[1::2])
    a, b, c, d = faces.padded_box(np.array([x1, y1, x2, y2]), pads, 100, 80)
    assert a >= 0 and b >= 0 and c <= 100 and d <= 80
