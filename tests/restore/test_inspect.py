"""What notebook 03 shows of a restorer."""

import numpy as np
import pytest

from helpers import params
from helpers.face.square import square_matrix
from helpers.restore.inspect import beside_reference, inspect_face


@pytest.mark.parametrize(
    "restorer, region", [("compact", "mouth"), ("compact", "face"), ("sharpen", "mouth")]
)
def test_what_is_shown_of_a_restorer_is_what_it_does(restorer, region, sample_face):
    frame, points = sample_face
    p = params.build(restorer=restorer, region=region, strength=0.2)
    view = inspect_face(p, frame, points, square_matrix(points, 96))
    changed = (view["made"] != frame).any(axis=2)
    assert changed.any()
    assert view["mask"].shape == frame.shape[:2]
    assert view["mask"].max() > 0.99
    assert not (changed & (view["mask"] == 0)).any()
    assert view["aligned"].shape == view["restored"].shape
    assert (view["aligned"] != view["restored"]).any()


def test_no_restorer_has_no_mask(sample_face):
    frame, points = sample_face
    view = inspect_face(params.build(restorer="none"), frame, points, square_matrix(points, 96))
    assert np.array_equal(view["made"], frame)
    assert not view["mask"].any()
    assert np.array_equal(view["aligned"], view["restored"])


def test_beside_the_reference_both_are_at_full_strength(sample_face, monkeypatch):
    frame, points = sample_face
    asked = []

    def count_calls(p):
        asked.append((p.restorer, p.strength))
        return lambda frames, *_: [np.full_like(f, len(asked)) for f in frames]

    monkeypatch.setattr("helpers.restore.inspect.make_restorer", count_calls)
    pair = beside_reference(params.build(restorer="gfpgan", strength=0.3), frame, points, None)
    assert asked == [("gfpgan", 1.0), ("gfpgan_reference", 1.0)]
    assert list(pair) == ["gfpgan", "gfpgan_reference"]
    assert [int(picture[0, 0, 0]) for picture, _ in pair.values()] == [1, 2]
