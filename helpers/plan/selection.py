"""A talking person's own mouths: which frame of a clip lends its mouth to each output frame.

Unit selection as in Video Rewrite (Bregler, Covell and Slaney, 1997): of the frames in which
somebody is seen talking, those are shown whose mouths stand as the new sound asks, in pieces as
long as possible. The search is Viterbi's, over what a frame costs by itself and what a cut to it
costs (Hunt and Black, 1996). What is still missing then is little, and the network adds it.
"""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

import cv2
import numpy as np

from ..face.mask import mouth_ring
from ..face.square import FACE_SIZE, square_matrix
from ..networks.codes import LIP_COLUMNS, LIP_ROWS, MOUTH_COLUMNS, MOUTH_ROWS
from ..networks.sync_expert import SYNC_FRAMES, SyncExpert, sync_score, sync_similarity
from ..timing import Progress, silent

MOST_DONORS = 500  # frames of a track that may lend, from its first on
LOOK_AHEAD = 8.0  # s of the source, even where the sound is shorter
ENOUGH_S = 1.6  # s: in less, too few mouths are seen

# whose sound it is
LATEST_OFFSET = 3  # frames at 25 fps that a clip's own sound may be off
SYNC_COSINE = 0.25  # the sync expert's scores from which on a sound is the mouths' own
SYNC_CONFIDENCE = 0.1

# reading lips
LIP_BLUR = 1.1  # px of the 96 px square, standard deviation
LIP_COMPONENTS = 10  # principal components of the lips' pixels
RIDGE = 0.3

# costs
EMPHASIS = 1.5  # of what the sound asks for: what is read from it is shy
OPENING_WEIGHT = 20.0  # of how far the lips part, beside each number of the code
POSE_COST = 0.04  # of a square pixel that a face looks another way, in the 96 px square
RING_COST = 0.5  # of the square distance of two faces' surroundings of the mouth
NEAR_SHARE = 0.25  # of the donors, whose pose is as good as the same
OPEN_COST = 1.0  # in a pause, of how open a mouth is
CUT_COST = 0.5  # of any cut
JOIN_COST = 5.0  # of what jumps at a cut
SEARCH_BLOCK = 1000  # frames searched at once


class Wanted(NamedTuple):
    """N frames to draw: codes ``(N, 9)``, poses ``(N, 4)``, speech ``(N,)`` from 0 to 1."""

    codes: np.ndarray
    poses: np.ndarray
    speech: np.ndarray

    def block(self, first: int) -> Wanted:
        return Wanted(*(values[first : first + SEARCH_BLOCK] for values in self))


class Donors(NamedTuple):
    """K consecutive frames that may lend.

    codes ``(K, 9)`` of ``donor_codes``, lips of ``lip_vectors``, poses ``(K, 4)``, rings of
    ``ring_vectors``, openness ``(K,)``.
    """

    codes: np.ndarray
    lips: np.ndarray
    poses: np.ndarray
    rings: np.ndarray
    openness: np.ndarray


def while_speaking(speech: np.ndarray) -> np.ndarray:
    """Where ``speech`` ``(N,)``, 1 to 0, is more than pause, ``bool (N,)``; else everywhere."""
    spoken = speech > 0.5
    return spoken if spoken.sum() > 1 else np.ones_like(spoken)


def speech_scores(values: np.ndarray, speech: np.ndarray) -> np.ndarray:
    """Values ``(N, n)`` less their mean over speech, by their spread there, same shape.

    So two recordings can be compared, however long each of them pauses.
    """
    spoken = values[while_speaking(speech)]
    return (values - spoken.mean(axis=0)) / (spoken.std(axis=0) + 1e-6)


def lip_vectors(squares: np.ndarray) -> np.ndarray:
    """Blurred grey lips of squares ``uint8 (K, 96, 96, 3)``: ``float32 (K, n)`` of spread 1."""
    lips = []
    for square in squares:
        grey = cv2.cvtColor(square, cv2.COLOR_RGB2GRAY)
        mouth = cv2.GaussianBlur(grey, (0, 0), LIP_BLUR)[MOUTH_ROWS, MOUTH_COLUMNS]
        lips.append(mouth[LIP_ROWS, LIP_COLUMNS])

    vectors = np.stack(lips)[:, ::2, ::2].reshape(len(squares), -1).astype(np.float32)
    return vectors / max(1e-3, vectors.std())


def face_poses(landmarks: np.ndarray) -> np.ndarray:
    """Which way faces look, landmarks ``(K, 5, 2)`` -> ``(K, 4)`` px of the 96 px square.

    The nose's place, the eyes' distance and the mouth's tilt.
    """
    poses = []
    for points in landmarks:
        matrix = square_matrix(points, FACE_SIZE)
        left, right, nose, first, last = points @ matrix[:, :2].T + matrix[:, 2]
        poses.append([*nose, right[0] - left[0], last[1] - first[1]])

    return np.array(poses)


def ring_vectors(squares: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """Cheeks, nose and chin of squares ``uint8 (K, 96, 96, 3)``: a smile is in the cheeks, too.

    ``landmarks`` ``(K, 5, 2)`` in their frames; vectors ``float32 (K, n)`` of length about 1.
    """
    matrix = square_matrix(landmarks[0], FACE_SIZE)
    ring = mouth_ring(landmarks[0] @ matrix[:, :2].T + matrix[:, 2], FACE_SIZE)
    grey = [cv2.cvtColor(square, cv2.COLOR_RGB2GRAY)[ring] for square in squares]
    vectors = np.stack(grey).astype(np.float32)
    vectors -= vectors.mean(axis=1, keepdims=True)

    return vectors / (vectors.std(axis=1, keepdims=True) + 1) / np.sqrt(vectors.shape[1])


def own_offset(
    expert: SyncExpert | None, squares: np.ndarray, windows: np.ndarray, fps: Fraction
) -> int | None:
    """By how many frames mouths ``uint8 (K, 96, 96, 3)`` come before windows ``(K, 80, 16)``.

    None where the sound is not theirs (music, another speaker), as far as the sync expert can tell
    at about 25 frames a second.
    """
    step = max(1, round(fps / 25))
    if expert is None or len(squares) < step * SYNC_FRAMES:
        return None

    found = sync_score(sync_similarity(expert, squares[::step], windows[::step]))
    is_own = (
        found["cosine"] >= SYNC_COSINE
        and found["confidence"] >= SYNC_CONFIDENCE
        and abs(found["offset"]) <= LATEST_OFFSET
    )

    return int(found["offset"]) * step if is_own else None


def donor_codes(
    codes: np.ndarray, lips: np.ndarray, spoken: np.ndarray | None, speech: np.ndarray
) -> np.ndarray:
    """How each donor's mouth stands among its person's: ``(K, 9)``, ``speech_scores``.

    ``codes`` ``(K, 9)`` are face codes, ``lips`` of ``lip_vectors``, ``speech`` ``(K,)`` is 1 where
    the person speaks, ``spoken`` ``(K, 9)`` the audio codes of the donors' own sound, if it is
    known: a ridge regression then learns from them to read this very person's lips. Of both
    readings a mean counts, in which the face code's weighs as much as it is like the audio code
    (correlation): under a moustache it tells little.
    """
    face_scores = speech_scores(codes, speech)
    if spoken is None:
        return face_scores

    parts = np.linalg.svd(lips - lips.mean(axis=0), full_matrices=False)[0][:, :LIP_COMPONENTS]
    views = speech_scores(np.hstack([codes, parts]), speech)
    heard = speech_scores(spoken, speech)

    ridge = RIDGE * len(views) * np.eye(views.shape[1])
    weights = np.linalg.solve(views.T @ views + ridge, views.T @ heard)
    read = speech_scores(views @ weights, speech)
    alike = (face_scores * heard)[while_speaking(speech)].mean(axis=0).clip(0)

    return (alike * face_scores + read) / (alike + 1)


def openness(codes: np.ndarray, audio_codes: np.ndarray, speech: np.ndarray) -> np.ndarray:
    """How far mouths with face codes ``(K, 8)`` are from the audio codes in pauses: ``(K,)``.

    0 for the most shut one, and throughout for a recording ``(N, 8)`` without pauses.
    """
    if not (speech < 0.5).any():
        return np.zeros(len(codes))

    shut = audio_codes[speech < 0.5].mean(axis=0)
    along = codes @ shut / max(1e-6, np.linalg.norm(shut))
    return along.max() - along


def squared_distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Of each of ``(N, n)`` to each of ``(K, n)``: ``(N, K)``."""
    return np.maximum((a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * a @ b.T, 0)


def cut_costs(lips: np.ndarray) -> np.ndarray:
    """Of going from each donor to each, ``(K, K)``: the jump from the lips that would follow."""
    count = len(lips)
    following = np.minimum(np.arange(count) + 1, count - 1)
    costs = JOIN_COST * squared_distances(lips[following], lips) / lips.shape[1] + CUT_COST
    costs[np.arange(count - 1), following[:-1]] = 0
    return costs


def frame_costs(wanted: Wanted, donors: Donors, ring_costs: np.ndarray) -> np.ndarray:
    """Of showing each donor in each frame, ``(N, K)``: code, pose, surroundings, openness.

    A frame has the surroundings of the donor whose pose is nearest: itself, if it may lend.
    """
    turned = POSE_COST * squared_distances(wanted.poses, donors.poses)
    turned += ring_costs[turned.argmin(axis=1)]
    turned = np.maximum(turned - np.quantile(turned, NEAR_SHARE, axis=1, keepdims=True), 0)

    costs = squared_distances(wanted.codes, donors.codes) + turned
    costs += OPEN_COST * (1 - wanted.speech[:, None]) * donors.openness
    return costs


def viterbi(costs: np.ndarray, cuts: np.ndarray) -> list[int]:
    """The cheapest path through ``(N, K)`` costs, where going from k to l costs ``cuts[k, l]``."""
    columns = np.arange(costs.shape[1])
    best = costs[0]
    steps = []

    for row in costs[1:]:
        ways = best[:, None] + cuts
        steps.append(ways.argmin(axis=0))
        best = ways[steps[-1], columns] + row

    path = [int(best.argmin())]
    for step in reversed(steps):
        path.append(int(step[path[-1]]))

    return path[::-1]


def select_donors(wanted: Wanted, donors: Donors, progress: Progress = silent) -> np.ndarray:
    """Which of K donors each of N frames takes its mouth from: ``int (N,)``.

    Each of the code's eight numbers counts once, how far the lips part, which is last,
    ``OPENING_WEIGHT`` times.
    """
    cuts = cut_costs(donors.lips)
    ring_costs = RING_COST * squared_distances(donors.rings, donors.rings)
    weights = np.append(np.ones(donors.codes.shape[1] - 1), OPENING_WEIGHT)
    scale = np.sqrt(weights / weights.sum())
    wanted = wanted._replace(codes=wanted.codes * scale)
    donors = donors._replace(codes=donors.codes * scale)

    path: list[int] = []
    for first in range(0, len(wanted.codes), SEARCH_BLOCK):
        costs = frame_costs(wanted.block(first), donors, ring_costs)
        if path:
            costs[0] += cuts[path[-1]]
        path += viterbi(costs, cuts)
        progress("donors", len(path), len(wanted.codes))

    return np.array(path)
