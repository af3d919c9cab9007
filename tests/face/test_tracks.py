"""Detections over time: shots, tracks, people, the face that is re-drawn."""

from fractions import Fraction

import cv2
import numpy as np
import pytest
from hypothesis import given, strategies as st

from helpers import media
from helpers.face.detect import box_detection, detect_faces
from helpers.face.smooth import moving_average
from helpers.face.track import (
    MIN_FACE,
    FaceTrack,
    has_whole_mouth,
    select_faces,
    unusable_reason,
    yields_to_moving,
)
from helpers.plan.scene import small_frames

FPS = Fraction(25)
SIZE = (640, 480)  # of frames


def detection(x=100.0, y=100.0, size=80.0, score=0.9):
    row = box_detection((x, y, x + size, y + size), 10**4, 10**4)[0]
    row[4] = score
    return row


def stack(frames: list[list[np.ndarray]]) -> list[np.ndarray]:
    return [np.stack(rows) if rows else np.zeros((0, 15), np.float32) for rows in frames]


def select(found: list[np.ndarray], **choice) -> list[FaceTrack]:
    """``select_faces`` of one shot."""
    return select_faces(found, np.zeros(len(found), np.int32), FPS, **choice)


def track(frames: list[list[np.ndarray]], **choice) -> FaceTrack:
    return select(stack(frames), **choice)[0]


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
    frames = small_frames(str(clips / "cuts_noface.mp4"), fps, 125, media.View())
    cuts = np.flatnonzero(np.diff([shot for _, shot in frames])) + 1
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


def two_people(frames=10):
    """A small face on the left, a large one on the right, which the last frame lacks."""
    both = [detection(50, 100, 60), detection(300, 100, 90)]
    return [np.stack(both) for _ in range(frames - 1)] + [both[0][None]]


@pytest.mark.parametrize(
    "face, x",
    [("largest", 300), ("left", 50), ("right", 300), ("center", 300), ("0", 50), ("1", 300)],
)
def test_the_face_that_was_asked_for(face, x):
    (result,) = select(two_people(), face=face, size=SIZE, smooth=False)
    assert np.allclose(result.box[:9, 0], x)
    assert result.present[9] == (x == 50)  # the other one never stands in for it


def test_an_index_that_nobody_has_is_no_face():
    (result,) = select(two_people(), face="2", size=SIZE)
    assert not result.present.any()


def test_all_faces_get_a_track_each():
    first, second = select(two_people(), face="all", size=SIZE, smooth=False)
    assert np.allclose(first.box[:9, 0], 300) and np.allclose(second.box[:, 0], 50)
    assert (first.present.sum(), second.present.sum()) == (9, 10)


def test_a_passer_by_does_not_shift_the_count():
    found = two_people(20)
    found[4] = np.concatenate([detection(0, 100, 40)[None], found[4]])
    (result,) = select(found, face="left", size=SIZE, smooth=False)
    assert np.allclose(result.box[:, 0], 50)


@pytest.mark.parametrize("face", ["largest", "right", "center", "1"])
def test_who_comes_after_what_is_shown_is_not_chosen(face):
    """A larger face from frame 60 on, where 25 frames are shown; who is chosen goes on."""
    found = [
        np.stack([detection(100), detection(400, 100, 160)][: 1 + (n >= 60)]) for n in range(100)
    ]
    (result,) = select(found, face="0" if face == "1" else face, used=25)
    assert result.present.all()
    assert np.abs(result.box[:, 0] - 100).max() < 1

    assert not select(found, face="1", used=25)[0].present.any()
    assert len(select(found, face="all", used=25)) == 1
    assert select(found, face="largest")[0].box[80, 0] > 300


def test_a_face_that_comes_back_is_the_same_person():
    frames = [[detection(100)]] * 5 + [[]] * 20 + [[detection(104)]] * 5
    result = track(frames)
    assert result.present.tolist() == [True] * 5 + [False] * 20 + [True] * 5


def test_each_face_of_a_real_clip(clips):
    frames = list(media.read_frames(clips / "two_faces.mp4", FPS, 0, 8))
    found = list(detect_faces(frames))
    height, width = frames[0].shape[:2]
    chosen = {
        face: select(found, face=face, size=(width, height))
        for face in ("largest", "left", "right", "all", "0", "1", "7")
    }
    x = {face: layers[0].box[0, [0, 2]].mean() / width for face, layers in chosen.items()}
    assert x["left"] == x["0"] < 0.5 < x["right"] == x["1"]
    assert len(chosen["all"]) == 2 and not chosen["7"][0].present.any()


# ---- faces that cannot be re-drawn


def test_the_reason_is_told_when_no_face_can_be_redrawn():
    assert unusable_reason(stack([[], []])) is None

    small = stack([[detection(size=12)], [], [detection(size=MIN_FACE - 1)]])
    assert "23x23 pixels" in unusable_reason(small)

    cut = [at_border(x) for x in (-60, -50)]
    assert "border" in unusable_reason(stack([[row] for row in cut]))


def at_border(x: float) -> np.ndarray:
    """A face of 80x80 pixels whose box begins at x: at -60 half of the mouth lies outside."""
    row = detection(0, 100, 80)
    row[[0, 2, *range(5, 15, 2)]] += x
    return row


def test_a_face_that_slides_in_is_passed_through_until_its_mouth_is_whole():
    frames = [[at_border(x)] for x in range(-72, 72, 4)]
    result = track(frames, size=SIZE, smooth=False)
    corner = result.landmarks[:, 3, 0]
    assert not result.present[corner < 5].any()
    assert result.present[corner > 10].all()
    assert np.diff(result.present.astype(int)).sum() == 1
    assert track(frames, smooth=False).present.all()  # no border is known


@pytest.mark.parametrize("side", ["left", "right", "bottom", "top"])
def test_every_border_counts(side):
    row = detection(0, 0, 80)
    x, y = {"left": (-20, 200), "right": (580, 200), "bottom": (300, 415), "top": (300, -40)}[side]
    row[[0, 2, *range(5, 15, 2)]] += x
    row[[1, 3, *range(6, 15, 2)]] += y
    assert not has_whole_mouth(row[None], SIZE)[0]


def test_a_box_by_hand_may_touch_the_border():
    box = box_detection((0, 0, 80, 80), 80, 80)
    assert has_whole_mouth(box, (80, 80))[0]


def test_a_real_face_slides_in_without_a_bent_frame(clips):
    """Where it is re-drawn, its landmarks are those of the same face in the middle."""
    frame = next(media.read_frames(clips / "grid_v1.mpg", FPS))
    height, width = frame.shape[:2]
    (middle,) = detect_faces([frame])
    points = middle[0, 5:].reshape(5, 2)
    distance = np.hypot(*(points[3:].mean(axis=0) - points[:2].mean(axis=0)))

    shifts = -points[3:, 0].mean() + distance * np.arange(0, 1.3, 0.1)
    moved = [
        cv2.warpAffine(
            frame, np.array([[1, 0, dx], [0, 1, 0]]), (width, height), borderValue=(99,) * 3
        )
        for dx in shifts
    ]
    result = select(list(detect_faces(moved)), size=(width, height), smooth=False)[0]
    errors = np.abs(result.landmarks - [1, 0] * shifts[:, None, None] - points).max(axis=(1, 2))
    assert not result.present[:3].any()
    assert result.present[-4:].all()
    assert (errors[result.present] < 0.1 * distance).all()


# ---- still pictures


def poster_and_person(frames: int = 50, tremble: float = 0.3) -> list[np.ndarray]:
    """A large face that only the detector shakes, and a smaller one that nods by a few pixels."""
    rng = np.random.default_rng(2)
    found = []
    for n in range(frames):
        poster = detection(300, 100, 160)
        person = detection(80, 100 + 4 * np.sin(n / 5), 90)
        poster[:4] += rng.normal(0, tremble, 4)
        poster[5:] += rng.normal(0, tremble, 10)
        found.append(np.stack([poster, person]))
    return found


def test_a_poster_yields_to_a_person():
    found = poster_and_person()
    shot = np.zeros(len(found), np.int32)
    (result,) = select(found)
    assert np.abs(result.box[:, 0] - 80).max() < 1
    assert yields_to_moving(found, shot, FPS)


@pytest.mark.parametrize("face", ["right", "1"])
def test_a_poster_that_is_asked_for_is_taken(face):
    (result,) = select(poster_and_person(), face=face, size=SIZE)
    assert np.abs(result.box[:, 0] - 300).max() < 2


def test_the_largest_stays_where_nobody_or_everybody_moves():
    posters = [rows[[0, 0]].copy() for rows in poster_and_person()]
    for rows in posters:
        rows[1] = detection(20, 100, 90)
    (result,) = select(posters)
    assert np.abs(result.box[:, 0] - 300).max() < 2

    nodding = poster_and_person()
    for n, rows in enumerate(nodding):
        rows[0, [1, 3, *range(6, 15, 2)]] += 4 * np.sin(n / 5)
    (result,) = select(nodding)
    assert np.abs(result.box[:, 0] - 300).max() < 2
    assert not yields_to_moving(nodding, np.zeros(50, np.int32), FPS)


def test_nobody_is_judged_by_a_moment():
    (result,) = select(poster_and_person(20))
    assert np.abs(result.box[:, 0] - 300).max() < 2


def test_no_person_of_a_real_clip_is_taken_for_a_poster(clips):
    """Beside a still face of another clip, with the noise of a camera."""
    rng = np.random.default_rng(3)
    picture = next(media.read_frames(clips / "vr_5.mp4", FPS))
    picture = cv2.resize(picture, (360, 360), interpolation=cv2.INTER_AREA)

    pairs = []
    for frame in media.read_frames(clips / "grid_v2.mpg", FPS, 0, 40):
        noise = rng.normal(0, 3, picture.shape)
        still = np.clip(picture + noise, 0, 255).astype(np.uint8)
        pairs.append(np.hstack([still, cv2.copyMakeBorder(frame, 0, 72, 0, 0, cv2.BORDER_REFLECT)]))
    found = list(detect_faces(pairs))

    still_width = (found[0][:, 2] - found[0][:, 0])[found[0][:, 0] < 300]
    assert still_width.max() > 140  # the larger one
    (result,) = select(found, size=(720, 360))
    assert (result.box[:, 0] > 360).all()
