"""A run folder never misleads: moved, copied, gone on with, changed, in use."""

import json
import os
import shutil
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from support import FACE_BOX, made_clip, tone, write_wave

from helpers import checkpoints, media, params, run
from helpers.errors import RunError
from helpers.plan.plan import load_plan
from helpers.run import keys, lock

HOLDS_THE_LOCK = """
import sys
from helpers import run
with run.locked(sys.argv[1]):
    print("locked", flush=True)
    sys.stdin.read()
"""


def listing(folder: Path) -> dict[str, str]:
    return {str(path): checkpoints.sha256(path) for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def no_rendering(monkeypatch):
    """From the call on, rendering fails the test."""

    def refuse(*_, **__):
        pytest.fail("something is rendered")

    def begin():
        monkeypatch.setattr(media, "write_video", refuse)

    return begin


@pytest.mark.parametrize("how", [shutil.move, shutil.copytree])
@pytest.mark.parametrize("inputs_inside", [True, False])
def test_a_folder_can_be_moved_and_copied(how, inputs_inside, small_run, tmp_path, no_rendering):
    here = tmp_path / "run" if inputs_inside else tmp_path
    here.mkdir(exist_ok=True)
    video = made_clip(here / "clip.mkv", "25", 0.8)
    speech = write_wave(here / "speech.wav", tone(0.8))
    record, p = small_run(video, speech)

    there = tmp_path / "elsewhere" / "run"
    there.parent.mkdir()
    how(p.run_dir, there)
    if how is shutil.copytree:  # the copy does not need the original
        Path(p.run_dir, "lipsync.mp4").unlink()
        Path(p.run_dir, "run.json").unlink()

    found = run.read(there)
    assert found["results"]["lipsync"]["path"] == str(there / "lipsync.mp4")
    inside = there if inputs_inside else tmp_path
    assert found["inputs"]["video"]["path"] == str(inside / "clip.mkv")
    no_rendering()
    moved = params.build(run_dir=there, box=FACE_BOX, precision="fp32", mark=False)
    assert run.lipsync(moved)["results"] == found["results"]


def test_nothing_is_rendered_twice(small_run, capsys, no_rendering):
    record, p = small_run()
    run.restore(params.build(run_dir=p.run_dir, restorer="sharpen"))
    before = listing(Path(p.run_dir))
    no_rendering()
    assert run.lipsync(p)["results"]["lipsync"] == record["results"]["lipsync"]
    run.restore(params.build(run_dir=p.run_dir, restorer="sharpen"))
    assert listing(Path(p.run_dir)) == before
    said = capsys.readouterr().err
    assert "lipsync.mp4 is there already" in said and "restored.mp4 is there already" in said


def test_progress_of_drawing_comes_once_a_batch_and_finishing_is_last(small_run):
    _, p = small_run()
    shown = []
    run.lipsync(replace(p, batch_size=8, crf=30), lambda *told: shown.append(told))
    drawn = [told[1:] for told in shown if told[0] == "draw"]
    assert drawn == [(done, 50) for done in (8, 16, 24, 32, 40, 48, 50)]
    assert shown[-1] == ("finish", 1, 1)


def test_a_missing_result_is_rendered_again(small_run):
    first, p = small_run()
    Path(p.run_dir, "lipsync.mp4").unlink()
    assert run.read(p.run_dir)["results"] == {} and run.read(p.run_dir)["stale"] == []
    again = run.lipsync(p)["results"]["lipsync"]
    assert again["sha256"] == first["results"]["lipsync"]["sha256"]


@pytest.mark.parametrize("changed", [dict(output_size="96"), dict(crf=30), dict(blend="box")])
def test_results_of_other_parameters_are_stale(changed, small_run, no_rendering):
    _, p = small_run()
    restored = run.restore(params.build(run_dir=p.run_dir, restorer="sharpen"))
    assert restored["stale"] == [] and set(restored["results"]) == {"lipsync", "restored"}
    lipsynced = run.lipsync(replace(p, **changed))
    assert lipsynced["stale"] == ["restored"] and set(lipsynced["results"]) == {"lipsync"}
    assert run.summary(run.read(p.run_dir))["restored"] is None

    again = run.restore(params.build(run_dir=p.run_dir, restorer="sharpen"))
    assert again["stale"] == [] and set(again["results"]) == {"lipsync", "restored"}
    assert again["results"]["restored"] != restored["results"]["restored"]


def test_another_restorer_leaves_the_lipsync_fresh(small_run):
    _, p = small_run()
    run.restore(params.build(run_dir=p.run_dir, restorer="none"))
    record = run.restore(params.build(run_dir=p.run_dir, restorer="sharpen"))
    assert record["stale"] == [] and record["results"]["restored"]["restorer"] == "sharpen"


def test_looking_ahead_writes_nothing(small_run):
    _, p = small_run()
    before = listing(Path(p.run_dir))
    other = replace(p, output_size="96", silence="model")
    record, plan, _ = run.prepare(other, save=False)
    assert plan.size == (128, 96) and record["plan"]["size"] == [128, 96]
    assert listing(Path(p.run_dir)) == before
    assert run.read(p.run_dir)["stale"] == []


def test_looking_ahead_needs_no_folder(tmp_path):
    video = made_clip(tmp_path / "clip.mkv", "25", 0.4)
    speech = write_wave(tmp_path / "speech.wav", tone(0.4))
    new = tmp_path / "new"
    p = params.build(video=video, audio=speech, run_dir=new, box=FACE_BOX)
    _, plan, _ = run.prepare(p, save=False)
    assert plan.frames == 10 and not new.exists()


def test_other_code_makes_the_plan_again(small_run, monkeypatch):
    first, p = small_run()
    monkeypatch.setattr(keys, "code_fingerprint", lambda: "edited")
    monkeypatch.setattr("helpers.plan.make.source_frames", lambda *_: load_plan(old).source * 0)
    old = shutil.copy(Path(p.run_dir, "plan.npz"), Path(p.run_dir).with_name("old.npz"))
    record, plan, _ = run.prepare(p)
    assert record["plan"]["key"] != first["plan"]["key"] and not plan.source.any()
    assert record["stale"] == ["lipsync"]


def test_the_fingerprint_is_of_the_sources_that_decide_pixels(tmp_path, monkeypatch):
    for name in keys.DECIDING:
        source = tmp_path / name
        source = source if source.suffix else source / "module.py"
        source.parent.mkdir(parents=True, exist_ok=True)
        source.write_text("1")
    monkeypatch.setattr(keys, "PACKAGES", tmp_path)
    fingerprint = keys.code_fingerprint.__wrapped__
    first = fingerprint()
    (tmp_path / "notebook.py").write_text("1")
    assert fingerprint() == first
    (tmp_path / "engines" / "module.py").write_text("2")
    assert fingerprint() != first


@pytest.fixture
def in_use(tmp_path):
    """A folder that another process holds; the process."""
    folder = tmp_path / "in use"
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDS_THE_LOCK, folder],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "locked\n"
    yield folder, process
    process.communicate()


def test_a_second_run_in_a_folder_is_refused(in_use, tmp_path):
    folder, process = in_use
    before = listing(folder)
    p = params.build(
        video=made_clip(tmp_path / "clip.mkv", "25", 0.4),
        audio=write_wave(tmp_path / "speech.wav", tone(0.4)),
        run_dir=folder,
        box=FACE_BOX,
    )
    with pytest.raises(RunError, match=f"is in use by another run .process {process.pid} on"):
        run.lipsync(p)
    assert listing(folder) == before

    process.communicate()
    assert not folder.exists()  # nothing was put into it
    assert run.lipsync(p)["results"]["lipsync"]["frames"] == 10


def test_a_killed_run_holds_nothing(in_use):
    folder, process = in_use
    process.kill()
    process.wait()
    with run.locked(folder):
        assert f"process {os.getpid()} on" in (folder / run.UNFINISHED / lock.HOLDER).read_text()
    assert not (folder / run.UNFINISHED).exists()


def test_another_thread_is_refused_and_a_child_process_let_in(tmp_path):
    errors = []

    def second():
        try:
            with run.locked(tmp_path):
                errors.append(None)
        except RunError as error:
            errors.append(str(error))

    with run.locked(tmp_path):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join()
        child = subprocess.run(
            [sys.executable, "-c", HOLDS_THE_LOCK, tmp_path],
            input="",
            text=True,
            capture_output=True,
        )
    assert child.stdout == "locked\n" and f"process {os.getpid()} on" in errors[0]


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="cannot be written"), run.locked(tmp_path / "file" / "run"):
        pass


def test_paths_in_the_record_are_relative(small_run, tmp_path):
    (tmp_path / "run").mkdir()
    video = made_clip(tmp_path / "run" / "clip.mkv", "25", 0.4)
    _, p = small_run(video)
    stored = json.loads(Path(p.run_dir, "run.json").read_text())
    assert stored["inputs"]["video"]["path"] == "clip.mkv"
    assert not any("path" in result for result in stored["results"].values())
