"""The notebooks as papermill, the command line and a reader see them."""

import importlib.machinery
import json
import subprocess
import sys
import types
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch
from support import SAMPLE_SPEECH, SAMPLE_VIDEO, made_clip, spoken_clip, tone, write_wave

from helpers import checkpoints, media, params
from helpers.errors import ParameterError
from helpers.measure.bench import bench
from helpers.notebook import cells, colab, runner

SUMMARY = {"frames", "duration_s", "frames_redrawn", "frames_passed_through", "lipsync", "restored"}


def helpers(*args: object) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "helpers", *map(str, args)],
        capture_output=True,
        text=True,
        cwd=params.ROOT,
    )


def pictures(path: Path) -> int:
    cells = nbformat.read(path, as_version=4).cells
    outputs = [o for c in cells if c.cell_type == "code" for o in c.outputs]
    assert not [o for o in outputs if o.output_type == "error"]
    return sum("image/png" in o.get("data", {}) for o in outputs)


@pytest.mark.parametrize("notebook", [*params.NOTEBOOKS, params.TRAINING_NOTEBOOK])
def test_notebook_files_are_clean(notebook):
    document = nbformat.read(runner.FOLDER / f"{notebook}.ipynb", as_version=4)
    nbformat.validate(document)
    code = [c for c in document.cells if c.cell_type == "code"]
    assert not any(c.outputs or c.execution_count for c in code)
    tagged = [c for c in document.cells if "parameters" in c.metadata.get("tags", [])]
    assert [c.source for c in tagged] == [cells.parameter_cell(notebook)]
    written = [c.source.splitlines() for c in code if not c.metadata.get("tags")]
    steps = [[line for line in cell if not line.startswith(("import", "from"))] for cell in written]
    assert max(map(len, steps)) <= 15
    assert not any("google.colab" in c.source for c in code)
    values = {}
    exec(tagged[0].source, values)
    assert params.from_names(notebook, values) == params.Params()


@pytest.mark.notebook
def test_sample_through_the_command_line(tmp_path):
    done = helpers("run", SAMPLE_VIDEO, SAMPLE_SPEECH, "--out", tmp_path / "run 1")
    assert done.returncode == 0, done.stderr
    assert "unknown parameter" not in done.stderr
    result = json.loads(done.stdout)
    assert set(result) >= SUMMARY
    assert (result["frames"], result["frames_redrawn"], result["frames_passed_through"]) == (
        189,
        164,
        25,
    )
    for name in ("lipsync", "restored"):
        info = media.probe(result[name])
        assert (info.frames, info.width, info.has_audio) == (189, 480, True)
    assert [pictures(tmp_path / "run 1" / f"{n}.ipynb") for n in params.NOTEBOOKS] == [2, 9, 4]
    last = (
        nbformat.read(tmp_path / "run 1" / "03_restore.ipynb", as_version=4)
        .cells[-1]
        .outputs[0]
        .text
    )
    quality = {row["video"]: row for row in json.loads(last)["quality"]}
    assert set(quality) == {"source", "lipsync", "restored"}
    assert quality["lipsync"]["length_error_ms"] == 0 and quality["lipsync"]["psnr_outside"] > 38
    assert quality["restored"]["sharpness_mouth"] > 0.95 * quality["lipsync"]["sharpness_mouth"]
    table = helpers("evaluate", tmp_path / "run 1").stdout.splitlines()
    assert len(table) == 4 and "sharpness_mouth" in table[0]


@pytest.mark.notebook
def test_real_clip_with_injected_parameters(clips, tmp_path):
    values = dict(
        output_size="360x360", fit="stretch", length="shortest", restorer="none", smooth_window="3"
    )
    result = runner.run_all(
        str(clips / "grid_v1.mpg"), str(clips / "speech_2.wav"), str(tmp_path / "run"), values
    )
    assert (result["frames"], result["frames_redrawn"]) == (75, 75)
    info = media.probe(result["restored"])
    assert (info.width, info.height, info.fps) == (360, 360, 25)
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert record["parameters"]["smooth_window"] == 3 and record["parameters"]["fit"] == "stretch"


@pytest.mark.notebook
def test_an_error_in_a_notebook_is_one_line(tmp_path):
    done = helpers(
        "run", SAMPLE_VIDEO, SAMPLE_SPEECH, "--out", tmp_path / "run", "-p", "box=0,0,9000,10"
    )
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.splitlines()[-1].startswith(
        "error: box=0,0,9000,10 does not lie in the 480x480 frame"
    )
    assert "Traceback" not in done.stderr
    cells = nbformat.read(tmp_path / "run" / "01_setup.ipynb", as_version=4).cells
    error = next(
        o for c in cells if c.cell_type == "code" for o in c.outputs if o.output_type == "error"
    )
    assert len(error.traceback) == 1 and error.ename.endswith("ParameterError")
    assert not (tmp_path / "run" / "lipsync.mp4").exists()


def test_a_kernel_stands_where_its_caller_stands(tmp_path, monkeypatch):
    look = "import os, helpers\nfrom helpers.notebook import start\n"
    look += "print(os.getcwd(), helpers.__file__, start.folder(), sep=chr(10))"
    document = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(look)])
    (tmp_path / "notebooks").mkdir()
    nbformat.write(document, tmp_path / "notebooks" / "01_setup.ipynb")
    monkeypatch.setattr(runner, "FOLDER", tmp_path / "notebooks")
    monkeypatch.chdir(tmp_path)
    runner.execute("01_setup", Path("run"), {})
    (cell,) = nbformat.read(tmp_path / "run" / "01_setup.ipynb", as_version=4).cells
    helpers_file = str(params.ROOT / "helpers" / "__init__.py")
    assert cell.outputs[0].text.split() == [str(tmp_path), helpers_file, str(tmp_path / "run")]


@pytest.mark.notebook
def test_a_misspelt_name_stops_a_notebook(tmp_path):
    with pytest.raises(ParameterError, match="unknown parameter vidoe: did you mean video"):
        runner.execute("01_setup", tmp_path, dict(vidoe="clip.mp4", run_dir=str(tmp_path)))


@pytest.mark.parametrize("args, words", [
    (("no-such.mp4", SAMPLE_SPEECH), "no such file"),
    ((SAMPLE_VIDEO, SAMPLE_VIDEO), "no sound track"),
    ((SAMPLE_VIDEO, SAMPLE_SPEECH, "-p", "crf=99"), "crf=99"),
    ((SAMPLE_VIDEO, SAMPLE_SPEECH, "-p", "smoth=1"), "did you mean smooth"),
    ((SAMPLE_VIDEO, SAMPLE_SPEECH, "-p", "checkpoint=nowhere.pth"), "nowhere.pth"),
])  # fmt: skip
def test_bad_input_exits_2_with_one_line(tmp_path, args, words):
    done = helpers("run", *args[:2], "--out", tmp_path / "run", *args[2:])
    assert done.returncode == 2
    lines = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1 and words in lines[0]
    assert not list(tmp_path.rglob("*.mp4"))


def test_evaluate_without_a_run_is_told(tmp_path):
    done = helpers("evaluate", tmp_path)
    assert done.returncode == 2 and "no run folder" in done.stderr


def test_silence_and_digital_zero_make_a_video(tmp_path):
    from helpers import run

    speech = write_wave(tmp_path / "zero.wav", np.zeros(16000))
    p = params.build(video=SAMPLE_VIDEO, audio=speech, run_dir=tmp_path / "run")
    assert run.lipsync(p)["results"]["lipsync"]["frames"] == 25


@pytest.mark.notebook
def test_training_notebook_runs_on_a_folder_of_clips(tmp_path):
    (tmp_path / "clips").mkdir()
    for n, start in enumerate((0.0, 1.2)):
        spoken_clip(tmp_path / "clips" / f"{n}.mp4", start, 1.2)
    runner.execute(
        "04_train", tmp_path, dict(run_dir=str(tmp_path), clips=str(tmp_path / "clips"), steps=20)
    )
    last = nbformat.read(tmp_path / "04_train.ipynb", as_version=4).cells[-1].outputs[0].text
    result = json.loads(last)
    assert result["steps"] == 20 and result["clips"] == 2
    assert [row["weights"] for row in result["table"]] == ["before", "after"]
    before, after = (
        checkpoints.load(path).state_dict()
        for path in (checkpoints.locate("compact").path, result["weights"])
    )
    changed = {name.split(".")[0] for name in before if not torch.equal(before[name], after[name])}
    assert not {"face_encoder", "readout"} & changed
    assert changed >= {"face_encoder_blocks", "face_decoder_blocks", "output_block"}
    assert pictures(tmp_path / "04_train.ipynb") == 5


@pytest.mark.notebook
def test_training_notebook_without_clips_takes_the_lip_synced_sample(tmp_path):
    runner.execute("04_train", tmp_path, dict(run_dir=str(tmp_path), steps=1))
    last = nbformat.read(tmp_path / "04_train.ipynb", as_version=4).cells[-1].outputs[0].text
    assert json.loads(last)["clips"] == 1


def test_colab_brings_files_and_offers_results(tmp_path, monkeypatch):
    """With stand-ins for Colab's own modules."""
    calls = []

    def upload(folder):
        path = Path(folder, "mine.mp4")
        path.write_bytes(b"x")
        return {str(path): b"x"}

    google = types.ModuleType("google.colab")
    google.__spec__ = importlib.machinery.ModuleSpec("google.colab", None)
    google.files = types.SimpleNamespace(upload=upload, download=calls.append)
    google.drive = types.SimpleNamespace(mount=calls.append)
    monkeypatch.setitem(sys.modules, "google", types.ModuleType("google"))
    monkeypatch.setitem(sys.modules, "google.colab", google)
    p = params.build(video="upload", audio="/content/drive/MyDrive/a.wav", run_dir=tmp_path)
    assert colab.bring(p) == p and not calls  # not on Colab: nothing happens
    monkeypatch.setenv("COLAB_RELEASE_TAG", "release")
    brought = colab.bring(p)
    assert brought.video == str(tmp_path / "uploads" / "mine.mp4") and calls == ["/content/drive"]
    colab.offer("out.mp4")
    assert calls[-1] == "out.mp4"


@pytest.mark.slow
def test_bench_measures_every_stage(tmp_path):
    video = made_clip(tmp_path / "clip.mkv", "25", 0.6)
    speech = write_wave(tmp_path / "s.wav", tone(0.6))
    result = bench(video, speech, (0.4,), heights=(120,))
    alone = result["ms_a_frame_alone"]["120"]
    assert all(v > 0 for v in alone.values() if isinstance(v, float))
    run_ = result["runs"][0]
    assert run_["process_s"] > run_["seconds"] and run_["cpu_s"] > 0
    assert set(result["ms_a_face_by_batch"]["16"]) == {"compact", "upstream"}
    assert run_["frames"] == 10 and run_["peak_mb"] > 100 and run_["stages"]["lipsync"]["all"] > 0
    assert set(result["ratios"]) == {
        "whole_to_summed_stages",
        "peak_memory_last_to_first",
        "upstream_fp32_to_fastest",
    }
