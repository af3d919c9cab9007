"""Sound out of files, mono."""

from __future__ import annotations

import functools
import math
import os
import re
import subprocess
import tempfile

import numpy as np

from ..errors import InputError
from ..limits import SECONDS
from .ffmpeg import check_ended, ffmpeg_command, input_args, run_ffmpeg, warn
from .info import MediaInfo
from .probing import probe

SAMPLE_RATE = 16000  # Hz, of every waveform in this library
SILENT = -60.0  # dB of full scale: a track with no louder sample is silent
CANCELLED = 0.1  # of the channels' power, that a mix must keep
PHASE_SECONDS = 300  # s, of the beginning, that phases are looked at in
CLEANED = 1 << 20  # samples looked at together
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

    if wave.size > rate * max(info.duration, SECONDS):
        raise InputError(f"{info.path}: the sound does not end where it says; cut or convert it")

    if info.channels != "mono" and _cancels(info, track, rate, wave):
        left, right = _decode(info, track, rate, 2).T
        wave = (left - right) * np.float32(0.5**0.5)

    return np.clip(wave, -1.0, 1.0, out=wave)


def _longest(info: MediaInfo) -> str:
    """Seconds of sound that are decoded at most, over what a file says and what is usual."""
    return f"{1 + max(info.duration, SECONDS):.0f}"


def _cancels(info: MediaInfo, track: int, rate: int, mix: np.ndarray) -> bool:
    """Do the channels have opposite phases, so that little of them is left in their mix?"""
    channels = _decode(info, track, rate, 2, "-t", str(PHASE_SECONDS))
    mix = mix[: len(channels)]
    return bool(np.mean(mix**2) < CANCELLED * np.mean(channels**2))


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
        if _loudest(info, track) <= SILENT:
            continue

        if track:
            warn(f"{info.path}: sound track 1 is silent; track {track + 1} is used")

        return track
    return 0


def _loudest(info: MediaInfo, track: int) -> float:
    """Level of a track's loudest sample in dB of full scale."""
    found = run_ffmpeg(
        ffmpeg_command(*input_args(info.path))
        + ["-map", f"0:a:{track}", "-t", _longest(info)]
        + ["-af", "volumedetect", "-f", "null", "-"],
        info.path,
    )
    level = re.search(rb"max_volume: (-?[\d.]+) dB", found.stderr)
    return float(level[1]) if level else -math.inf


def _decode(info: MediaInfo, track: int, rate: int, channels: int, *more: str) -> np.ndarray:
    """A track in step with the pictures, ``float32 (samples, channels)``; NaN is 0."""
    command = (
        ffmpeg_command("-v", "error", *input_args(info.path))
        + ["-map", f"0:a:{track}", "-af", IN_TIME, "-ac", str(channels), "-ar", str(rate)]
        + ["-t", _longest(info), *more, "-f", "f32le", "pipe:1"]
    )
    with tempfile.TemporaryFile() as decoded:  # a pipe's pieces would need the memory twice
        done = subprocess.run(command, stdout=decoded, stderr=subprocess.DEVNULL)
        check_ended(done.returncode, info.path)
        decoded.seek(0)
        wave = np.fromfile(decoded, "<f4").reshape(-1, channels)

    for first in range(0, len(wave), CLEANED):
        part = wave[first : first + CLEANED]
        np.nan_to_num(part, copy=False, nan=0.0, posinf=0.0, neginf=0.0)

    shift = round(info.sound_shift * rate)
    if shift > 0 and len(wave):
        return np.pad(wave, ((shift, 0), (0, 0)))

    return wave[-shift:] if shift else wave
