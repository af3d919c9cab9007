"""Faces of a clip: which are chosen, and what is said about those that are not."""

from fractions import Fraction

import numpy as np
import pytest

from helpers import params
from helpers.errors import NoFaceError
from helpers.face.detect import box_detection
from helpers.plan.make import require_face
from helpers.plan.scene import choose_faces

FPS = Fraction(25)
SIZE = (640, 480)
FRAMES = 50
LEFT = np.array([50, 0, 50, 0, 0, *[50, 0] * 5], np.float32)  # px, of a detection


def face(x: float, y: float, side: float) -> np.ndarray:
    return box_detection((x, y, x + side, y + side), 10**4, 10**4)[0]


def choose(found: list[np.ndarray], **values):
    """The parameters, and the faces that they choose in one shot."""
    p = params.build(**values)
    shot = np.zeros(len(found), np.int32)
    return p, choose_faces(p, found, shot, FPS, SIZE, len(found))


def nodding(n: int) -> np.ndarray:
    return face(60, 100 + 4 * np.sin(n / 5), 90)


def test_a_person_is_chosen_without_a_word(capsys):
    _, (track,) = choose([nodding(n)[None] for n in range(FRAMES)])
    assert track.present.all()
    assert capsys.readouterr().err == ""


def test_a_poster_that_yields_is_told_in_a_line(capsys):
    found = [np.stack([face(300, 100, 160), nodding(n)]) for n in range(FRAMES)]
    _, (track,) = choose(found)
    assert np.abs(track.box[:, 0] - 60).max() < 1
    said = capsys.readouterr().err
    assert "never moves" in said and said.count("\n") == 1

    _, (track,) = choose(found, face="right")
    assert np.abs(track.box[:, 0] - 300).max() < 1
    assert capsys.readouterr().err == ""


def test_covered_mouths_are_told_in_a_line(capsys):
    found = [nodding(n)[None] for n in range(FRAMES)]
    for rows in found[10:20]:
        rows[0, 4] = 0
    _, (track,) = choose(found)
    assert not track.present[7:23].any()
    assert track.present[:7].all() and track.present[23:].all()
    said = capsys.readouterr().err
    assert "10 of 50 frames" in said and said.count("\n") == 1


@pytest.mark.parametrize(
    "row, chosen, message",
    [
        (face(100, 100, 20), "largest", "20x20 pixels"),
        (face(100, 100, 20), "0", "20x20 pixels"),
        (face(0, 100, 80) - LEFT, "largest", "border"),
        (face(100, 100, 80), "1", "at most 1 face"),
    ],
)
def test_why_no_face_is_redrawn(row, chosen, message):
    found = [row[None]] * 5
    p, tracks = choose(found, face=chosen)
    with pytest.raises(NoFaceError, match=message):
        require_face(p, "clip.mp4", tracks, found)


def test_no_face_at_all():
    found = [np.zeros((0, 15), np.float32)] * 5
    p, tracks = choose(found)
    with pytest.raises(NoFaceError, match="no face found by retinaface in any of the 5 frames"):
        require_face(p, "clip.mp4", tracks, found)
