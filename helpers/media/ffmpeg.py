"""The ffmpeg program: where it is, how it is called, how a file takes its name when complete."""

from __future__ import annotations

import errno
import functools
import os
import re
import shutil
import subprocess
from pathlib import Path

import imageio_ffmpeg

from ..errors import MediaError


@functools.cache
def ffmpeg_exe() -> str:
    """Path of the newest ffmpeg here: imageio-ffmpeg's, or the system's if that has a higher version."""

    def version(exe: str) -> tuple[int, ...]:
        line = subprocess.run([exe, "-version"], capture_output=True, text=True).stdout.partition(
            "\n"
        )[0]
        found = re.search(r"version n?(\d+)\.(\d+)", line)
        return tuple(map(int, found.groups())) if found else (0, 0)

    return max(filter(None, [imageio_ffmpeg.get_ffmpeg_exe(), shutil.which("ffmpeg")]), key=version)


def ffmpeg_command(*args: str, overwrite: bool = False) -> list[str]:
    return [ffmpeg_exe(), "-hide_banner", "-nostdin", "-y" if overwrite else "-n", *args]


def file_url(path: str | os.PathLike) -> str:
    return "file:" + os.fspath(
        path
    )  # keeps names with ':' or a leading '-' from being read as something else


def partial_path(path: str | os.PathLike) -> Path:
    """The name of a file while it is being written: ``clip.mp4`` -> ``clip.part.mp4``."""
    path = Path(path)
    return path.with_name(f"{path.stem}.part{path.suffix}")


def give_up(part: Path, path: str | os.PathLike, stderr: str) -> None:
    part.unlink(missing_ok=True)
    if "No space left" in stderr:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), os.fspath(path))
    detail = stderr.strip().splitlines()
    raise MediaError(f"ffmpeg could not write {path}" + (f": {detail[-1]}" if detail else ""))


def write_file(path: str | os.PathLike, *args: str) -> None:
    """Run ffmpeg with ``path`` as its output, under a temporary name until it is complete."""
    part = partial_path(path)
    done = subprocess.run(
        [*ffmpeg_command("-v", "error", overwrite=True), *args, file_url(part)],
        capture_output=True,
        text=True,
        errors="replace",
    )
    if done.returncode:
        give_up(part, path, done.stderr)
    os.replace(part, path)
