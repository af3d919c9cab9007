"""Fixtures that tests share. Real clips come from the folder LIPSYNC_TEST_CLIPS, the rest is made
here.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from support import (
    FACE_BOX,
    fill,
    made_clip,
    tone,
    write_wave,
)

from helpers import params, run
from helpers.face.detect import box_detection
from helpers.networks.wav2lip import Wav2Lip
from helpers.plan import scene

SLOW_FIXTURES = {"clips", "prepared", "small_run"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What needs real clips, a whole run or a whole notebook is slow, whether it says so or not."""
    for item in items:
        needs = SLOW_FIXTURES & set(getattr(item, "fixturenames", ()))
        if needs or item.get_closest_marker("notebook"):
            item.add_marker("slow")


@pytest.fixture(scope="session", autouse=True)
def own_settings(tmp_path_factory) -> Iterator[Path]:
    """The certificate that tests sign with is not the user's."""
    folder = tmp_path_factory.mktemp("config")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(folder))
        yield folder


@pytest.fixture(scope="session")
def clips() -> Path:
    folder = Path(os.environ.get("LIPSYNC_TEST_CLIPS", "nowhere"))
    if not folder.is_dir():
        pytest.skip("LIPSYNC_TEST_CLIPS names no folder of real clips")
    return folder.resolve()


@pytest.fixture(scope="session")
def seeded_wav2lip(tmp_path_factory) -> str:
    """A checkpoint in upstream's format (keys with ``module.``), with random weights."""
    path = tmp_path_factory.mktemp("weights") / "seeded.pth"
    state = fill(Wav2Lip().state_dict())
    torch.save({"state_dict": {f"module.{key}": value for key, value in state.items()}}, path)
    return str(path)


@pytest.fixture
def pretend_faces(monkeypatch):
    """Call with a rule frame number -> has it a face?: the detector then obeys that, with a steady
    face.
    """

    def use(rule):
        face = box_detection((40, 20, 120, 110), 160, 120)
        none = np.zeros((0, 15), np.float32)

        def pretended(frames, *_):
            return (face.copy() if rule(n) else none for n, _ in enumerate(frames))

        monkeypatch.setattr(scene, "detect_clip", pretended)

    return use


@pytest.fixture
def small_run(tmp_path):
    """Run 02 on a small made clip, without marks; returns (record, parameters)."""

    def go(video: str | None = None, audio: str | None = None, name: str = "run", **values):
        video = video or made_clip(tmp_path / "clip.mkv", "25", 2.0)
        audio = audio or write_wave(tmp_path / "speech.wav", tone(2.0))
        given = dict(dict(box=FACE_BOX, precision="fp32", mark=False), **values)
        p = params.build(video=video, audio=audio, run_dir=str(tmp_path / name), **given)
        return run.lipsync(p), p

    return go
