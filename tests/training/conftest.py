"""Clips made of the sample, prepared once for all tests of the trainings."""

from pathlib import Path
from typing import NamedTuple

import pytest
from support import spoken_clip

from helpers import checkpoints
from helpers.training.prepare import prepare


class Prepared(NamedTuple):
    folder: Path  # of clips
    out: Path  # of a training on them
    arrays: Path


@pytest.fixture(scope="session")
def prepared(tmp_path_factory) -> Prepared:
    folder = tmp_path_factory.mktemp("clips")
    (folder / "her").mkdir()
    for n, start in enumerate((0.0, 0.7, 1.4)):
        spoken_clip(folder / "her" / f"{n}.mp4", start, 1.4)
    out = tmp_path_factory.mktemp("trained")
    prepare(folder, out / "prepared", workers=1)
    return Prepared(folder, out, out / "prepared")


@pytest.fixture
def expert() -> Path:
    return checkpoints.locate("sync-compact").path


@pytest.fixture
def compact() -> Path:
    return checkpoints.locate("compact").path
