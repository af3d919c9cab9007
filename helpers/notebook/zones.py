"""One input of the app: a place to drop a file, what it looks and sounds like, a part of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import ipywidgets

from .. import media
from .panel import RED, in_one_line, line, markup
from .trim import cut
from .uploads import describe_file, let_go, save_upload, upload_button, uploaded_files

TITLES = {"video": "1. Who talks", "audio": "2. What they say"}
LEAST = 0.2  # s, that a part lasts
STEP = 0.04  # s

Look = Callable[[str], str]  # path of a file -> markup of what it looks or sounds like


class Zone(ipywidgets.VBox):
    """An input's upload, its path (``control``), its player, its first and last second."""

    def __init__(self, name: str, control: ipywidgets.Text, folder: Path, look: Look):
        super().__init__()
        self.name = name
        self.control = control
        self.folder = folder / name
        self.look = look
        self.upload = upload_button(name)
        self.said = ipywidgets.HTML()
        self.shown = ipywidgets.HTML()
        self.part = ipywidgets.FloatRangeSlider(
            description="use",
            step=STEP,
            readout_format=".2f",
            style={"description_width": "32px"},
            layout={"width": "100%"},
        )
        self.add_class("lips-card")
        for css in ("lips-drop", f"lips-drop-{name}"):
            self.upload.add_class(css)
        self.children = [
            ipywidgets.HTML(f"<h2>{TITLES[name]}</h2>"),
            self.upload,
            line("or its path on the machine that this runs on:"),
            control,
            self.said,
            self.shown,
            self.part,
        ]
        self.upload.observe(self._uploaded, "value")
        control.observe(lambda _: self.show(), "value")
        self.show()

    def _uploaded(self, change: Mapping[str, Any]) -> None:
        files = uploaded_files(change["new"])
        if not files:
            return
        try:
            path = str(save_upload(files[0], self.folder))
        except Exception as error:
            self.said.value = markup(in_one_line(error), RED)
        else:
            self.control.value = path
        let_go(self.upload)

    def show(self) -> None:
        """Show the file that the control names, or what is wrong with it."""
        self.part.layout.display = "none"
        self.shown.value = ""
        path = self.control.value.strip()
        if not path:
            self.said.value = ""
            return

        self.said.value = markup("looking at it")
        try:
            info = media.probe(media.local_path(path))
            self.shown.value = self.look(path)
            self.said.value = markup(describe_file(info.path))
            self._offer_part(info)
        except Exception as error:
            self.said.value = markup(in_one_line(error), RED)

    def _offer_part(self, info: media.MediaInfo) -> None:
        whole = (0.0, round(float(info.duration), 2))
        if info.kind == "image" or whole[1] <= LEAST:
            return
        self.part.value = (0.0, 0.0)
        self.part.max = whole[1]
        self.part.value = whole
        self.part.layout.display = None

    def chosen(self) -> str:
        """The file that a run is given: the control's, or the part of it that was chosen."""
        path = self.control.value.strip()
        start, end = self.part.value
        whole = start <= 0 and end >= self.part.max
        if self.part.layout.display == "none" or whole:
            return path
        return cut(self.name, path, start, max(end, start + LEAST), self.folder)
