"""What a file holds, found by content: sizes, exact frame rate, rotation, sound."""

from __future__ import annotations

import functools
import os
import re
import subprocess
from dataclasses import dataclass
from fractions import Fraction

import cv2
import numpy as np

from ..errors import InputError, ParameterError
from .ffmpeg import ffmpeg_command, file_url

VARIABLE_RATE_FPS = Fraction(
    25
)  # constant rate that variable-rate clips are resampled to by default
COMMON_RATES = [Fraction(n) for n in (10, 12, 15, 24, 25, 30, 48, 50, 60, 90, 100, 120)] + [
    Fraction(n * 1000, 1001) for n in (15, 24, 30, 48, 60, 120)
]


@dataclass(frozen=True)
class MediaInfo:
    """What a file holds. Sizes in pixels as shown (rotation and pixel aspect applied), times in seconds.

    ``kind`` is "video", "image" or "audio"; ``fps`` is None for pictures and sound; ``frames`` counts the stored
    pictures; ``start`` is the time of the first one after the file's first time stamp, ``duration`` the time at
    which the last one ends.
    """

    path: str
    kind: str
    container: str
    duration: float
    width: int = 0
    height: int = 0
    fps: Fraction | None = None
    variable: bool = False
    frames: int = 0
    start: float = 0.0
    rotation: int = 0
    pixel_aspect: Fraction = Fraction(1)
    video_codec: str = ""
    audio_codec: str = ""
    sample_rate: int = 0
    channels: str = ""

    @property
    def has_audio(self) -> bool:
        return bool(self.audio_codec)


@dataclass(frozen=True)
class View:
    """How a source is looked at: turned clockwise by ``rotate`` degrees (0, 90, 180, 270), then cut to ``crop`` x1, y1,
    x2, y2 in pixels of the turned picture (None: all of it)."""

    rotate: int = 0
    crop: tuple[int, int, int, int] | None = None

    def size(self, info: MediaInfo) -> tuple[int, int]:
        """Width and height of what is left. Raises ParameterError if the crop does not lie in the picture."""
        width, height = (
            (info.height, info.width) if self.rotate % 180 else (info.width, info.height)
        )
        if self.crop is None:
            return width, height
        x1, y1, x2, y2 = self.crop
        if min(x1, y1) < 0 or x2 > width or y2 > height or min(x2 - x1, y2 - y1) < 16:
            raise ParameterError(
                f"crop={x1},{y1},{x2},{y2} does not lie in the {width}x{height} picture; give x1,y1,x2,y2 with"
                f" 0 <= x1 < x2 <= {width} and 0 <= y1 < y2 <= {height}, 16 pixels apart at least"
            )
        return x2 - x1, y2 - y1

    def filters(self, info: MediaInfo) -> list[str]:
        """ffmpeg's filters for it."""
        turns = {
            0: [],
            90: ["transpose=clock"],
            180: ["hflip", "vflip"],
            270: ["transpose=cclock"],
        }[self.rotate]
        if self.crop is None:
            return turns
        x1, y1, _, _ = self.crop
        width, height = self.size(info)
        return [*turns, f"crop={width}:{height}:{x1}:{y1}:exact=1"]


def _require_file(path: str | os.PathLike) -> str:
    path = os.fspath(path)
    if not os.path.exists(path):
        raise InputError(
            f"no such file: {path}. Check the path; paths are taken from the folder you start in"
        )
    if os.path.isdir(path):
        raise InputError(f"{path} is a folder; give one video, picture or sound file")
    if os.path.getsize(path) == 0:
        raise InputError(f"{path} is empty (0 bytes); was it copied or uploaded completely?")
    return path


def _is_picture(path: str) -> bool:
    return cv2.haveImageReader(path) and cv2.imcount(path) == 1


def read_picture(path: str) -> np.ndarray:
    image = cv2.imread(path, cv2.IMREAD_COLOR_RGB)
    if image is None:
        raise InputError(
            f"{path} looks like a picture but cannot be decoded; save it again as PNG or JPEG"
        )
    return image


@functools.lru_cache(maxsize=32)
def _probe(path: str, _mtime: int, _size: int) -> MediaInfo:
    if _is_picture(path):
        height, width = read_picture(path).shape[:2]
        return MediaInfo(path, "image", "image", 0.0, width, height, frames=1)
    looked = subprocess.run(
        ffmpeg_command("-i", file_url(path)), capture_output=True, text=True, errors="replace"
    ).stderr
    container = re.search(r"^Input #0, (.+?), from ", looked, re.M)
    if not container:
        raise InputError(f"{path} is not a video, picture or sound file that ffmpeg can read")
    duration = re.search(r"Duration: (\d+):(\d+):(\d+\.?\d*)", looked)
    seconds = (
        sum(float(x) * k for x, k in zip(duration.groups(), (3600, 60, 1), strict=True))
        if duration
        else 0.0
    )
    sound = re.search(r"Stream #0:\d+.*?: Audio: (\w+).*?(\d+) Hz, ([^,\n]+)", looked)
    audio = (
        dict(audio_codec=sound[1], sample_rate=int(sound[2]), channels=sound[3]) if sound else {}
    )
    video_lines = [
        x for x in re.findall(r"Stream #0:\d+.*?: Video: .*", looked) if "attached pic" not in x
    ]
    if not video_lines:
        if not sound:
            raise InputError(f"{path} has neither a picture nor a sound stream")
        return MediaInfo(path, "audio", container[1], seconds, **audio)
    return _probe_video(path, container[1], looked, video_lines[0], audio)


def _probe_video(path: str, container: str, looked: str, line: str, audio: dict) -> MediaInfo:
    """Sizes from the first decoded frame, times from every packet (read without decoding)."""
    done = subprocess.run(
        ffmpeg_command("-i", file_url(path), "-map", "0:V:0", "-frames:v", "1", "-f", "null", "-")
        + ["-map", "0:V:0", "-c", "copy", "-f", "framecrc", "pipe:1"],
        capture_output=True, text=True, errors="replace",
    )  # fmt: skip
    output = done.stderr.partition("Output #0")[2]
    size = re.search(r"Video: .*?(\d{2,5})x(\d{2,5})", output)
    time_base = re.search(r"#tb 0: (\d+)/(\d+)", done.stdout)
    packets = [p.split(",") for p in done.stdout.splitlines() if p and not p.startswith("#")]
    if not size or not time_base or not packets:
        raise InputError(f"{path} has a video stream but no frame that can be decoded")
    tick = Fraction(int(time_base[1]), int(time_base[2]))
    times = sorted(int(p[2]) for p in packets)
    fps, variable = _frame_rate(times, tick, line)
    last = Fraction(int(packets[-1][3])) * tick or 1 / fps
    if not variable:
        last = 1 / fps
    aspect = re.search(r"SAR (\d+):(\d+)", line)
    aspect = Fraction(int(aspect[1]), int(aspect[2])) if aspect and int(aspect[1]) else Fraction(1)
    width, height = int(size[1]), int(size[2])
    rotation = re.search(r"rotation of (-?\d+\.?\d*) degrees", looked)
    return MediaInfo(
        path, "video", container,
        duration=float(max(0, times[0]) * tick + (times[-1] - times[0]) * tick + last),
        width=round(width * aspect), height=height, fps=fps, variable=variable, frames=len(times),
        start=float(times[0] * tick), rotation=round(float(rotation[1])) if rotation else 0, pixel_aspect=aspect,
        video_codec=re.search(r"Video: (\w+)", line)[1], **audio,
    )  # fmt: skip


def _frame_rate(times: list[int], tick: Fraction, line: str) -> tuple[Fraction, bool]:
    """Exact rate from packet times: (rate, is it variable)."""
    stated = re.search(r"(\d+\.?\d*) (?:fps|tbr)", line)
    if len(times) < 2 or times[-1] == times[0]:
        stated = Fraction(stated[1]).limit_denominator(1001) if stated else VARIABLE_RATE_FPS
        return min(
            COMMON_RATES, key=lambda r: abs(r - stated)
        ) if stated else VARIABLE_RATE_FPS, False
    mean = Fraction(len(times) - 1) / ((times[-1] - times[0]) * tick)
    # The rounding of both end times to ticks leaves the mean this uncertain:
    slack = mean * mean * 2 * tick / (len(times) - 1)
    near = [r for r in COMMON_RATES if abs(r - mean) <= max(slack, mean / 100000)]
    rate = min(near, key=lambda r: abs(r - mean)) if near else mean.limit_denominator(1001)
    # Constant if every picture sits within a quarter of a frame of its place.
    off = max(abs((t - times[0]) * tick - Fraction(n) / rate) for n, t in enumerate(times))
    return rate, off * rate > Fraction(1, 4)


def probe(path: str | os.PathLike) -> MediaInfo:
    """Look at a file by content.

    Raises InputError if there is no such file, or nothing in it can be decoded.
    """
    path = _require_file(path)
    stat = os.stat(path)
    return _probe(path, stat.st_mtime_ns, stat.st_size)


def default_fps(info: MediaInfo) -> Fraction:
    """The source's own rate if it is constant, else 25."""
    return info.fps if info.fps and not info.variable else VARIABLE_RATE_FPS


def frame_count(info: MediaInfo, fps: Fraction) -> int:
    """Frames of a video at a constant rate: one at least."""
    return (
        1
        if info.kind == "image"
        else max(1, round((Fraction(info.duration).limit_denominator(10**6)) * fps))
    )
