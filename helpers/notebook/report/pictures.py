"""The page's pictures and videos, as data URIs."""

from __future__ import annotations

import base64
import io
import os
from pathlib import Path
from typing import Any

import cv2
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from ... import run
from ...engines.base import Engine
from ...errors import MediaError
from ...measure.table import flicker_curves
from ...plan.geometry import source_pictures
from ...plan.plan import Plan
from .. import lessons, player, plots
from ..glance import spread
from .texts import megabytes

COLUMNS = 6  # frames that the pictures show, evenly spread over those with a face
DPI = 110  # of the figures
POSTER_WIDTH = 720  # px at most
VIDEO_BYTES = 3 << 20  # of each video in the page, so that the page can be mailed

Record = dict[str, Any]
Pictures = dict[str, str]


def draw_pictures(folder: Path, record: Record, plan: Plan, engine: Engine) -> Pictures:
    """Data URIs: the first frame of each video by its name, the figures by their section.

    Those of a face are missing if no frame has one, those of lent mouths if there are none.
    """
    source = record["inputs"]["video"]["path"]
    pictures = dict(times=png(plots.stage_times(record["seconds"], plan.frames)))
    pictures["source"] = _poster(next(source_pictures(plan, source, 0, 1)))
    for name, result in record["results"].items():
        pictures[name] = _poster(run.frames_of(result["path"], plan, [0])[0])

    if plan.faces.present[plan.source].any():
        pictures |= _face_pictures(folder, record, plan, engine)
    return pictures


def _face_pictures(folder: Path, record: Record, plan: Plan, engine: Engine) -> Pictures:
    source = record["inputs"]["video"]["path"]
    shown = np.flatnonzero(plan.faces.present[plan.source])
    chosen = list(dict.fromkeys(spread(shown, COLUMNS)))
    views = {n: run.preview(plan, source, engine, n) for n in chosen[1:4] or chosen}
    middle = list(views)[len(views) // 2]
    shut = lessons.most_shut(engine, views)
    wide = chosen[int(lessons.openness(plan, engine)[chosen].argmax())]
    sound = engine.sound(plan, [wide])
    (by_network,) = lessons.to_other_sounds(plan, engine, views[shut]["source"], shut, sound)

    strip = {"source": [next(source_pictures(plan, source, n, n + 1)) for n in chosen]}
    for name, result in record["results"].items():
        strip[name] = run.frames_of(result["path"], plan, chosen)

    mouths = {n: lessons.mouth_of(view["made"], plan, n) for n, view in views.items()}
    pictures = dict(
        timeline=png(plots.timeline(plan)),
        strip=png(plots.before_after(strip, chosen, plan)),
        flicker=png(plots.flicker(flicker_curves(folder), plan)),
        sound=png(plots.mel_windows(plan, mouths)),
        network=png(plots.network_view(by_network)),
        mask=png(plots.mask_view(views[middle], plan, middle)),
    )
    if (plan.donors[0] >= 0).any():
        donors = lessons.donor_faces(plan, source, list(views))
        pictures["mouths"] = png(plots.own_mouths(plan, views, donors))
    return pictures


def png(figure: Figure) -> str:
    """A figure as a data URI. It is closed, so that a notebook does not show it as well."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI, facecolor="white")
    plt.close(figure)
    return _data_uri("image/png", buffer.getvalue())


def _data_uri(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def _poster(frame: np.ndarray) -> str:
    height, width = frame.shape[:2]
    scale = min(1.0, POSTER_WIDTH / width)
    size = (round(width * scale), max(1, round(height * scale)))
    small = cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
    _, encoded = cv2.imencode(".jpg", small[..., ::-1])
    return _data_uri("image/jpeg", encoded.tobytes())


def show_videos(folder: Path, record: Record, pictures: Pictures) -> list[dict[str, str]]:
    """Source and results: source (a small H.264 file inside the page), poster, caption, link."""
    described = record["inputs"]["video"]
    name = os.path.basename(described["path"])
    shown = [_video(described["path"], pictures["source"], f"Source: {name}")]
    if described["kind"] == "image":
        shown[0]["source"] = ""

    for kind, result in record["results"].items():
        file = run.OUTPUTS[kind]
        caption = f"{kind}, {megabytes(result['bytes'])}:"
        shown.append(_video(result["path"], pictures[kind], caption) | dict(link=file, file=file))
    return shown


def _video(path: str, poster: str, caption: str) -> dict[str, str]:
    video = dict(source="", poster=poster, caption=caption, link="", file="")
    try:
        video["source"] = _data_uri("video/mp4", player.playable(path, VIDEO_BYTES))
    except MediaError:
        video["caption"] = f"{caption} (cannot be shown here)"
    return video
