"""A control for every parameter, with its help or what is wrong with its value beside it."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import ipywidgets

from .. import checkpoints, media, params, run
from ..errors import LipSyncError
from ..params import FIELDS, Params
from .controls import grouped, make_control, tabs
from .panel import GREY, RED, ROW, markup

INPUTS = ("video", "audio")
STEM_LENGTH = 30  # characters of an input's name in a run folder's
KEY_LENGTH = 6  # characters that tell inputs of one name apart


def _is_media(path: str) -> None:
    if path:
        media.probe(os.path.expanduser(path))


# what is wrong with a value that ``params.build`` takes, known before a run looks at it
CHECKS: dict[str, Callable[[str], object]] = {
    "video": _is_media,
    "audio": _is_media,
    "checkpoint": checkpoints.locate,
}


class Settings(ipywidgets.VBox):
    """Controls and notes by name. Nothing here needs a browser.

    They start from ``base``; so do, and stay, the parameters that are not shown. ``extra`` are
    widgets beside a control, by its name.
    """

    def __init__(
        self,
        shown: Sequence[str],
        base: Params,
        extra: Mapping[str, ipywidgets.Widget] | None = None,
    ):
        super().__init__()
        self.base = base
        self.extra = extra or {}
        self.controls = {name: make_control(FIELDS[name], getattr(base, name)) for name in shown}
        self.notes = {name: _note() for name in shown}
        for name, control in self.controls.items():
            self.mark(name)
            control.observe(functools.partial(self._changed, name), "value")

        pages = {
            title: ipywidgets.VBox([self._row(name) for name in names])
            for title, names in grouped(self.controls).items()
        }
        self.children = [tabs(pages)]

    def _row(self, name: str) -> ipywidgets.HBox:
        parts = [self.controls[name], self.extra.get(name), self.notes[name]]
        return ipywidgets.HBox([part for part in parts if part], layout=ROW)

    def value(self, name: str) -> Any:
        """What a control holds; an empty text stands for the default."""
        value = self.controls[name].value
        return value.strip() or FIELDS[name].default if isinstance(value, str) else value

    def params(self, **given: str) -> Params:
        """The parameters as shown, ``given`` ones in their place. Raises ParameterError.

        With other inputs than the form began with and the same ``run_dir``, the run gets a folder
        of its own, named from the inputs.
        """
        shown: dict[str, Any] = {name: self.value(name) for name in self.controls}
        p = params.build(**dataclasses.asdict(self.base) | shown | given)
        changed = any(getattr(p, name) != getattr(self.base, name) for name in INPUTS)
        if not changed or p.run_dir != self.base.run_dir:
            return p

        paths = run.inputs(p)
        own: dict[str, Any] = paths | dict(run_dir=run_folder(p.run_dir, paths))
        return dataclasses.replace(p, **own)

    def mark(self, name: str) -> None:
        """Show a parameter's help beside its control, or in red what is wrong with its value."""
        try:
            params.build(**{name: self.value(name)})
            if name in CHECKS:
                CHECKS[name](self.value(name))
        except LipSyncError as error:
            self.note(name, str(error), RED)
        else:
            self.note(name, FIELDS[name].metadata["help"])

    def note(self, name: str, text: str, colour: str = GREY) -> None:
        """Show a line beside a control."""
        self.notes[name].value = markup(text, colour)

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
            self.note("run_dir", f"{folder}, for these inputs")


def run_folder(beside: str, inputs: Mapping[str, str]) -> str:
    """A run folder beside another one, named from its inputs; other files have another one."""
    stems = [Path(path).stem[:STEM_LENGTH] for path in inputs.values()]
    return str(Path(beside).parent / "-".join([*stems, files_key(*inputs.values())]))


def files_key(*paths: str) -> str:
    """A few characters that change with the files."""
    times = [os.stat(path).st_mtime_ns for path in paths if os.path.exists(path)]
    facts = "\n".join(map(str, [*paths, *times]))
    return hashlib.sha256(facts.encode()).hexdigest()[:KEY_LENGTH]


def _note() -> ipywidgets.HTML:
    return ipywidgets.HTML(layout={"flex": "1 1 220px", "margin": "4px 8px"})
