"""The compact restorer on a frame."""

import numpy as np
import pytest
import torch

from helpers.face.square import square_matrix
from helpers.networks.restorer import CompactRestorer
from helpers.restore.compact import compact_faces
from helpers.restore.paste import steadied


@pytest.mark.parametrize("region", ("mouth", "face"))
def test_compact_changes_the_region_alone(region, sample_face, darkening_net):
    frame, points = sample_face
    frame = frame // 2 + 90  # nothing gets darker than black
    matrix = square_matrix(points, 96)
    full, half = (
        compact_faces(
            darkening_net,
            [frame],
            [points],
            [matrix],
            [0],
            precision=torch.float32,
            region=region,
            strength=strength,
            steady=0.0,
        )[0].astype(int)
        for strength in (1.0, 0.5)
    )
    change = frame - full
    assert 50 < change.max() <= 65
    assert change.min() >= 0
    assert np.abs(frame - half - change / 2).max() <= 1

    eye_column, eye_row = np.round(points[:2].mean(axis=0)).astype(int)
    mouth_column, mouth_row = np.round(points[3:].mean(axis=0)).astype(int)
    assert change[mouth_row, mouth_column].max() > 40
    assert (change[eye_row, eye_column].max() > 0) == (region == "face")

    changed = np.argwhere(change.max(axis=2) > 0)[:, ::-1]
    in_square = changed @ matrix[:, :2].T + matrix[:, 2]
    assert in_square.min() > -10
    assert in_square.max() < 106
    assert np.abs(np.diff(change, axis=1)).max() < 25  # no hard line around it


def test_a_new_compact_restorer_changes_nothing(sample_face):
    frame, points = sample_face
    (restored,) = compact_faces(
        CompactRestorer().eval(),
        [frame],
        [points],
        [square_matrix(points, 96)],
        [0],
        precision=torch.float32,
        region="face",
        strength=1.0,
        steady=0.3,
    )
    assert np.array_equal(restored, frame)


@pytest.mark.parametrize("steady, expected", [(1.0, [3, 3, 3, 30]), (0.0, [0, 9, 0, 30])])
def test_changes_are_steadied_in_a_run_only(steady, expected):
    changes = [np.full((2, 2, 3), value, np.float32) for value in (0, 9, 0, 30)]
    assert [c[0, 0, 0] for c in steadied(changes, [0, 0, 0, 1], steady)] == expected
