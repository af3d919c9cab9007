"""Video, sound and pictures as streams through ffmpeg pipes.

Frames are ``uint8 (H, W, 3)`` RGB, upright (the display matrix is obeyed), with square pixels. Time is exact: a
constant frame rate is a ``fractions.Fraction`` and frame n is the picture shown at n / fps seconds.
"""

from __future__ import annotations

import errno
import functools
import os
import queue
import re
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import imageio_ffmpeg
import numpy as np

from .errors import InputError, MediaError, ParameterError

SAMPLE_RATE = 16000  # Hz, of every waveform in this library
VARIABLE_RATE_FPS = Fraction(25)  # constant rate that variable-rate clips are resampled to by default
COMMON_RATES = [Fraction(n) for n in (10, 12, 15, 24, 25, 30, 48, 50, 60, 90, 100, 120)] + [
    Fraction(n * 1000, 1001) for n in (15, 24, 30, 48, 60, 120)
]
SEEKABLE = ("mov", "matroska")  # containers whose index makes a seek land on the key frame before the time asked for


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
        width, height = (info.height, info.width) if self.rotate % 180 else (info.width, info.height)
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
        turns = {0: [], 90: ["transpose=clock"], 180: ["hflip", "vflip"], 270: ["transpose=cclock"]}[self.rotate]
        if self.crop is None:
            return turns
        x1, y1, _, _ = self.crop
        width, height = self.size(info)
        return [*turns, f"crop={width}:{height}:{x1}:{y1}:exact=1"]


@functools.cache
def ffmpeg_exe() -> str:
    """Path of the newest ffmpeg here: imageio-ffmpeg's, or the system's if that has a higher version."""

    def version(exe: str) -> tuple[int, ...]:
        line = subprocess.run([exe, "-version"], capture_output=True, text=True).stdout.partition("\n")[0]
        found = re.search(r"version n?(\d+)\.(\d+)", line)
        return tuple(map(int, found.groups())) if found else (0, 0)

    return max(filter(None, [imageio_ffmpeg.get_ffmpeg_exe(), shutil.which("ffmpeg")]), key=version)


def _ffmpeg(*args: str, overwrite: bool = False) -> list[str]:
    return [ffmpeg_exe(), "-hide_banner", "-nostdin", "-y" if overwrite else "-n", *args]


def _url(path: str | os.PathLike) -> str:
    return "file:" + os.fspath(path)  # keeps names with ':' or a leading '-' from being read as something else


def _require_file(path: str | os.PathLike) -> str:
    path = os.fspath(path)
    if not os.path.exists(path):
        raise InputError(f"no such file: {path}. Check the path; paths are taken from the folder you start in")
    if os.path.isdir(path):
        raise InputError(f"{path} is a folder; give one video, picture or sound file")
    if os.path.getsize(path) == 0:
        raise InputError(f"{path} is empty (0 bytes); was it copied or uploaded completely?")
    return path


def _is_picture(path: str) -> bool:
    return cv2.haveImageReader(path) and cv2.imcount(path) == 1


def _read_picture(path: str) -> np.ndarray:
    image = cv2.imread(path, cv2.IMREAD_COLOR_RGB)
    if image is None:
        raise InputError(f"{path} looks like a picture but cannot be decoded; save it again as PNG or JPEG")
    return image


@functools.lru_cache(maxsize=32)
def _probe(path: str, _mtime: int, _size: int) -> MediaInfo:
    if _is_picture(path):
        height, width = _read_picture(path).shape[:2]
        return MediaInfo(path, "image", "image", 0.0, width, height, frames=1)
    looked = subprocess.run(_ffmpeg("-i", _url(path)), capture_output=True, text=True, errors="replace").stderr
    container = re.search(r"^Input #0, (.+?), from ", looked, re.M)
    if not container:
        raise InputError(f"{path} is not a video, picture or sound file that ffmpeg can read")
    duration = re.search(r"Duration: (\d+):(\d+):(\d+\.?\d*)", looked)
    seconds = sum(float(x) * k for x, k in zip(duration.groups(), (3600, 60, 1), strict=True)) if duration else 0.0
    sound = re.search(r"Stream #0:\d+.*?: Audio: (\w+).*?(\d+) Hz, ([^,\n]+)", looked)
    audio = dict(audio_codec=sound[1], sample_rate=int(sound[2]), channels=sound[3]) if sound else {}
    video_lines = [x for x in re.findall(r"Stream #0:\d+.*?: Video: .*", looked) if "attached pic" not in x]
    if not video_lines:
        if not sound:
            raise InputError(f"{path} has neither a picture nor a sound stream")
        return MediaInfo(path, "audio", container[1], seconds, **audio)
    return _probe_video(path, container[1], looked, video_lines[0], audio)


def _probe_video(path: str, container: str, looked: str, line: str, audio: dict) -> MediaInfo:
    """Sizes from the first decoded frame, times from every packet (read without decoding)."""
    done = subprocess.run(
        _ffmpeg("-i", _url(path), "-map", "0:V:0", "-frames:v", "1", "-f", "null", "-")
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
        return min(COMMON_RATES, key=lambda r: abs(r - stated)) if stated else VARIABLE_RATE_FPS, False
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
    return 1 if info.kind == "image" else max(1, round((Fraction(info.duration).limit_denominator(10**6)) * fps))


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
        image = np.rot90(_read_picture(info.path), -view.rotate // 90)
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
    before = ["-ss", f"{seek:.3f}", "-noaccurate_seek"] if seek > 0 and info.container.startswith(SEEKABLE) else []
    first = Fraction(info.start).limit_denominator(10**6)
    phase = float(first - Fraction(round(first * fps)) / fps)  # pictures are put in the middle of their slots
    filters = [f"setpts=PTS-({phase:.9f})/TB"] if abs(phase) > 1e-6 and not info.variable else []
    filters += [f"fps=fps={fps.numerator}/{fps.denominator}:start_time={float(start / fps):.9f}"]
    if info.pixel_aspect != 1 and view != View():
        filters += [f"scale={info.width}:{info.height}:flags=bicubic"]
    filters += view.filters(info)
    if size != view.size(info) or (info.pixel_aspect != 1 and view == View()):
        filters += [f"scale={size[0]}:{size[1]}:flags=bicubic"]
    return (
        [ffmpeg_exe(), "-v", "error", "-nostdin", *before, "-copyts", "-start_at_zero", "-i", _url(info.path)]
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
            yield from reversed(list(read_frames(path, fps, indices[end - 1], indices[n] + 1, size, view)))
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


def write_video(
    path: str | os.PathLike, frames: Iterable[np.ndarray], fps: Fraction, crf: int = 15, preset: str = "veryfast"
) -> int:
    """Encode RGB frames as H.264 (yuv420p, BT.709, faststart) and return how many there were.

    An odd width or height gets one more row or column, a copy of the last. The file takes its name when it is
    complete; on any error nothing is left.
    """
    frames = iter(frames)
    first = next(frames)
    height, width = first.shape[:2]
    odd = ((0, height % 2), (0, width % 2), (0, 0))
    part = partial_path(path)
    command = (
        [ffmpeg_exe(), "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24"]
        + [
            "-s",
            f"{width + width % 2}x{height + height % 2}",
            "-r",
            f"{fps.numerator}/{fps.denominator}",
            "-i",
            "pipe:0",
        ]
        + ["-vf", "scale=out_color_matrix=bt709:out_range=tv", "-pix_fmt", "yuv420p", "-c:v", "libx264"]
        + ["-crf", str(crf), "-preset", preset, "-colorspace", "bt709", "-color_primaries", "bt709"]
        + ["-color_trc", "bt709", "-color_range", "tv", "-video_track_timescale", str(_timescale(fps))]
        + ["-movflags", "+faststart", _url(part)]
    )
    count = 0
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=log)
        try:
            frame = first
            while frame is not None:
                if any(pad[1] for pad in odd):
                    frame = np.pad(frame, odd, mode="edge")
                process.stdin.write(memoryview(np.ascontiguousarray(frame)).cast("B"))
                count += 1
                frame = next(frames, None)
            process.stdin.close()
            failed = process.wait() != 0
        except BrokenPipeError:
            failed = True
        except BaseException:
            process.kill()
            process.wait()
            part.unlink(missing_ok=True)
            raise
        if failed:
            process.kill()
            process.wait()
            log.seek(0)
            _give_up(part, path, log.read().decode(errors="replace"))
    os.replace(part, path)
    return count


def _timescale(fps: Fraction) -> int:
    return fps.numerator * (1 if fps.numerator >= 1000 else 512)


def partial_path(path: str | os.PathLike) -> Path:
    """The name of a file while it is being written: ``clip.mp4`` -> ``clip.part.mp4``."""
    path = Path(path)
    return path.with_name(f"{path.stem}.part{path.suffix}")


def _give_up(part: Path, path: str | os.PathLike, stderr: str) -> None:
    part.unlink(missing_ok=True)
    if "No space left" in stderr:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), os.fspath(path))
    detail = stderr.strip().splitlines()
    raise MediaError(f"ffmpeg could not write {path}" + (f": {detail[-1]}" if detail else ""))


def _write(path: str | os.PathLike, *args: str) -> None:
    """Run ffmpeg with ``path`` as its output, under a temporary name until it is complete."""
    part = partial_path(path)
    done = subprocess.run(
        [*_ffmpeg("-v", "error", overwrite=True), *args, _url(part)], capture_output=True, text=True, errors="replace"
    )
    if done.returncode:
        _give_up(part, path, done.stderr)
    os.replace(part, path)


def join_videos(parts: list[str | os.PathLike], path: str | os.PathLike) -> None:
    """Put videos of the same encoding one after the other, without encoding again."""
    with tempfile.TemporaryDirectory() as folder:
        listing = Path(folder, "list.txt")
        quoted = [os.path.abspath(p).replace("'", r"'\''") for p in parts]
        listing.write_text("ffconcat version 1.0\n" + "".join(f"file 'file:{p}'\n" for p in quoted))
        _write(path, "-f", "concat", "-safe", "0", "-i", _url(listing), "-c", "copy", "-movflags", "+faststart")


def mux(video: str | os.PathLike, audio: str | os.PathLike, path: str | os.PathLike, duration: Fraction) -> None:
    """Video of one file (copied) with the sound of another (AAC), cut or padded with silence to ``duration`` s."""
    _write(
        path, "-i", _url(video), "-i", _url(audio), "-map", "0:V:0", "-map", "1:a:0", "-c:v", "copy",
        "-af", f"aresample=async=1:first_pts=0,apad,atrim=end={float(duration):.6f}", "-c:a", "aac", "-b:a", "192k",
        "-ac", "2", "-ar", "48000", "-movflags", "+faststart", "-metadata", "comment=Lip-sync generated by software",
    )  # fmt: skip


def read_audio(path: str | os.PathLike, rate: int = SAMPLE_RATE) -> np.ndarray:
    """Sound of a file (any format, or a video's) as ``float32 (samples,)`` mono in [-1, 1]; NaN becomes 0.

    Raises InputError if the file has no sound or the sound cannot be decoded.
    """
    info = probe(path)
    if not info.has_audio:
        raise InputError(f"{info.path} has no sound track; give a file with speech as the audio")
    done = subprocess.run(
        [ffmpeg_exe(), "-v", "error", "-nostdin", "-i", _url(info.path), "-map", "0:a:0"]
        + ["-af", "aresample=async=1:first_pts=0", "-ac", "1", "-ar", str(rate), "-f", "f32le", "pipe:1"],
        capture_output=True,
    )
    wave = np.frombuffer(done.stdout, "<f4")
    if wave.size == 0:
        raise InputError(f"{info.path}: the sound track is empty or cannot be decoded")
    return np.clip(np.nan_to_num(wave, nan=0.0, posinf=0.0, neginf=0.0), -1.0, 1.0)
