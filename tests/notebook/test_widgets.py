"""The form of a notebook without a browser: its callbacks are what a browser's messages call."""

import html
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from support import FACE_BOX, made_clip, tone, upload, write_wave

from helpers import checkpoints, media, params, run
from helpers.notebook import panel, widgets


def text(markup: str) -> str:
    return html.unescape(re.sub("<[^>]*>", "", markup))


def click(form, button) -> None:
    button.click()
    form.panel.wait()


@pytest.fixture
def small_form(tmp_path):
    video = made_clip(tmp_path / "clip.mkv", "25", 0.4)
    audio = write_wave(tmp_path / "speech.wav", tone(0.4))
    return widgets.form(
        values=params.build(
            video=video, audio=audio, run_dir=tmp_path / "run", box=FACE_BOX, precision="fp32"
        )
    )


def test_an_upload_is_stored_and_used(tmp_path):
    form = widgets.form(values=params.build(run_dir=tmp_path / "run"))
    content = Path(made_clip(tmp_path / "clip.mkv", "25", 0.2)).read_bytes()
    upload(form.uploads["video"], "C:\\films\\../Été: 1?.mkv", content)
    path = tmp_path / "run" / "uploads" / "video" / "Été_ 1_.mkv"
    assert form.params().video == str(path) and path.read_bytes() == content
    assert not form.uploads["video"].value
    notes = form.settings.notes
    assert text(notes["video"].value).startswith("uploaded: Été_ 1_.mkv, 0.")
    upload(form.uploads["audio"], "..", b"words")
    assert Path(form.params().audio) == tmp_path / "run" / "uploads" / "audio" / "upload"
    assert panel.RED in notes["audio"].value
    assert sorted(p.name for p in tmp_path.rglob("uploads/*/*")) == ["upload", "Été_ 1_.mkv"]


def test_an_upload_that_cannot_be_stored_is_one_line(tmp_path):
    (tmp_path / "file").touch()
    form = widgets.form(values=params.build(run_dir=tmp_path / "file"))
    upload(form.uploads["video"], "a.mp4", b"x")
    note = form.settings.notes["video"].value
    assert "could not be saved (Not a directory)" in text(note)
    assert form.params().video == ""


def listing(folder: str) -> dict[str, str]:
    """Every file of a folder with its hash."""
    files = [path for path in Path(folder).rglob("*") if path.is_file()]
    return {str(path): checkpoints.sha256(path) for path in files}


def test_a_preview_changes_nothing(small_form):
    run_dir = small_form.settings.base.run_dir
    click(small_form, small_form.preview_button)
    (player,) = small_form.panel.result.children
    assert player.value.startswith("<video controls") and not Path(run_dir).exists()

    run.lipsync(small_form.params())
    before = listing(run_dir)
    small_form.settings.controls["output_size"].value = "64"
    click(small_form, small_form.preview_button)
    (player,) = small_form.panel.result.children
    assert player.value.startswith("<video controls") and listing(run_dir) == before


def test_the_first_click_on_a_new_clip_works(small_form, tmp_path):
    run.lipsync(small_form.params())
    other = made_clip(tmp_path / "new.mkv", "25", 0.4, "160x122")
    small_form.settings.controls["video"].value = other
    small_form.settings.controls["restorer"].value = "none"
    click(small_form, small_form.run_button)
    assert "new-speech-" in small_form.panel.status.value
    folder = small_form.params().run_dir
    assert run.read(folder)["results"].keys() == {"lipsync"}


def test_run_makes_both_videos(small_form, monkeypatch):
    seen = []
    tell = small_form.panel.tell
    monkeypatch.setattr(small_form.panel, "tell", lambda *a: (seen.append(a), tell(*a)))
    small_form.settings.controls["batch_size"].value = 4
    click(small_form, small_form.run_button)

    texts = [told[0].partition(", about")[0] for told in seen]
    for frames in (4, 8, 10):  # once a batch
        assert f"first of two passes, drawing: {frames} of 10" in texts
        assert f"second of two passes, drawing: {frames} of 10" in texts
    run_dir = small_form.settings.base.run_dir
    assert small_form.panel.status.value == f"done: {run_dir}"
    assert run.read(run_dir)["results"].keys() == {"lipsync", "restored"}
    assert media.probe(Path(run_dir, "restored.mp4")).frames == 10
    assert small_form.panel.result.children


def test_an_error_is_one_line(small_form):
    small_form.settings.controls["video"].value = "<b>no.mp4"
    click(small_form, small_form.run_button)
    (line,) = small_form.panel.result.children
    assert text(line.value).startswith("no such file: ") and "<b>" not in line.value


def test_a_clip_without_faces_has_no_preview(small_form, pretend_faces):
    pretend_faces(lambda n: False)
    small_form.settings.controls["box"].value = ""
    small_form.settings.controls["allow_no_face"].value = True
    click(small_form, small_form.preview_button)
    (line,) = small_form.panel.result.children
    assert text(line.value).startswith("no frame has a face")


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
