"""Video and progress shown inside a notebook."""

from __future__ import annotations

import base64
import html
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import cv2
import numpy as np
from IPython.display import HTML
from tqdm.auto import tqdm

from .. import media, run
from ..media.audio import choose_track
from ..media.ffmpeg import input_args, write_file
from ..plan.geometry import source_pictures
from ..plan.plan import Plan
from . import start

INLINE_BYTES = 8 << 20  # of a video in a notebook; a larger one is shown as a small proxy
PROXY_HEIGHT = 360  # px at most
PROXY_SHARE = 0.85  # of the bytes, the rest is the container's and the encoder's slack
SOUND_RATE = 64_000  # bits a second
SOUND_SECONDS = 600  # of sound that is played
MOST_RATE = 1_500_000  # bits a second of a proxy's picture
LEAST_RATE = 120_000  # under it a proxy shows the beginning only

COMPARISON_HEIGHT = 360  # px


def show_video(path: str | os.PathLike, width: int = 480) -> HTML:
    """An inline player that always plays, and the way to the file."""
    path = Path(path)
    size = path.stat().st_size
    shown = "shown here" if size <= INLINE_BYTES else "the player shows a small copy of it"
    facts = f"{size / 1e6:.1f} MB, {shown}"
    link = quote(os.path.relpath(path, start.folder()).replace(os.sep, "/"))
    name = html.escape(os.fspath(path))

    return HTML(
        video_tag(path, f'width="{width}"')
        + f'<div>The file: <a href="{link}" download>{name}</a> ({facts})</div>'
    )


def video_tag(path: str | os.PathLike, attributes: str = "") -> str:
    """Markup of a player that always plays. Raises MediaError."""
    return f'<video controls {attributes} src="{data_url("video/mp4", playable(path))}"></video>'


def sound_tag(path: str | os.PathLike) -> str:
    """Markup of a player of a file's sound, of ten minutes at most. Raises MediaError."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "sound.m4a")
        cut = ("-t", str(SOUND_SECONDS), *input_args(path))
        write_file(copy, *cut, "-map", f"0:a:{choose_track(path)}", "-c:a", "aac", "-ac", "2")
        return f'<audio controls src="{data_url("audio/mp4", copy.read_bytes())}"></audio>'


def data_url(kind: str, content: bytes) -> str:
    """Content of a MIME type as an address that holds it."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def playable(path: str | os.PathLike, limit: int = INLINE_BYTES) -> bytes:
    """An H.264 file of about ``limit`` bytes that browsers play: the file itself, or a proxy.

    A proxy of a very long video is its beginning. Raises MediaError.
    """
    info = media.probe(path)
    plays = info.video_codec == "h264" and "mp4" in info.container
    if plays and os.path.getsize(path) <= limit:
        return Path(path).read_bytes()

    with tempfile.TemporaryDirectory() as folder:
        proxy = Path(folder, "proxy.mp4")
        _write_proxy(path, proxy, limit, info.duration)
        return proxy.read_bytes()


def _write_proxy(path: str | os.PathLike, proxy: Path, limit: int, seconds: float) -> None:
    bits = 8 * PROXY_SHARE * limit
    rate = bits / max(seconds, 1.0) - SOUND_RATE
    if rate < LEAST_RATE:
        rate = LEAST_RATE
        seconds = bits / (LEAST_RATE + SOUND_RATE)

    rate = round(min(rate, MOST_RATE))
    cut = ("-t", f"{seconds:.3f}", *input_args(path))
    scale = f"scale=-2:'2*trunc(min({PROXY_HEIGHT},ih)/2)',setsar=1,format=yuv420p"
    picture = ("-map", "0:V:0", "-vf", scale, "-c:v", "libx264", "-preset", "veryfast")
    limits = ("-b:v", str(rate), "-maxrate", str(rate), "-bufsize", str(rate))
    sound = ("-map", "0:a:0?", "-c:a", "aac", "-b:a", str(SOUND_RATE), "-ac", "2")
    write_file(proxy, *cut, *picture, *limits, *sound, "-movflags", "+faststart")


def side_by_side(run_dir: str | os.PathLike, plan: Plan, record: dict[str, Any]) -> Path:
    """``comparison.mp4`` in the run folder: source, lip-synced, restored, with the speech."""
    # where moviepy 1 and 2 both have them
    from moviepy.audio.io.AudioFileClip import AudioFileClip
    from moviepy.video.VideoClip import VideoClip

    frames = _FramesByTime(_rows_of_videos(plan, record), plan)
    clip = VideoClip(frames, duration=float(plan.duration))
    speech = media.probe(next(iter(record["results"].values()))["path"])  # moviepy trusts any file
    clip.audio = AudioFileClip(speech.path)

    with run.writing(run_dir, run.COMPARISON) as part:
        clip.write_videofile(
            str(part),
            fps=float(plan.fps),
            codec="libx264",
            audio_codec="aac",
            preset="veryfast",
            logger=None,
            temp_audiofile=str(part.with_suffix(".m4a")),
            ffmpeg_params=["-crf", "20", "-pix_fmt", "yuv420p", "-movflags", "+faststart"],
        )

    clip.audio.close()
    return Path(run_dir, run.COMPARISON)


def _rows_of_videos(plan: Plan, record: dict[str, Any]) -> Iterator[np.ndarray]:
    """Frames of the source and of each result next to each other, ``uint8 (360, W, 3)``."""
    source = record["inputs"]["video"]["path"]
    streams = [source_pictures(plan, source, 0, plan.frames)]
    for result in record["results"].values():
        streams.append(media.read_frames(result["path"], plan.fps, 0, plan.frames))

    width, height = plan.size
    size = (2 * round(width * COMPARISON_HEIGHT / height / 2), COMPARISON_HEIGHT)
    for frames in zip(*map(media.prefetch, streams), strict=True):
        yield np.hstack([cv2.resize(f, size, interpolation=cv2.INTER_AREA) for f in frames])


class _FramesByTime:
    """Frames by their time, as moviepy asks for them: in order, some of them twice."""

    def __init__(self, frames: Iterator[np.ndarray], plan: Plan):
        self.frames = frames
        self.plan = plan
        self.number = -1
        self.frame = np.empty(0, np.uint8)

    def __call__(self, seconds: float) -> np.ndarray:
        wanted = min(self.plan.frames - 1, round(seconds * float(self.plan.fps)))
        while self.number < wanted:
            self.frame = next(self.frames)
            self.number += 1
        return self.frame


def progress_bar(label: str) -> Callable[[int, int], None]:
    """A progress callback (bytes done, bytes in all) for ``checkpoints.fetch_all``."""
    bar = tqdm(desc=label, unit="B", unit_scale=True)

    def update(done: int, total: int) -> None:
        bar.total = total
        bar.update(done - bar.n)
        if done == total:
            bar.close()

    return update
