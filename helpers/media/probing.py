"""What a file holds, found by content: sizes, exact frame rate, colours, rotation, sound."""

from __future__ import annotations

import functools
import os
import re
import subprocess
from fractions import Fraction

from ..errors import InputError
from .ffmpeg import ffmpeg_command, input_args, run_ffmpeg, warn
from .info import MediaInfo
from .packets import Listing, list_packets, sound_delay
from .paths import require_file
from .picture import is_picture, read_picture
from .rate import find_rate

ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}  # ffmpeg's own leave alpha out
# Containers in which ffmpeg counts time from the first packet of what is read, not of the file
ZERO_OF_STREAM = ("mpeg", "mpegts")
DELAY_SECONDS = 10  # s, of the beginning, in which picture and sound both start
INTERLACED = re.compile(r"\b(top|bottom) (coded )?first\b")


def probe(path: str | os.PathLike) -> MediaInfo:
    """Look at a file by content.

    Raises InputError if there is no such file, or nothing in it can be decoded.
    """
    path = require_file(path)
    stat = os.stat(path)
    return _probe(path, stat.st_mtime_ns, stat.st_size)


@functools.lru_cache(maxsize=32)
def _probe(path: str, _mtime: int, _size: int) -> MediaInfo:
    if is_picture(path):
        height, width = read_picture(path).shape[:2]
        return MediaInfo(path, "image", "image", 0.0, width, height, frames=1)

    dump = _look(path).stderr
    container = re.search(r"^Input #0, (.+?), from ", dump, re.M)
    if "Format not on whitelist" in dump:
        raise InputError(f"{path} holds the names of other files; give one of those files itself")

    if not container:
        raise InputError(f"{path} is not a video, picture or sound file that ffmpeg can read")

    streams = re.findall(r"Stream #0:\d+.*?: (?:Video|Audio): .*", dump)
    sound = _find_sound(streams)
    pictures = [s for s in streams if ": Video: " in s and "attached pic" not in s]
    if pictures:
        return _probe_video(path, container[1], dump, pictures[0], sound)

    if not sound:
        raise InputError(f"{path} has neither a picture nor a sound stream")

    return MediaInfo(path, "audio", container[1], _stated_duration(dump), **sound)


def _look(path: str, *output: str, decoder: str = "") -> subprocess.CompletedProcess:
    choice = ["-c:v", decoder] if decoder else []
    command = ffmpeg_command(*choice, *input_args(path), *output)
    return run_ffmpeg(command, path, text=True, errors="replace")


def _stated_duration(dump: str) -> float:
    stated = re.search(r"Duration: (\d+):(\d+):(\d+\.?\d*)", dump)
    if not stated:
        return 0.0

    hours, minutes, seconds = map(float, stated.groups())
    return hours * 3600 + minutes * 60 + seconds


def _find_sound(streams: list[str]) -> dict:
    """Fields of the first sound track that can be described."""
    tracks = [s for s in streams if ": Audio: " in s]
    for track in tracks:
        facts = re.search(r"Audio: (\w+).*?(\d+) Hz, ([^,\n]+)", track)
        if facts:
            return dict(
                audio_codec=facts[1],
                audio_tracks=len(tracks),
                sample_rate=int(facts[2]),
                channels=facts[3],
            )
    return {}


def _probe_video(path: str, container: str, dump: str, stream: str, sound: dict) -> MediaInfo:
    """Sizes and colours from the first decoded picture, times from every packet."""
    named = re.search(r"Video: (\w+)", stream)
    codec = named[1] if named else ""
    turned = re.search(r"rotation of (-?\d+\.?\d*) degrees", dump)
    rotation = round(float(turned[1])) if turned else 0
    has_alpha = re.search(r"alpha_mode\s*: 1", dump, re.I)
    decoder = ALPHA_DECODERS.get(codec, "") if has_alpha else ""

    first = ["-map", "0:V:0", "-vf", "showinfo", "-frames:v", "1", "-f", "null", "-"]
    packets = ["-map", "0:V:0", "-c", "copy", "-copyinkf", "-f", "framecrc", "pipe:1"]
    looked = _look(path, *first, *packets, decoder=decoder)
    picture = _shown_picture(looked.stderr, bool(rotation % 180))
    listing = list_packets(looked.stdout, picture.pop("time")) if picture else None
    if not picture or not listing:
        raise InputError(f"{path} has a video stream but no frame that can be decoded")

    timing = _timing(path, listing, stream)
    return MediaInfo(
        path,
        "video",
        container,
        rotation=rotation,
        interlaced=picture.pop("interlaced") or bool(INTERLACED.search(stream)),
        video_codec=codec,
        decoder=decoder,
        sound_shift=_sound_delay(path, container, sound) - timing["lead"],
        **timing,
        **picture,
        **sound,
    )


def _sound_delay(path: str, container: str, sound: dict) -> float:
    if container not in ZERO_OF_STREAM or not sound:
        return 0.0

    streams = ["-map", "0:V:0", "-map", "0:a:0", "-c", "copy", "-copyinkf"]
    looked = _look(path, *streams, "-t", str(DELAY_SECONDS), "-f", "framecrc", "pipe:1")
    return sound_delay(looked.stdout)


def _shown_picture(log: str, on_side: bool) -> dict | None:
    """What the filter showinfo tells of the first decoded picture, after its turn.

    Pixels are made square along what was the width before it.
    """
    found = re.search(
        r"showinfo.* n: *0 .*?pts_time:(?P<time>\S+) .*?fmt:(?P<format>\S+) .*?sar:(?P<sar>\S+)"
        r" s:(?P<width>\d+)x(?P<height>\d+) i:(?P<scan>\w)",
        log,
    )
    if not found:
        return None

    aspect = _pixel_aspect(found["sar"])
    width = int(found["width"])
    height = int(found["height"])
    if on_side:
        height = round(height / aspect)
    else:
        width = round(width * aspect)

    return dict(
        time=float(found["time"]),
        width=max(1, width),
        height=max(1, height),
        pixel_aspect=aspect,
        pixel_format=found["format"],
        interlaced=found["scan"] in "TB",
        matrix=_tag("space", log),
        primaries=_tag("primaries", log),
        transfer=_tag("trc", log),
    )


def _pixel_aspect(text: str) -> Fraction:
    across, _, down = text.partition("/")
    if "0" in (across, down):  # 0/1 and 0/0 say nothing
        return Fraction(1)

    return Fraction(int(across), int(down))


def _tag(name: str, log: str) -> str:
    tag = re.search(rf"color_{name}:(\S+)", log)
    return tag[1] if tag and tag[1] != "unknown" else ""


def _timing(path: str, listing: Listing, stream: str) -> dict:
    """Rate, frames and times. What comes before the first whole picture does not count."""
    tick = listing.tick
    times = listing.times[listing.lost :]
    lead = times[0] if listing.lost else 0
    if listing.lost:
        warn(f"{path} is cut before a whole picture; it starts at {float(lead * tick):.2f} s")

    stated = re.search(r"(\d+\.?\d*) (?:fps|tbr)", stream)
    fps, variable = find_rate(times, tick, stated and stated[1])
    last = listing.last_length * tick if variable else 0
    start = (times[0] - lead) * tick
    shown = (times[-1] - times[0]) * tick + (last or 1 / fps)
    duration = max(Fraction(0), start) + shown
    return dict(
        duration=float(duration),
        fps=fps,
        variable=variable,
        frames=len(times),
        lead=float(lead * tick),
        start=float(start),
    )
