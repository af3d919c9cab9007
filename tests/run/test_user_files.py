"""Files of the user are neither replaced nor removed, whatever their names."""

import json
import os
import shutil
from pathlib import Path

import pytest
from support import SAMPLE_SPEECH, SAMPLE_VIDEO, made_clip, spoken_clip, tone, write_wave

from helpers import checkpoints, media, params, run
from helpers.__main__ import main
from helpers.errors import RunError, WeightsError
from helpers.notebook import player, report, runner, sweep
from helpers.training import generator
from helpers.training.config import GeneratorConfig


def listing(folder: Path) -> dict[str, str]:
    """SHA-256 of each file below a folder, "" for a folder, by its path in there."""
    return {
        str(path.relative_to(folder)): checkpoints.sha256(path) if path.is_file() else ""
        for path in folder.rglob("*")
    }


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / "run").mkdir()
    return tmp_path / "run"


@pytest.fixture
def clip(tmp_path) -> str:
    return made_clip(tmp_path / "clip.mp4", "25", 0.4)


@pytest.fixture
def speech(tmp_path) -> str:
    return write_wave(tmp_path / "speech.wav", tone(0.4))


def refused(capsys, folder: Path, *arguments: str) -> str:
    """The one line that a command ends with; nothing below the folder's parent has changed."""
    before = listing(folder.parent)
    assert main([*arguments, "--out", str(folder)]) == 2
    assert listing(folder.parent) == before
    printed = capsys.readouterr()
    assert printed.out == "" and printed.err.count("\n") == 1
    return printed.err


@pytest.mark.parametrize("put", [shutil.copy, os.link, os.symlink])
@pytest.mark.parametrize("name", ["restored.mp4", "lipsync.mp4", "comparison.mp4"])
@pytest.mark.parametrize("by_its_name_in_the_folder", [True, False])
def test_a_video_under_an_outputs_name(
    put, name, by_its_name_in_the_folder, folder, clip, speech, capsys
):
    put(clip, folder / name)
    video = str(folder / name) if by_its_name_in_the_folder else clip
    said = refused(capsys, folder, "run", video, speech)
    if put is shutil.copy and not by_its_name_in_the_folder:
        assert f"{folder / name} was not made by this run" in said
    else:
        assert f"video={video} is {folder / name}, which the run writes" in said


def test_an_audio_under_an_outputs_name(folder, clip, tmp_path, capsys):
    audio = shutil.copy(spoken_clip(tmp_path / "talk.mp4", 0, 0.4), folder / "lipsync.mp4")
    said = refused(capsys, folder, "run", clip, str(audio))
    assert f"audio={audio} is {audio}, which the run writes" in said


def test_a_link_to_an_outputs_name(folder, clip, speech, tmp_path, capsys):
    shutil.move(clip, folder / "restored.mp4")
    (tmp_path / "clip.mp4").symlink_to(folder / "restored.mp4")
    assert "which the run writes" in refused(capsys, folder, "run", clip, speech)


def test_an_input_among_the_unfinished_files(folder, clip, speech, capsys):
    (folder / run.UNFINISHED).mkdir()
    video = shutil.move(clip, folder / run.UNFINISHED / "clip.mp4")
    said = refused(capsys, folder, "run", str(video), speech)
    assert f"is {folder / run.UNFINISHED}, which the run writes" in said


@pytest.mark.parametrize("name", run.FILES)
def test_a_file_of_the_user_is_not_replaced(name, folder, clip, speech, capsys):
    (folder / name).write_text("mine")
    said = refused(capsys, folder, "run", clip, speech)
    assert f"{folder / name} was not made by this run" in said
    assert ("Jupyter" in said) == name.endswith(".ipynb")


@pytest.mark.parametrize("kind", ["folder", "dangling link"])
def test_whatever_has_an_outputs_name_is_the_users(kind, folder, clip, speech, capsys):
    if kind == "folder":
        (folder / "lipsync.mp4").mkdir()
    else:
        (folder / "lipsync.mp4").symlink_to("gone")
    said = refused(capsys, folder, "run", clip, speech)
    assert "lipsync.mp4 was not made by this run" in said
    assert os.path.lexists(folder / "lipsync.mp4")


@pytest.mark.parametrize("text, words", [
    ('{"name": "something else"}', "is not a run folder's"), ("no JSON", "is not a run folder's"),
    ("[1]", "is not a run folder's"), ('{"inputs": {}}', "was made by an earlier version"),
])  # fmt: skip
def test_a_run_json_of_something_else(text, words, folder, clip, speech, capsys):
    (folder / "run.json").write_text(text)
    assert words in refused(capsys, folder, "run", clip, speech)


def test_the_projects_notebooks_are_not_replaced(tmp_path, clip, speech, capsys):
    notebooks = shutil.copytree(runner.FOLDER, tmp_path / "notebooks")
    said = refused(capsys, notebooks, "run", clip, speech)
    assert "01_setup.ipynb was not made by this run" in said


def test_a_good_run_leaves_the_users_files(small_run, folder):
    (folder / "segments" / "mine").mkdir(parents=True)
    (folder / "segments" / "000000.mp4").write_text("a segment of my own")
    (folder / "segments" / "mine" / "notes.txt").write_text("mine")
    (folder / "plan.part.npz").write_text("mine")
    before = listing(folder)
    small_run()
    run.restore(params.build(run_dir=folder, restorer="none"))
    record, plan, _ = run.prepare(run.with_run(params.build(run_dir=folder)))
    player.side_by_side(folder, plan, record)
    report.write(folder, [dict(video="source", frames=50)])
    after = listing(folder)
    assert {name: after.get(name) for name in before} == before
    made = {name: digest for name, digest in after.items() if name not in before}
    assert set(made) == {
        "run.json", "plan.npz", "lipsync.mp4", "restored.mp4", "comparison.mp4", "report.html",
        "quality.json",
    }  # fmt: skip
    assert {name: made[name] for name in made if name != "run.json"} == run.read(folder)["files"]


def test_what_the_run_made_is_replaced_by_the_next(small_run, folder):
    _, p = small_run(crf=30)
    first = listing(folder)
    record, _ = small_run(p.video, p.audio, crf=10)
    assert listing(folder)["lipsync.mp4"] == record["files"]["lipsync.mp4"] != first["lipsync.mp4"]


@pytest.mark.parametrize("name", ["lipsync.mp4", "plan.npz"])
def test_a_result_that_was_changed_is_refused(name, small_run, folder):
    _, p = small_run()
    with (folder / name).open("ab") as file:
        file.write(b"changed")
    before = listing(folder)
    with pytest.raises(RunError, match=f"{name} was not made by this run .or was changed since"):
        small_run(p.video, p.audio)
    assert listing(folder) == before


def test_a_file_that_appears_during_the_work_is_kept(small_run, folder, monkeypatch):
    real = media.mux

    def meanwhile(*args):
        (folder / "lipsync.mp4").write_text("mine")
        return real(*args)

    monkeypatch.setattr(media, "mux", meanwhile)
    with pytest.raises(RunError, match="lipsync.mp4 was not made by this run"):
        small_run()
    assert (folder / "lipsync.mp4").read_text() == "mine"


@pytest.mark.parametrize("moved", [True, False])
@pytest.mark.parametrize("name", ["plan.npz", "lipsync.mp4", "lipsync.mp4.json"])
def test_a_run_killed_while_a_file_takes_its_name_goes_on(
    name, moved, small_run, folder, monkeypatch
):
    real = os.replace

    def dies(source, target):
        ours = Path(target) == folder / name
        if moved or not ours:
            real(source, target)
        if ours:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(os, "replace", dies)
        small_run(mark=True)
    assert run.read(folder)["files"][name] is None and (folder / name).exists() == moved
    values = run.read(folder)["inputs"]
    record, _ = small_run(values["video"]["path"], values["audio"]["path"], mark=True)
    made = {name: digest for name, digest in listing(folder).items() if name != "run.json"}
    assert made == record["files"]
    assert set(made) == {"plan.npz", "lipsync.mp4", "lipsync.mp4.json"}


def test_finishing_one_result_keeps_the_segments_of_the_other(small_run, folder, monkeypatch):
    _, p = small_run(batch_size=8)
    monkeypatch.setattr("helpers.run.produce.SEGMENT_FRAMES", 16)
    real = media.write_video
    written = []

    def dies(path, *more, **named):
        if len(written) == 2:
            raise KeyboardInterrupt
        written.append(path)
        return real(path, *more, **named)

    restoring = params.build(run_dir=folder, restorer="sharpen")
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(media, "write_video", dies)
        run.restore(restoring)
    kept = listing(folder / run.UNFINISHED)
    assert len(kept) == 3  # two segments in their folder
    small_run(p.video, p.audio, batch_size=8)
    assert listing(folder / run.UNFINISHED) == kept

    rest = []

    def noted(path, *more, **named):
        rest.append(path)
        return real(path, *more, **named)

    monkeypatch.setattr(media, "write_video", noted)
    run.restore(restoring)
    assert [path.name for path in rest] == ["000032.mp4", "000048.mp4"]
    assert not (folder / run.UNFINISHED).exists()


def test_a_report_of_the_user_is_not_replaced(small_run, folder, capsys):
    small_run()
    (folder / "report.html").write_text("mine")
    before = listing(folder)
    assert main(["report", str(folder)]) == 2
    assert "report.html was not made by this run" in capsys.readouterr().err
    assert listing(folder) == before


def test_a_failed_notebook_is_kept_and_a_changed_one_refused(folder, tmp_path, monkeypatch):
    source = tmp_path / "notebooks"
    source.mkdir()
    cell = dict(cell_type="code", metadata={}, source="1 / 0", outputs=[], execution_count=None)
    document = dict(cells=[cell], metadata={}, nbformat=4, nbformat_minor=4)
    (source / "01_setup.ipynb").write_text(json.dumps(document))
    monkeypatch.setattr(runner, "FOLDER", source)
    executed = folder / "01_setup.ipynb"
    for _ in range(2):
        with pytest.raises(runner.PapermillExecutionError, match="ZeroDivisionError"):
            runner.execute("01_setup", folder, {})
        assert "ZeroDivisionError" in executed.read_text()
    assert run.read(folder)["files"] == {"01_setup.ipynb": checkpoints.sha256(executed)}
    assert {path.name for path in folder.iterdir()} == {"01_setup.ipynb", "run.json"}
    executed.write_text(executed.read_text() + "\n")
    before = listing(folder)
    with pytest.raises(RunError, match="as by Jupyter when it is open there"):
        runner.execute("01_setup", folder, {})
    assert listing(folder) == before


@pytest.mark.parametrize("name", [sweep.PAGE, sweep.TABLE])
def test_a_sweep_replaces_only_a_sweeps_files(name, folder, clip, speech, capsys):
    (folder / name).write_text('{"rows": []}')
    arguments = ["sweep", clip, speech, "--grid", "crf=30"]
    assert f"{folder / name} was not made by a sweep" in refused(capsys, folder, *arguments)


def test_a_sweep_replaces_its_own_files(folder, monkeypatch):
    def stands_in(run_dir):
        Path(run_dir).mkdir(exist_ok=True)
        measured = dict(quality=[dict(video="restored", seam=1.0)], seconds={})
        Path(run_dir, run.TABLE).write_text(json.dumps(measured))

    monkeypatch.setattr(run, "lipsync_and_restore", lambda p: None)
    monkeypatch.setattr(report, "write", stands_in)
    monkeypatch.setattr(sweep, "_contact_sheet", lambda out, rows: "data:,")
    for crf in ("30", "20"):
        sweep.sweep(SAMPLE_VIDEO, SAMPLE_SPEECH, folder, [dict(crf=crf)], "seam")
        assert json.loads((folder / sweep.TABLE).read_text())["rows"][0]["crf"] == crf
    assert {path.name for path in folder.iterdir() if path.is_file()} == {sweep.PAGE, sweep.TABLE}
    assert not (folder / run.UNFINISHED).exists()


@pytest.mark.parametrize("what, name", [
    ("expert", "sync-compact.safetensors"), ("generator", "wav2lip-compact.safetensors"),
    ("restorer", "restore-compact.safetensors"),
])  # fmt: skip
@pytest.mark.parametrize("option", [None, "--start", "--expert"])
def test_training_does_not_replace_other_weights(what, name, option, folder, capsys):
    shutil.copy(checkpoints.FOLDER / name, folder / name)
    command = ["train", what, "--data", str(folder)]
    words = "was not made by a training"
    if option:  # a training of this folder made them, and yet they are to be gone on from
        (folder / f"{what}.pt").write_bytes(b"")
        (folder / "link").symlink_to(name)
        command += [option, str(folder / "link")]
        words = "is given to the training"
    assert f"{folder / name} {words}" in refused(capsys, folder, *command)


def test_training_from_python_does_not_replace_other_weights(folder):
    path = Path(shutil.copy(checkpoints.FOLDER / "wav2lip-compact.safetensors", folder))
    expert = checkpoints.locate("sync-compact").path
    before = listing(folder)
    for start, words in (None, "was not made by a training"), (path, "is given to the training"):
        config = GeneratorConfig(steps=1, expert=expert, start=start)
        with pytest.raises(WeightsError, match=words):
            generator.train(folder, folder, config)
    assert listing(folder) == before
