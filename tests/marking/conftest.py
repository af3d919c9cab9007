import functools
from pathlib import Path

import pytest
from support import SAMPLE_SPEECH, ffmpeg, made_clip, tone, write_wave

from helpers import params, run

CONSENT = "the speaker, by GRID's licence"


@pytest.fixture
def brief_run(small_run, tmp_path):
    """``small_run`` on ten frames."""
    video = made_clip(tmp_path / "brief.mkv", "25", 0.4)
    audio = write_wave(tmp_path / "brief.wav", tone(0.4))
    return functools.partial(small_run, video, audio)


@pytest.fixture(scope="session")
def marked(tmp_path_factory) -> Path:
    """The run folder of two seconds of the sample, with every mark."""
    folder = tmp_path_factory.mktemp("marked")
    talking = params.SAMPLE / "talking.mp4"
    ffmpeg("-t", 2, "-i", talking, "-vf", "scale=384:288", folder / "clip.mp4")
    ffmpeg("-t", 2, "-i", SAMPLE_SPEECH, folder / "speech.wav")
    p = params.build(
        video=folder / "clip.mp4",
        audio=folder / "speech.wav",
        run_dir=folder / "run",
        label="lips re-drawn",
        consent=CONSENT,
        precision="fp32",
    )
    run.lipsync(p)
    return folder / "run"
