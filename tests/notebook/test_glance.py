"""The first look at a clip."""

import numpy as np
import pytest
from support import FACE_BOX, made_clip

from helpers import params
from helpers.errors import ParameterError
from helpers.face.detect import DETECTORS
from helpers.notebook import glance


def test_numbers_are_spread_from_the_first_to_the_last():
    assert glance.spread(range(100), 4) == [0, 33, 66, 99]
    assert glance.spread([7], 3) == [7, 7, 7]
    assert glance.spread([], 3) == []


def test_frames_from_all_over_a_clip(tmp_path):
    p = params.build(crop="0,0,80,60")
    numbers, frames = glance.some_frames(p, made_clip(tmp_path / "clip.mkv", "25", 1.0))
    assert numbers[0] == 0 and numbers[-1] == 24 and len(frames) == 10
    assert frames[0].shape == (60, 80, 3)


def test_a_box_given_by_hand_is_shown_and_nothing_detected(monkeypatch):
    monkeypatch.setitem(DETECTORS, "retinaface", None)
    frames = [np.zeros((120, 160, 3), np.uint8)] * 2
    found = glance.faces_in(params.build(box=FACE_BOX), frames)
    assert [faces[0, :4].tolist() for faces in found] == [[40, 20, 120, 110]] * 2
    with pytest.raises(ParameterError, match="160x120"):
        glance.faces_in(params.build(box="0,0,999,9"), frames)


def test_faces_are_looked_for_on_the_runs_device(monkeypatch):
    devices = []

    def detector(frames, device):
        devices.append(device)
        return [np.zeros((0, 15), np.float32) for _ in frames]

    monkeypatch.setitem(DETECTORS, "s3fd", detector)
    monkeypatch.setattr(glance, "choose_device", lambda name: f"chosen from {name}")
    frames = [np.zeros((120, 160, 3), np.uint8)]
    glance.faces_in(params.build(detector="s3fd", device="cuda"), frames)
    assert devices == ["chosen from cuda"]
