"""A form made from ``params``: a control for every parameter, a preview, a run."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ipywidgets

from .. import params
from ..errors import LipSyncError
from ..params import FIELDS, Params
from . import videos
from .controls import strength_slider
from .panel import RED, Panel, line
from .settings import Settings
from .uploads import (
    LIMIT_NOTE,
    OFFERED,
    describe_file,
    let_go,
    save_upload,
    upload_button,
    uploaded_files,
)

__all__ = ["Form", "form", "strength_slider"]


def form(notebook: str | None = None, values: Params | None = None) -> Form:
    """The form of a notebook such as "02_lipsync", or of all parameters.

    Show it, then ask ``params()`` of it. Controls start from ``values``; so do, and stay, the
    parameters that the notebook does not show.
    """
    shown = FIELDS if notebook is None else params.shown_in(notebook)
    return Form(list(shown), values or Params())


class Form(ipywidgets.VBox):
    """Controls with uploads beside them, buttons, and what they bring under them."""

    def __init__(self, shown: list[str], base: Params):
        super().__init__()
        self.uploads = {name: upload_button(name) for name in OFFERED if name in shown}
        self.settings = Settings(shown, base, self.uploads)
        self.params = self.settings.params
        self.preview_button = ipywidgets.Button(description="Preview", icon="eye")
        self.run_button = ipywidgets.Button(description="Run", icon="play", button_style="primary")
        self.panel = Panel(self.run_button, [self.preview_button])

        for name, upload in self.uploads.items():
            upload.observe(functools.partial(self._uploaded, name), "value")
        self.preview_button.on_click(lambda _: self.panel.start(self._preview))
        self.run_button.on_click(lambda _: self.panel.start(self._run))
        notes = [line(LIMIT_NOTE)] if self.uploads else []
        self.children = [self.settings, *notes, self.panel]

    def _uploaded(self, name: str, change: Mapping[str, Any]) -> None:
        files = uploaded_files(change["new"])
        if not files:
            return
        try:
            folder = Path(self.settings.base.run_dir, "uploads", name)
            path = save_upload(files[0], folder)
            self.settings.controls[name].value = str(path)
            self.settings.note(name, f"uploaded: {describe_file(path)}")
        except LipSyncError as error:
            self.settings.note(name, str(error), RED)

        let_go(self.uploads[name])

    def _preview(self) -> ipywidgets.Widget:
        return videos.show_preview(self.params(), self.panel, save=False)

    def _run(self) -> ipywidgets.Widget:
        return videos.make_videos(self.params(), self.panel)
