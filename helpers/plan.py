"""The plan of a run: one cheap pass over the clip that decides everything but the pixels.

For each output frame it says which source frame it shows, which face is re-drawn and which mel window it hears. After
it, any range of frames can be rendered on its own.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from . import audio, faces, media, params
from .errors import InputError, NoFaceError
from .faces import FaceTrack
from .params import Params

THUMBNAIL = 32  # px, of the pictures that cuts are found on


@dataclass(frozen=True)
class Plan:
    """Arrays of N output frames and S source frames (at the output's rate).

    source ``int32 (N,)`` source frame of each output frame; faces: one row a source frame, in source pixels; mel
    ``float32 (80, M)``; mel_start ``int64 (N,)``; size (W, H) of the result and place (x, y, w, h) of the source in it.
    """

    fps: Fraction
    source_size: tuple[int, int]
    size: tuple[int, int]
    place: tuple[int, int, int, int]
    source: np.ndarray
    faces: FaceTrack
    mel: np.ndarray
    mel_start: np.ndarray

    @property
    def frames(self) -> int:
        return len(self.source)

    @property
    def redrawn(self) -> np.ndarray:
        """``bool (N,)``: is there a face to re-draw in this output frame?"""
        return self.faces.present[self.source]

    @property
    def duration(self) -> Fraction:
        return self.frames / self.fps


def source_frames(count: int, available: int, fill: str) -> np.ndarray:
    """Which source frame each of ``count`` output frames shows, ``int32 (count,)``, when there are ``available``.

    After the last one: ``pingpong`` goes back and forth, ``hold`` stays, ``loop`` starts again.
    """
    n = np.arange(count)
    if fill == "hold" or available == 1:
        n = np.minimum(n, available - 1)
    elif fill == "loop":
        n = n % available
    else:
        n = n % (2 * available - 2)
        n = np.minimum(n, 2 * available - 2 - n)
    return n.astype(np.int32)


def small_frames(video: str, fps: Fraction, stop: int) -> Iterator[np.ndarray]:
    """The first ``stop`` frames of a video, decoded no larger than detection needs."""
    info = media.probe(video)
    scale = min(1.0, faces.DETECT_LONG_SIDE / max(info.width, info.height))
    size = (max(2, round(info.width * scale)), max(2, round(info.height * scale)))
    return media.prefetch(media.read_frames(video, fps, 0, stop, size if scale < 1 else None))


def look_at_faces(video: str, fps: Fraction, stop: int, detector: str, box: str) -> tuple[list[np.ndarray], np.ndarray]:
    """Detections ``(faces, 15)`` in source pixels and shot number of each of the first ``stop`` frames."""
    info = media.probe(video)
    given = faces.box_detection(params.numbers("box", box, 4), info.width, info.height) if box else None
    found, thumbnails = [], []
    last = None
    for frame in small_frames(video, fps, stop):
        if info.kind != "image" or last is None:
            last = given.copy() if given is not None else faces.detect(frame, detector)
            if given is None:
                last = faces.scaled(last, info.width / frame.shape[1], info.height / frame.shape[0])
        found.append(last)
        small = cv2.resize(frame, (THUMBNAIL, THUMBNAIL), interpolation=cv2.INTER_AREA)
        thumbnails.append(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY))
    return found, faces.shots(thumbnails)


def make(p: Params, video: str, sound: str, alignment: str) -> tuple[Plan, dict[str, float]]:
    """Plan a run; returns it with the seconds that each of its steps took.

    Raises NoFaceError if no frame has a usable face (unless ``allow_no_face``), InputError for unusable inputs.
    """
    info = media.probe(video)
    if info.kind == "audio":
        raise InputError(f"{video} holds sound only; give a video or a picture of a face as the video")
    fps = params.frame_rate(p.fps) or media.default_fps(info)
    size, place = params.output_geometry(p.output_size, p.fit, info.width, info.height)
    clock = time.perf_counter()
    wave = media.read_audio(sound)
    mel = audio.melspectrogram(wave)
    times = {"sound": time.perf_counter() - clock}
    available = media.frame_count(info, fps)
    spoken = max(1, round(Fraction(len(wave), media.SAMPLE_RATE) * fps))
    length = "audio" if info.kind == "image" else p.length
    count = {"audio": spoken, "video": available, "shortest": min(spoken, available)}[length]
    clock = time.perf_counter()
    used = min(available, count)
    found, shot = look_at_faces(video, fps, used, p.detector, p.box)
    face = faces.select_largest(found, shot, fps, p.smooth, p.smooth_window)
    times["detect"] = time.perf_counter() - clock
    if not face.present.any() and not p.allow_no_face:
        raise NoFaceError(
            f"no face found by {p.detector} in any of the {used} frames of {video}; try a closer or brighter shot,"
            " give box=x1,y1,x2,y2, or allow_no_face=true to pass the clip through"
        )
    starts = audio.window_starts(count, fps, mel.shape[1], alignment, p.audio_offset_ms)
    source = source_frames(count, used, p.fill)
    return Plan(fps, (info.width, info.height), size, place, source, face, mel, starts), times


def save(plan: Plan, path: str | os.PathLike) -> None:
    """Write a plan as ``.npz``; the file takes its name when complete."""
    part = media.partial_path(path)
    np.savez(
        part, fps=[plan.fps.numerator, plan.fps.denominator], source_size=plan.source_size, size=plan.size,
        place=plan.place, source=plan.source, mel=plan.mel, mel_start=plan.mel_start, **asdict(plan.faces),
    )  # fmt: skip
    os.replace(part, path)


def load(path: str | os.PathLike) -> Plan:
    with np.load(Path(path)) as data:
        face = FaceTrack(**{name: data[name] for name in FaceTrack.__dataclass_fields__})
        sizes = {name: tuple(int(v) for v in data[name]) for name in ("source_size", "size", "place")}
        fps = Fraction(*(int(v) for v in data["fps"]))
        return Plan(fps, **sizes, source=data["source"], faces=face, mel=data["mel"], mel_start=data["mel_start"])
