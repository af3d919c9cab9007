"""The registry of restorers, and how one is chosen, described and made."""

import numpy as np
import pytest

from helpers import checkpoints, params
from helpers.face.square import square_matrix
from helpers.restore.base import RESTORERS, choose_restorer, describe_restorer, make_restorer


def test_the_restorers_are_the_parameters_choices():
    assert params.FIELDS["restorer"].metadata["choices"] == ("auto", *RESTORERS)


def test_auto_takes_gfpgan_where_its_weights_are(tmp_path, monkeypatch):
    checkpoints.entries()
    monkeypatch.setattr("helpers.checkpoints.registry.FOLDER", tmp_path)
    assert choose_restorer("auto") == "compact"
    monkeypatch.setattr(checkpoints, "here", lambda name: name == "gfpgan-1.3")
    assert choose_restorer("auto") == "gfpgan"
    assert choose_restorer("sharpen") == "sharpen"


@pytest.mark.parametrize("restorer", ("gfpgan", "gfpgan_reference", "sharpen", "compact"))
def test_strength_0_leaves_the_frames_alone(restorer, sample_face):
    frame, points = sample_face
    p = params.build(restorer=restorer, strength=0)
    assert make_restorer(p)([frame], [points], [square_matrix(points, 96)], [0])[0] is frame


@pytest.mark.parametrize("restorer, names", [
    ("none", {"restorer"}),
    ("sharpen", {"restorer", "strength"}),
    ("compact", {"restorer", "strength", "region", "steady", "weights", "weights_sha256"}),
    ("gfpgan", {"restorer", "strength", "region", "steady", "weights", "weights_sha256"}),
    ("gfpgan_reference", {"restorer", "strength", "weights", "weights_sha256"}),
])  # fmt: skip
def test_a_description_holds_what_the_pixels_depend_on(restorer, names, tmp_path):
    weights = tmp_path / "any.pth"
    weights.write_bytes(b"any")
    p = params.build(restorer=restorer, restorer_checkpoint=weights, region="face", strength=0.5)
    facts = describe_restorer(p)
    assert set(facts) == names
    assert facts["restorer"] == restorer
    assert facts.get("strength", 0.5) == 0.5
    assert facts.get("region", "face") == "face"
    if restorer.startswith("gfpgan"):
        assert facts["weights_sha256"] == checkpoints.sha256(weights)


@pytest.mark.parametrize("restorer", ("none", "sharpen"))
def test_faces_of_others_count_where_something_is_restored(restorer):
    facts = describe_restorer(params.build(restorer=restorer, restore_unsynced=True))
    assert facts.get("restore_unsynced", False) == (restorer != "none")


def test_sharpening_keeps_the_eyes_and_steepens_the_mouth(sample_face):
    frame, points = sample_face
    p = params.build(restorer="sharpen", strength=1)
    (sharp,) = make_restorer(p)([frame], [points], [square_matrix(points, 96)], [0])
    top = int(points[:2, 1].max())
    left, right = points[3:, 0].astype(int)
    middle = int(points[3:, 1].mean())
    mouth = slice(middle - 10, middle + 10), slice(left, right)
    assert np.array_equal(sharp[:top], frame[:top])
    assert sharp[mouth].astype(float).std() > frame[mouth].astype(float).std()
