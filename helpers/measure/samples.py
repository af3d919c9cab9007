"""What the measures are given of a video: taken while its frames pass by, once and in order."""

from __future__ import annotations

import itertools
from collections import defaultdict
from functools import cached_property
from typing import NamedTuple

import numpy as np
from scipy.ndimage import median_filter

from .. import media
from ..face.square import FACE_SIZE, crop_square
from ..networks.sync_expert import SYNC_FRAMES, SyncExpert, sync_score, sync_similarity
from ..networks.syncnet import SyncNet
from ..plan.geometry import face_box, frame_matrix
from ..plan.plan import Plan
from ..sound.mel import mel_windows, window_starts
from .lse import LSE_FPS, LSE_SMOOTHING, LseScorer, syncnet_square

MEASURED_SIZE = 192  # px, side of the face crop on which sharpness and flicker are measured
SYNC_LIMIT = 1500  # frames of the longest run of one face, on which sync is measured
FLICKER_FRAMES = 250  # of them
FEWEST_SYNC_FRAMES = 2 * SYNC_FRAMES


class Judges(NamedTuple):
    """The networks that score lip-sync; None where their weights are not here."""

    expert: SyncExpert | None
    syncnet: SyncNet | None


class Sound(NamedTuple):
    """A video's: mel ``float32 (80, M)``, 16 kHz wave ``float32 (samples,)``."""

    mel: np.ndarray
    wave: np.ndarray


class Still(NamedTuple):
    """Output frame ``n`` with a re-drawn face, beside the source's.

    frame, source: ``uint8 (H, W, 3)``; crop, source_crop: their faces, ``uint8 (192, 192, 3)``;
    plan: of all the faces.
    """

    plan: Plan
    n: int
    frame: np.ndarray
    source: np.ndarray
    crop: np.ndarray
    source_crop: np.ndarray


class Clip:
    """One video of a run, and what was taken of its frames.

    ``plan`` is the first face's, ``counts`` are numbers of frames, ``sound`` is None where it has
    none, ``seconds`` the duration of a result. ``frames_with_sound`` of the output frames have
    sound of their own: a source's are shown again.
    """

    def __init__(
        self,
        name: str,
        plan: Plan,
        counts: dict[str, int],
        sound: Sound | None,
        judges: Judges,
        *,
        frames_with_sound: int | None = None,
        seconds: float | None = None,
    ):
        self.name = name
        self.plan = plan
        self.counts = counts
        self.sound = sound
        self.seconds = seconds
        self.expert = judges.expert
        self.frames = plan.frames if frames_with_sound is None else frames_with_sound
        self.first, self.count = longest_track(plan, self.frames)

        self.still_values: dict[str, list[float]] = defaultdict(list)  # by measure
        self.still_crops: list[np.ndarray] = []
        self.face_crops: list[np.ndarray] = []
        self.sync_crops: list[np.ndarray] = []

        self.scorer: LseScorer | None = None
        self.squares: dict[int, list[np.ndarray]] = {}
        if judges.syncnet and sound:
            wave = sound.wave[round(self.first / plan.fps * media.SAMPLE_RATE) :]
            self.scorer = LseScorer(judges.syncnet, wave)
            self.squares = syncnet_squares(plan, self.first, self.count)

    def add(self, n: int, frame: np.ndarray) -> None:
        """Take what the measures need of output frame ``n``; frames come in order, each once."""
        place = n - self.first
        if 0 <= place < min(self.count, SYNC_LIMIT):
            self.sync_crops.append(face_crop(frame, self.plan, n, FACE_SIZE))
        if 0 <= place < min(self.count, FLICKER_FRAMES):
            self.face_crops.append(face_crop(frame, self.plan, n, MEASURED_SIZE))

        if self.scorer:
            for square in self.squares.get(n, ()):
                self.scorer.add(syncnet_square(frame, *square))

    @cached_property
    def sync_curve(self) -> np.ndarray | None:
        """``sync_similarity`` of mouth and sound; None where it cannot be had."""
        if not self.expert or not self.sound or not self.sync_crops:
            return None

        mel = self.sound.mel
        starts = window_starts(self.frames, self.plan.fps, mel.shape[1], "centred")
        windows = mel_windows(mel, starts)[self.first :]
        return sync_curve(np.stack(self.sync_crops), windows, self.expert)

    @cached_property
    def sync(self) -> dict[str, float]:
        """cosine, confidence and offset under the sync expert, empty where they cannot be had."""
        return {} if self.sync_curve is None else sync_score(self.sync_curve)

    @cached_property
    def lse(self) -> dict[str, float]:
        """lse_d, lse_c and lse_offset under SyncNet, empty where they cannot be had."""
        return self.scorer.score() if self.scorer else {}


def face_crop(frame: np.ndarray, plan: Plan, n: int, size: int) -> np.ndarray:
    """The face square of output frame ``n`` at another size, ``uint8 (size, size, 3)``."""
    zoom = size / FACE_SIZE
    scale = np.diag([zoom, zoom, 1.0])
    scale[:2, 2] = (zoom - 1) / 2
    matrix = (scale @ np.vstack([frame_matrix(plan, n), [0, 0, 1]]))[:2]
    return crop_square(frame, matrix, size)


def longest_track(plan: Plan, frames: int | None = None) -> tuple[int, int]:
    """First frame and length of the longest run of output frames that shows one track of the face.

    Among the first ``frames``, by default all; (0, 0) if there is none.
    """
    shown = plan.source[:frames]
    track = np.where(plan.faces.present, plan.faces.track, -1)[shown]

    runs = [(0, 0)]
    first = 0
    for number, group in itertools.groupby(track.tolist()):
        count = len(list(group))
        if number >= 0:
            runs.append((first, count))
        first += count
    return max(runs, key=lambda run: run[1])


def sync_curve(crops: np.ndarray, windows: np.ndarray, expert: SyncExpert) -> np.ndarray | None:
    """``sync_similarity`` of consecutive faces ``uint8 (K, 96, 96, 3)`` and their mel windows.

    None for fewer than ten.
    """
    count = min(len(crops), len(windows))
    if count < FEWEST_SYNC_FRAMES:
        return None
    return sync_similarity(expert, crops[:count], windows[:count])


def score_sync(crops: np.ndarray, windows: np.ndarray, expert: SyncExpert) -> dict[str, float]:
    """cosine, confidence and offset of ``sync_curve``; empty for fewer than ten faces."""
    curve = sync_curve(crops, windows, expert)
    return {} if curve is None else sync_score(curve)


def syncnet_squares(plan: Plan, first: int, count: int) -> dict[int, list[np.ndarray]]:
    """What SyncNet sees of a track, brought to 25 frames a second: squares by output frame.

    A square is x, y of its middle and half its side, in pixels. It is smoothed as in SyncNet's
    ``run_pipeline.py``, except that at the ends the first and last values go on. Its boxes are
    S3FD's: for figures that compare with published ones, detect with ``detector=s3fd``.
    """
    shown = [first + int(k * plan.fps / LSE_FPS) for k in range(int(count * LSE_FPS / plan.fps))]
    if not shown:
        return {}

    boxes = np.array([face_box(plan, n, (0, 0, 0, 0)) for n in shown])
    corner = boxes[:, :2]
    size = boxes[:, 2:] - corner
    squares = np.column_stack([corner + size / 2, size.max(axis=1) / 2])
    squares = median_filter(squares, (LSE_SMOOTHING, 1), mode="nearest")

    by_frame: dict[int, list[np.ndarray]] = defaultdict(list)
    for n, square in zip(shown, squares, strict=True):
        by_frame[n].append(square)
    return by_frame
