"""What the buttons of the form and of the app do."""

from __future__ import annotations

import tempfile
from pathlib import Path

import ipywidgets

from .. import run
from ..params import Params
from . import player, preview
from .compare import result_view
from .panel import Panel


def show_preview(p: Params, panel: Panel, save: bool) -> ipywidgets.Widget:
    """Some seconds of the run; with ``save`` its plan is kept in the run folder."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "preview.mp4")
        preview.write(p, path, panel.progress("preview, "), save)
        tag = player.video_tag(path)

    panel.tell("this is how it will be", 1)
    return ipywidgets.HTML(tag)


def make_videos(p: Params, panel: Panel) -> ipywidgets.Widget:
    """Lip-sync and, unless ``restorer`` is none, restoration; what came out."""
    alone = p.restorer == "none"
    record = run.lipsync(p, panel.progress("" if alone else "first of two passes, "))
    if not alone:
        record = run.restore(p, panel.progress("second of two passes, "))

    shown = result_view(p, record)
    panel.tell(f"done: {p.run_dir}", 1)
    return shown
