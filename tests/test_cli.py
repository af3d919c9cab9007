"""The command line: help at once, errors in one line."""

import json
import subprocess
import sys

import pytest
from support import FACE_BOX, made_clip, tone, write_wave

from helpers import __version__, params
from helpers.cli import main, make_parser
from helpers.commands import runs
from helpers.errors import InputError, Stopped

COMMANDS = (
    "run", "batch", "sweep", "evaluate", "judge", "report", "bench", "params", "weights", "train"
)  # fmt: skip
SLOW_TO_IMPORT = ("torch", "librosa", "cv2", "numpy", "papermill", "matplotlib")


def python(code: str) -> str:
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, cwd=params.ROOT)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_help_imports_nothing_slow():
    code = f"""
import sys
from helpers.cli import main
try:
    main(["--help"])
except SystemExit as end:
    print(end.code, [name for name in {SLOW_TO_IMPORT} if name in sys.modules])
"""
    lines = python(code).splitlines()
    assert lines[-1] == "0 []"
    assert all(any(line.split()[:1] == [name] for line in lines) for name in COMMANDS)


def test_the_module_is_the_command():
    command = [sys.executable, "-m", "helpers", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=params.ROOT)
    assert (done.returncode, done.stdout) == (0, f"{__version__}\n")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name, capsys):
    with pytest.raises(SystemExit) as end:
        main([name, "--help"])
    text = capsys.readouterr().out
    assert end.value.code == 0
    assert "example: " in text or name == "weights"


def refusal(arguments, capsys) -> str:
    assert main(arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == "" and printed.err.count("\n") == 1
    return printed.err


@pytest.mark.parametrize("command", ["evaluate", "report"])
def test_a_folder_without_a_run_is_one_line(command, tmp_path, capsys):
    assert "no run folder" in refusal([command, str(tmp_path)], capsys)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["evaluate"], "--clips FOLDER"),
        (["evaluate", "run", "--model", "compact"], "--clips FOLDER"),
        (["evaluate", "--clips", "folder"], "--clips FOLDER"),
        (["run", "a.mp4", "b.wav", "--out", "r", "-p", "crf"], "-p crf: expected name=value"),
        (["run", "a.mp4", "b.wav", "--out", "r", "-p", "vidoe=c.mp4"], "did you mean video"),
        (["run", "a.mp4", "b.wav", "--out", "r", "-p", "crf=inf"], "crf=inf"),
        (["sweep", "a", "b", "--out", "r", "--grid", "crf"], "expected name=value,value"),
        (["weights", "fetch", "nothing"], "nothing"),
        (["train", "expert", "--data", "d", "--out", "o", "--width", "nan"], "--width nan"),
        (["train", "expert", "--data", "d", "--out", "o", "--new-weights", "2"], "outside 0 to 1"),
    ],
)
def test_wrong_arguments_are_one_line(arguments, words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert words in refusal(arguments, capsys)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "arguments",
    [
        ["evaluate", "run", "--passes", "0"],
        ["train", "expert", "--data", "d", "--out", "o", "--steps", "0"],
        ["train", "expert", "--data", "d", "--out", "o", "--every", "²"],
        ["train", "expert", "--data", "d", "--out", "o", "--minutes", "nan"],
        ["bench", "--seconds", "-1"],
        ["bench", "--seconds", "inf"],
    ],
)
def test_numbers_out_of_range_never_reach_the_work(arguments, capsys):
    with pytest.raises(SystemExit) as end:
        make_parser().parse_args(arguments)
    said = capsys.readouterr().err.splitlines()[-1]
    assert end.value.code == 2 and "error: argument --" in said


def raising(error):
    def work(*arguments):
        raise error

    return work


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (KeyboardInterrupt(), "stopped; the same command goes on from what is finished"),
        (Stopped("stopped at 128 of 750 frames"), "stopped at 128 of 750 frames"),
    ],
)
def test_an_interrupt_is_one_line(monkeypatch, capsys, error, line):
    monkeypatch.setattr(runs, "parameters_page", raising(error))
    assert main(["params"]) == 130
    assert capsys.readouterr().err.splitlines() == [line]


def test_an_error_of_several_lines_is_one_line(monkeypatch, capsys):
    monkeypatch.setattr(runs, "parameters_page", raising(InputError("a\nname.mp4 is empty")))
    assert refusal(["params"], capsys) == "error: a name.mp4 is empty\n"


@pytest.mark.slow
def test_a_run_without_notebooks_makes_the_same_videos(tmp_path, capsys):
    video = made_clip(tmp_path / "clip.mkv", "25", 0.4)
    speech = write_wave(tmp_path / "speech.wav", tone(0.4))
    out = tmp_path / "run"
    arguments = ["-p", f"box={FACE_BOX}", "-p", "restorer=sharpen", "--no-notebooks"]
    assert main(["run", video, speech, "--out", str(out), *arguments]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["restored"] == str(out / "restored.mp4") and result["frames"] == 10
    made = {path.name for path in out.iterdir()}
    videos = {"lipsync.mp4", "restored.mp4"}
    assert made == {"plan.npz", "run.json", *videos, *(f"{name}.json" for name in videos)}
