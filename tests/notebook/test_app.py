"""The app, first without a browser, then as somebody sees it."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from support import FACE_BOX, made_clip, tone, upload, write_wave

from helpers import run
from helpers.face.detect import box_detection
from helpers.notebook import app, compare, panel, people
from helpers.plan.plan import load_plan


def give(zone, path: str | Path) -> None:
    """Drop a file on a zone."""
    upload(zone.upload, Path(path).name, Path(path).read_bytes())


def click(shown: app.App, button) -> None:
    button.click()
    shown.panel.wait()


@pytest.fixture
def small_app(tmp_path):
    """The app with a made clip of 0.48 s, uploaded, and the fast preset."""
    shown = app.App(str(tmp_path / "runs"))
    for name, value in dict(box=FACE_BOX, precision="fp32", batch_size=4, passes=1).items():
        shown.settings.controls[name].value = value
    shown.quality.value = "fast"
    give(shown.video, made_clip(tmp_path / "clip.mkv", "25", 0.48))
    give(shown.audio, write_wave(tmp_path / "words.wav", tone(0.48)))
    return shown


def test_an_upload_is_shown_and_played(small_app, tmp_path):
    assert small_app.video.control.value == str(tmp_path / "runs/uploads/video/clip.mkv")
    assert "clip.mkv, 0.0 MB, 160x120, 0.48 s" in small_app.video.said.value
    assert 'poster="data:image/jpeg;base64,' in small_app.video.shown.value
    assert 'src="data:video/mp4;base64,' in small_app.video.shown.value
    assert small_app.audio.shown.value.startswith('<audio controls src="data:audio/mp4;base64,')
    for zone in (small_app.video, small_app.audio):
        assert not zone.upload.value and zone.part.value == (0.0, 0.48)
        assert zone.part.layout.display is None


def test_a_wrong_file_is_one_line(small_app, tmp_path):
    (tmp_path / "words.mp4").write_text("words")
    give(small_app.video, tmp_path / "words.mp4")
    assert panel.RED in small_app.video.said.value and "words.mp4" in small_app.video.said.value
    assert small_app.video.shown.value == "" and small_app.video.part.layout.display == "none"

    small_app.video.control.value = str(tmp_path / "words.wav")
    assert "holds sound only" in small_app.video.said.value
    click(small_app, small_app.run_button)
    (line,) = small_app.panel.result.children
    assert panel.RED in line.value and "holds sound only" in line.value


def test_without_files_nothing_is_made(tmp_path):
    shown = app.App(str(tmp_path / "runs"))
    click(shown, shown.run_button)
    assert "try the sample" in shown.panel.result.children[0].value
    assert not (tmp_path / "runs").exists()


def test_the_sample_fills_both_zones(tmp_path):
    shown = app.App(str(tmp_path / "runs"))
    shown.sample_button.click()
    assert "talking.mp4" in shown.video.said.value and "speech.flac" in shown.audio.said.value
    assert shown.people.layout.display == "none"  # one person


def test_a_preset_sets_the_restorer_and_says_what_it_costs(tmp_path, monkeypatch):
    shown = app.App(str(tmp_path))
    costs = {}
    restorers = {}
    for name in app.PRESETS:
        shown.quality.value = name
        restorers[name] = shown.settings.params().restorer
        costs[name] = shown.cost.value
    assert restorers == dict(fast="none", balanced="compact", best="auto")
    assert len(set(costs.values())) == 3

    monkeypatch.setattr(app, "choose_restorer", lambda name: "gfpgan")
    shown.quality.value = "fast"
    shown.quality.value = "best"
    assert "GFPGAN draws the face anew" in shown.cost.value


def test_preview_run_stop_and_go_on(small_app, tmp_path, monkeypatch):
    click(small_app, small_app.preview_button)
    assert small_app.panel.result.children[0].value.startswith("<video controls")
    (made,) = tmp_path.rglob("plan.npz")
    plan = made.stat().st_mtime_ns
    folder = made.parent

    monkeypatch.setattr(run.produce, "SEGMENT_FRAMES", 4)
    tell = small_app.panel.tell

    def stop_at(text: str, share: float) -> None:
        if "drawing: 8 of 12" in text:
            small_app.panel.stop()
        tell(text, share)

    monkeypatch.setattr(small_app.panel, "tell", stop_at)
    click(small_app, small_app.run_button)
    assert small_app.panel.status.value == "stopped at 4 of 12 frames; run again to go on"
    assert small_app.run_button.description == "Go on"
    words = small_app.audio.control.value
    small_app.audio.control.value = ""
    assert small_app.run_button.description == "Make it talk"
    small_app.audio.control.value = words

    told = []
    monkeypatch.setattr(small_app.panel, "tell", lambda *a: (told.append(a[0]), tell(*a)))
    click(small_app, small_app.run_button)
    assert small_app.panel.status.value == f"done: {folder}"
    assert not [text for text in told if "finding faces" in text or ": 4 of" in text]
    assert made.stat().st_mtime_ns == plan

    click(small_app, small_app.run_button)
    assert "is there already" in small_app.panel.remarks.value


def test_a_part_of_both_inputs_is_used(small_app, tmp_path):
    small_app.video.part.value = (0.16, 0.48)
    small_app.audio.part.value = (0.12, 0.4)
    click(small_app, small_app.run_button)
    (path,) = tmp_path.rglob("run.json")
    record = run.read(path.parent)
    assert record["results"]["lipsync"]["frames"] == 7
    assert record["inputs"]["video"]["frames"] == 8


def test_the_result_is_shown_beside_the_source(small_run, tmp_path):
    clip = made_clip(tmp_path / "clip.mkv", "25", 0.4)
    record, p = small_run(clip, write_wave(tmp_path / "words.wav", tone(0.4)), passes=1)
    view = compare.result_view(p, record)
    pages, download = view.children
    result, wiped, beside = pages.children
    assert 'src="data:video/mp4;base64,' in result.value and beside.value == ""
    pages.selected_index = 2
    assert "From the left: the source, lipsync." in beside.value
    assert 'download="run.mp4"' in download.value and record["results"]["lipsync"]["path"]

    picture, place, moment = wiped.children
    before = picture.value
    place.value = 0.25
    assert picture.value != before
    before = picture.value
    moment.value = load_plan(tmp_path / "run" / "plan.npz").frames - 1
    assert picture.value != before


def test_the_wipe_shows_one_picture_left_of_the_line_and_the_other_right_of_it():
    before = np.full((20, 100, 3), 40, np.uint8)
    after = np.full((20, 100, 3), 200, np.uint8)
    jpeg = compare.wiped(before, after, 0.3)
    mixed = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert abs(int(mixed[10, 10, 0]) - 40) < 4 and abs(int(mixed[10, 80, 0]) - 200) < 4


def test_a_person_is_chosen_by_a_click(tmp_path):
    shown = app.App(str(tmp_path))
    frame = np.zeros((100, 300, 3), np.uint8)
    frame[:, 200:] = 255
    right = box_detection((220, 20, 260, 60), 300, 100)
    left = box_detection((20, 20, 60, 60), 300, 100)
    both = np.concatenate([right, left])
    faces = [right, both, both]
    portraits = people.portraits_of([frame] * 3, faces)
    assert [round(portrait.mean()) for portrait in portraits] == [0, 255]

    shown.people.show(portraits)
    assert shown.people.layout.display is None
    shown.people.buttons["1"].click()
    assert shown.settings.params().face == "1"
    chosen = [v for v, b in shown.people.buttons.items() if "lips-chosen" in b._dom_classes]
    assert chosen == ["1"]
    shown.people.buttons["all"].click()
    assert shown.settings.params().face == "all"
    assert people.portraits_of([frame], [right[:0]]) == []
