"""Mouth openings by another network: how it is asked, and what is made of its answers."""

import json
import os
import sys
from itertools import islice

import numpy as np
import pytest
from support import SAMPLE_VIDEO, ffmpeg, made_clip, tone, write_wave

from helpers import media
from helpers.cli import main
from helpers.errors import ParameterError
from helpers.measure import openings
from helpers.measure.openings import compare, correlation, rest, with_means

# answers with each frame's brightness, and finds no face in a black one
PRETENDED = """#!{python}
import json, sys
width, height = map(int, sys.argv[2:])
size = width * height * 3
answers = []
while len(data := sys.stdin.buffer.read(size)) == size:
    answers.append(sum(data) / size if any(data) else None)
print("a warning before the answer")
print(json.dumps(answers))
"""


@pytest.fixture
def pretended(tmp_path, monkeypatch) -> str:
    path = tmp_path / "python"
    path.write_text(PRETENDED.format(python=sys.executable))
    path.chmod(0o755)
    monkeypatch.setenv("LIPSYNC_JUDGE", str(path))
    return str(path)


def test_every_frame_is_asked_about_once(pretended):
    frames = [np.full((6, 8, 3), level, np.uint8) for level in (9, 0, 200)]
    seen = openings.openings(iter(frames), pretended)
    np.testing.assert_array_equal(seen, [9, np.nan, 200])


def test_frames_without_a_face_do_not_count():
    rise = np.arange(30.0)
    broken = rise.copy()
    broken[::3] = np.nan
    assert correlation(rise, broken) == 1
    assert correlation(rise, -broken) == -1
    assert correlation(rise, broken[:15]) is None  # ten are left
    assert correlation(rise, np.ones(30)) is None


def test_a_mouth_that_moves_half_as_far_at_the_right_times():
    true = np.sin(np.arange(50) / 2)
    other = np.cos(np.arange(50) / 2)
    opened = dict(lipsync=true / 2, speech=true, source=other)
    figures = compare(opened, "lipsync", true + other)

    assert (figures["r"], figures["spread"], figures["frames"]) == (1, 0.5, 50)
    assert abs(figures["r_source"]) < 0.1
    assert figures["r_loudness"] == pytest.approx(0.7, abs=0.05)
    assert set(compare(dict(lipsync=true), "lipsync", true)) == {"frames"}

    mean = with_means([figures, dict(figures, r=0.5)])[-1]
    assert mean["run"] == "mean" and mean["r"] == 0.75 and "frames" not in mean
    assert with_means([figures]) == [figures]


def test_pauses_are_told_where_there_are_some():
    speech = np.repeat([1.0, 0.5, 0.0], 20)
    drawn = np.repeat([0.2, 9.0, 0.05], 20)
    drawn[[0, -1]] = np.nan
    assert rest(drawn, speech) == dict(pauses=0.25)
    assert rest(drawn[:50], speech[:50]) == {}


def test_a_run_beside_its_source_and_the_mouth_that_spoke(small_run, pretended, tmp_path, capsys):
    pulse = "eq=brightness='0.3*sin(t*9)':eval=frame"
    video = made_clip(tmp_path / "clip.mkv", "25", 1.0, "160x120", "-vf", pulse)
    sound = write_wave(tmp_path / "tone.wav", tone(1.0))
    ffmpeg("-i", video, "-i", sound, "-c:v", "copy", tmp_path / "spoken.mkv")
    _, p = small_run(video, str(tmp_path / "spoken.mkv"))

    assert main(["judge", p.run_dir, "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["run"], row["video"], row["frames"]) == ("run", "lipsync", 25)
    assert row["r"] > 0.9 and row["r_source"] > 0.9  # all three pulse alike

    assert main(["judge", p.run_dir, p.run_dir]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4 and lines[-1].split()[0] == "mean"


def test_without_the_judge_one_line_says_how_to_get_it(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("LIPSYNC_JUDGE", str(tmp_path / "nowhere"))
    assert main(["judge", str(tmp_path)]) == 2
    printed = capsys.readouterr()
    assert printed.out == "" and printed.err.count("\n") == 1
    assert "make judge" in printed.err


def test_a_python_without_the_network_is_told():
    frames = iter(np.zeros((100, 90, 120, 3), np.uint8))
    with pytest.raises(ParameterError, match="mediapipe"):
        openings.openings(frames, "/bin/false")


def test_the_real_judge_finds_the_samples_mouth():
    python = os.environ.get("LIPSYNC_JUDGE", str(openings.USUAL_PYTHON))
    if not os.access(python, os.X_OK):
        pytest.skip("the judge is not installed (make judge)")

    fps = media.default_fps(media.probe(SAMPLE_VIDEO))
    frames = islice(media.read_frames(SAMPLE_VIDEO, fps), 10)
    seen = openings.openings(frames, python)
    assert len(seen) == 10 and (seen >= 0).all() and (seen < 0.5).all()
