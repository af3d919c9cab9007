"""Covered mouths: masks and microphones, and what is none of them."""

from fractions import Fraction

import cv2
import numpy as np
import pytest
from support import SAMPLE_VIDEO

from helpers import media
from helpers.face.cover import SHOWN, skin_share
from helpers.face.detect import detect_faces, detect_in_frame
from helpers.face.square import crop_square, square_matrix
from helpers.face.track import select_faces, unusable_reason

FPS = Fraction(25)
MASK = np.array([[20, 42], [47, 38], [75, 42], [72, 75], [48, 92], [24, 75]])  # of a face square


@pytest.fixture(scope="module")
def square() -> np.ndarray:
    frame = next(media.read_frames(SAMPLE_VIDEO, FPS))
    return crop_square(frame, square_matrix(detect_in_frame(frame)[0, 5:].reshape(5, 2), 96), 96)


def masked(square: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    return cv2.fillPoly(square.copy(), [MASK], colour, cv2.LINE_AA)


def bearded(square: np.ndarray) -> np.ndarray:
    """A dark full beard around the lips."""
    hair = np.zeros((96, 96), np.float32)
    cv2.ellipse(hair, (48, 66), (30, 26), 0, 0, 360, 1, -1)
    cv2.ellipse(hair, (48, 61), (13, 5), 0, 0, 360, 0, -1)
    hair = cv2.GaussianBlur(hair, (0, 0), 1.5)[..., None]
    return (square * (1 - hair) + hair * [35, 30, 28]).astype(np.uint8)


def masked_frame(frame: np.ndarray, face: np.ndarray) -> np.ndarray:
    """A frame whose face, a detection, wears a medical mask."""
    matrix = square_matrix(face[5:].reshape(5, 2), 96)
    points = np.c_[MASK, np.ones(len(MASK))] @ cv2.invertAffineTransform(matrix).T
    return cv2.fillPoly(frame.copy(), [points.round().astype(int)], (160, 200, 225))


@pytest.mark.parametrize("colour", [(160, 200, 225), (235, 235, 235), (30, 30, 32)])
def test_a_mask_covers_the_mouth(square, colour):
    assert skin_share(masked(square, colour)) < SHOWN / 2


def test_a_microphone_covers_the_mouth(square):
    foam = cv2.circle(square.copy(), (48, 64), 17, (40, 40, 42), -1, cv2.LINE_AA)
    assert skin_share(foam) < SHOWN / 2

    beside = cv2.circle(square.copy(), (40, 72), 12, (40, 40, 42), -1, cv2.LINE_AA)
    assert skin_share(beside) > SHOWN


def test_faces_beards_and_grey_pictures_are_not_covered(square):
    grey = np.repeat(cv2.cvtColor(square, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    dark = (square * 0.3).astype(np.uint8)
    for seen in (square, bearded(square), grey, masked(grey, (30, 30, 30)), dark):
        assert skin_share(seen) > SHOWN


def test_a_masked_face_is_found_and_not_redrawn():
    frames = list(media.read_frames(SAMPLE_VIDEO, FPS, 0, 12))
    faces = [detect_in_frame(frame)[0] for frame in frames]
    frames[4:] = [
        masked_frame(frame, face) for frame, face in zip(frames[4:], faces[4:], strict=True)
    ]
    found = list(detect_faces(frames))
    confidence = np.array([rows[0, 4] for rows in found])
    assert (confidence[:4] > 0).all()
    assert (confidence[4:] == 0).all()

    (track,) = select_faces(found, np.zeros(12, np.int32), FPS)
    assert track.present.tolist() == [True] + [False] * 11  # three frames earlier
    assert "covers the mouth" in unusable_reason(found[4:])


def test_a_single_frame_is_no_cover():
    (row,) = detect_in_frame(next(media.read_frames(SAMPLE_VIDEO, FPS)))
    found = [row[None].copy() for _ in range(15)]
    found[7][0, 4] = 0
    (track,) = select_faces(found, np.zeros(15, np.int32), FPS)
    assert track.present.all()


@pytest.mark.parametrize("name", ["grid_v1.mpg", "grid_v3.mpg", "vr_2.mp4", "vr_5.mp4"])
def test_nobody_talks_behind_a_mask(clips, name):
    frames = media.read_indexed(clips / name, FPS, list(range(0, 70, 5)))
    for rows in detect_faces(frames):
        assert (rows[:, 4] > 0).all()
