"""Many jobs: equal ones once, failures one line each, going on."""

import csv
import json
from pathlib import Path

import pytest
from support import FACE_BOX, made_clip, tone, write_wave

from helpers import media, run
from helpers.batch import batch as module
from helpers.batch.batch import TABLE, batch
from helpers.batch.jobs import read_jobs
from helpers.batch.page import PAGE
from helpers.cli import main
from helpers.errors import InputError, MediaError, RunError

COMMON = ["-p", f"box={FACE_BOX}", "-p", "restorer=none", "-p", "precision=fp32"]


@pytest.fixture
def inputs(tmp_path) -> Path:
    folder = tmp_path / "inputs"
    folder.mkdir()
    made_clip(folder / "clip.mkv", "25", 0.4)
    write_wave(folder / "speech.wav", tone(0.4))
    (folder / "broken.mp4").write_text("no video")
    return folder


def write_table(path: Path, rows: list[dict]) -> Path:
    with path.open("w", newline="") as file:
        names = list(dict.fromkeys(name for row in rows for name in row))
        table = csv.DictWriter(file, names)
        table.writeheader()
        table.writerows(rows)
    return path


def test_twelve_jobs_of_which_three_fail_and_one_is_repeated(inputs, tmp_path, capsys, monkeypatch):
    good = dict(video="clip.mkv", audio="speech.wav")
    rows = [good | dict(crf=crf) for crf in range(20, 28)]
    rows[3:3] = [dict(good, video="broken.mp4"), dict(good, crf=99), dict(good, audio="gone.wav")]
    rows.append(good | dict(crf=20.0))
    table = write_table(inputs / "jobs.csv", rows)
    out = tmp_path / "out"

    assert main(["batch", str(table), "--out", str(out), *COMMON]) == 3
    printed = capsys.readouterr()
    counts = json.loads(printed.out)
    assert [counts[state] for state in ("done", "same", "failed")] == [8, 1, 3]
    assert printed.err.count("failed: ") == 3 and "3 of 12 jobs failed" in printed.err
    assert "crf=99" in printed.err and "gone.wav" in printed.err and "broken.mp4" in printed.err
    folders = {path.parent for path in out.glob("*/lipsync.mp4")}
    assert len(folders) == 8 and "job 12 of 12: the same as job 1" in printed.err
    page = (out / PAGE).read_text()
    assert page.count("<video") == 8 and "1 the same as another, 3 failed" in page
    assert all(f'{folder.name}/lipsync.mp4"' in page for folder in folders)

    before = {path: path.read_bytes() for path in out.glob("*/*") if path.is_file()}
    assert main(["batch", str(table), "--out", str(out), *COMMON]) == 2
    assert "holds a batch already" in capsys.readouterr().err
    monkeypatch.setattr(media, "write_video", lambda *_: pytest.fail("rendered again"))
    assert main(["batch", str(table), "--out", str(out), "--resume", *COMMON]) == 3
    assert json.loads(capsys.readouterr().out)["done"] == 8
    assert before == {path: path.read_bytes() for path in out.glob("*/*") if path.is_file()}


def test_our_own_fault_gets_a_second_try(inputs, tmp_path):
    tries = []

    def fails_once(values):
        tries.append(values["crf"])
        if tries.count(values["crf"]) == 1 or values["crf"] == "21":
            raise MediaError("ffmpeg fell\nover")
        return dict(frames=1, frames_redrawn=1)

    good = dict(video="clip.mkv", audio="speech.wav")
    table = write_table(inputs / "jobs.csv", [good | dict(crf=20), good | dict(crf=21)])
    out = tmp_path / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "write_page", lambda out, rows: None)
        rows = batch(table, out, work=fails_once)
    assert [row["state"] for row in rows] == ["done", "failed"] and tries == ["20"] * 2 + ["21"] * 2
    assert rows[1]["error"] == "MediaError: ffmpeg fell over"


def test_a_killed_batch_goes_on(inputs, tmp_path, monkeypatch):
    good = dict(video="clip.mkv", audio="speech.wav", box=FACE_BOX, restorer="none")
    table = write_table(inputs / "jobs.csv", [good | dict(crf=20), good | dict(crf=21)])
    out = tmp_path / "out"

    def dies(values):
        if values["crf"] == "21":
            raise KeyboardInterrupt
        return module.run_library(values)

    with pytest.raises(KeyboardInterrupt):
        batch(table, out, work=dies)
    assert [row["state"] for row in json.loads((out / TABLE).read_text())["batch"]] == ["done"]
    assert not (out / run.UNFINISHED).exists()
    done = []
    batch(table, out, resume=True, work=lambda v: done.append(v["crf"]) or module.run_library(v))
    assert done == ["21"]


def test_resuming_looks_at_what_is_there(inputs, tmp_path):
    good = dict(video="clip.mkv", audio="speech.wav", box=FACE_BOX, restorer="none")
    table = write_table(inputs / "jobs.csv", [good | dict(crf=crf) for crf in (20, 21, 22)])
    out = tmp_path / "out"
    rows = batch(table, out)
    (out / rows[1]["folder"] / "lipsync.mp4").unlink()

    worked = []
    again = batch(table, out, resume=True, work=lambda v: worked.append(v["crf"]) or rows[1])
    assert worked == ["21"] and [row.get("there") for row in again] == [True, None, True]
    write_wave(inputs / "speech.wav", tone(0.3))
    worked.clear()
    batch(table, out, resume=True, work=lambda v: worked.append(v["crf"]) or rows[1])
    assert worked == ["20", "21", "22"]


def test_a_killed_resume_forgets_nothing(inputs, tmp_path):
    good = dict(video="clip.mkv", audio="speech.wav", box=FACE_BOX, restorer="none")
    table = write_table(inputs / "jobs.csv", [good | dict(crf=20), good | dict(crf=21)])
    out = tmp_path / "out"
    rows = batch(table, out)
    (out / rows[0]["folder"] / "lipsync.mp4").unlink()

    def dies(values):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        batch(table, out, resume=True, work=dies)
    again = batch(table, out, resume=True, work=module.run_library)
    assert [row.get("there") for row in again] == [None, True]


def test_a_folder_of_pairs(inputs, monkeypatch):
    monkeypatch.chdir(inputs.parent.parent)
    relative = inputs.relative_to(inputs.parent.parent)
    write_wave(inputs / "clip.wav", tone(0.4))
    (inputs / "notes.txt").write_text("")
    pair = dict(video=str(inputs / "clip.mkv"), audio=str(inputs / "clip.wav"))
    assert read_jobs(inputs) == read_jobs(relative) == [pair]


def test_json_lines_keep_types(inputs):
    lines = [
        dict(video="clip.mkv", audio="/a.wav", pads=[0, 10, 0, 0]),
        dict(video="~/x.mp4"),
        dict(video="'clip.mkv'", audio="s3://box/a.wav"),
    ]
    path = inputs / "jobs.jsonl"
    path.write_text("\n\n".join(map(json.dumps, lines)))
    assert read_jobs(path) == [
        dict(video=str(inputs / "clip.mkv"), audio="/a.wav", pads=[0, 10, 0, 0]),
        dict(video=str(Path.home() / "x.mp4")),
        dict(video=str(inputs / "clip.mkv"), audio="s3://box/a.wav"),
    ]


@pytest.mark.parametrize("name, text, words", [
    ("jobs.csv", "video,audoi\na,b\n", "audoi is no parameter"),
    ("jobs.csv", "video,run_dir\na,b\n", "run_dir is no parameter"),
    ("jobs.csv", "video,audio\na,b,c\n", "line 2: not as many fields"),
    ("jobs.csv", "video,audio\n", "holds no jobs"),
    ("jobs.jsonl", "[1]\n", "line 1 is not a JSON object"),
    ("jobs.jsonl", '{"video": \n', "line 1 is not a JSON object"),
    ("jobs.csv", "\xff\xfe", "cannot be read"),
])  # fmt: skip
def test_a_wrong_table_is_told(name, text, words, tmp_path):
    (tmp_path / name).write_text(text, encoding="latin-1")
    with pytest.raises(InputError, match=words):
        read_jobs(tmp_path / name)


def test_a_missing_table_is_told(tmp_path, capsys):
    assert main(["batch", str(tmp_path / "no.csv"), "--out", str(tmp_path / "out")]) == 2
    assert "no.csv cannot be read" in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_a_job_without_sound_is_told(inputs, tmp_path):
    table = write_table(inputs / "jobs.csv", [dict(video="clip.mkv", audio="")])
    rows = batch(table, tmp_path / "out")
    assert rows[0]["state"] == "failed" and rows[0]["error"] == "no audio is given"


def test_a_file_of_the_user_is_not_taken_for_a_batch(inputs, tmp_path):
    (tmp_path / TABLE).write_text("mine")
    table = write_table(inputs / "jobs.csv", [dict(video="clip.mkv", audio="speech.wav")])
    for resume in (False, True):
        with pytest.raises(RunError, match="holds a batch already|was not made by a batch"):
            batch(table, tmp_path, resume=resume)
    assert (tmp_path / TABLE).read_text() == "mine"
