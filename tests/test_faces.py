"""Detection, tracks and the geometry of crops."""

from fractions import Fraction

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, strategies as st
from support import SAMPLE_VIDEO, fill

from helpers import checkpoints, media
from helpers.errors import ParameterError, RunError, WeightsError
from helpers.face.detect import _s3fd_network, box_detection, detect_faces, detect_in_frame, iou
from helpers.face.square import (
    CROP_DROP,
    CROP_HALF,
    crop_square,
    padded_box,
    square_matrix,
    square_side,
)
from helpers.face.track import find_shots, moving_average, select_faces
from helpers.networks.devices import halving_batches

FPS = Fraction(25)


def detection(x=100.0, y=100.0, size=80.0, score=0.9):
    row = box_detection((x, y, x + size, y + size), 10**4, 10**4)[0]
    row[4] = score
    return row


def track(frames, **more):
    found = [np.stack(f) if f else np.zeros((0, 15), np.float32) for f in frames]
    return select_faces(found, np.zeros(len(found), np.int32), FPS, **more)[0]


def test_sample_face_is_found_and_title_is_not():
    frames = list(media.read_indexed(SAMPLE_VIDEO, FPS, [10, 80]))
    face, title = (detect_in_frame(f) for f in frames)
    assert len(face) == 1 and len(title) == 0
    left, right, nose, *mouth = face[0, 5:].reshape(5, 2)
    assert left[0] < nose[0] < right[0] and left[1] < nose[1] < mouth[0][1]
    assert face[0, 4] > 0.9 and face.dtype == np.float32


def test_large_frames_are_scaled_and_coordinates_are_the_frames():
    frame = next(media.read_frames(SAMPLE_VIDEO, FPS))
    large = cv2.resize(frame, None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC)
    assert iou(detect_in_frame(large)[0] / 3, detect_in_frame(frame)[0]) > 0.9


def test_every_real_clip_has_faces(clips):
    for name in (
        "grid_v1.mpg",
        "grid_v4.mpg",
        "vr_1.mp4",
        "vr_5.mp4",
        "portrait_1080.mp4",
        "quiz_2997.mp4",
    ):
        fps = media.default_fps(media.probe(clips / name))
        assert all(len(detect_in_frame(f)) for f in media.read_frames(clips / name, fps, 0, 30)), (
            name
        )


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
    (result,) = select_faces(found, shot, FPS, smooth_window=5)
    assert np.allclose(result.box[:6, 0], 100) and np.allclose(result.box[6:, 0], 112)
    assert len(set(result.track.tolist())) == 2


def test_cuts_are_seen(clips):
    fps = Fraction(25)
    small = [
        cv2.cvtColor(cv2.resize(f, (32, 32), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
        for f in media.read_frames(clips / "cuts_noface.mp4", fps)
    ]
    cuts = np.flatnonzero(np.diff(find_shots(small))) + 1
    assert cuts.tolist() == [50, 75]  # two seconds of vr_2, one of blue, two of portrait_1080


def test_small_faces_count_as_none():
    assert not track([[detection(size=23)]] * 4).present.any()
    assert track([[detection(size=25)]] * 4).present.all()


@given(st.integers(1, 60), st.integers(1, 15), st.floats(-5, 5), st.floats(-100, 100))
def test_smoothing_leaves_straight_motion_alone(n, window, slope, start):
    line = start + slope * np.arange(n)
    assert np.allclose(moving_average(line, window), line, atol=1e-6)


def test_smoothing_calms_jitter():
    noisy = np.random.default_rng(0).standard_normal((200, 4))
    assert moving_average(noisy, 5).std() < 0.6 * noisy.std()


@given(
    st.floats(50, 400),
    st.floats(50, 400),
    st.floats(10, 150),
    st.floats(-0.7, 0.7),
    st.sampled_from([96, 128, 192]),
)
def test_crop_square_follows_place_size_and_roll(x, y, distance, angle, size):
    upright = np.array([[-0.5, -0.5], [0.5, -0.5], [0, 0.1], [-0.35, 0.5], [0.35, 0.5]]) * distance
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = upright @ turn.T + [x, y]
    matrix = square_matrix(points, size)
    seen = points @ matrix[:, :2].T + matrix[:, 2]
    unit = size / (2 * CROP_HALF)  # pixels of the crop that are one d
    middle = (size - 1) / 2
    assert np.allclose(
        seen[:2].mean(axis=0), [middle, middle - (0.5 + CROP_DROP) * unit], atol=1e-3
    )
    assert np.allclose(
        seen[3:].mean(axis=0), [middle, middle + (0.5 - CROP_DROP) * unit], atol=1e-3
    )
    assert seen[0, 1] == pytest.approx(seen[1, 1], abs=1e-3)
    assert square_side(square_matrix(points, 96)) == pytest.approx(
        2 * CROP_HALF * distance, rel=1e-3
    )


def test_crop_does_not_alias():
    stripes = np.zeros((800, 800, 3), np.uint8)
    stripes[::2] = 255
    points = np.array([[330, 300], [470, 300], [400, 390], [340, 460], [460, 460]], np.float32)
    matrix = square_matrix(points, 96)
    assert (
        crop_square(stripes, matrix, 96).std()
        < 0.25 * cv2.warpAffine(stripes, matrix, (96, 96)).std()
    )


@pytest.mark.parametrize(
    "box", [(10, 10, 5, 20), (-1, 0, 50, 50), (0, 0, 101, 50), (0, 60, 50, 60)]
)
def test_impossible_boxes(box):
    with pytest.raises(ParameterError, match="100x80"):
        box_detection(box, 100, 80)


@given(st.tuples(*[st.floats(-50, 150)] * 4), st.tuples(*[st.integers(0, 60)] * 4))
def test_padded_boxes_stay_in_the_frame(corners, pads):
    x1, y1, x2, y2 = min(corners[::2]), min(corners[1::2]), max(corners[::2]), max(corners[1::2])
    a, b, c, d = padded_box(np.array([x1, y1, x2, y2]), pads, 100, 80)
    assert a >= 0 and b >= 0 and c <= 100 and d <= 80


def two_people(frames=10):
    """A small face on the left, a large one on the right; in the last frame the large one has gone."""
    both = [detection(50, 100, 60), detection(300, 100, 90)]
    return [np.stack(both) for _ in range(frames - 1)] + [both[0][None]]


@pytest.mark.parametrize(
    "face, x",
    [("largest", 300), ("left", 50), ("right", 300), ("center", 300), ("0", 50), ("1", 300)],
)
def test_the_face_that_was_asked_for(face, x):
    (result,) = select_faces(
        two_people(), np.zeros(10, np.int32), FPS, face, width=640, smooth=False
    )
    assert np.allclose(result.box[:9, 0], x)
    assert result.present[9] == (x == 50)  # the other one never stands in for it


def test_an_index_that_nobody_has_is_no_face():
    (result,) = select_faces(two_people(), np.zeros(10, np.int32), FPS, "2", width=640)
    assert not result.present.any()


def test_all_faces_get_a_track_each():
    first, second = select_faces(
        two_people(), np.zeros(10, np.int32), FPS, "all", width=640, smooth=False
    )
    assert np.allclose(first.box[:9, 0], 300) and np.allclose(second.box[:, 0], 50)
    assert (first.present.sum(), second.present.sum()) == (9, 10)


def test_a_passer_by_does_not_shift_the_count():
    found = two_people(20)
    found[4] = np.concatenate([detection(0, 100, 40)[None], found[4]])
    (result,) = select_faces(found, np.zeros(20, np.int32), FPS, "left", width=640, smooth=False)
    assert np.allclose(result.box[:, 0], 50)


@pytest.mark.parametrize("face", ["largest", "right", "center", "1"])
def test_who_comes_after_what_is_shown_is_not_chosen(face):
    """A larger face further right, from frame 60 on: nobody's choice where 25 frames are shown; the chosen goes on."""
    found = [
        np.stack([detection(100), detection(400, 100, 160)][: 1 + (n >= 60)]) for n in range(100)
    ]
    choose = lambda used, face: select_faces(
        found, np.zeros(100, np.int32), FPS, face, 640, used=used
    )  # noqa: E731
    (result,) = choose(25, "0" if face == "1" else face)
    assert result.present.all() and np.abs(result.box[:, 0] - 100).max() < 1
    assert not choose(25, "1")[0].present.any() and not choose(25, "all")[1:]
    assert choose(None, "largest")[0].box[80, 0] > 300


def test_a_face_that_comes_back_is_the_same_person():
    frames = [[detection(100)]] * 5 + [[]] * 20 + [[detection(104)]] * 5
    result = track(frames)
    assert result.present.tolist() == [True] * 5 + [False] * 20 + [True] * 5


def test_each_face_of_a_real_clip(clips):
    frames = list(media.read_frames(clips / "two_faces.mp4", FPS, 0, 8))
    found = list(detect_faces(frames))
    width = frames[0].shape[1]
    chosen = {
        face: select_faces(found, np.zeros(8, np.int32), FPS, face, width)
        for face in ("largest", "left", "right", "all", "0", "1", "7")
    }
    x = {face: layers[0].box[0, [0, 2]].mean() / width for face, layers in chosen.items()}
    assert x["left"] == x["0"] < 0.5 < x["right"] == x["1"]
    assert len(chosen["all"]) == 2 and not chosen["7"][0].present.any()


def test_batches_shrink_when_memory_is_full():
    done = []

    def work(batch):
        if len(batch) > 3:
            raise torch.cuda.OutOfMemoryError
        done.append(list(batch))
        return [2 * item for item in batch]

    assert list(halving_batches(work, iter(range(11)), 8)) == [2 * n for n in range(11)]
    assert done == [
        [0, 1],
        [2, 3],
        [4, 5],
        [6, 7],
        [8, 9],
        [10],
    ]  # 8, 4, then 2 fit; nothing is done twice


def test_memory_for_nothing_is_told():
    def work(batch):
        raise torch.cuda.OutOfMemoryError

    with pytest.raises(RunError, match="device=cpu"):
        list(halving_batches(work, range(4), 4))


@pytest.fixture
def seeded_s3fd(tmp_path, monkeypatch):
    """Random S3FD weights in its file's format, whose last layers see a face in one place of the coarsest grid."""
    from face_alignment.detection.sfd.net_s3fd import s3fd

    state = fill(s3fd().state_dict())
    path = tmp_path / "s3fd.pth"
    torch.save(state, path)
    monkeypatch.setitem(
        checkpoints.entries(), "s3fd", dict(file=str(path), job="face detection", licence="BSD")
    )
    _s3fd_network.cache_clear()
    yield path
    _s3fd_network.cache_clear()


def test_s3fd_runs_from_a_file_and_gets_landmarks(seeded_s3fd, monkeypatch):
    from face_alignment.detection.sfd import detect as sfd

    frame = next(media.read_frames(SAMPLE_VIDEO, FPS))
    assert all(
        row.shape == (15,) for row in detect_in_frame(frame, "s3fd")
    )  # random weights: any number of boxes
    true = detect_in_frame(frame)[0]
    boxes = np.array(
        [[*true[:4] + 2, 0.9], [*true[:4] + 3, 0.8], [1, 1, 40, 50, 0.7], [5, 5, 40, 50, 0.3]]
    )
    monkeypatch.setattr(sfd, "batch_detect", lambda net, pictures, device: [boxes * np.float32(1)])
    face, other = detect_in_frame(frame, "s3fd")
    assert np.allclose(face[:5], boxes[0]) and np.allclose(
        face[5:], true[5:]
    )  # landmarks of the same face
    assert (other[5::2] > 1).all() and (
        other[5::2] < 40
    ).all()  # elsewhere the usual places in the box


def test_s3fd_without_weights_is_told(tmp_path, monkeypatch):
    monkeypatch.setitem(
        checkpoints.entries(),
        "s3fd",
        dict(checkpoints.entries()["s3fd"], file=str(tmp_path / "none.pth")),
    )
    _s3fd_network.cache_clear()
    with pytest.raises(WeightsError, match="none.pth"):
        detect_in_frame(np.zeros((60, 80, 3), np.uint8), "s3fd")


def test_s3fd_of_another_architecture_is_told(seeded_s3fd):
    torch.save({"a": torch.zeros(3)}, seeded_s3fd)
    with pytest.raises(WeightsError, match="S3FD"):
        detect_in_frame(np.zeros((60, 80, 3), np.uint8), "s3fd")
