"""The notebooks as papermill, the command line and a reader see them."""

import importlib.machinery
import json
import re
import subprocess
import sys
import types
from fractions import Fraction
from pathlib import Path

import cv2
import nbformat
import numpy as np
import pytest
import torch
from support import (
    SAMPLE_SPEECH,
    SAMPLE_VIDEO,
    ffmpeg,
    made_clip,
    spoken_clip,
    tone,
    write_wave,
)

from helpers import checkpoints, media, params
from helpers.errors import ParameterError
from helpers.measure.bench import bench
from helpers.notebook import cells, colab, runner

ALL = [*params.NOTEBOOKS, params.TRAINING_NOTEBOOK]
TALKING = params.SAMPLE / "talking.mp4"
SUMMARY = {"frames", "duration_s", "frames_redrawn", "frames_passed_through", "lipsync", "restored"}


def helpers(*args: object) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "helpers", *map(str, args)],
        capture_output=True,
        text=True,
        cwd=params.ROOT,
    )


def outputs_of(path: Path) -> list:
    cells = nbformat.read(path, as_version=4).cells
    outputs = [o for c in cells if c.cell_type == "code" for o in c.outputs]
    assert not [o for o in outputs if o.output_type == "error"]
    return outputs


def pictures(path: Path) -> int:
    return sum("image/png" in o.get("data", {}) for o in outputs_of(path))


def printed(path: Path) -> str:
    return "".join(o.text for o in outputs_of(path) if o.output_type == "stream")


def markdown(notebook: str) -> str:
    cells = nbformat.read(runner.FOLDER / f"{notebook}.ipynb", as_version=4).cells
    return "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


@pytest.mark.parametrize("notebook", ALL)
def test_notebook_files_are_clean(notebook):
    document = nbformat.read(runner.FOLDER / f"{notebook}.ipynb", as_version=4)
    nbformat.validate(document)
    code = [c for c in document.cells if c.cell_type == "code"]
    assert not any(c.outputs or c.execution_count for c in code)
    tagged = [c for c in document.cells if "parameters" in c.metadata.get("tags", [])]
    assert [c.source for c in tagged] == [cells.parameter_cell(notebook)]
    lessons = [c.source.splitlines() for c in code if c not in tagged]
    assert max(map(len, lessons)) <= 25
    assert max(len(line) for lines in lessons for line in lines) <= 100
    assert not any("google.colab" in c.source for c in code)
    values = {}
    exec(tagged[0].source, values)
    assert params.from_names(notebook, values) == params.Params()


@pytest.mark.parametrize("notebook", ALL)
def test_links_lead_somewhere(notebook):
    text = markdown(notebook)
    headings = {line.lstrip("# ").replace(" ", "-") for line in text.splitlines()}
    assert set(re.findall(r"\]\(#([^)]*)\)", text)) <= headings

    words = re.findall(r'<a id="([^"]+)">', (params.ROOT / "docs" / "glossary.md").read_text())
    linked = re.findall(r"\]\(\.\./docs/glossary\.md#([^)]*)\)", text)
    assert linked and set(linked) <= set(words) and len(set(words)) == len(words)

    others = re.findall(r"\]\((?!#|http)([^)#]*)", text)
    assert all((runner.FOLDER / other).exists() for other in others)
    papers = re.findall(r"\]\((https?:[^)]*)\)", text)
    known = r"https://(doi\.org/10\.\d{4,}/\S+|arxiv\.org/abs/\d{4}\.\d{5}|colab\.\S+)"
    assert papers and all(re.fullmatch(known, paper) for paper in papers)


@pytest.mark.parametrize("notebook", ALL)
def test_a_lesson_has_its_parts(notebook):
    text = markdown(notebook)
    for part in ("You will learn", "It takes", "Contents", "## Questions", "## Further reading"):
        assert part in text
    assert text.count("Predict, then run") >= 2
    assert text.count("<summary>A solution") == 2
    assert len(re.findall(r"<summary>[123]\. ", text)) == 3
    assert text.count("<details>") == text.count("</details>")


@pytest.fixture(scope="module")
def short_speech(tmp_path_factory) -> str:
    wave = media.read_audio(params.SAMPLE / "speech.flac")[: int(1.4 * media.SAMPLE_RATE)]
    return write_wave(tmp_path_factory.mktemp("speech") / "short.wav", wave)


def still_picture(folder: Path) -> Path:
    frame = next(media.read_frames(TALKING, Fraction(25), 0, 1))
    cv2.imwrite(str(folder / "still.png"), frame[..., ::-1])
    return folder / "still.png"


def two_faces(folder: Path) -> Path:
    beside = "[0:v]scale=480:360[a];[1:v]scale=360:360[b];[a][b]hstack"
    both = ("-i", TALKING, "-i", SAMPLE_VIDEO, "-filter_complex", beside)
    ffmpeg(*both, "-map", "0:a", "-t", 2.4, folder / "two.mp4")
    return folder / "two.mp4"


def talking(folder: Path) -> Path:
    return TALKING


@pytest.mark.notebook
@pytest.mark.parametrize("clip, values, lends", [
    (talking, {}, True),
    (still_picture, {}, False),
    (two_faces, dict(face="all"), None),
])  # fmt: skip
def test_lessons_are_of_the_readers_own_clip(tmp_path, short_speech, clip, values, lends):
    """And what is made by hand in them is what the library makes, to the pixel."""
    result = runner.run_all(str(clip(tmp_path)), short_speech, str(tmp_path / "run"), values)
    assert (result["frames"], result["frames_redrawn"]) == (35, 35)
    lipsync, restored = (tmp_path / "run" / f"{n}.ipynb" for n in params.NOTEBOOKS[1:])
    assert "all are equal" in printed(lipsync)
    assert "values are equal" in printed(restored)
    assert lends is None or lends == ("lends no mouths" not in printed(lipsync))


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
    assert [pictures(tmp_path / "run 1" / f"{n}.ipynb") for n in params.NOTEBOOKS] == [4, 12, 7]
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
    """One person, two, a picture, and a clip with no face for a second."""
    folder = tmp_path / "clips"
    folder.mkdir()
    spoken_clip(folder / "1.mp4", 0.0, 1.2)
    spoken_clip(folder / "2.mp4", 1.2, 1.2)
    spoken_clip(folder / "3.mp4", 2.6, 1.8)  # a title card from 3 to 4 s
    two_faces(folder)
    still = ("-loop", 1, "-i", still_picture(tmp_path), "-i", SAMPLE_SPEECH, "-t", 1)
    ffmpeg(*still, "-r", 25, "-pix_fmt", "yuv420p", folder / "still.mp4")

    runner.execute("04_train", tmp_path, dict(run_dir=str(tmp_path), clips=str(folder), steps=4))
    last = nbformat.read(tmp_path / "04_train.ipynb", as_version=4).cells[-1].outputs[0].text
    result = json.loads(last)
    assert result["steps"] == 4 and result["clips"] >= 4
    assert [row["weights"] for row in result["table"]] == ["before", "after"]
    before, after = (
        checkpoints.load(path).state_dict()
        for path in (checkpoints.locate("compact").path, result["weights"])
    )
    changed = {name.split(".")[0] for name in before if not torch.equal(before[name], after[name])}
    assert not {"face_encoder", "readout"} & changed
    assert changed >= {"face_encoder_blocks", "face_decoder_blocks", "output_block"}


@pytest.mark.notebook
def test_training_notebook_without_clips_takes_the_samples_own_sentences(tmp_path):
    runner.execute("04_train", tmp_path, dict(run_dir=str(tmp_path), steps=1))
    last = nbformat.read(tmp_path / "04_train.ipynb", as_version=4).cells[-1].outputs[0].text
    assert json.loads(last)["clips"] == 2
    assert pictures(tmp_path / "04_train.ipynb") == 9


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
