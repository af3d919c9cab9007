"""Which seconds a preview shows."""

from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest

from helpers.notebook import preview


def plan_of(frames: int, faces: range, speech: range) -> SimpleNamespace:
    numbers = np.arange(frames)
    return SimpleNamespace(
        frames=frames,
        fps=Fraction(25),
        redrawn=np.isin(numbers, faces),
        speech=np.isin(numbers, speech).astype(np.float32),
    )


@pytest.mark.parametrize(
    ("frames", "faces", "speech", "part"),
    [
        (40, range(40), range(40), (0, 40)),  # all of a short clip
        (400, range(400), range(200, 300), (208, 283)),  # where somebody speaks
        (400, range(160), range(200, 300), (0, 75)),  # where there is a face
        (76, range(76), range(70, 76), (0, 75)),
    ],
)
def test_a_preview_shows_a_face_that_speaks(frames, faces, speech, part):
    assert preview.talking_part(plan_of(frames, faces, speech), 16) == part
