"""The form without a browser: its callbacks are what a browser's messages call."""

import datetime
import html
import re
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
import pytest
from support import FACE_BOX, made_clip, tone, write_wave

from helpers import checkpoints, media, params, run
from helpers.notebook import controls, widgets
from helpers.notebook.uploads import LIMIT_NOTE


def uploaded(name: str, content: bytes) -> dict:
    """A file as ipywidgets gives it."""
    now = datetime.datetime.now(datetime.UTC)
    return dict(
        name=name, type="", size=len(content), content=memoryview(content), last_modified=now
    )


def shown(form) -> dict:
    (output,) = form.output.outputs
    return output["data"]


def text(markup: str) -> str:
    return html.unescape(re.sub("<[^>]*>", "", markup))


def ready(form) -> bool:
    return not (form.preview_button.disabled or form.run_button.disabled)


@pytest.fixture
def small_form(tmp_path):
    video = made_clip(tmp_path / "clip.mkv", "25", 0.4)
    audio = write_wave(tmp_path / "speech.wav", tone(0.4))
    return widgets.form(
        values=params.build(
            video=video, audio=audio, run_dir=tmp_path / "run", box=FACE_BOX, precision="fp32"
        )
    )


def test_every_parameter_has_a_control_with_its_default():
    form = widgets.form()
    assert {name: control.value for name, control in form.controls.items()} == asdict(
        params.Params()
    )
    assert form.params() == params.Params()
    rows = [row for page in form.children[0].children for row in page.children]
    assert text(rows.pop(5).value) == LIMIT_NOTE  # under the inputs
    on_pages = [row.children[0] for row in rows]
    assert len(on_pages) == len(form.controls) and set(on_pages) == set(form.controls.values())
    assert all(
        text(form.notes[name].value) == f.metadata["help"] for name, f in params.FIELDS.items()
    )
    kinds = {name: type(control).__name__ for name, control in form.controls.items()}
    wanted = dict(
        video="Text", smooth="Checkbox", smooth_window="IntSlider", batch_size="BoundedIntText",
        audio_offset_ms="BoundedFloatText", fit="Dropdown", strength="FloatSlider",
    )  # fmt: skip
    assert {name: kinds[name] for name in wanted} == wanted


def test_a_parameter_that_no_group_names_is_shown(monkeypatch):
    monkeypatch.setitem(controls.GROUPS, "Face", ("detector",))
    tabs = widgets.form().children[0]
    rest = dict(zip(tabs.titles, tabs.children, strict=True))["More"]
    names = [row.children[0].description for row in rest.children]
    assert sorted(names) == sorted(
        ["face", "box", "smooth", "smooth_window", "pads", "allow_no_face"]
    )


def test_a_notebook_shows_its_own_parameters_and_keeps_the_rest():
    given = params.build(crf=30, strength=0.53)
    form = widgets.form("03_restore", given)
    assert set(form.controls) == {n for n, f in params.FIELDS.items() if "3" in f.metadata["where"]}
    assert form.children[0].titles == ("Input", "Restoration")
    assert form.params() == given


def test_controls_change_the_parameters():
    form = widgets.form()
    values = dict(
        crf=30,
        smooth=False,
        fit="letterbox",
        output_size="720x720",
        audio_offset_ms=-40.0,
        strength=0.25,
        batch_size=99,
    )
    for name, value in values.items():
        form.controls[name].value = value
    form.controls["fps"].value = "  "
    assert form.params() == params.build(**values)


@pytest.mark.parametrize(
    "name, wrong",
    [
        ("fps", "fast"),
        ("output_size", "7"),
        ("pads", "1,2"),
        ("box", "here"),
        ("checkpoint", "x"),
        ("video", "no.mp4"),
    ],
)
def test_a_wrong_value_is_marked_at_once(name, wrong):
    form = widgets.form()
    good = form.notes[name].value
    form.controls[name].value = wrong
    assert widgets.RED in form.notes[name].value and wrong in text(form.notes[name].value)
    form.controls[name].value = ""
    assert form.notes[name].value == good


def test_an_upload_is_stored_and_used(tmp_path):
    form = widgets.form(values=params.build(run_dir=tmp_path / "run"))
    content = Path(made_clip(tmp_path / "clip.mkv", "25", 0.2)).read_bytes()
    form.uploads["video"].value = (uploaded("C:\\films\\../Été: 1?.mkv", content),)
    path = tmp_path / "run" / "uploads" / "video" / "Été_ 1_.mkv"
    assert form.params().video == str(path) and path.read_bytes() == content
    assert form.uploads["video"].value == ()
    assert text(form.notes["video"].value).startswith("uploaded: Été_ 1_.mkv, 0.")
    form.uploads["audio"].value = (uploaded("..", b"words"),)
    assert Path(form.params().audio) == tmp_path / "run" / "uploads" / "audio" / "upload"
    assert widgets.RED in form.notes["audio"].value
    assert sorted(p.name for p in tmp_path.rglob("uploads/*/*")) == ["upload", "Été_ 1_.mkv"]


def test_an_upload_that_cannot_be_stored_is_one_line(tmp_path):
    (tmp_path / "file").touch()
    form = widgets.form(values=params.build(run_dir=tmp_path / "file"))
    form.uploads["video"].value = (uploaded("a.mp4", b"x"),)
    assert "could not be saved (Not a directory)" in text(form.notes["video"].value)
    assert form.params().video == ""


def listing(folder: str) -> dict[str, str]:
    """Every file of a folder with its hash."""
    files = [path for path in Path(folder).rglob("*") if path.is_file()]
    return {str(path): checkpoints.sha256(path) for path in files}


def test_a_preview_changes_nothing(small_form):
    small_form.preview_button.click()
    assert "image/png" in shown(small_form) and not Path(small_form.base.run_dir).exists()

    run.lipsync(small_form.params())
    before = listing(small_form.base.run_dir)
    small_form.controls["output_size"].value = "64"
    small_form.controls["crf"].value = 40
    small_form.preview_button.click()
    assert "image/png" in shown(small_form)
    assert listing(small_form.base.run_dir) == before


def test_other_inputs_get_a_run_folder_of_their_own(small_form, tmp_path):
    base = small_form.base
    assert small_form.params().run_dir == base.run_dir

    other = made_clip(tmp_path / "other.mkv", "25", 0.4, "160x122")
    small_form.controls["video"].value = other
    p = small_form.params()
    assert Path(p.run_dir).parent == Path(base.run_dir).parent
    assert Path(p.run_dir).name.startswith("other-speech-")
    assert (p.video, p.audio) == (other, base.audio)
    assert text(small_form.notes["run_dir"].value) == f"{p.run_dir}, for these inputs"

    small_form.controls["run_dir"].value = str(tmp_path / "mine")
    assert small_form.params().run_dir == str(tmp_path / "mine")


def test_the_first_click_on_a_new_clip_works(small_form, tmp_path):
    run.lipsync(small_form.params())
    small_form.controls["video"].value = made_clip(tmp_path / "new.mkv", "25", 0.4, "160x122")
    small_form.run_button.click()
    assert "new-speech-" in small_form.status.value and "<video" in shown(small_form)["text/html"]


def test_folders_of_equal_names_differ_by_their_files(tmp_path):
    clips = []
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        clips.append(made_clip(tmp_path / folder / "clip.mkv", "25", 0.2))
    names = {widgets.run_folder("runs/demo", dict(video=clip, audio="s.wav")) for clip in clips}
    assert len(names) == 2 and all(name.startswith("runs/clip-s-") for name in names)


def test_preview_draws_one_frame(small_form):
    small_form.preview_button.click()
    assert shown(small_form)["image/png"].startswith(
        "iVBORw0KGgo"
    )  # PNG's eight first bytes in base64
    assert small_form.status.value == "frame 5 of 10" and ready(small_form)
    assert not Path(small_form.base.run_dir, "lipsync.mp4").exists()


def test_run_makes_both_videos(small_form, monkeypatch):
    seen = []
    progress = small_form._progress
    monkeypatch.setattr(
        small_form, "_progress", lambda *a: (seen.append((*a, ready(small_form))), progress(*a))
    )
    small_form.controls["batch_size"].value = 4
    small_form.run_button.click()
    path = Path(small_form.base.run_dir, "restored.mp4").resolve()
    texts = [entry[0] for entry in seen]
    assert texts[0] == "looking at the inputs" and texts[-1] == f"done: {path}"
    for frames in (4, 8, 10):  # once a batch
        assert f"lip-sync (1 of 2): draw {frames} of 10" in texts
    assert texts[-2] == "restoration (2 of 2): finish 1 of 1"
    done = [entry[1] / entry[2] for entry in seen]
    assert done == sorted(done) and done[texts.index("lip-sync (1 of 2): draw 10 of 10")] == 0.5
    assert not any(entry[3] for entry in seen)  # buttons to click
    assert (small_form.bar.value, small_form.bar.max) == (20, 20) and ready(small_form)
    assert shown(small_form)["text/html"].startswith("<video controls")
    assert media.probe(path).frames == 10
    assert run.read(small_form.base.run_dir)["results"].keys() == {"lipsync", "restored"}


def test_an_interrupt_is_one_line(small_form, monkeypatch):
    def interrupted(p, progress):
        progress("draw", 4, 10)
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "lipsync", interrupted)
    small_form.run_button.click()
    assert text(shown(small_form)["text/html"]).startswith("stopped by you")
    assert small_form.status.value == "stopped at lip-sync (1 of 2): draw 4 of 10"
    assert small_form.bar.value < small_form.bar.max and ready(small_form)


@pytest.mark.parametrize("button", ["preview_button", "run_button"])
def test_an_error_is_one_line(small_form, button):
    small_form.controls["video"].value = "<b>no.mp4"
    getattr(small_form, button).click()
    line = shown(small_form)["text/html"]
    assert text(line).startswith("no such file: ") and "<b>" not in line and widgets.RED in line
    assert small_form.status.value == "stopped" and ready(small_form)


def test_a_clip_without_faces_has_no_preview(small_form, pretend_faces):
    pretend_faces(lambda n: False)
    small_form.controls["box"].value = ""
    small_form.controls["allow_no_face"].value = True
    small_form.preview_button.click()
    assert text(shown(small_form)["text/html"]).startswith("no frame has a face")


def test_the_strength_slider_mixes_the_two_pictures():
    before, after = np.full((4, 6, 3), 40, np.uint8), np.full((4, 6, 3), (240, 140, 40), np.uint8)
    slider, box = widgets.strength_slider(before, after, 1.0)

    def picture() -> np.ndarray:
        return cv2.imdecode(np.frombuffer(box.children[1].value, np.uint8), cv2.IMREAD_COLOR)[
            ..., ::-1
        ]

    assert box.children[0] is slider and np.array_equal(picture(), after)
    slider.value = 0.5
    assert (picture() == (140, 90, 40)).all()
    slider.value = 0.0
    assert np.array_equal(picture(), before)
