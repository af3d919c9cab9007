"""The plan of a run: one cheap pass over the clip that decides everything but the pixels.

For each output frame it says which source frame it shows, which face is re-drawn and which mel window it hears. After
it, any range of frames can be rendered on its own.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from . import audio, faces, media, params
from .errors import InputError, NoFaceError
from .faces import FaceTrack
from .media import View
from .mouth_code import CODE
from .params import Params
from .wav2lip import choose_device

THUMBNAIL = 32  # px, of the pictures that cuts are found on


@dataclass(frozen=True)
class Plan:
    """Arrays of N output frames and S source frames (at the output's rate).

    source ``int32 (N,)`` source frame of each output frame; faces: one row a source frame, in source pixels, and
    ``others``, more faces to re-draw; detections ``float32 (D, 16)``: source frame and detection of every face found;
    mel ``float32 (80, M)``; mel_start ``int64 (N,)``; speech ``float32 (N,)``, 1 speech to 0 pause, 1 throughout with
    ``silence=model``; size (W, H) of the result and place (x, y, w, h) of the source in it; pitch: the speech's, in Hz;
    voice: by how much the mel's bands are stretched for the network, and gain: what is added to its level before (see
    ``wav2lip.fit_voice``); told ``float32 (N, 8)``: the mouth code that the compact network's ear hears (see
    ``wav2lip.hear``); lenders ``int32 (faces, N)``: the source frame whose mouth each face to re-draw gets first (see
    ``own_mouths``), -1 for its own.
    """

    fps: Fraction
    source_size: tuple[int, int]
    size: tuple[int, int]
    place: tuple[int, int, int, int]
    source: np.ndarray
    faces: FaceTrack
    mel: np.ndarray
    mel_start: np.ndarray
    speech: np.ndarray
    detections: np.ndarray
    told: np.ndarray
    lenders: np.ndarray
    others: tuple[FaceTrack, ...] = ()
    view: View = View()
    voice: float = 1.0
    gain: float = 0.0
    pitch: float = audio.USUAL_PITCH

    @property
    def layers(self) -> list[Plan]:
        """A plan for each face to re-draw, drawn one after the other."""
        everybody = zip((self.faces, *self.others), self.lenders, strict=True)
        return [replace(self, faces=face, others=(), lenders=lenders[None]) for face, lenders in everybody]

    def _select(self, face: str, smooth: bool, window: int) -> list[FaceTrack]:
        frames = self.detections[:, 0].astype(int)
        found = [self.detections[frames == n, 1:] for n in range(len(self.faces.shot))]
        used = int(self.source.max()) + 1
        return faces.select(found, self.faces.shot, self.fps, face, self.source_size[0], smooth, window, used)

    def unsmoothed(self, face: str) -> Plan:
        """This plan with its first face's boxes and landmarks as they were detected (``face``: the parameter)."""
        return replace(self, faces=self._select(face, False, 1)[0], others=(), lenders=self.lenders[:1])

    def bystanders(self, p: Params) -> list[Plan]:
        """A plan for each face that is seen but not re-drawn."""
        taken = (self.faces, *self.others)
        made = []
        for face in self._select("all", p.smooth, p.smooth_window):
            same = [t.present & (np.abs(t.box - face.box).max(axis=1) < 1) for t in taken]
            left = replace(face, present=face.present & ~np.any(same, axis=0))
            if left.present.any():
                made.append(replace(self, faces=left, others=(), lenders=np.full((1, self.frames), -1, np.int32)))
        return made

    def windows(self, numbers: Sequence[int], margin: int = 0) -> np.ndarray:
        """What a network hears at output frames: mel windows ``float32 (len(numbers), 80, 16)``, quiet in pauses.

        With a ``margin``, so many mel frames more on both sides.
        """
        heard = audio.mel_windows(self.mel, self.mel_start[numbers], margin)
        return audio.quieten(audio.in_voice(heard, self.voice, self.gain), self.speech[numbers])

    @property
    def frames(self) -> int:
        return len(self.source)

    @property
    def redrawn(self) -> np.ndarray:
        """``bool (N,)``: is there a face to re-draw in this output frame?"""
        return np.any([face.present for face in (self.faces, *self.others)], axis=0)[self.source]

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


def view(p: Params) -> View:
    """Which part of the source is used, and which way up. Raises ParameterError."""
    crop = tuple(round(v) for v in params.numbers("crop", p.crop, 4)) if p.crop else None
    return View(int(p.rotate), crop)


def small_frames(video: str, fps: Fraction, stop: int, view: View) -> Iterator[np.ndarray]:
    """The first ``stop`` frames of a video, decoded no larger than detection needs."""
    width, height = view.size(media.probe(video))
    scale = min(1.0, faces.DETECT_LONG_SIDE / max(width, height))
    size = (max(2, round(width * scale)), max(2, round(height * scale)))
    return media.prefetch(media.read_frames(video, fps, 0, stop, size if scale < 1 else None, view))


def look_at_faces(p: Params, video: str, fps: Fraction, stop: int) -> tuple[list[np.ndarray], np.ndarray]:
    """Detections ``(faces, 15)`` in source pixels and shot number of each of the first ``stop`` frames."""
    info, look = media.probe(video), view(p)
    width, height = look.size(info)
    frames = small_frames(video, fps, 1 if info.kind == "image" else stop, look)
    thumbnails, shape = [], []

    def noted() -> Iterator[np.ndarray]:
        for frame in frames:
            shape[:] = frame.shape[:2]
            small = cv2.resize(frame, (THUMBNAIL, THUMBNAIL), interpolation=cv2.INTER_AREA)
            thumbnails.append(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY))
            yield frame

    if p.box:
        given = faces.box_detection(params.numbers("box", p.box, 4), width, height)
        found = [given.copy() for _ in noted()]
    else:
        device = str(choose_device(p.device))
        found = [
            faces.scaled(rows, width / shape[1], height / shape[0])
            for rows in faces.detect_all(noted(), p.detector, device)
        ]
    if info.kind == "image":
        found, thumbnails = found * stop, thumbnails * stop
    return found, faces.shots(thumbnails)


def make(p: Params, video: str, sound: str, alignment: str, ahead: float = 0) -> tuple[Plan, dict[str, float]]:
    """Plan a run; returns it with the seconds that each of its steps took.

    Faces are followed through the first ``ahead`` seconds of the source, even where less is shown.

    Raises NoFaceError if no frame has a usable face (unless ``allow_no_face``), InputError for unusable inputs.
    """
    info = media.probe(video)
    if info.kind == "audio":
        raise InputError(f"{video} holds sound only; give a video or a picture of a face as the video")
    fps = params.frame_rate(p.fps) or media.default_fps(info)
    params.face_choice(p.face)
    look = view(p)
    source_size = look.size(info)
    size, place = params.output_geometry(p.output_size, p.fit, *source_size)
    clock = time.perf_counter()
    wave = media.read_audio(sound)
    mel = audio.melspectrogram(wave)
    pitch = audio.pitch(wave)
    times = {"sound": time.perf_counter() - clock}
    available = media.frame_count(info, fps)
    spoken = max(1, round(Fraction(len(wave), media.SAMPLE_RATE) * fps))
    length = "audio" if info.kind == "image" else p.length
    count = {"audio": spoken, "video": available, "shortest": min(spoken, available)}[length]
    clock = time.perf_counter()
    used = min(available, count)
    found, shot = look_at_faces(p, video, fps, min(available, max(used, round(ahead * fps))))
    face, *others = faces.select(found, shot, fps, p.face, source_size[0], p.smooth, p.smooth_window, used)
    times["detect"] = time.perf_counter() - clock
    if not any(f.present[:used].any() for f in (face, *others)) and not p.allow_no_face:
        if any(map(len, found[:used])) and p.face.isdecimal():
            most = max(map(len, found))
            raise NoFaceError(f"face={p.face}: {video} shows at most {most} face(s) at once; they count from 0")
        raise NoFaceError(
            f"no face found by {p.detector} in any of the {used} frames of {video}; try a closer or brighter shot,"
            " give box=x1,y1,x2,y2, or allow_no_face=true to pass the clip through"
        )
    starts = audio.window_starts(count, fps, mel.shape[1], alignment, p.audio_offset_ms)
    source = source_frames(count, used, p.fill)
    speech = audio.speaking(wave, count, fps) if p.silence == "close" else np.ones(count, np.float32)
    seen = [np.insert(rows, 0, n, axis=1) for n, rows in enumerate(found) if len(rows)]
    detections = np.concatenate(seen).astype(np.float32) if seen else np.zeros((0, 16), np.float32)
    told = np.zeros((count, CODE), np.float32)
    lenders = np.full((1 + len(others), count), -1, np.int32)
    plan = Plan(
        fps, source_size, size, place, source, face, mel, starts, speech, detections, told, lenders, tuple(others),
        look, pitch=pitch,
    )  # fmt: skip
    return plan, times


ARRAYS = ("source", "mel", "mel_start", "speech", "detections", "told", "lenders")


def save(plan: Plan, path: str | os.PathLike) -> None:
    """Write a plan as ``.npz``."""
    layers = [asdict(face) for face in (plan.faces, *plan.others)]
    np.savez(
        path, fps=[plan.fps.numerator, plan.fps.denominator], source_size=plan.source_size, size=plan.size,
        place=plan.place, rotate=plan.view.rotate, crop=plan.view.crop or (),
        voice=plan.voice, gain=plan.gain, pitch=plan.pitch,
        **{name: getattr(plan, name) for name in ARRAYS},
        **{name: np.stack([layer[name] for layer in layers]) for name in layers[0]},
    )  # fmt: skip


def load(path: str | os.PathLike) -> Plan:
    with np.load(Path(path)) as data:
        older = dict(still=np.zeros_like(data["present"]))
        stacked = {name: data.get(name, older.get(name)) for name in FaceTrack.__dataclass_fields__}
        count = len(stacked["present"])
        face, *others = [FaceTrack(**{name: rows[i] for name, rows in stacked.items()}) for i in range(count)]
        sizes = {name: tuple(int(v) for v in data[name]) for name in ("source_size", "size", "place")}
        look = View(int(data["rotate"]), tuple(int(v) for v in data["crop"]) or None)
        fps = Fraction(*(int(v) for v in data["fps"]))
        frames = len(data["source"])
        older |= dict(lenders=np.full((count, frames), -1, np.int32), told=np.zeros((frames, CODE), np.float32))
        arrays = {name: data.get(name, older.get(name)) for name in ARRAYS}
        heard = dict(
            voice=float(data["voice"]), gain=float(data.get("gain", 0)),
            pitch=float(data.get("pitch", audio.USUAL_PITCH)),
        )  # fmt: skip
        return Plan(fps, **sizes, **arrays, **heard, faces=face, others=tuple(others), view=look)
