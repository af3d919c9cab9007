"""One cheap pass over clip and sound that makes the plan of a run, whole."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .. import media, parsing
from ..errors import InputError, NoFaceError
from ..face.track import FaceTrack, unusable_reason
from ..limits import check_faces, check_pixels
from ..media import MediaInfo
from ..params import Params
from ..timing import Progress, StageTimes, silent
from .mouths import Clip, plan_mouths
from .plan import Plan
from .scene import choose_faces, find_faces, source_frames, source_view
from .speech import Speech, plan_speech, with_target_codes

if TYPE_CHECKING:
    from ..engines.base import Engine


class Shape(NamedTuple):
    """How the result shows the clip: its rate, the part of the source, sizes (W, H) in pixels.

    place (x, y, w, h): where the source lies in the result.
    """

    fps: Fraction
    view: media.View
    source_size: tuple[int, int]
    size: tuple[int, int]
    place: tuple[int, int, int, int]


def make_plan(
    p: Params, video: str, sound: str, engine: Engine, progress: Progress = silent
) -> tuple[Plan, StageTimes]:
    """Everything decided but the pixels, and the seconds that each step took.

    Raises NoFaceError if no frame has a usable face (unless ``allow_no_face``), InputError for
    unusable inputs, ParameterError for what does not fit the source.
    """
    info = probe_clip(video)
    shape = result_shape(p, info)
    times = StageTimes()

    with times.stage("sound"):
        wave = media.read_audio(sound)

    count = output_frames(p, info, len(wave), shape.fps)
    available = media.frame_count(info, shape.fps)
    used = min(available, count)
    source = source_frames(count, used, p.fill)

    with times.stage("detect"):
        ahead = round(engine.look_ahead * shape.fps)
        followed = min(available, max(used, ahead))
        found, tracks = follow_faces(p, video, shape, followed, used, progress)

    with times.stage("sound"):
        speech = hear_speech(p, wave, count, shape.fps, engine, progress)
        progress("sound", 1, 1)

    with times.stage("mouths"):
        tracks, donors = look_at_mouths(
            p, info, shape, source, tracks=tracks, speech=speech, engine=engine, progress=progress
        )

    plan = Plan(
        **shape._asdict(),
        source=source,
        detections=stacked(found),
        faces=tracks[0],
        others=tuple(tracks[1:]),
        sound=speech,
        donors=donors,
    )
    return plan, times


def probe_clip(video: str) -> MediaInfo:
    """Facts of a video or picture. Raises InputError."""
    info = media.probe(video)
    if info.kind == "audio":
        raise InputError(
            f"{video} holds sound only; give a video or a picture of a face as the video"
        )

    return info


def result_shape(p: Params, info: MediaInfo) -> Shape:
    """Raises ParameterError for what does not fit the source."""
    view = source_view(p)
    source_size = view.size(info)
    size, place = parsing.output_geometry(p.output_size, p.fit, *source_size)
    check_pixels(f"the result of output_size={p.output_size}", *size, p.max_pixels)
    fps = parsing.frame_rate(p.fps) or media.default_fps(info)
    if fps > parsing.FRAME_RATES[1]:
        raise InputError(
            f"{info.path} shows {float(fps):g} frames a second, {parsing.FRAME_RATES[1]} at most"
            " are made; give a lower rate, such as fps=25"
        )

    return Shape(fps, view, source_size, size, place)


def follow_faces(
    p: Params, video: str, shape: Shape, followed: int, used: int, progress: Progress
) -> tuple[list[np.ndarray], list[FaceTrack]]:
    """Detections of the first ``followed`` source frames, and the faces to re-draw.

    Raises NoFaceError if none of the ``used`` ones has a face (unless ``allow_no_face``).
    """
    found, shot = find_faces(p, video, shape.fps, followed, progress)
    check_faces(video, max(map(len, found)), p.max_faces)
    tracks = choose_faces(p, found, shot, shape.fps, shape.source_size, used)
    if not p.allow_no_face:
        require_face(p, video, tracks, found[:used])

    return found, tracks


def hear_speech(
    p: Params, wave: np.ndarray, count: int, fps: Fraction, engine: Engine, progress: Progress
) -> Speech:
    """The speech of ``count`` output frames, with target codes if the engine has mouth codes."""
    alignment = engine.alignment if p.mel_alignment == "auto" else p.mel_alignment
    speech = plan_speech(wave, count, fps, alignment, p, progress)
    net = engine.code_network
    if not net:
        return speech
    return with_target_codes(speech, wave, fps, net, p.audio_offset_ms, progress)


def look_at_mouths(
    p: Params,
    info: MediaInfo,
    shape: Shape,
    source: np.ndarray,
    *,
    tracks: list[FaceTrack],
    speech: Speech,
    engine: Engine,
    progress: Progress,
) -> tuple[list[FaceTrack], np.ndarray]:
    """The tracks with their mouths, and donors ``int32 (tracks, N)``, as ``plan_mouths``."""
    if not engine.code_network:
        return tracks, np.full((len(tracks), len(source)), -1, np.int32)

    scale = shape.place[2] / shape.source_size[0]
    clip = Clip(info.path, shape.fps, shape.view, source, scale)
    lend = p.own_mouths and info.kind == "video"

    return plan_mouths(clip, tracks, speech, engine.code_network, lend, progress)


def output_frames(p: Params, info: MediaInfo, samples: int, fps: Fraction) -> int:
    """How many frames the result has, by the parameter ``length``; a picture has the sound's."""
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
        f"no face found by {p.detector} in any of the {used} frames of {video}; try a closer or"
        " brighter shot, give box=x1,y1,x2,y2, or allow_no_face=true to pass the clip through"
    )


def stacked(found: list[np.ndarray]) -> np.ndarray:
    """Each frame's detections ``(faces, 15)`` -> ``float32 (D, 16)``, its number first."""
    numbered = [np.insert(rows, 0, n, axis=1) for n, rows in enumerate(found) if len(rows)]
    return np.concatenate([np.zeros((0, 16)), *numbered]).astype(np.float32)
