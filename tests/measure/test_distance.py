"""Does one figure order true, good and bad results as people would?"""

import os
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from support import ffmpeg

from helpers import media, params, run
from helpers.measure.distance import distance
from helpers.measure.table import measure_run
from helpers.plan.geometry import face_rectangle
from helpers.plan.plan import load_plan

TALKING = params.SAMPLE / "talking.mp4"
SPEECH = params.SAMPLE / "speech.flac"
SECONDS = 3


def lower_half(plan, n):
    """Where the mouth is; nowhere in a frame without a face."""
    if not plan.redrawn[n]:
        return np.s_[:0]
    x1, y1, x2, y2 = face_rectangle(plan, n)
    return np.s_[(y1 + y2) // 2 : y2, x1:x2]


def blurred(plan, frames):
    for n, frame in enumerate(frames):
        part = frame[lower_half(plan, n)]
        part[:] = cv2.GaussianBlur(part, (0, 0), 4) if part.size else part
    return frames


def overdone(plan, frames):
    for n, frame in enumerate(frames):
        part = frame[lower_half(plan, n)]
        if part.size:
            wide = part.astype(float)
            part[:] = np.clip(wide + 2 * (wide - cv2.GaussianBlur(wide, (0, 0), 2)), 0, 255)
    return frames


def shaking(plan, frames):
    for n, frame in enumerate(frames):
        frame[lower_half(plan, n)] = np.roll(frame[lower_half(plan, n)], n % 2 * 4, axis=0)
    return frames


def late(plan, frames):
    return [frames[max(0, n - 5)] for n in range(len(frames))]


def frozen(plan, frames):
    return [frames[0]] * len(frames)


@pytest.fixture(scope="module")
def dubbed(tmp_path_factory) -> Path:
    """The run folder of three seconds of the sample, with other speech."""
    folder = tmp_path_factory.mktemp("dubbed")
    clip = folder / "clip.mp4"
    ffmpeg("-t", SECONDS, "-i", TALKING, "-c", "copy", clip)
    given = dict(length="video", restorer="none", precision="fp32", device="cpu")
    run.lipsync(params.build(video=clip, audio=SPEECH, run_dir=folder / "run", **given))
    return folder / "run"


def distance_with(dubbed: Path, folder: Path, frames: list[np.ndarray], sound: Path) -> float:
    """The distance of a copy of the run whose result has these frames and this sound."""
    there = shutil.copytree(dubbed, folder / "run")
    fps = load_plan(there / run.PLAN).fps
    media.write_video(folder / "silent.mp4", iter(frames), fps, 15)
    media.mux([folder / "silent.mp4"], sound, folder / "made.mp4", SECONDS)
    os.replace(folder / "made.mp4", there / run.OUTPUTS["lipsync"])
    return measure_run(there)[1]["distance"]


@pytest.fixture(scope="module")
def good(dubbed) -> float:
    return measure_run(dubbed)[1]["distance"]


@pytest.mark.slow
@pytest.mark.parametrize("spoil", [blurred, overdone, shaking, late, frozen])
def test_a_spoilt_result_comes_after_the_good_one(spoil, good, dubbed, tmp_path):
    plan = load_plan(dubbed / run.PLAN)
    frames = list(media.read_frames(dubbed / run.OUTPUTS["lipsync"], plan.fps))
    spoilt = spoil(plan, [frame.copy() for frame in frames])
    assert distance_with(dubbed, tmp_path, spoilt, SPEECH) > good + 0.3


@pytest.mark.slow
def test_the_old_mouth_with_new_speech_comes_after_the_good_one(good, dubbed, tmp_path):
    plan = load_plan(dubbed / run.PLAN)
    frames = list(media.read_frames(TALKING, plan.fps, 0, plan.frames))
    assert distance_with(dubbed, tmp_path, frames, SPEECH) > good + 0.3


TRUE = dict(sharpness_mouth=5.0, flicker_mouth=1.5, sync_confidence=0.3, sync_offset=1, seam=0.0)


def test_a_true_clip_is_at_no_distance():
    assert distance(TRUE, TRUE) == 0


@pytest.mark.parametrize("name, value", [
    ("sync_confidence", 0.9), ("sync_offset", -1), ("seam", -0.3), ("psnr_outside", 60.0),
])  # fmt: skip
def test_nothing_is_rewarded_beyond_a_true_clip(name, value):
    assert distance(TRUE | {name: value}, TRUE) == 0


@pytest.mark.parametrize("name, values", [
    ("sharpness_mouth", (5.5, 9.0, 20.0)), ("sharpness_mouth", (4.5, 3.0, 1.0)),
    ("sync_confidence", (0.28, 0.2, 0.0)), ("sync_offset", (1, 3, 5)),
    ("flicker_mouth", (1.6, 3.0, 6.0)), ("seam", (0.5, 1.5, 3.0)),
])  # fmt: skip
def test_what_is_further_away_comes_later(name, values):
    away = [distance(TRUE | {name: value}, TRUE) for value in values]
    assert away == sorted(away) and away[0] < away[-1]


def test_a_silent_source_leaves_the_usual_confidence_as_the_aim():
    silent = dict(sharpness_mouth=5.0)
    assert distance(dict(sync_confidence=0.25), silent) == 0
    assert distance(dict(sync_confidence=0.0), silent) == 2.0


def test_nothing_measured_has_no_distance():
    assert distance(dict(video="lipsync", frames=3), TRUE) is None
