"""The ffmpeg program: where it is, how it is called, how a file takes its name when complete."""

from __future__ import annotations

import errno
import functools
import os
import re
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import imageio_ffmpeg

from ..errors import MediaError
from ..limits import MOST_MEMORY, MOST_PIXELS

# Demuxers of files that name other files, here or in the network, to be opened in their place.
REFERRING = {"avisynth", "concat", "dash", "hls", "imf", "rtsp", "sdp", "svg_pipe"}
REFERRING |= {"vapoursynth", "vobsub"}


@functools.cache
def ffmpeg_exe() -> str:
    """Path of the newest ffmpeg here: imageio-ffmpeg's or the system's, by version."""

    def version(exe: str) -> tuple[int, ...]:
        printed = subprocess.run([exe, "-version"], capture_output=True, text=True).stdout
        found = re.match(r".*version n?(\d+)\.(\d+)", printed)
        return tuple(map(int, found.groups())) if found else (0, 0)

    programs = [imageio_ffmpeg.get_ffmpeg_exe(), shutil.which("ffmpeg")]
    return max(filter(None, programs), key=version)


@functools.cache
def _trusted_demuxers() -> str:
    listed = subprocess.run([ffmpeg_exe(), "-demuxers"], capture_output=True, text=True).stdout
    names = re.findall(r"^ D +(\S+)", listed, re.M)  # devices have a d of their own
    return ",".join(name for name in names if not REFERRING & set(name.split(",")))


def ffmpeg_command(*args: str, overwrite: bool = False) -> list[str]:
    return [ffmpeg_exe(), "-hide_banner", "-nostdin", "-y" if overwrite else "-n", *args]


def input_args(path: str | os.PathLike) -> list[str]:
    """ffmpeg's arguments to read a user's file, and no other that the file may name."""
    trusted = ["-protocol_whitelist", "file", "-format_whitelist", _trusted_demuxers()]
    return [*trusted, "-max_pixels", str(MOST_PIXELS), "-i", file_url(path)]


def run_ffmpeg(command: list[str], path: str | os.PathLike, **options: Any) -> Any:
    """Run a command that reads ``path`` to its end; a CompletedProcess. Raises MediaError."""
    done = subprocess.run(command, capture_output=True, **options)
    check_ended(done.returncode, path)
    return done


def check_ended(status: int, path: str | os.PathLike) -> None:
    """Raises MediaError if ffmpeg was killed or fell over, so that what it gave is not all."""
    if status < 0:
        raise MediaError(
            f"ffmpeg was killed (signal {-status}) while it read {path};"
            " is there too little memory? Run again"
        )


def bound_memory(process: subprocess.Popen) -> None:
    """Keep an ffmpeg from filling the machine, as it does over a gap of hours; Linux alone."""
    if sys.platform == "linux":
        import resource

        with suppress(OSError):  # it has ended
            resource.prlimit(process.pid, resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))


def file_url(path: str | os.PathLike) -> str:
    """A path that ffmpeg takes as one, whatever colons and dashes it has."""
    return "file:" + os.fspath(path)


@functools.cache
def warn(text: str) -> None:
    """One line on stderr, once."""
    print(f"warning: {text}", file=sys.stderr, flush=True)


def partial_path(path: str | os.PathLike) -> Path:
    """The name of a file while it is being written: ``clip.mp4`` -> ``clip.part.mp4``."""
    path = Path(path)
    return path.with_name(f"{path.stem}.part{path.suffix}")


def fresh_part(path: str | os.PathLike) -> Path:
    """``partial_path`` with nothing there: an ffmpeg that outlived its killed run may still write
    to a file of that name, and a link may lead elsewhere.
    """
    part = partial_path(path)
    part.unlink(missing_ok=True)
    return part


def give_up(part: Path, path: str | os.PathLike, stderr: str) -> None:
    """Remove what was written. Raises OSError for a full disk, MediaError for all else."""
    part.unlink(missing_ok=True)
    if "No space left" in stderr:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), os.fspath(path))

    detail = stderr.strip().splitlines()
    raise MediaError(f"ffmpeg could not write {path}" + (f": {detail[-1]}" if detail else ""))


def write_file(path: str | os.PathLike, *args: str) -> None:
    """Run ffmpeg with ``path`` as its output, under a temporary name until it is complete."""
    part = fresh_part(path)
    done = subprocess.run(
        [*ffmpeg_command("-v", "error", overwrite=True), *args, file_url(part)],
        capture_output=True,
        text=True,
        errors="replace",
    )
    if done.returncode:
        give_up(part, path, done.stderr)

    os.replace(part, path)
