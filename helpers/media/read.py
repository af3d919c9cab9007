"""Frames out of files, as streams through ffmpeg pipes.

Frames are ``uint8 (H, W, 3)`` RGB, upright (the display matrix is obeyed), with square pixels, in
BT.709. Time is exact: a constant frame rate is a ``fractions.Fraction`` and frame n is the picture
shown at n / fps seconds.
"""

from __future__ import annotations

import itertools
import os
import subprocess
import tempfile
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from fractions import Fraction
from typing import Any

import cv2
import numpy as np

from ..errors import InputError
from ..limits import check_held
from .ffmpeg import bound_memory, check_ended, ffmpeg_command, input_args, warn
from .filters import keeps_filters, picture_filters
from .info import MediaInfo, frame_count
from .picture import read_picture
from .probing import probe
from .view import WHOLE, View

# Containers whose index makes a seek land on the key frame before the time asked for.
SEEKABLE = ("mov", "matroska")
SEEK_AHEAD = 2.0  # s, decoded before the first frame that is wanted
ROUNDING = 1  # frames that a clip may be short of its duration


def read_frames(
    path: str | os.PathLike,
    fps: Fraction,
    start: int = 0,
    stop: int | None = None,
    size: tuple[int, int] | None = None,
    view: View = WHOLE,
) -> Iterator[np.ndarray]:
    """Frames start to stop (excluded) of a video at a constant rate, as ``uint8 (H, W, 3)`` RGB.

    The picture of frame n is the one shown at n / fps; the last picture stays if the stream ends
    early. A still picture is a video of that one frame. ``view`` turns and cuts, then ``size``
    (width, height) scales; without them frames have the size that ``probe`` tells.
    """
    info = probe(path)
    if info.kind == "audio":
        raise InputError(f"{info.path} holds sound only; give a video or a picture of a face")

    count = frame_count(info, fps)
    stop = count if stop is None else stop
    if stop <= start:
        return

    if info.kind == "image":
        yield from _repeat(_read_still(info, size, view), stop - start)
        return

    command = _decode_command(info, fps, start, stop, size or view.size(info), view)
    frame = None
    position = start
    stream = _stream(command, size or view.size(info), info, start)
    for frame in itertools.islice(stream, stop - start):  # ffmpeg may not end by itself
        yield frame
        position += 1

    stream.close()
    if frame is None:  # the stream ended before
        before = read_frames(path, fps, 0, start, size, view)
        frame = deque(before, maxlen=1).pop()
    elif position < min(stop, count) - ROUNDING:
        seconds = float(position / fps)
        warn(f"{info.path} ends early, at {seconds:.2f} s; its last picture is held")

    yield from _repeat(frame, stop - position)


def _repeat(frame: np.ndarray, count: int) -> Iterator[np.ndarray]:
    return (frame.copy() for _ in range(count))


def _read_still(info: MediaInfo, size: tuple[int, int] | None, view: View) -> np.ndarray:
    image = view.apply(read_picture(info.path), info)
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA) if size else image


def _stream(
    command: list[str], size: tuple[int, int], info: MediaInfo, start: int
) -> Generator[np.ndarray]:
    """The frames that a command writes. Raises InputError if a clip has none from frame 0 on."""
    width, height = size
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, bufsize=0)
        bound_memory(process)
        try:
            frame = None
            buffer = np.empty((height, width, 3), np.uint8)
            while _read_exactly(process.stdout, buffer):
                frame = buffer
                yield frame
                buffer = np.empty_like(frame)

            check_ended(process.wait(), info.path)
            if frame is None and start == 0:
                log.seek(0)
                detail = log.read().decode(errors="replace").strip().splitlines()
                raise InputError(
                    f"{info.path}: no frame can be decoded" + (f" ({detail[-1]})" if detail else "")
                )
        finally:
            if process.stdout:
                process.stdout.close()
            process.kill()
            process.wait()


def _decode_command(
    info: MediaInfo, fps: Fraction, start: int, stop: int, size: tuple[int, int], view: View
) -> list[str]:
    source = ["-copyts", "-start_at_zero"]
    seek = info.lead + float(start / fps) - SEEK_AHEAD
    if seek > 0 and info.container.startswith(SEEKABLE):
        source += ["-ss", f"{seek:.3f}", "-noaccurate_seek"]

    if info.decoder:
        source += ["-c:v", info.decoder]

    if keeps_filters(info):
        source += ["-reinit_filter", "0"]

    filters = picture_filters(info, fps, start, size, view)
    return [
        *ffmpeg_command("-v", "error", *source, *input_args(info.path)),
        *("-map", "0:V:0", "-vf", filters, "-frames:v", str(stop - start)),
        *("-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:1"),
    ]


def _read_exactly(pipe: Any, buffer: np.ndarray) -> bool:
    view = buffer.data.cast("B")
    while view:
        got = pipe.readinto(view)
        if not got:
            return False

        view = view[got:]
    return True


def read_whole(path: str | os.PathLike, fps: Fraction) -> list[np.ndarray]:
    """All frames of a video at a constant rate, in memory.

    Raises InputError if that is too much, or nothing can be read.
    """
    info = probe(path)
    check_held(info, frame_count(info, fps))
    return list(read_frames(path, fps))


def read_indexed(
    path: str | os.PathLike,
    fps: Fraction,
    indices: Iterable[int],
    size: tuple[int, int] | None = None,
    view: View = WHOLE,
    block: int = 48,
) -> Iterator[np.ndarray]:
    """Frames by index at a constant rate, in any order, with at most ``block`` in memory.

    Runs that go forward are streamed, over gaps of up to ``block`` frames; runs that go backward
    are read in blocks and turned round.
    """
    indices = [int(n) for n in indices]
    begin = 0
    while begin < len(indices):
        step, end = _next_run(indices, begin, block)
        first = indices[begin]
        last = indices[end - 1]

        if step == 0:
            frame = next(read_frames(path, fps, first, first + 1, size, view))
            yield from (frame.copy() for _ in range(begin, end))
        elif step == 1:
            wanted = set(indices[begin:end])
            stream = read_frames(path, fps, first, last + 1, size, view)
            yield from (frame for n, frame in enumerate(stream, first) if n in wanted)
        else:
            yield from reversed(list(read_frames(path, fps, last, first + 1, size, view)))

        begin = end


def _next_run(indices: list[int], begin: int, block: int) -> tuple[int, int]:
    """(1 forward, -1 backward or 0 the same frame; where it ends) of the run from ``begin`` on."""
    step = 0
    end = begin + 1
    while end < len(indices):
        ahead = indices[end] - indices[end - 1]
        direction = 1 if 0 < ahead <= block else ahead
        if direction not in ((step,) if step else (1, -1)):
            break

        step = direction
        end += 1
        if step == -1 and end - begin >= block:
            break

    if step == 0:
        while end < len(indices) and indices[end] == indices[begin]:
            end += 1

    return step, end
