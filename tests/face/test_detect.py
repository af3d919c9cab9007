"""Detectors: what they find, in which pixels, and faces that lie on their side."""

from fractions import Fraction

import cv2
import numpy as np
import pytest
import torch
from support import SAMPLE_VIDEO, fill

from helpers import checkpoints, media
from helpers.errors import ParameterError, WeightsError
from helpers.face import s3fd
from helpers.face.boxes import box_landmarks, face_roll, iou
from helpers.face.detect import DETECTORS, box_detection, detect_in_frame
from helpers.face.lying import correct_lying, turn_detection
from helpers.params import FIELDS

FPS = Fraction(25)


def first_frame() -> np.ndarray:
    return next(media.read_frames(SAMPLE_VIDEO, FPS))


def turned_about(frame: np.ndarray, degrees: float) -> tuple[np.ndarray, np.ndarray]:
    """The frame turned clockwise on a larger grey canvas, and the matrix ``(2, 3)`` that did it."""
    height, width = frame.shape[:2]
    side = int(np.hypot(width, height))
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), -degrees, 1)
    matrix[:, 2] += [(side - width) / 2, (side - height) / 2]
    turned = cv2.warpAffine(frame, matrix, (side, side), borderValue=(90, 90, 90))
    return turned, matrix


def eyes_to_mouth(points: np.ndarray) -> float:
    return float(np.hypot(*(points[3:].mean(axis=0) - points[:2].mean(axis=0))))


def test_sample_face_is_found_and_title_is_not():
    frames = list(media.read_indexed(SAMPLE_VIDEO, FPS, [10, 80]))
    face, title = (detect_in_frame(frame) for frame in frames)
    assert len(face) == 1
    assert len(title) == 0

    left, right, nose, *mouth = face[0, 5:].reshape(5, 2)
    assert left[0] < nose[0] < right[0]
    assert left[1] < nose[1] < mouth[0][1]
    assert face[0, 4] > 0.9
    assert face.dtype == np.float32


def test_large_frames_are_scaled_and_coordinates_are_the_frames():
    frame = first_frame()
    large = cv2.resize(frame, None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC)
    assert iou(detect_in_frame(large)[0] / 3, detect_in_frame(frame)[0]) > 0.9


@pytest.mark.parametrize(
    "name",
    ["grid_v1.mpg", "grid_v4.mpg", "vr_1.mp4", "vr_5.mp4", "portrait_1080.mp4", "quiz_2997.mp4"],
)
def test_every_real_clip_has_faces(clips, name):
    fps = media.default_fps(media.probe(clips / name))
    frames = media.read_frames(clips / name, fps, 0, 30)
    assert all(len(detect_in_frame(frame)) for frame in frames)


def test_the_parameter_names_every_detector():
    assert FIELDS["detector"].metadata["choices"] == tuple(DETECTORS)


# ---- lying faces


@pytest.mark.parametrize("degrees", [-120, -90, -75, 75, 90, 120, 180])
def test_a_lying_face_has_the_landmarks_of_the_standing_one(degrees):
    frame = first_frame()
    standing = detect_in_frame(frame)[0, 5:].reshape(5, 2)
    turned, matrix = turned_about(frame, degrees)
    (face,) = detect_in_frame(turned)

    points = face[5:].reshape(5, 2)
    expected = standing @ matrix[:, :2].T + matrix[:, 2]
    errors = np.hypot(*(points - expected).T) / eyes_to_mouth(standing)
    assert errors.max() < 0.2, errors
    assert (points > face[:2]).all() and (points < face[2:4]).all()


def test_a_lying_face_that_is_not_seen_standing_is_left_out():
    """What only a lying look finds has landmarks that nobody can use."""
    frame = np.zeros((200, 300, 3), np.uint8)
    upright = box_detection((100, 50, 180, 150), 300, 200)
    lying = turn_detection(upright[0], 1, 300, 200)[None]
    empty = np.zeros((0, 15), np.float32)
    assert len(correct_lying(frame, lying, lambda picture: empty)) == 0

    both = np.concatenate([lying, upright])
    assert np.array_equal(correct_lying(frame, both, lambda picture: empty), upright)


def test_standing_faces_are_not_looked_at_again():
    def never(picture):
        raise AssertionError

    upright = box_detection((100, 50, 180, 150), 300, 200)
    found = correct_lying(np.zeros((200, 300, 3), np.uint8), upright, never)
    assert found is upright


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_detections_turn_with_their_picture(turns):
    picture = np.zeros((20, 30), np.uint8)
    picture[4, 7] = 255
    row = box_detection((5, 2, 17, 18), 30, 20)[0]
    row[5:7] = 7.5, 4.5  # the middle of the pixel
    turned = turn_detection(row, turns, 30, 20)

    x, y = turned[5:7]
    assert np.rot90(picture, turns)[int(y), int(x)] == 255
    assert (turned[:2] < turned[2:4]).all()
    back = turn_detection(turned, -turns, *np.rot90(picture, turns).shape[::-1])
    assert np.allclose(back, row)


@pytest.mark.parametrize("degrees", [-170, -90, -30, 0, 45, 90, 135])
def test_roll_is_clockwise_in_degrees(degrees):
    points = box_landmarks(np.array([-10.0, -10, 10, 10]))
    angle = np.radians(degrees)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    assert face_roll(points @ turn) == pytest.approx(degrees, abs=1e-3)


# ---- boxes given by hand


@pytest.mark.parametrize(
    "box", [(10, 10, 5, 20), (-1, 0, 50, 50), (0, 0, 101, 50), (0, 60, 50, 60)]
)
def test_impossible_boxes(box):
    with pytest.raises(ParameterError, match="100x80"):
        box_detection(box, 100, 80)


# ---- S3FD


@pytest.fixture
def s3fd_weights(tmp_path, monkeypatch):
    """Random weights of S3FD in its file's format; the cached network is forgotten."""
    from face_alignment.detection.sfd.net_s3fd import s3fd as network

    path = tmp_path / "s3fd.pth"
    torch.save(fill(network().state_dict()), path)
    entry = dict(file=str(path), job="face detection", licence="BSD")
    monkeypatch.setitem(checkpoints.entries(), "s3fd", entry)
    s3fd.load_network.cache_clear()
    yield path
    s3fd.load_network.cache_clear()


def test_s3fd_runs_from_a_file(s3fd_weights):
    found = detect_in_frame(first_frame(), "s3fd")
    assert found.shape[1:] == (15,)  # random weights: any number of boxes


def test_s3fd_gets_landmarks(s3fd_weights, monkeypatch):
    from face_alignment.detection.sfd import detect as sfd

    frame = first_frame()
    expected = detect_in_frame(frame)[0]
    boxes = np.array(
        [
            [*expected[:4] + 2, 0.9],
            [*expected[:4] + 3, 0.8],
            [1, 1, 40, 50, 0.7],
            [5, 5, 40, 50, 0.3],
        ],
        np.float32,
    )
    monkeypatch.setattr(sfd, "batch_detect", lambda net, pictures, device: [boxes])
    face, elsewhere = detect_in_frame(frame, "s3fd")
    assert np.allclose(face[:5], boxes[0])
    assert np.allclose(face[5:], expected[5:])  # landmarks of the same face
    assert np.allclose(elsewhere[5:].reshape(5, 2), box_landmarks(boxes[2, :4]))


def test_s3fd_without_weights_is_told(tmp_path, monkeypatch):
    entry = dict(checkpoints.entries()["s3fd"], file=str(tmp_path / "none.pth"))
    monkeypatch.setitem(checkpoints.entries(), "s3fd", entry)
    s3fd.load_network.cache_clear()
    with pytest.raises(WeightsError, match="none.pth"):
        detect_in_frame(np.zeros((60, 80, 3), np.uint8), "s3fd")


def test_s3fd_of_another_architecture_is_told(s3fd_weights):
    torch.save({"a": torch.zeros(3)}, s3fd_weights)
    with pytest.raises(WeightsError, match="S3FD"):
        detect_in_frame(np.zeros((60, 80, 3), np.uint8), "s3fd")
