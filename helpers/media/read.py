"""Frames and sound out of files, as streams through ffmpeg pipes.

Frames are ``uint8 (H, W, 3)`` RGB, upright (the display matrix is obeyed), with square pixels. Time is exact: a
constant frame rate is a ``fractions.Fraction`` and frame n is the picture shown at n / fps seconds.
"""

from __future__ import annotations

import os
import queue
import subprocess
import tempfile
import threading
from collections.abc import Iterable, Iterator
from fractions import Fraction

import cv2
import numpy as np

from ..errors import InputError
from .ffmpeg import ffmpeg_exe, file_url
from .probing import MediaInfo, View, frame_count, probe, read_picture

SAMPLE_RATE = 16000  # Hz, of every waveform in this library
SEEKABLE = (
    "mov",
    "matroska",
)  # containers whose index makes a seek land on the key frame before the time asked for


def read_frames(
    path: str | os.PathLike, fps: Fraction, start: int = 0, stop: int | None = None,
    size: tuple[int, int] | None = None, view: View = View(),
) -> Iterator[np.ndarray]:  # fmt: skip
    """Frames start to stop (excluded) of a video at a constant rate, as ``uint8 (H, W, 3)`` RGB.

    The picture of frame n is the one shown at n / fps; the last picture stays if the stream ends early. A still
    picture is a video of that one frame. ``view`` turns and cuts, then ``size`` (width, height) scales; without them
    frames have the size that ``probe`` tells.
    """
    info = probe(path)
    if info.kind == "audio":
        raise InputError(f"{info.path} holds sound only; give a video or a picture of a face")
    stop = frame_count(info, fps) if stop is None else stop
    width, height = size or view.size(info)
    if info.kind == "image":
        image = np.rot90(read_picture(info.path), -view.rotate // 90)
        if view.crop:
            view.size(info)
            image = image[view.crop[1] : view.crop[3], view.crop[0] : view.crop[2]]
        image = np.ascontiguousarray(image)
        if size:
            image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        for _ in range(start, stop):
            yield image.copy()
        return
    command = _decode_command(info, fps, start, stop, (width, height), view)
    yielded = 0
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, bufsize=0)
        try:
            frame = None
            while yielded < stop - start:
                buffer = bytearray(width * height * 3)
                if not _read_exactly(process.stdout, buffer):
                    break
                frame = np.frombuffer(buffer, np.uint8).reshape(height, width, 3)
                yield frame
                yielded += 1
            if frame is None and stop > start:
                log.seek(0)
                detail = log.read().decode(errors="replace").strip().splitlines()
                raise InputError(
                    f"{info.path}: no frame can be decoded at {float(start / fps):.2f} s"
                    + (f" ({detail[-1]})" if detail else "")
                )
            while yielded < stop - start:
                yield frame.copy()
                yielded += 1
        finally:
            process.stdout.close()
            process.kill()
            process.wait()


def _decode_command(
    info: MediaInfo, fps: Fraction, start: int, stop: int, size: tuple[int, int], view: View
) -> list[str]:
    seek = float(start / fps) - 2.0
    before = (
        ["-ss", f"{seek:.3f}", "-noaccurate_seek"]
        if seek > 0 and info.container.startswith(SEEKABLE)
        else []
    )
    first = Fraction(info.start).limit_denominator(10**6)
    phase = float(
        first - Fraction(round(first * fps)) / fps
    )  # pictures are put in the middle of their slots
    filters = [f"setpts=PTS-({phase:.9f})/TB"] if abs(phase) > 1e-6 and not info.variable else []
    filters += [f"fps=fps={fps.numerator}/{fps.denominator}:start_time={float(start / fps):.9f}"]
    if info.pixel_aspect != 1 and view != View():
        filters += [f"scale={info.width}:{info.height}:flags=bicubic"]
    filters += view.filters(info)
    if size != view.size(info) or (info.pixel_aspect != 1 and view == View()):
        filters += [f"scale={size[0]}:{size[1]}:flags=bicubic"]
    return (
        [
            ffmpeg_exe(),
            "-v",
            "error",
            "-nostdin",
            *before,
            "-copyts",
            "-start_at_zero",
            "-i",
            file_url(info.path),
        ]
        + ["-map", "0:V:0", "-vf", ",".join(filters), "-frames:v", str(stop - start)]
        + ["-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:1"]
    )


def _read_exactly(pipe, buffer: bytearray) -> bool:
    view = memoryview(buffer)
    while view:
        got = pipe.readinto(view)
        if not got:
            return False
        view = view[got:]
    return True


def read_indexed(
    path: str | os.PathLike, fps: Fraction, indices: Iterable[int], size: tuple[int, int] | None = None,
    view: View = View(), block: int = 48,
) -> Iterator[np.ndarray]:  # fmt: skip
    """Frames by their index at a constant rate, in any order, with at most ``block`` of them in memory.

    Runs that go forward are streamed, over gaps of up to ``block`` frames; runs that go backward are read in blocks and
    turned round.
    """
    indices = [int(n) for n in indices]
    n = 0
    while n < len(indices):
        step = 0
        end = n + 1
        while end < len(indices):
            ahead = indices[end] - indices[end - 1]
            direction = 1 if 0 < ahead <= block else ahead
            if direction not in ((step,) if step else (1, -1)):
                break
            step = direction
            end += 1
            if step == -1 and end - n >= block:
                break
        if step == -1:
            yield from reversed(
                list(read_frames(path, fps, indices[end - 1], indices[n] + 1, size, view))
            )
        elif step == 1:
            wanted = set(indices[n:end])
            stream = read_frames(path, fps, indices[n], indices[end - 1] + 1, size, view)
            yield from (frame for k, frame in enumerate(stream, indices[n]) if k in wanted)
        else:
            while end < len(indices) and indices[end] == indices[n]:
                end += 1
            frame = next(read_frames(path, fps, indices[n], indices[n] + 1, size, view))
            for _ in range(n, end):
                yield frame.copy()
        n = end


def prefetch(items: Iterable, depth: int = 4) -> Iterator:
    """Run an iterator in a thread of its own, ``depth`` items ahead; its errors come out here."""
    ready: queue.Queue = queue.Queue(depth)
    stopped = threading.Event()

    def put(entry) -> None:
        while not stopped.is_set():
            try:
                return ready.put(entry, timeout=0.1)
            except queue.Full:
                continue

    def work() -> None:
        try:
            for item in items:
                put((item, None))
                if stopped.is_set():
                    break
            put((None, StopIteration()))
        except BaseException as error:
            put((None, error))
        finally:
            if stopped.is_set() and hasattr(items, "close"):
                items.close()

    threading.Thread(target=work, daemon=True).start()
    try:
        while True:
            item, error = ready.get()
            if isinstance(error, StopIteration):
                return
            if error is not None:
                raise error
            yield item
    finally:
        stopped.set()


def read_audio(path: str | os.PathLike, rate: int = SAMPLE_RATE) -> np.ndarray:
    """Sound of a file (any format, or a video's) as ``float32 (samples,)`` mono in [-1, 1]; NaN becomes 0.

    Raises InputError if the file has no sound or the sound cannot be decoded.
    """
    info = probe(path)
    if not info.has_audio:
        raise InputError(f"{info.path} has no sound track; give a file with speech as the audio")
    done = subprocess.run(
        [ffmpeg_exe(), "-v", "error", "-nostdin", "-i", file_url(info.path), "-map", "0:a:0"]
        + [
            "-af",
            "aresample=async=1:first_pts=0",
            "-ac",
            "1",
            "-ar",
            str(rate),
            "-f",
            "f32le",
            "pipe:1",
        ],
        capture_output=True,
    )
    wave = np.frombuffer(done.stdout, "<f4")
    if wave.size == 0:
        raise InputError(f"{info.path}: the sound track is empty or cannot be decoded")
    return np.clip(np.nan_to_num(wave, nan=0.0, posinf=0.0, neginf=0.0), -1.0, 1.0)
