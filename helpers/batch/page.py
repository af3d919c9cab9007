"""The page of a batch: thumbnails, players, times, failures."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Any

import cv2
import jinja2

from .. import media, run

PAGE = "index.html"
TEMPLATE = Path(__file__).with_name("page.html")
THUMBNAIL_WIDTH = 240  # px


def write_page(out: Path, rows: list[dict[str, Any]]) -> Path:
    """Write ``index.html`` beside the run folders of a batch; returns its path."""
    environment = jinja2.Environment(autoescape=True)
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    states = [row["state"] for row in rows]
    shown = [row | _media_of(out, row) for row in rows]
    text = template.render(
        rows=shown,
        done=states.count("done"),
        same=states.count("same"),
        failed=states.count("failed"),
    )

    with run.unfinished(out, PAGE) as part:
        part.write_text(text, encoding="utf-8")
        os.replace(part, out / PAGE)

    return out / PAGE


def _media_of(out: Path, row: dict[str, Any]) -> dict[str, str]:
    """The video to play, relative to the page, and a picture of its middle."""
    if row["state"] != "done":
        return {}

    files = [Path(row["folder"], run.OUTPUTS[name]) for name in ("restored", "lipsync")]
    video = next((file for file in files if (out / file).exists()), None)
    if video is None:
        return {}
    return dict(video=video.as_posix(), picture=thumbnail(out / video))


def thumbnail(video: Path) -> str:
    """The middle frame of a video, as a JPEG in a data URI."""
    info = media.probe(video)
    fps = media.default_fps(info)
    frame = next(media.read_indexed(video, fps, [info.frames // 2]))
    height = round(frame.shape[0] * THUMBNAIL_WIDTH / frame.shape[1])
    small = cv2.resize(frame, (THUMBNAIL_WIDTH, height), interpolation=cv2.INTER_AREA)
    _, encoded = cv2.imencode(".jpg", small[..., ::-1])

    return "data:image/jpeg;base64," + base64.b64encode(encoded.tobytes()).decode()
