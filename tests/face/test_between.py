"""Faces between looks: straight where heads move little, looked at where they do not."""

from fractions import Fraction

import numpy as np
import pytest

from helpers import media
from helpers.face import between
from helpers.face.between import detect_clip
from helpers.face.boxes import iou
from helpers.face.detect import box_detection, detect_faces
from helpers.plan.scene import small_frames

FPS = Fraction(25)
FRAMES = 26
BLANK = np.zeros((120, 160, 3), np.uint8)


@pytest.fixture
def looks(monkeypatch):
    """Call with frame number -> detections; returns what is found, and which frames were seen."""

    def use(rule, fps=FPS, shots=None, batch=2):
        seen: list[int] = []

        def detect(frames, *_):
            numbers = [int(frame[0, 0, 0]) for frame in frames]
            seen.extend(numbers)
            return [rule(n) for n in numbers]

        monkeypatch.setattr(between, "detect_faces", detect)
        monkeypatch.setattr(between, "batch_size", lambda device: batch)
        shots = shots or [0] * FRAMES
        frames = ((np.full_like(BLANK, n), shot) for n, shot in enumerate(shots))
        return list(detect_clip(frames, fps)), sorted(seen)

    return use


def face(x: float, y: float = 20.0, side: float = 60.0) -> np.ndarray:
    return box_detection((x, y, x + side, y + side), 10**4, 10**4)


def test_a_steady_head_is_looked_at_in_every_third_frame(looks):
    found, seen = looks(lambda n: face(10 + n / 2))
    assert seen == [0, *range(2, FRAMES, 3), FRAMES - 1]
    assert np.allclose([rows[0, 0] for rows in found], 10 + np.arange(FRAMES) / 2, atol=1e-4)


def test_more_frames_a_second_are_looked_at_as_often(looks):
    _, seen = looks(lambda n: face(10 + n / 5), fps=Fraction(60))
    assert seen == [0, 7, 15, 23, 25]


@pytest.mark.parametrize("batch", [1, 3, 16])
def test_what_is_looked_at_together_changes_nothing(looks, batch):
    nods = lambda n: face(20 + 9 * np.sin(n / 2))  # noqa: E731
    found, _ = looks(nods, batch=batch)
    one_by_one, _ = looks(nods, batch=2)
    assert all(np.array_equal(a, b) for a, b in zip(found, one_by_one, strict=True))


def test_a_fast_head_is_looked_at_in_every_frame(looks):
    found, seen = looks(lambda n: face(10 + 4 * n))
    assert seen == list(range(FRAMES))
    assert [rows[0, 0] for rows in found] == [10 + 4 * n for n in range(FRAMES)]


def test_faces_that_come_and_go_are_looked_for_in_every_frame_around(looks):
    def two(n):
        return np.concatenate([face(10), face(90)]) if n in range(9, 16) else face(10)

    found, seen = looks(two)
    assert [len(rows) for rows in found] == [len(two(n)) for n in range(FRAMES)]
    assert {9, 10, 15, 16} <= set(seen) and {3, 4, 12, 13}.isdisjoint(seen)


def test_faces_keep_who_they_are_where_the_detector_changes_their_order(looks):
    pair = [face(10), face(90)]
    found, seen = looks(lambda n: np.concatenate(pair[:: 1 if n % 2 else -1]))
    assert len(seen) < FRAMES / 2
    assert all({10, 90} == set(rows[:, 0].round().astype(int)) for rows in found)


def test_nothing_is_carried_over_a_cut(looks):
    shots = [0] * 10 + [1] * (FRAMES - 10)
    found, seen = looks(lambda n: face(10 if n < 10 else 12), shots=shots)
    assert [rows[0, 0] for rows in found] == [10] * 10 + [12] * (FRAMES - 10)
    assert {9, 10} <= set(seen)


def test_a_hand_between_two_looks_is_seen(looks, monkeypatch):
    monkeypatch.setattr(between, "mark_covered", lambda frame, rows: rows * (frame[0, 0, 0] != 6))
    found, _ = looks(lambda n: face(10))
    assert [n for n, rows in enumerate(found) if not rows.any()] == [6]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["vr_1.mp4", "portrait_1080.mp4", "two_faces.mp4"])
def test_real_faces_are_where_every_frame_is_looked_at(clips, name):
    fps = media.default_fps(media.probe(clips / name))
    frames = list(small_frames(str(clips / name), fps, 50, media.View()))
    found = list(detect_clip(frames, fps))
    expected = list(detect_faces(frame for frame, _ in frames))
    assert [len(rows) for rows in found] == [len(rows) for rows in expected]

    errors = []
    for rows, wanted in zip(found, expected, strict=True):
        for row in wanted:
            nearest = max(rows, key=lambda other: iou(other, row))  # noqa: B023
            points = row[5:].reshape(5, 2)
            unit = np.hypot(*(points[3:].mean(axis=0) - points[:2].mean(axis=0)))
            errors.append(np.abs(nearest[5:] - row[5:]).max() / unit)
    assert np.median(errors) < 0.02 and max(errors) < 0.15
