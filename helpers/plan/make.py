"""One cheap pass over clip and sound that makes the plan of a run, whole."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from .. import media, params
from ..errors import InputError, NoFaceError
from ..face.track import FaceTrack, unusable_reason
from ..media import MediaInfo
from ..params import Params
from ..timing import StageTimes
from .mouths import Clip, plan_mouths
from .plan import Plan
from .scene import choose_faces, find_faces, source_frames, source_view
from .speech import plan_speech, with_target_codes

if TYPE_CHECKING:
    from ..engines.base import Engine


def make_plan(p: Params, video: str, sound: str, engine: Engine) -> tuple[Plan, StageTimes]:
    """Everything decided but the pixels, and the seconds that each step took.

    Raises NoFaceError if no frame has a usable face (unless ``allow_no_face``), InputError for unusable
    inputs, ParameterError for what does not fit the source.
    """
    info = media.probe(video)
    if info.kind == "audio":
        raise InputError(
            f"{video} holds sound only; give a video or a picture of a face as the video"
        )

    times = StageTimes()
    fps = params.frame_rate(p.fps) or media.default_fps(info)
    params.face_choice(p.face)
    view = source_view(p)
    source_size = view.size(info)
    size, place = params.output_geometry(p.output_size, p.fit, *source_size)

    with times.stage("sound"):
        wave = media.read_audio(sound)
    available = media.frame_count(info, fps)
    count = output_frames(p, info, len(wave), fps)
    used = min(available, count)

    with times.stage("detect"):
        followed = min(available, max(used, round(engine.look_ahead * fps)))
        found, shot = find_faces(p, video, fps, followed)
        tracks = choose_faces(p, found, shot, fps, source_size, used)
    if not p.allow_no_face:
        require_face(p, video, tracks, found[:used])

    source = source_frames(count, used, p.fill)
    with times.stage("sound"):
        alignment = engine.alignment if p.mel_alignment == "auto" else p.mel_alignment
        speech = plan_speech(wave, count, fps, alignment, p)

    donors = np.full((len(tracks), count), -1, np.int32)
    if engine.code_network:
        with times.stage("sound"):
            speech = with_target_codes(speech, wave, engine.code_network)
        with times.stage("mouths"):
            clip = Clip(video, fps, view, source, place[2] / source_size[0])
            lend = p.own_mouths and info.kind == "video"
            tracks, donors = plan_mouths(clip, tracks, speech, engine.code_network, lend)

    plan = Plan(
        fps=fps,
        source_size=source_size,
        size=size,
        place=place,
        view=view,
        source=source,
        detections=stacked(found),
        faces=tracks[0],
        others=tuple(tracks[1:]),
        sound=speech,
        donors=donors,
    )
    return plan, times


def output_frames(p: Params, info: MediaInfo, samples: int, fps: Fraction) -> int:
    """How many frames the result has, by the parameter ``length``; a picture lasts as long as the sound."""
    spoken = max(1, round(Fraction(samples, media.SAMPLE_RATE) * fps))
    available = media.frame_count(info, fps)
    length = "audio" if info.kind == "image" else p.length
    return {"audio": spoken, "video": available, "shortest": min(spoken, available)}[length]


def require_face(p: Params, video: str, tracks: list[FaceTrack], found: list[np.ndarray]) -> None:
    """Raises NoFaceError, with what to try, if no used frame has a face to re-draw."""
    used = len(found)
    if any(track.present[:used].any() for track in tracks):
        return

    most = max(map(len, found))
    if p.face.isdecimal() and 0 < most <= int(p.face):
        raise NoFaceError(
            f"face={p.face}: {video} shows at most {most} face(s) at once; they count from 0"
        )

    reason = unusable_reason(found)
    if reason:
        raise NoFaceError(f"no face of {video} can be re-drawn: {reason}")

    raise NoFaceError(
        f"no face found by {p.detector} in any of the {used} frames of {video}; try a closer or brighter"
        " shot, give box=x1,y1,x2,y2, or allow_no_face=true to pass the clip through"
    )


def stacked(found: list[np.ndarray]) -> np.ndarray:
    """Detections ``(faces, 15)`` of each source frame -> ``float32 (D, 16)``, its number before each."""
    numbered = [np.insert(rows, 0, n, axis=1) for n, rows in enumerate(found) if len(rows)]
    return np.concatenate([np.zeros((0, 16)), *numbered]).astype(np.float32)
