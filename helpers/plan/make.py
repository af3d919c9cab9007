"""One cheap pass over clip and sound that makes the plan of a run."""

from __future__ import annotations

import time
from fractions import Fraction

import numpy as np

from .. import media, params
from ..errors import InputError, NoFaceError
from ..face.track import select_faces
from ..networks.codes import CODE_SIZE
from ..params import Params
from ..sound.mel import melspectrogram, window_starts
from ..sound.speech import speech_activity
from ..sound.voice import median_pitch
from .plan import Plan
from .scene import find_faces, source_frames, source_view


def make_plan(
    p: Params, video: str, sound: str, alignment: str, ahead: float = 0
) -> tuple[Plan, dict[str, float]]:
    """Plan a run; returns it with the seconds that each of its steps took.

    Faces are followed through the first ``ahead`` seconds of the source, even where less is shown.

    Raises NoFaceError if no frame has a usable face (unless ``allow_no_face``), InputError for unusable inputs.
    """
    info = media.probe(video)
    if info.kind == "audio":
        raise InputError(
            f"{video} holds sound only; give a video or a picture of a face as the video"
        )
    fps = params.frame_rate(p.fps) or media.default_fps(info)
    params.face_choice(p.face)
    look = source_view(p)
    source_size = look.size(info)
    size, place = params.output_geometry(p.output_size, p.fit, *source_size)
    clock = time.perf_counter()
    wave = media.read_audio(sound)
    mel = melspectrogram(wave)
    pitch = median_pitch(wave)
    times = {"sound": time.perf_counter() - clock}
    available = media.frame_count(info, fps)
    spoken = max(1, round(Fraction(len(wave), media.SAMPLE_RATE) * fps))
    length = "audio" if info.kind == "image" else p.length
    count = {"audio": spoken, "video": available, "shortest": min(spoken, available)}[length]
    clock = time.perf_counter()
    used = min(available, count)
    found, shot = find_faces(p, video, fps, min(available, max(used, round(ahead * fps))))
    face, *others = select_faces(
        found, shot, fps, p.face, source_size[0], p.smooth, p.smooth_window, used
    )
    times["detect"] = time.perf_counter() - clock
    if not any(f.present[:used].any() for f in (face, *others)) and not p.allow_no_face:
        if any(map(len, found[:used])) and p.face.isdecimal():
            most = max(map(len, found))
            raise NoFaceError(
                f"face={p.face}: {video} shows at most {most} face(s) at once; they count from 0"
            )
        raise NoFaceError(
            f"no face found by {p.detector} in any of the {used} frames of {video}; try a closer or brighter shot,"
            " give box=x1,y1,x2,y2, or allow_no_face=true to pass the clip through"
        )
    starts = window_starts(count, fps, mel.shape[1], alignment, p.audio_offset_ms)
    source = source_frames(count, used, p.fill)
    speech = (
        speech_activity(wave, count, fps) if p.silence == "close" else np.ones(count, np.float32)
    )
    seen = [np.insert(rows, 0, n, axis=1) for n, rows in enumerate(found) if len(rows)]
    detections = np.concatenate(seen).astype(np.float32) if seen else np.zeros((0, 16), np.float32)
    told = np.zeros((count, CODE_SIZE), np.float32)
    lenders = np.full((1 + len(others), count), -1, np.int32)
    plan = Plan(
        fps, source_size, size, place, source, face, mel, starts, speech, detections, told, lenders, tuple(others),
        look, pitch=pitch,
    )  # fmt: skip
    return plan, times
