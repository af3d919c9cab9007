"""Sound out of files, mono."""

from __future__ import annotations

import functools
import os
import subprocess

import numpy as np

from ..errors import InputError
from .ffmpeg import ffmpeg_command, input_args, warn
from .info import MediaInfo
from .probing import probe

SAMPLE_RATE = 16000  # Hz, of every waveform in this library
SILENT = 1e-3  # of full scale: a track with no louder sample is silent
CANCELLED = 0.1  # of the channels' power, that a mix must keep
IN_TIME = "aresample=async=1:first_pts=0"  # sound that starts late gets silence before it


def read_audio(path: str | os.PathLike, rate: int = SAMPLE_RATE) -> np.ndarray:
    """Sound of a file (any format, or a video's), ``float32 (samples,)`` mono in [-1, 1].

    It is the first track that is not silent. NaN becomes 0. Channels of opposite phase are
    subtracted, all others added. Raises InputError if there is no sound or none can be decoded.
    """
    info = probe(path)
    if not info.has_audio:
        raise InputError(f"{info.path} has no sound track; give a file with speech as the audio")

    track = choose_track(info.path)
    wave = _decode(info, track, rate, 1)[:, 0]
    if wave.size == 0:
        raise InputError(f"{info.path}: the sound track is empty or cannot be decoded")

    if info.channels != "mono":
        left, right = _decode(info, track, rate, 2).T
        power = np.mean(left**2) + np.mean(right**2)
        if np.mean(wave**2) < CANCELLED * power / 2:
            wave = (left - right) * np.float32(0.5**0.5)

    return np.clip(wave, -1.0, 1.0)


def choose_track(path: str | os.PathLike) -> int:
    """The first sound track of a file that is not silent, from 0; the first one if all are."""
    info = probe(path)
    if info.audio_tracks < 2:
        return 0

    stat = os.stat(info.path)
    return _loud_track(info, stat.st_mtime_ns, stat.st_size)


@functools.lru_cache(maxsize=32)
def _loud_track(info: MediaInfo, _mtime: int, _size: int) -> int:
    for track in range(info.audio_tracks):
        if np.abs(_decode(info, track, SAMPLE_RATE, 2)).max(initial=0) <= SILENT:
            continue

        if track:
            warn(f"{info.path}: sound track 1 is silent; track {track + 1} is used")

        return track
    return 0


def _decode(info: MediaInfo, track: int, rate: int, channels: int) -> np.ndarray:
    """A track from the first whole picture on, ``float32 (samples, channels)``; NaN is 0."""
    done = subprocess.run(
        ffmpeg_command("-v", "error", *input_args(info.path))
        + ["-map", f"0:a:{track}", "-af", IN_TIME, "-ac", str(channels), "-ar", str(rate)]
        + ["-f", "f32le", "pipe:1"],
        capture_output=True,
    )
    wave = np.frombuffer(done.stdout, "<f4").reshape(-1, channels)
    wave = wave[round(info.lead * rate) :]
    return np.nan_to_num(wave, nan=0.0, posinf=0.0, neginf=0.0)
