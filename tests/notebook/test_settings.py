"""The controls of the parameters, without a browser."""

import html
import re
from dataclasses import asdict
from pathlib import Path

import pytest
from support import made_clip, tone, write_wave

from helpers import params
from helpers.notebook import controls, panel, settings
from helpers.params import Params


def text(markup: str) -> str:
    return html.unescape(re.sub("<[^>]*>", "", markup))


def shown(notebook: str | None = None, base: Params | None = None) -> settings.Settings:
    names = params.FIELDS if notebook is None else params.shown_in(notebook)
    return settings.Settings(list(names), base or Params())


def test_every_parameter_has_a_control_with_its_default():
    form = shown()
    assert {name: control.value for name, control in form.controls.items()} == asdict(Params())
    assert form.params() == Params()
    on_pages = [row.children[0] for page in form.children[0].children for row in page.children]
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
    tabs = shown().children[0]
    names = [row.children[0].description for row in tabs.children[-1].children]
    assert sorted(names) == sorted(
        ["face", "box", "smooth", "smooth_window", "pads", "allow_no_face"]
    )


def test_a_notebook_shows_its_own_parameters_and_keeps_the_rest():
    given = params.build(crf=30, strength=0.53)
    form = shown("03_restore", given)
    assert set(form.controls) == {n for n, f in params.FIELDS.items() if "3" in f.metadata["where"]}
    assert [form.children[0].get_title(n) for n in (0, 1)] == ["Input", "Restoration"]
    assert form.params() == given


def test_controls_change_the_parameters():
    form = shown()
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
    form = shown()
    good = form.notes[name].value
    form.controls[name].value = wrong
    assert panel.RED in form.notes[name].value and wrong in text(form.notes[name].value)
    form.controls[name].value = ""
    assert form.notes[name].value == good


def test_other_inputs_get_a_run_folder_of_their_own(tmp_path):
    video = made_clip(tmp_path / "clip.mkv", "25", 0.2)
    audio = write_wave(tmp_path / "speech.wav", tone(0.2))
    base = params.build(video=video, audio=audio, run_dir=tmp_path / "run")
    form = shown(base=base)
    assert form.params() == base

    other = made_clip(tmp_path / "other.mkv", "25", 0.2, "160x122")
    form.controls["video"].value = other
    p = form.params()
    assert Path(p.run_dir).parent == tmp_path
    assert Path(p.run_dir).name.startswith("other-speech-")
    assert (p.video, p.audio) == (other, audio)
    assert text(form.notes["run_dir"].value) == f"{p.run_dir}, for these inputs"
    assert form.params(video=video).run_dir == str(tmp_path / "run")

    form.controls["run_dir"].value = str(tmp_path / "mine")
    assert form.params().run_dir == str(tmp_path / "mine")


def test_folders_of_equal_names_differ_by_their_files(tmp_path):
    clips = []
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        clips.append(made_clip(tmp_path / folder / "clip.mkv", "25", 0.2))
    names = {settings.run_folder("runs/demo", dict(video=clip, audio="s.wav")) for clip in clips}
    assert len(names) == 2 and all(name.startswith("runs/clip-s-") for name in names)
