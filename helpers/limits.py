"""How much a stranger's file may hold: beyond it, one line that says so and names the parameter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .errors import InputError

if TYPE_CHECKING:
    from .media import MediaInfo

# defaults of parameters
PIXELS = 36_000_000  # of a frame: 8192x4320 and what is under it
SECONDS = 3 * 3600.0
FACES = 64  # in a frame

# whatever the parameters
MOST_PIXELS = 1 << 27  # of a picture that is decoded at all
MOST_MEMORY = 4 << 30  # bytes of address space of an ffmpeg that decodes pictures
MOST_BYTES = 4 << 30  # of the frames of a clip that is held in memory whole


def check_file(info: MediaInfo, pixels: int, seconds: float) -> None:
    """Raises InputError if a file's pictures are larger, or it is longer, than allowed."""
    check_pixels(info.path, info.width, info.height, pixels)
    if info.duration > seconds:
        raise InputError(
            f"{info.path} lasts {info.duration:.0f} s, more than max_duration={seconds:g};"
            " cut it, or raise max_duration"
        )


def check_pixels(what: str, width: int, height: int, most: int) -> None:
    """Raises InputError if a picture of ``width`` and ``height`` has more pixels than ``most``."""
    if width * height <= most:
        return

    advice = f"more than max_pixels={most}; make it smaller, or raise max_pixels"
    if most == MOST_PIXELS:
        advice = f"more than the {most} that are decoded at most; make it smaller"
    raise InputError(f"{what} is {width}x{height}: {width * height} pixels, {advice}")


def check_faces(what: str, count: int, most: int) -> None:
    """Raises InputError if a frame shows more faces than ``most``."""
    if count > most:
        raise InputError(
            f"{what} shows {count} faces at once, more than max_faces={most};"
            " give crop=x1,y1,x2,y2 or box=x1,y1,x2,y2, or raise max_faces"
        )


def check_held(info: MediaInfo, frames: int) -> None:
    """Raises InputError if a clip of ``frames`` frames is too much to be held in memory whole."""
    size = frames * info.width * info.height * 3
    if size > MOST_BYTES:
        raise InputError(
            f"{info.path} takes {size / 2**30:.1f} GiB decoded, {MOST_BYTES >> 30} at most;"
            " cut it into shorter clips or make it smaller"
        )
