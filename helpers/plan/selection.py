"""A talking person's own mouths: which frame of a clip lends its mouth to each output frame.

Unit selection as in Video Rewrite (Bregler, Covell and Slaney, 1997): of the frames in which somebody is seen talking,
those are shown whose mouths stand as the new sound asks, in pieces as long as possible. The search is Viterbi's, over
what a frame costs by itself and what a cut to it costs (Hunt and Black, 1996). What is still missing then is little,
and the network adds it (``wav2lip.generate``).
"""

from __future__ import annotations

from fractions import Fraction

import cv2
import numpy as np
from scipy.ndimage import gaussian_filter1d

from ..face.mask import mouth_ring
from ..face.square import FACE_SIZE, square_matrix
from ..networks.codes import LIP_COLUMNS, LIP_ROWS, MOUTH_COLUMNS, MOUTH_ROWS
from ..networks.sync_expert import SYNC_FRAMES, SyncExpert, sync_score, sync_similarity

MOST_DONORS = 500  # frames of a track that may lend, from its first on
LOOK_AHEAD = 8.0  # seconds of the source, even where the sound is shorter
ENOUGH_S = 1.6  # seconds: in less, too few mouths are seen
LATEST_OFFSET = 3  # frames at 25 fps that a clip's own sound may be off
SYNC_COSINE, SYNC_CONFIDENCE = (
    0.25,
    0.1,
)  # the sync expert's scores from which on a sound is the mouths' own
SMOOTH_FRAMES = 1.0  # frames, standard deviation over which what is heard is smoothed
LIP_COMPONENTS = 10  # principal components of the lips' pixels
RIDGE = 0.3
OPENING_COST = 20.0  # of how far the lips part, beside each number of the code
POSE_COST = 0.04  # cost of a square pixel that a face looks another way, in the 96 px square
UNLIKE_COST = 0.5  # cost of the square distance of two faces' surroundings of the mouth
NEAR_SHARE = 0.25  # share of the lenders whose pose is as good as the same
OPEN_COST = 1.0  # cost in a pause of how open a mouth is
CUT_COST, JOIN_COST = 0.3, 3.0  # cost of any cut, and of what jumps at it
SEARCH_BLOCK = 1000  # frames searched at once


def _standard(values: np.ndarray) -> np.ndarray:
    return (values - values.mean(axis=0)) / (values.std(axis=0) + 1e-6)


def lip_vectors(squares: np.ndarray) -> np.ndarray:
    """The lips of face squares ``uint8 (K, 96, 96, 3)`` as vectors ``float32 (K, n)`` of spread 1, blurred grey."""
    lips = [
        cv2.GaussianBlur(cv2.cvtColor(s, cv2.COLOR_RGB2GRAY), (0, 0), 1.1)[
            MOUTH_ROWS, MOUTH_COLUMNS
        ][LIP_ROWS, LIP_COLUMNS]
        for s in squares
    ]
    vectors = np.stack(lips)[:, ::2, ::2].reshape(len(squares), -1).astype(np.float32)
    return vectors / max(1e-3, vectors.std())


def face_poses(landmarks: np.ndarray) -> np.ndarray:
    """Which way faces look: nose, eyes' distance and mouth's tilt in the 96 px square. ``(K, 5, 2)`` -> ``(K, 4)``."""
    made = []
    for points in landmarks:
        matrix = square_matrix(points, FACE_SIZE)
        left, right, nose, first, last = points @ matrix[:, :2].T + matrix[:, 2]
        made.append([*nose, right[0] - left[0], last[1] - first[1]])
    return np.array(made)


def ring_vectors(squares: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """Cheeks, nose and chin of face squares ``uint8 (K, 96, 96, 3)`` with landmarks ``(K, 5, 2)`` (of their frames) as
    vectors ``float32 (K, n)`` of length about 1: a smile is in the cheeks, too."""
    matrix = square_matrix(landmarks[0], FACE_SIZE)
    ring = mouth_ring(landmarks[0] @ matrix[:, :2].T + matrix[:, 2], FACE_SIZE)
    vectors = np.stack([cv2.cvtColor(s, cv2.COLOR_RGB2GRAY)[ring] for s in squares]).astype(
        np.float32
    )
    vectors -= vectors.mean(axis=1, keepdims=True)
    return vectors / (vectors.std(axis=1, keepdims=True) + 1) / np.sqrt(vectors.shape[1])


def own_offset(
    expert: SyncExpert | None, squares: np.ndarray, windows: np.ndarray, fps: Fraction
) -> int | None:
    """By how many frames the mouths in ``uint8 (K, 96, 96, 3)`` come before their sound, mel windows ``(K, 80, 16)``;
    None where the sound is not theirs (music, another speaker), as far as the sync expert hears (at about 25 fps)."""
    step = max(1, round(fps / 25))
    if expert is None or len(squares) < step * SYNC_FRAMES:
        return None
    found = sync_score(sync_similarity(expert, squares[::step], windows[::step]))
    theirs = (
        found["cosine"] >= SYNC_COSINE
        and found["confidence"] >= SYNC_CONFIDENCE
        and abs(found["offset"]) <= LATEST_OFFSET
    )
    return found["offset"] * step if theirs else None


def donor_codes(codes: np.ndarray, lips: np.ndarray, heard: np.ndarray | None) -> np.ndarray:
    """How each lender's mouth stands among those of its person: ``(K, 9)``, about of mean 0 and spread 1.

    ``codes`` ``(K, 9)`` are what the eyes see, ``lips`` what ``looks`` gives, ``heard`` ``(K, 9)`` what the ear hears
    in the lenders' own sound, if it is known: a ridge regression then learns from it to read this very person's
    lips. Of both readings a mean counts, in which the eyes' weighs as much as it is like what is heard (correlation):
    under a moustache they see little.
    """
    seen = _standard(codes)
    if heard is None:
        return seen
    parts = np.linalg.svd(lips - lips.mean(axis=0), full_matrices=False)[0][:, :LIP_COMPONENTS]
    views = _standard(np.hstack([codes, parts]))
    wanted = gaussian_filter1d(heard, SMOOTH_FRAMES, axis=0)
    wanted -= wanted.mean(axis=0)
    learnt = np.linalg.solve(
        views.T @ views + RIDGE * len(views) * np.eye(views.shape[1]), views.T @ wanted
    )
    alike = (seen * _standard(wanted)).mean(axis=0).clip(0)
    return (alike * seen + _standard(views @ learnt)) / (alike + 1)


def wanted_codes(heard: np.ndarray, speech: np.ndarray) -> np.ndarray:
    """What the ear hears in a whole recording, ``(N, 9)``, in units of ``labels``: less the mean over speech, by its
    spread there."""
    steady = gaussian_filter1d(heard, SMOOTH_FRAMES, axis=0)
    spoken = steady[speech > 0.5] if (speech > 0.5).sum() > 1 else steady
    return (steady - spoken.mean(axis=0)) / (spoken.std(axis=0) + 1e-6)


def openness(codes: np.ndarray, heard: np.ndarray, speech: np.ndarray) -> np.ndarray:
    """How far mouths with codes ``(K, 8)`` are from what the ear hears in pauses: ``(K,)``, 0 for the most shut one."""
    if not (speech < 0.5).any():
        return np.zeros(len(codes))
    shut = heard[speech < 0.5].mean(axis=0)
    along = codes @ shut / max(1e-6, np.linalg.norm(shut))
    return along.max() - along


def select_donors(
    wanted: np.ndarray, known: np.ndarray, lips: np.ndarray, shown: np.ndarray, lent: np.ndarray,
    around: np.ndarray, speech: np.ndarray, opened: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """Which of K consecutive lenders each of N frames takes its mouth from: ``int (N,)``.

    ``wanted`` ``(N, 9)`` of ``wishes``, ``known`` ``(K, 9)`` of ``labels``: each of the code's eight numbers counts
    once, how far the lips part, which is last, ``OPENING`` times. ``lips`` of ``looks``, ``shown`` ``(N, 4)``
    and ``lent`` ``(K, 4)`` of ``poses``, ``around`` of ``surroundings`` (what is shown has those of the lender whose
    pose is nearest: itself, if it may lend), ``opened`` ``(K,)`` of ``openness``. The least sum of squares of code,
    pose and surroundings and, at a cut, of the lips from those that would have followed; in pauses, where ``speech``
    ``(N,)`` is 0, of openness too.
    """
    count = len(known)
    square = lambda a, b: np.maximum((a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * a @ b.T, 0)  # noqa: E731
    following = np.minimum(np.arange(count) + 1, count - 1)
    cut = JOIN_COST * square(lips[following], lips) / lips.shape[1] + CUT_COST
    cut[np.arange(count - 1), following[:-1]] = 0
    unlike = UNLIKE_COST * square(around, around)
    weights = np.append(np.ones(known.shape[1] - 1), OPENING_COST)
    scale = np.sqrt(weights / weights.sum())
    wanted, known = wanted * scale, known * scale
    path: list[int] = []
    for first in range(0, len(wanted), SEARCH_BLOCK):
        some = slice(first, first + SEARCH_BLOCK)
        turned = POSE_COST * square(shown[some], lent)
        turned += unlike[turned.argmin(axis=1)]
        turned = np.maximum(turned - np.quantile(turned, NEAR_SHARE, axis=1, keepdims=True), 0)
        cost = square(wanted[some], known) + turned
        cost += OPEN_COST * (1 - speech[some, None]) * opened
        best = cost[0] + (cut[path[-1]] if path else 0)
        before = []
        for row in cost[1:]:
            ways = best[:, None] + cut
            before.append(ways.argmin(axis=0))
            best = ways[before[-1], np.arange(count)] + row
        back = [int(best.argmin())]
        for steps in reversed(before):
            back.append(int(steps[back[-1]]))
        path += back[::-1]
    return np.array(path)
