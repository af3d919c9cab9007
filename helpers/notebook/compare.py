"""What came out of a run: a player, the source beside it, before and after, the file."""

from __future__ import annotations

import functools
import html
from pathlib import Path

import cv2
import ipywidgets
import numpy as np

from .. import run
from ..params import Params
from ..plan.geometry import source_pictures
from ..plan.plan import Plan, load_plan
from ..run.record import Record
from . import colab, player
from .controls import tabs
from .panel import RED, in_one_line, line, markup

WIPE_HEIGHT = 480  # px at most
LINK_BYTES = 64 << 20  # of a file that a link can hold
QUALITY = 90  # of the pictures, JPEG
WIDE = 'style="width: 100%; max-height: 70vh"'


def result_view(p: Params, record: Record) -> ipywidgets.VBox:
    """The last video of a run, with everything that one does with it."""
    path = list(record["results"].values())[-1]["path"]
    plan = load_plan(Path(p.run_dir, run.PLAN))

    beside = ipywidgets.HTML()
    pages = tabs(
        {
            "Result": ipywidgets.HTML(player.video_tag(path, WIDE)),
            "Before/after": wipe(plan, record["inputs"]["video"]["path"], path),
            "Side by side": beside,
        }
    )
    show = functools.partial(_show_beside, beside, p, plan, record)
    pages.observe(lambda change: show() if change["new"] == 2 else None, "selected_index")
    return ipywidgets.VBox([pages, download(path)])


def _show_beside(place: ipywidgets.HTML, p: Params, plan: Plan, record: Record) -> None:
    if place.value.startswith("<video"):
        return
    place.value = markup("putting the videos side by side")
    try:
        names = ", ".join(["the source", *record["results"]])
        path = player.side_by_side(p.run_dir, plan, record)
        place.value = player.video_tag(path, WIDE) + markup(f"From the left: {names}.")
    except Exception as error:
        place.value = markup(in_one_line(error), RED)


def wipe(plan: Plan, video: str, result: str) -> ipywidgets.VBox:
    """The source's frame on the left of a line, the result's on its right; both can be moved."""
    speaking = int((plan.redrawn * (plan.speech + 1)).argmax())
    moment = ipywidgets.IntSlider(speaking, 0, plan.frames - 1, description="frame")
    place = ipywidgets.FloatSlider(0.5, min=0, max=1, step=0.01, description="before")
    moment.continuous_update = False
    place.readout = False
    picture = ipywidgets.Image(format="jpeg", layout={"max_width": "100%"})
    pair: list[np.ndarray] = []

    def read() -> None:
        before = next(source_pictures(plan, video, moment.value, moment.value + 1))
        height, width = before.shape[:2]
        scale = min(1.0, WIPE_HEIGHT / height)
        size = (round(width * scale), round(height * scale))
        frames = [before, *run.frames_of(result, plan, [moment.value])]
        pair[:] = [cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in frames]
        draw()

    def draw() -> None:
        before, after = pair
        picture.value = wiped(before, after, place.value)

    moment.observe(lambda _: read(), "value")
    place.observe(lambda _: draw(), "value")
    read()
    return ipywidgets.VBox([picture, place, moment])


def wiped(before: np.ndarray, after: np.ndarray, share: float) -> bytes:
    """JPEG of two pictures ``uint8 (H, W, 3)``: ``share`` of the width shows the first."""
    column = round(share * before.shape[1])
    mixed = np.hstack([before[:, :column], after[:, column:]])
    mixed[:, max(0, column - 1) : column + 1] = 255
    _, encoded = cv2.imencode(".jpg", mixed[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return encoded.tobytes()


def download(path: str) -> ipywidgets.Widget:
    """What brings a file to the user: Colab's way there, else a link that holds it."""
    size = Path(path).stat().st_size
    words = f"{size / 1e6:.1f} MB; it lies at {path}"
    if colab.here():
        button = ipywidgets.Button(description="Download", icon="download")
        button.on_click(lambda _: colab.offer(path))
        return ipywidgets.VBox([button, line(words)])

    if size > LINK_BYTES:
        return line(words)

    url = player.data_url("video/mp4", Path(path).read_bytes())
    name = html.escape(f"{Path(path).parent.name}.mp4")
    link = f'<a class="lips-download" download="{name}" href="{url}">Download</a>'
    return ipywidgets.HTML(f"{link} {markup(words)}")
