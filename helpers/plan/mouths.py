"""Each person's own mouth: its neutral code, whether it moves, and which frames lend it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from .. import checkpoints, media
from ..errors import InputError
from ..face.square import FACE_SIZE, crop_square, square_matrix
from ..face.track import FaceTrack
from ..networks.compact import CompactWav2Lip
from ..networks.encode import encode_faces, is_talking, neutral_code
from ..sound.mel import melspectrogram, window_starts
from ..timing import Progress, counted, share_of, silent
from .donors import NEUTRAL_FRAMES, Candidates, OwnSound, choose_donors, donor_count
from .selection import ENOUGH_S
from .speech import Speech, speech_activity

READ_SHARE = 0.7  # of the stage "donors": reading mouths, before the search among them


@dataclass(frozen=True)
class Clip:
    """A clip as a run shows it: source ``int32 (N,)``, scale: result's over source's pixels."""

    video: str
    fps: Fraction
    view: media.View
    source: np.ndarray
    scale: float


def plan_mouths(
    clip: Clip,
    tracks: list[FaceTrack],
    speech: Speech,
    net: CompactWav2Lip,
    lend: bool,
    progress: Progress = silent,
) -> tuple[list[FaceTrack], np.ndarray]:
    """Tracks with their neutral codes, and donors ``int32 (tracks, N)`` if they ``lend``."""
    donors = np.full((len(tracks), len(clip.source)), -1, np.int32)
    sound = own_sound(clip, len(tracks[0].shot), net) if lend else None
    planned = []
    done = 0
    total = max(1, sum(int(track.present.sum()) for track in tracks))

    for track, chosen in zip(tracks, donors, strict=True):
        neutral = np.zeros_like(track.neutral)
        is_photo = np.zeros_like(track.is_photo)
        for number in np.unique(track.track[track.present]):
            rows = np.flatnonzero(track.track == number)
            shown = np.flatnonzero(track.track[clip.source] == number)
            if not len(shown):
                continue

            most = donor_count(clip.scale, track.landmarks[rows]) if lend else NEUTRAL_FRAMES
            tell = share_of(progress, done / total, (done + len(rows)) / total)
            done += len(rows)
            squares = face_squares(clip, track, rows[:most], share_of(tell, 0, READ_SHARE))
            codes = encode_faces(net, squares[:NEUTRAL_FRAMES])
            neutral[rows] = neutral_code(net, codes)
            is_photo[rows] = not is_talking(codes)

            if lend and len(squares) >= ENOUGH_S * clip.fps:
                candidates = Candidates(rows[: len(squares)], squares, track, clip.fps)
                chosen[shown] = choose_donors(
                    net,
                    candidates,
                    speech,
                    shown,
                    clip.source[shown],
                    sound,
                    share_of(tell, READ_SHARE, 1),
                )

        planned.append(replace(track, neutral=neutral, is_photo=is_photo))

    progress("donors", 1, 1)
    return planned, donors


def face_squares(
    clip: Clip, track: FaceTrack, frames: np.ndarray, progress: Progress
) -> np.ndarray:
    """Face squares of source frames, ``uint8 (K, 96, 96, 3)``; fewer where the clip ends."""
    pictures = media.read_indexed(clip.video, clip.fps, frames, None, clip.view)
    pairs = zip(frames, pictures, strict=False)
    squares = [
        crop_square(picture, square_matrix(track.landmarks[n], FACE_SIZE), FACE_SIZE)
        for n, picture in counted(pairs, progress, "donors", len(frames))
    ]
    return np.stack(squares)


def own_sound(clip: Clip, count: int, net: CompactWav2Lip) -> OwnSound | None:
    """The video's own sound at ``count`` source frames; None without one that can be read."""
    try:
        wave = media.read_audio(clip.video) if media.probe(clip.video).has_audio else None
    except InputError:
        wave = None

    if wave is None:
        return None

    wave = wave[: math.ceil((count / clip.fps + 1) * media.SAMPLE_RATE)]
    mel = melspectrogram(wave)
    starts = window_starts(count, clip.fps, mel.shape[1])
    expert = checkpoints.sync_expert()
    if expert:
        expert = expert.to(next(net.parameters()).device)

    activity = speech_activity(wave, count, clip.fps)
    return OwnSound(net, wave, mel, starts, activity, expert)
