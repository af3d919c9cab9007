"""Which frames of a clip may lend their mouths, and which one does."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import NamedTuple

import numpy as np

from ..face.square import FACE_SIZE, square_matrix, square_side
from ..face.track import FaceTrack
from ..networks.compact import CompactWav2Lip
from ..networks.encode import (
    codes_at,
    encode_faces,
    frame_moments,
    is_talking,
    read_speech,
    with_opening,
)
from ..networks.sync_expert import SyncExpert
from ..sound.mel import mel_windows
from ..timing import Progress, silent
from .selection import (
    EMPHASIS,
    MOST_DONORS,
    Donors,
    Wanted,
    donor_codes,
    face_poses,
    lip_vectors,
    openness,
    own_offset,
    ring_vectors,
    select_donors,
    speech_scores,
)
from .speech import Speech, audio_encoder_for

NEUTRAL_FRAMES = 50  # of a face, after which its person's neutral code is known
ALIGN_SIZE = 160  # px, side of the square on which donors are laid over faces: less shakes
DONOR_BYTES = 256 << 20  # of memory, for the pictures of mouths that may be lent


class Candidates(NamedTuple):
    """Frames of a track that may lend: numbers ``(K,)``, squares ``uint8 (K, 96, 96, 3)``."""

    frames: np.ndarray
    squares: np.ndarray
    track: FaceTrack
    fps: Fraction


@dataclass(frozen=True)
class OwnSound:
    """A clip's own sound, which ``net`` reads, and who judges whose it is.

    wave: 16 kHz; mel ``(80, M)``; starts ``(S,)``: of each frame's window; activity ``(S,)``: 1
    speech to 0 pause.
    """

    net: CompactWav2Lip
    wave: np.ndarray
    mel: np.ndarray
    starts: np.ndarray
    activity: np.ndarray
    expert: SyncExpert | None

    @cached_property
    def taps(self) -> np.ndarray:
        """Of ``read_speech``: heard once, whoever speaks."""
        return read_speech(self.net, audio_encoder_for(self.net), self.wave)


def donor_count(scale: float, landmarks: np.ndarray) -> int:
    """How many frames of a track may lend: so many that their pictures fit the memory.

    ``scale``: the result's pixels over the source's; landmarks ``(K, 5, 2)`` in source pixels.
    """
    sides = [
        square_side(square_matrix(points, FACE_SIZE)) * scale / 2
        for points in landmarks[::NEUTRAL_FRAMES]
    ]
    fitting = int(DONOR_BYTES / (3 * max(sides) ** 2 + ALIGN_SIZE**2))
    return min(MOST_DONORS, max(NEUTRAL_FRAMES, fitting))


def choose_donors(
    net: CompactWav2Lip,
    candidates: Candidates,
    speech: Speech,
    numbers: np.ndarray,
    shown: np.ndarray,
    sound: OwnSound | None,
    progress: Progress = silent,
) -> np.ndarray:
    """The source frame that lends its mouth to each of the output frames ``numbers``, ``int (n,)``.

    ``shown`` ``(n,)``: their source frames. -1 throughout if nobody talks in the clip.
    """
    codes = encode_faces(net, candidates.squares)
    spoken, speaks = spoken_codes(net, candidates, sound)
    if spoken is None and not is_talking(codes):
        return np.full(len(numbers), -1)

    landmarks = candidates.track.landmarks
    lips = lip_vectors(candidates.squares)
    wanted = EMPHASIS * speech_scores(with_opening(net, speech.target_codes), speech.activity)
    path = select_donors(
        Wanted(
            codes=wanted[numbers],
            poses=face_poses(landmarks[shown]),
            speech=speech.activity[numbers],
        ),
        Donors(
            codes=donor_codes(with_opening(net, codes), lips, spoken, speaks),
            lips=lips,
            poses=face_poses(landmarks[candidates.frames]),
            rings=ring_vectors(candidates.squares, landmarks[candidates.frames]),
            openness=openness(codes, speech.target_codes, speech.activity),
        ),
        progress,
    )

    return candidates.frames[path]


def spoken_codes(
    net: CompactWav2Lip, candidates: Candidates, sound: OwnSound | None
) -> tuple[np.ndarray | None, np.ndarray]:
    """What the clip's own sound asks of each mouth, ``(K, 9)``, and its activity ``(K,)``.

    None, and activity throughout, if it is not theirs.
    """
    frames = candidates.frames
    fps = candidates.fps
    early = None
    if sound:
        windows = mel_windows(sound.mel, sound.starts[frames])
        early = own_offset(sound.expert, candidates.squares, windows, fps)
    if sound is None or early is None:
        return None, np.ones(len(frames), np.float32)

    count = len(sound.starts)
    in_time = np.clip(frames + early, 0, count - 1)
    moments = frame_moments(count, fps)[in_time]
    activity = sound.activity[in_time]
    return with_opening(net, codes_at(net, sound.taps, moments, activity)), activity
