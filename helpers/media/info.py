"""What is known about a file, and the constant rate at which its frames are numbered."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

from ..errors import ParameterError

VARIABLE_RATE_FPS = Fraction(25)  # that clips of a variable rate are resampled to by default
SLOW_FPS = 20  # a source below this is too slow for lips
LEAST_FPS = 25  # of the result of a slow source
ALPHA_FORMATS = ("yuva", "rgba", "bgra", "argb", "abgr", "gbrap", "ya8", "ya16", "pal8")
HDR_TRANSFERS = ("arib-std-b67", "smpte2084")  # HLG and PQ, by ffmpeg's names


@dataclass(frozen=True)
class MediaInfo:
    """What a file holds.

    Sizes are in pixels as shown (rotation and pixel aspect applied), times in seconds. ``kind`` is
    "video", "image" or "audio"; ``fps`` is None for pictures and sound; ``frames`` counts the
    pictures that are shown. ``lead`` is cut from the beginning, where no picture is whole;
    ``start`` is the time of the first picture after that, ``duration`` the time at which the last
    one ends. Decoded sound is put off by ``sound_shift`` to be in step with the pictures (negative:
    so much of it is cut). ``decoder`` names the decoder to ask for, empty: ffmpeg's own choice.
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
    lead: float = 0.0
    start: float = 0.0
    rotation: int = 0
    pixel_aspect: Fraction = Fraction(1)
    pixel_format: str = ""
    matrix: str = ""
    primaries: str = ""
    transfer: str = ""
    interlaced: bool = False
    video_codec: str = ""
    decoder: str = ""
    audio_codec: str = ""
    audio_tracks: int = 0
    sound_shift: float = 0.0
    sample_rate: int = 0
    channels: str = ""

    @property
    def has_audio(self) -> bool:
        return bool(self.audio_codec)

    @property
    def has_alpha(self) -> bool:
        return self.pixel_format.startswith(ALPHA_FORMATS)

    @property
    def is_hdr(self) -> bool:
        return self.transfer in HDR_TRANSFERS


def default_fps(info: MediaInfo) -> Fraction:
    """The source's rate, a multiple of 25 or more if it is slow; 25 if it varies."""
    if not info.fps or info.variable:
        return VARIABLE_RATE_FPS

    if info.fps < SLOW_FPS:
        return info.fps * math.ceil(LEAST_FPS / info.fps)

    return info.fps


def frame_count(info: MediaInfo, fps: Fraction) -> int:
    """Frames of a video at a constant rate: one at least. Raises ParameterError for no rate."""
    if fps <= 0:
        raise ParameterError(f"fps={fps} is no frame rate; give one above 0, such as 25")

    if info.kind == "image":
        return 1

    duration = Fraction(info.duration).limit_denominator(10**6)
    return max(1, round(duration * fps))
