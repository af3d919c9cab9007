"""A form made from ``params``: a control for every parameter, a preview of one frame, a run with its progress."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import functools
import html
import io
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import cv2
import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from .. import checkpoints, media, params, run
from ..errors import LipSyncError, RunError
from ..params import FIELDS, Params
from ..plan.geometry import face_rectangle
from . import player, plots

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
    "Result": ("fps", "length", "fill", "output_size", "fit", "crf"),
    "Restoration": (
        "restorer",
        "restorer_checkpoint",
        "region",
        "strength",
        "steady",
        "restore_unsynced",
    ),
    "Weights": ("fetch", "accept_licences"),
    "Training": ("clips", "steps"),
}
REST = "More"  # the group of parameters that no other group names
UPLOADS = {
    "video": "video/*,image/*",
    "audio": "audio/*,video/*",
}  # parameter -> what the browser offers
UPLOAD_LIMIT = "Upload takes files of up to 10 MB: Jupyter drops larger ones, so copy them here and give the path."
SLIDER_RANGE = 100  # a number with a wider range gets a box to type in
NAME_WIDTH, CONTROL_WIDTH = "125px", "380px"
LIMIT_MARGIN = "4px 8px 4px 135px"  # under the boxes to type in
ROW = {"flex_flow": "row wrap", "align_items": "center"}
GREY, RED = "var(--jp-ui-font-color2, #616161)", "var(--jp-error-color1, #d32f2f)"


def _is_media(path: str) -> None:
    if path:
        media.probe(os.path.expanduser(path))


# what is wrong with a value that ``params.build`` takes, known before a run looks at it
CHECKS: dict[str, Callable[[str], object]] = {
    "video": _is_media,
    "audio": _is_media,
    "checkpoint": checkpoints.locate,
}


def form(notebook: str | None = None, values: Params | None = None) -> Form:
    """The form of a notebook such as "02_lipsync", or of all parameters. Show it, then ask ``params()`` of it.

    Controls start from ``values``; so do, and stay, the parameters that the notebook does not show.
    """
    shown = [
        name for name, f in FIELDS.items() if notebook is None or notebook[1] in f.metadata["where"]
    ]
    return Form(shown, values or Params())


class Form(ipywidgets.VBox):
    """Controls by name, the buttons, progress and output under them. Nothing here needs a browser."""

    def __init__(self, shown: list[str], base: Params):
        super().__init__()
        self.base = base
        self.controls = {name: _control(FIELDS[name], getattr(base, name)) for name in shown}
        self.notes = {
            name: ipywidgets.HTML(layout={"flex": "1 1 220px", "margin": "4px 8px"})
            for name in shown
        }
        self.uploads = {name: _upload(kind) for name, kind in UPLOADS.items() if name in shown}
        self.preview_button = ipywidgets.Button(
            description="Preview one frame", icon="eye", layout={"width": "auto"}
        )
        self.run_button = ipywidgets.Button(description="Run", icon="play", button_style="primary")
        self.bar = ipywidgets.IntProgress(layout={"width": "200px"})
        self.status = ipywidgets.Label()
        self.output = ipywidgets.Output()
        for name, control in self.controls.items():
            self.mark(name)
            control.observe(lambda _, name=name: self.mark(name), "value")
        for name, upload in self.uploads.items():
            upload.observe(functools.partial(self._uploaded, name), "value")
        self.preview_button.on_click(lambda _: self._work(self.preview))
        self.run_button.on_click(lambda _: self._work(self.run))
        buttons = ipywidgets.HBox(
            [self.preview_button, self.run_button, self.bar, self.status], layout=ROW
        )
        self.children = [self._tabs(), buttons, self.output]

    def _tabs(self) -> ipywidgets.Tab:
        named = {name for names in GROUPS.values() for name in names}
        groups = GROUPS | {REST: tuple(name for name in self.controls if name not in named)}
        pages = {
            title: [self._row(n) for n in names if n in self.controls]
            for title, names in groups.items()
        }
        if self.uploads:
            pages["Input"].append(
                ipywidgets.HTML(_line(UPLOAD_LIMIT, GREY), layout={"margin": LIMIT_MARGIN})
            )
        pages = {title: ipywidgets.VBox(rows) for title, rows in pages.items() if rows}
        return ipywidgets.Tab(list(pages.values()), titles=list(pages))

    def _row(self, name: str) -> ipywidgets.HBox:
        parts = [self.controls[name], self.uploads.get(name), self.notes[name]]
        return ipywidgets.HBox([part for part in parts if part], layout=ROW)

    def value(self, name: str) -> Any:
        """What a control holds; an empty text stands for the default."""
        held = self.controls[name].value
        return held.strip() or FIELDS[name].default if isinstance(held, str) else held

    def params(self) -> Params:
        """The parameters as the form shows them. Raises ParameterError."""
        return params.build(
            **dataclasses.asdict(self.base) | {name: self.value(name) for name in self.controls}
        )

    def mark(self, name: str) -> None:
        """Show a parameter's help beside its control, or in red what is wrong with its value."""
        text, colour = FIELDS[name].metadata["help"], GREY
        try:
            params.build(**{name: self.value(name)})
            CHECKS.get(name, str)(self.value(name))
        except LipSyncError as error:
            text, colour = str(error), RED
        self.notes[name].value = _line(text, colour)

    def _uploaded(self, name: str, change: Mapping[str, Any]) -> None:
        if not change["new"]:
            return
        try:
            self.controls[name].value = str(
                save_upload(change["new"][0], Path(self.value("run_dir"), "uploads", name))
            )
            self.mark(name)
        except LipSyncError as error:
            self.notes[name].value = _line(str(error), RED)
        self.uploads[name].value = ()  # let go of the bytes

    def _work(self, step: Callable[[], dict[str, str]]) -> None:
        """Do what a button stands for; what it returns, or the line of its error, is shown (MIME type -> data)."""
        self.preview_button.disabled = self.run_button.disabled = True
        self.output.outputs = ()
        self._progress("looking at the inputs", 0, 1)
        try:
            shown = step()
        except LipSyncError as error:
            shown = {"text/html": _line(str(error), RED)}
            self.status.value = "stopped"
        finally:
            self.preview_button.disabled = self.run_button.disabled = False
        self.output.outputs = ({"output_type": "display_data", "data": shown, "metadata": {}},)

    def _progress(self, text: str, done: int, total: int) -> None:
        self.bar.max = total
        self.bar.value = done
        self.status.value = text

    def _stage(self, label: str, done: int, total: int) -> None:
        self._progress(f"{label}: frame {done} of {total}", done, total)

    def preview(self) -> dict[str, str]:
        """The frame in the middle of those that are re-drawn, before and after, as a picture."""
        p = self.params()
        record, plan, engine = run.prepare(p, save=False)
        drawn = plan.redrawn.nonzero()[0]
        if not len(drawn):
            raise RunError("no frame has a face, so every frame would pass through as it is")
        n = int(drawn[len(drawn) // 2])
        view = run.preview(plan, record["inputs"]["video"]["path"], engine, n)
        self._progress(f"frame {n} of {plan.frames}", 1, 1)
        x1, y1, x2, y2 = face_rectangle(plan, n)
        frames = [view["source"], view["made"]]
        pictures = [*(frame[y1:y2, x1:x2] for frame in frames), *frames]
        figure = plots.strip(
            pictures, ["source", "re-drawn", f"source, frame {n}", f"re-drawn, frame {n}"]
        )
        for axes in figure.axes:
            axes.title.set_fontsize(14)  # the page shows this figure smaller than it is
        return {"image/png": _png(figure)}

    def run(self) -> dict[str, str]:
        """Lip-sync, then restoration; the finished video as a player."""
        p = self.params()
        for label, step in (("lip-sync", run.lipsync), ("restoration", run.restore)):
            record = step(p, functools.partial(self._stage, label))
        path = record["results"]["restored"]["path"]
        self._progress(f"done: {path}", self.bar.max, self.bar.max)
        return {"text/html": player.show_video(path)._repr_html_()}


def _control(field: dataclasses.Field, value: Any) -> ipywidgets.ValueWidget:
    facts, kind = field.metadata, type(field.default)
    common = dict(
        value=value, description=field.name, tooltip=facts["help"],
        style={"description_width": NAME_WIDTH}, layout={"width": CONTROL_WIDTH},
    )  # fmt: skip
    if facts["choices"]:
        return ipywidgets.Dropdown(options=facts["choices"], **common)
    if kind is bool:
        return ipywidgets.Checkbox(**common)
    if kind is str:
        return ipywidgets.Text(placeholder=field.default, continuous_update=False, **common)
    low, high = facts["low"], facts["high"]
    if low is None:
        return (ipywidgets.IntText if kind is int else ipywidgets.FloatText)(**common)
    common |= dict(min=low, max=high)
    if high - low > SLIDER_RANGE:
        return (ipywidgets.BoundedIntText if kind is int else ipywidgets.BoundedFloatText)(**common)
    if kind is int:
        return ipywidgets.IntSlider(**common)
    return ipywidgets.FloatSlider(step=(high - low) / 100, **common)


def _upload(accept: str) -> ipywidgets.FileUpload:
    return ipywidgets.FileUpload(accept=accept, tooltip=UPLOAD_LIMIT, layout={"width": "auto"})


def strength_slider(
    before: np.ndarray, after: np.ndarray, value: float
) -> tuple[ipywidgets.FloatSlider, ipywidgets.VBox]:
    """A slider from one picture to another of its size, ``uint8 (H, W, 3)``, and the box that shows both.

    Pictures between the two are mixed, not restored anew, so the slider answers at once whatever the restorer.
    """
    slider = ipywidgets.FloatSlider(value, min=0, max=1, step=0.05, description="strength")
    picture = ipywidgets.Image(format="png", layout={"width": "360px"})

    def show(strength: float) -> None:
        mixed = cv2.addWeighted(before, 1 - strength, after, strength, 0)
        picture.value = cv2.imencode(".png", mixed[..., ::-1])[1].tobytes()

    slider.observe(lambda change: show(change["new"]), "value")
    show(value)
    return slider, ipywidgets.VBox([slider, picture])


def _line(text: str, colour: str) -> str:
    return f'<div style="line-height: 1.35; color: {colour}">{html.escape(text)}</div>'


def _png(figure: Figure) -> str:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    plt.close(figure)
    return base64.b64encode(buffer.getvalue()).decode()


def save_upload(file: Mapping[str, Any], folder: Path) -> Path:
    """Store an uploaded file (its ``name`` and ``content``) in a folder under its own name, made harmless; its path.

    Raises RunError if the folder cannot be written.
    """
    name = re.sub(r"[^\w.() -]", "_", re.split(r"[/\\]", file["name"])[-1]).lstrip(". ") or "upload"
    stem, suffix = os.path.splitext(name)
    path = folder / (stem[:60] + suffix[:12])
    part = media.partial_path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        part.write_bytes(file["content"])
        os.replace(part, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink()
        raise RunError(
            f"{path} could not be saved ({error.strerror}); choose another run_dir"
        ) from None
    return path
