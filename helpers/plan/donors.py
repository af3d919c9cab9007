"""Which frames of a clip may lend their mouths, and which one does."""

from __future__ import annotations

import numpy as np

from ..engines.lend import ALIGN_SIZE
from ..face.square import FACE_SIZE, square_matrix, square_side
from ..face.track import FaceTrack
from ..networks.compact import CompactWav2Lip
from ..networks.encode import encode_faces, encode_speech, is_talking, with_opening
from ..networks.sync_expert import SyncExpert
from .plan import Plan
from .selection import (
    MOST_DONORS,
    donor_codes,
    face_poses,
    lip_vectors,
    openness,
    own_offset,
    ring_vectors,
    select_donors,
    wanted_codes,
)

NEUTRAL_FRAMES = 50  # frames of a face, after which its person's own mouth is known
DONOR_BYTES = 256 << 20  # of pictures of mouths that may be lent


def donor_count(plan: Plan, landmarks: np.ndarray) -> int:
    """How many frames of a track may lend their mouths: so many that their pictures fit the memory."""
    scale = plan.place[2] / plan.source_size[0]
    sides = [
        square_side(square_matrix(points, FACE_SIZE)) * scale / 2
        for points in landmarks[::NEUTRAL_FRAMES]
    ]
    return min(
        MOST_DONORS, max(NEUTRAL_FRAMES, int(DONOR_BYTES / (3 * max(sides) ** 2 + ALIGN_SIZE**2)))
    )


def choose_donors(
    plan: Plan, net: CompactWav2Lip, face: FaceTrack, numbers: np.ndarray, some: np.ndarray, squares: np.ndarray,
    sound: tuple[np.ndarray, float] | None, expert: SyncExpert | None,
) -> np.ndarray:  # fmt: skip
    """The source frame that lends its mouth to each of the output frames ``numbers`` of a face: of source frames
    ``some``, whose squares are ``uint8 (K, 96, 96, 3)``. ``sound`` is the video's own
    (see ``own_sound``). -1 if nobody talks there."""
    some = some[: len(squares)]
    codes, told, early = encode_faces(net, squares), None, None
    if sound is not None:
        windows, pitch = sound
        early = own_offset(expert, squares, windows[some], plan.fps)
    if early is not None:
        heard = encode_speech(net, windows[np.clip(some + early, 0, len(windows) - 1)], pitch)
        told = with_opening(net, heard)
    elif not is_talking(codes):
        return np.full(len(numbers), -1)
    lips = lip_vectors(squares)
    path = select_donors(
        wanted_codes(with_opening(net, plan.target_codes), plan.speech)[numbers],
        donor_codes(with_opening(net, codes), lips, told),
        lips,
        face_poses(face.landmarks[plan.source[numbers]]),
        face_poses(face.landmarks[some]),
        ring_vectors(squares, face.landmarks[some]),
        plan.speech[numbers],
        openness(codes, plan.target_codes, plan.speech),
    )
    return some[path]
