"""A control for every parameter, in groups, for ipywidgets 7 (Colab's) and 8."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

import cv2
import ipywidgets
import numpy as np

GROUPS = {
    "Input": ("video", "audio", "run_dir", "rotate", "crop"),
    "Face": ("detector", "face", "box", "smooth", "smooth_window", "pads", "allow_no_face"),
    "Mouth": (
        "checkpoint",
        "mel_alignment",
        "audio_offset_ms",
        "silence",
        "blend",
        "own_mouths",
        "passes",
        "batch_size",
        "precision",
        "device",
    ),
    "Result": ("fps", "length", "fill", "output_size", "fit", "crf", "encoder"),
    "Limits": ("max_pixels", "max_duration", "max_faces"),
    "Restoration": (
        "restorer",
        "restorer_checkpoint",
        "region",
        "strength",
        "steady",
        "restore_unsynced",
    ),
    "Mark": ("mark", "label", "consent", "sign_cert", "sign_key"),
    "Weights": ("fetch", "accept_licences"),
    "Training": ("clips", "steps"),
}
REST = "More"  # the group of parameters that no other group names

SLIDER_RANGE = 100  # a number with a wider range gets a box to type in
SLIDER_STEPS = 100
NAME_WIDTH = "125px"
CONTROL_WIDTH = "380px"
PICTURE_WIDTH = "360px"


def grouped(names: Iterable[str]) -> dict[str, list[str]]:
    """Names of parameters by the title of their group; a group of none is left out."""
    names = list(names)
    named = {name for group in GROUPS.values() for name in group}
    groups = GROUPS | {REST: tuple(name for name in names if name not in named)}
    chosen = {title: [n for n in group if n in names] for title, group in groups.items()}
    return {title: group for title, group in chosen.items() if group}


def make_control(field: dataclasses.Field, value: Any) -> ipywidgets.ValueWidget:
    """The control of a parameter that holds ``value``."""
    facts = field.metadata
    style = {"description_width": NAME_WIDTH}
    common = dict(value=value, description=field.name, style=style)
    common["layout"] = {"width": CONTROL_WIDTH}
    if facts["choices"]:
        return ipywidgets.Dropdown(options=facts["choices"], **common)

    kind = type(field.default)
    if kind is bool:
        return ipywidgets.Checkbox(**common)
    if kind is str:
        return ipywidgets.Text(placeholder=field.default, continuous_update=False, **common)
    return _number(kind, facts["low"], facts["high"], common)


def _number(
    kind: type, low: float | None, high: float | None, common: dict[str, Any]
) -> ipywidgets.ValueWidget:
    whole = kind is int
    if low is None or high is None:
        return (ipywidgets.IntText if whole else ipywidgets.FloatText)(**common)

    common |= dict(min=low, max=high)
    if high - low > SLIDER_RANGE:
        return (ipywidgets.BoundedIntText if whole else ipywidgets.BoundedFloatText)(**common)
    if whole:
        return ipywidgets.IntSlider(**common)
    return ipywidgets.FloatSlider(step=(high - low) / SLIDER_STEPS, **common)


def tabs(pages: dict[str, ipywidgets.Widget]) -> ipywidgets.Tab:
    """Pages by title."""
    tab = ipywidgets.Tab(list(pages.values()))
    for number, title in enumerate(pages):
        tab.set_title(number, title)
    return tab


def strength_slider(
    before: np.ndarray, after: np.ndarray, value: float
) -> tuple[ipywidgets.FloatSlider, ipywidgets.VBox]:
    """A slider from one picture to another, ``uint8 (H, W, 3)``, and the box that shows both.

    Pictures between the two are mixed, not restored anew, so the slider answers at once whatever
    the restorer.
    """
    slider = ipywidgets.FloatSlider(value, min=0, max=1, step=0.05, description="strength")
    picture = ipywidgets.Image(format="png", layout={"width": PICTURE_WIDTH})

    def show(strength: float) -> None:
        mixed = cv2.addWeighted(before, 1 - strength, after, strength, 0)
        _, encoded = cv2.imencode(".png", mixed[..., ::-1])
        picture.value = encoded.tobytes()

    slider.observe(lambda change: show(change["new"]), "value")
    show(value)
    return slider, ipywidgets.VBox([slider, picture])
