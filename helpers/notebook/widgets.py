"""A form made from ``params``: a control for every parameter, a preview of one frame, a run."""

from __future__ import annotations

import base64
import dataclasses
import functools
import hashlib
import html
import io
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import ipywidgets
import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from .. import checkpoints, media, params, run
from ..errors import LipSyncError, RunError
from ..params import FIELDS, Params
from ..plan.geometry import face_rectangle
from . import player, plots
from .controls import grouped, make_control, strength_slider, tabs
from .start import INTERRUPTED
from .uploads import (
    LIMIT_NOTE,
    OFFERED,
    describe_upload,
    let_go,
    save_upload,
    upload_button,
    uploaded_files,
)

__all__ = ["Form", "form", "run_folder", "strength_slider"]

INPUTS = ("video", "audio")
STEM_LENGTH = 30  # characters of an input's name in a run folder's
KEY_LENGTH = 6  # characters that tell inputs of one name apart
LIMIT_MARGIN = "4px 8px 4px 135px"  # under the boxes to type in
PREVIEW_TITLE = 14  # points: the page shows the figure smaller than it is
ROW = {"flex_flow": "row wrap", "align_items": "center"}
GREY = "var(--jp-ui-font-color2, #616161)"
RED = "var(--jp-error-color1, #d32f2f)"

Shown = dict[str, str]  # MIME type -> data


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
    """The form of a notebook such as "02_lipsync", or of all parameters.

    Show it, then ask ``params()`` of it. Controls start from ``values``; so do, and stay, the
    parameters that the notebook does not show.
    """
    shown = FIELDS if notebook is None else params.shown_in(notebook)
    return Form(list(shown), values or Params())


class Form(ipywidgets.VBox):
    """Controls by name, buttons, progress and output under them. Nothing here needs a browser."""

    def __init__(self, shown: list[str], base: Params):
        super().__init__()
        self.base = base
        self.controls = {name: make_control(FIELDS[name], getattr(base, name)) for name in shown}
        self.notes = {name: _note() for name in shown}
        self.uploads = {name: upload_button(name) for name in OFFERED if name in shown}
        self.preview_button = ipywidgets.Button(
            description="Preview one frame", icon="eye", layout={"width": "auto"}
        )
        self.run_button = ipywidgets.Button(description="Run", icon="play", button_style="primary")
        self.bar = ipywidgets.IntProgress(layout={"width": "200px"})
        self.status = ipywidgets.Label()
        self.output = ipywidgets.Output()
        self._listen()

        buttons = [self.preview_button, self.run_button, self.bar, self.status]
        self.children = [self._tabs(), ipywidgets.HBox(buttons, layout=ROW), self.output]

    def _listen(self) -> None:
        for name, control in self.controls.items():
            self.mark(name)
            control.observe(functools.partial(self._changed, name), "value")
        for name, upload in self.uploads.items():
            upload.observe(functools.partial(self._uploaded, name), "value")
        self.preview_button.on_click(lambda _: self._work(self.preview))
        self.run_button.on_click(lambda _: self._work(self.run))

    def _tabs(self) -> ipywidgets.Tab:
        pages = {}
        for title, names in grouped(self.controls).items():
            rows = [self._row(name) for name in names]
            if any(name in self.uploads for name in names):
                note = ipywidgets.HTML(_line(LIMIT_NOTE, GREY), layout={"margin": LIMIT_MARGIN})
                rows.append(note)
            pages[title] = ipywidgets.VBox(rows)
        return tabs(pages)

    def _row(self, name: str) -> ipywidgets.HBox:
        parts = [self.controls[name], self.uploads.get(name), self.notes[name]]
        return ipywidgets.HBox([part for part in parts if part], layout=ROW)

    def value(self, name: str) -> Any:
        """What a control holds; an empty text stands for the default."""
        value = self.controls[name].value
        return value.strip() or FIELDS[name].default if isinstance(value, str) else value

    def params(self) -> Params:
        """The parameters as the form shows them. Raises ParameterError.

        With other inputs than the form began with and the same ``run_dir``, the run gets a folder
        of its own, named from the inputs.
        """
        shown = {name: self.value(name) for name in self.controls}
        p = params.build(**dataclasses.asdict(self.base) | shown)
        changed = any(getattr(p, name) != getattr(self.base, name) for name in INPUTS)
        if not changed or p.run_dir != self.base.run_dir:
            return p

        paths = run.inputs(p)
        given: dict[str, Any] = paths | dict(run_dir=run_folder(p.run_dir, paths))
        return dataclasses.replace(p, **given)

    def mark(self, name: str) -> None:
        """Show a parameter's help beside its control, or in red what is wrong with its value."""
        try:
            params.build(**{name: self.value(name)})
            if name in CHECKS:
                CHECKS[name](self.value(name))
        except LipSyncError as error:
            self._note(name, str(error), RED)
        else:
            self._note(name, FIELDS[name].metadata["help"])

    def _note(self, name: str, text: str, colour: str = GREY) -> None:
        self.notes[name].value = _line(text, colour)

    def _changed(self, name: str, change: Mapping[str, Any]) -> None:
        self.mark(name)
        if name not in INPUTS or "run_dir" not in self.controls:
            return
        try:
            folder = self.params().run_dir
        except LipSyncError:
            return

        self.mark("run_dir")
        if folder != self.value("run_dir"):
            self._note("run_dir", f"{folder}, for these inputs")

    def _uploaded(self, name: str, change: Mapping[str, Any]) -> None:
        files = uploaded_files(change["new"])
        if not files:
            return
        try:
            path = save_upload(files[0], Path(self.base.run_dir, "uploads", name))
            self.controls[name].value = str(path)
            self._note(name, describe_upload(path))
        except LipSyncError as error:
            self._note(name, str(error), RED)

        let_go(self.uploads[name])

    def _work(self, step: Callable[[], Shown]) -> None:
        """Do what a button stands for; what it returns, or the line of its error, is shown."""
        self.preview_button.disabled = self.run_button.disabled = True
        self.output.outputs = ()
        self._progress("looking at the inputs", 0, 1)
        try:
            shown = step()
        except LipSyncError as error:
            shown = {"text/html": _line(str(error), RED)}
            self.status.value = "stopped"
        except KeyboardInterrupt:
            shown = {"text/html": _line(INTERRUPTED.replace("the cell", "it"), RED)}
            self.status.value = f"stopped at {self.status.value}"
        finally:
            self.preview_button.disabled = self.run_button.disabled = False
        self.output.outputs = ({"output_type": "display_data", "data": shown, "metadata": {}},)

    def _progress(self, text: str, done: int, total: int) -> None:
        self.bar.max = total
        self.bar.value = done
        self.status.value = text

    def preview(self) -> Shown:
        """The frame in the middle of those that are re-drawn, before and after, as a picture."""
        record, plan, engine = run.prepare(self.params(), save=False)
        drawn = plan.redrawn.nonzero()[0]
        if not len(drawn):
            raise RunError("no frame has a face, so every frame would pass through as it is")

        n = int(drawn[len(drawn) // 2])
        view = run.preview(plan, record["inputs"]["video"]["path"], engine, n)
        self._progress(f"frame {n} of {plan.frames}", 1, 1)

        x1, y1, x2, y2 = face_rectangle(plan, n)
        frames = {"source": view["source"], "re-drawn": view["made"]}
        pictures = [frame[y1:y2, x1:x2] for frame in frames.values()]
        titles = [*frames, *(f"{name}, frame {n}" for name in frames)]
        figure = plots.strip([*pictures, *frames.values()], titles)
        for axes in figure.axes:
            axes.title.set_fontsize(PREVIEW_TITLE)
        return {"image/png": _png(figure)}

    def run(self) -> Shown:
        """Lip-sync, then restoration; the finished video as a player."""
        p = self.params()
        steps = {"lip-sync": run.lipsync, "restoration": run.restore}
        for number, (label, step) in enumerate(steps.items()):
            record = step(p, functools.partial(self._stage, label, number, len(steps)))

        path = record["results"]["restored"]["path"]
        self._progress(f"done: {path}", self.bar.max, self.bar.max)
        return {"text/html": player.show_video(path).data}

    def _stage(
        self, label: str, number: int, steps: int, stage: str, done: int, total: int
    ) -> None:
        """Progress of one of several steps; the bar is full when all are done."""
        text = f"{label} ({number + 1} of {steps}): {stage} {done} of {total}"
        if stage == "draw":
            self._progress(text, number * total + done, steps * total)
        else:
            self._progress(text, self.bar.value, self.bar.max)


def run_folder(beside: str, inputs: dict[str, str]) -> str:
    """A run folder beside another one, named from its inputs; other files have another one."""
    stems = [Path(path).stem[:STEM_LENGTH] for path in inputs.values()]
    times = [os.stat(path).st_mtime_ns for path in inputs.values() if os.path.exists(path)]
    facts = "\n".join(map(str, [*inputs.values(), *times]))
    key = hashlib.sha256(facts.encode()).hexdigest()[:KEY_LENGTH]
    return str(Path(beside).parent / "-".join([*stems, key]))


def _note() -> ipywidgets.HTML:
    return ipywidgets.HTML(layout={"flex": "1 1 220px", "margin": "4px 8px"})


def _line(text: str, colour: str) -> str:
    return f'<div style="line-height: 1.35; color: {colour}">{html.escape(text)}</div>'


def _png(figure: Figure) -> str:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    plt.close(figure)
    return base64.b64encode(buffer.getvalue()).decode()
