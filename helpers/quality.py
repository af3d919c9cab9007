"""Figures of a finished run, with the source clip as the anchor row.

A figure of a generated clip means little alone: read it beside the source's.
"""

from __future__ import annotations

import functools
import importlib
import itertools
import math
import warnings
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from scipy.ndimage import median_filter
from skimage.feature import hog

from . import audio, blend, faces, lse, media, plan as plans, render, restore, run, syncnet, weights
from .errors import ParameterError
from .plan import Plan
from .syncnet import SyncExpert
from .wav2lip import FACE, choose_device

MEASURED = 192  # px, side of the face crop on which sharpness is measured
MOUTH_ROWS, MOUTH_COLUMNS = (0.50, 0.85), (0.25, 0.75)  # the mouth's part of the face square
FOLLOWED = 1500  # frames of the longest run of one face, on which sync is measured
NIQE_FACES = 8  # pictures
FLICKER_FRAMES = 250  # of them
RIM = 0.2  # mask values under this are the mask's rim
PICTURES = 60  # frames, evenly spread, on which sharpness and PSNR are measured

Judges = tuple[SyncExpert | None, lse.SyncNet | None]  # those that are here


def sharpness(picture: np.ndarray) -> float:
    """Standard deviation of the Laplacian of the grey picture (Pech-Pacheco et al., 2000, square root of theirs)."""
    return float(cv2.Laplacian(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), cv2.CV_64F).std())


def mouth_part(crop: np.ndarray) -> np.ndarray:
    """The mouth's rectangle of a face crop of any size."""
    size = len(crop)
    (top, bottom), (left, right) = ([round(v * size) for v in pair] for pair in (MOUTH_ROWS, MOUTH_COLUMNS))
    return crop[top:bottom, left:right]


def psnr(a: np.ndarray, b: np.ndarray, where: np.ndarray) -> float:
    """Peak signal-to-noise ratio in dB of two ``uint8`` pictures over a ``bool (H, W)`` mask; infinite if equal."""
    error = np.square(a[where].astype(np.float64) - b[where]).mean()
    return math.inf if error == 0 else 10 * math.log10(255**2 / error)


def outside_mask(plan: Plan, n: int) -> np.ndarray:
    """``bool (H, W)``: pixels of output frame ``n`` that re-drawing leaves alone."""
    outside = np.ones(plan.size[::-1], bool)
    for layer in plan.layers:
        if layer.redrawn[n]:
            (x1, y1, x2, y2), mask = blend.local_mask(render.landmarks(layer, n), *plan.size)
            if mask.size:
                outside[y1:y2, x1:x2] &= mask == 0
    return outside


def _face_crop(frame: np.ndarray, plan: Plan, n: int, size: int) -> np.ndarray:
    scale = np.diag([size / FACE, size / FACE, 1.0])
    scale[:2, 2] = (size / FACE - 1) / 2
    matrix = (scale @ np.vstack([render.crop_matrix(plan, n), [0, 0, 1]]))[:2]
    return faces.crop(frame, matrix, size)


def longest_track(plan: Plan) -> tuple[int, int]:
    """First output frame and frames of the longest run that shows one track of the face, (0, 0) if there is none."""
    owner = np.where(plan.faces.present, plan.faces.track, -1)[plan.source]
    runs, first = [(0, 0)], 0
    for track, group in itertools.groupby(owner.tolist()):
        count = len(list(group))
        if track >= 0:
            runs.append((first, count))
        first += count
    return max(runs, key=lambda run: run[1])


def sync_score(crops: np.ndarray, windows: np.ndarray, expert: SyncExpert) -> dict[str, float]:
    """Sync confidence, offset and cosine of consecutive face squares ``uint8 (K, 96, 96, 3)`` and their K windows."""
    count = min(len(crops), len(windows))
    if count < 2 * syncnet.FRAMES:
        return {}
    return syncnet.score(syncnet.similarity(expert, crops[:count], windows[:count]))


def jumps(crops: np.ndarray) -> np.ndarray:
    """|a - 2 b + c| / 2 over three consecutive pictures, mean over pixels, in grey levels: ``float32 (K - 2,)``.

    ``crops`` is ``uint8 (K, S, S, 3)``, steadied. Steady motion and steady change of light count nothing.
    """
    grey = np.stack([cv2.cvtColor(c, cv2.COLOR_RGB2GRAY) for c in crops]).astype(np.float32)
    return np.abs(grey[:-2] - 2 * grey[1:-1] + grey[2:]).mean(axis=(1, 2)) / 2


def flicker(crops: np.ndarray) -> float:
    """How much pixels jump back and forth (see ``jumps``), in grey levels."""
    return float(jumps(crops).mean())


def flicker_curves(run_dir: str | Path) -> dict[str, np.ndarray]:
    """``jumps`` of the mouth in the source and each result, over the start of the longest run of one face.

    Returns ``float32 (plan.frames,)`` by video, NaN where nothing was measured.
    """
    record = run.read(run_dir)
    plan = plans.load(Path(run_dir, "plan.npz")).layers[0]
    first, count = longest_track(plan)
    stop = first + min(count, FLICKER_FRAMES)
    videos = {"source": render.source_pictures(plan, record["inputs"]["video"]["path"], first, stop)}
    videos |= {name: media.read_frames(made["path"], plan.fps, first, stop) for name, made in record["results"].items()}
    curves = {}
    for name, frames in videos.items():
        mouths = [mouth_part(_face_crop(f, plan, n, MEASURED)) for n, f in zip(range(first, stop), frames, strict=True)]
        curves[name] = np.full(plan.frames, np.nan, np.float32)
        if len(mouths) > 2:
            curves[name][first + 1 : stop - 1] = jumps(np.stack(mouths))
    return curves


def identity_drift(made: np.ndarray, source: np.ndarray) -> float:
    """1 - cosine of two faces' histograms of oriented gradients (Dalal and Triggs, 2005), the mouth left out.

    ``uint8 (S, S, 3)`` steadied face squares. 0: the same structure. It sees changed eyes, nose and outline, not who
    somebody is: a face recogniser would need a download.
    """
    vectors = []
    for face in (made, source):
        grey = cv2.cvtColor(cv2.resize(face, (FACE, FACE), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
        cells = hog(grey, orientations=9, pixels_per_cell=(12, 12), cells_per_block=(1, 1), feature_vector=False)
        rows, columns = cells.shape[:2]
        cells[round(MOUTH_ROWS[0] * rows) :, round(MOUTH_COLUMNS[0] * columns) : round(MOUTH_COLUMNS[1] * columns)] = 0
        vectors.append(cells.ravel())
    a, b = vectors
    return max(0.0, float(1 - a @ b / max(1e-9, np.linalg.norm(a) * np.linalg.norm(b))))


@functools.cache
def _niqe() -> Callable[..., float] | None:
    """NIQE of basicsr, or None where that package is not installed."""
    try:
        restore.import_gfpgan()
        return importlib.import_module("basicsr.metrics.niqe").calculate_niqe
    except (ImportError, ParameterError):
        return None


def naturalness(crops: list[np.ndarray]) -> dict[str, float]:
    """Mean NIQE (Mittal et al., 2013; basicsr's) of a few faces; nothing where basicsr is not installed."""
    if not crops or _niqe() is None:
        return {}
    with warnings.catch_warnings(action="ignore"):
        values = [
            float(np.squeeze(_niqe()(c[..., ::-1], crop_border=0))) for c in crops[:: -(-len(crops) // NIQE_FACES)]
        ]
    return dict(niqe=round(float(np.mean(values)), 2))


def seam(made: np.ndarray, source: np.ndarray, landmarks: np.ndarray) -> float | None:
    """New edges along the mask's rim: mean gradient of (made - source) there, less that just outside, grey levels a px.

    Encoding changes both places alike, so 0 means that the rim does not show. None if no rim lies in the frame.
    """
    height, width = source.shape[:2]
    (x1, y1, x2, y2), _ = blend.local_mask(landmarks, width, height)
    margin = max(4, (x2 - x1) // 12)
    x1, y1, x2, y2 = max(0, x1 - margin), max(0, y1 - margin), min(width, x2 + margin), min(height, y2 + margin)
    if x2 <= x1 or y2 <= y1:
        return None
    mask = blend.face_mask(landmarks, x1, y1, x2 - x1, y2 - y1)
    change = (made[y1:y2, x1:x2].astype(np.float32) - source[y1:y2, x1:x2]).mean(axis=2)
    steep = np.hypot(*np.gradient(change))
    rim = (mask > 0) & (mask < RIM)
    outside = (mask == 0) & (cv2.dilate(rim.astype(np.uint8), np.ones((2 * margin + 1,) * 2)) > 0)
    return float(steep[rim].mean() - steep[outside].mean()) if rim.any() and outside.any() else None


def lse_columns(net: lse.SyncNet, frames: Iterator[np.ndarray], plan: Plan, wave: np.ndarray) -> dict[str, float]:
    """lse_d, lse_c and lse_offset of output frames, which begin together with ``wave`` (16 kHz), as ``lse.lse``.

    Over the longest track, brought to 25 frames a second. The face's square is smoothed as in SyncNet's
    ``run_pipeline.py``, except that at the ends the first and last values go on. Its boxes are S3FD's: for figures that
    compare with published ones, detect with ``detector=s3fd``.
    """
    first, count = longest_track(plan)
    shown = [first + int(k * plan.fps / lse.FPS) for k in range(int(count * lse.FPS / plan.fps))]
    if not shown:
        return {}
    boxes = np.array([render.face_box(plan, n, (0, 0, 0, 0)) for n in shown])
    corner, size = boxes[:, :2], boxes[:, 2:] - boxes[:, :2]
    squares = np.column_stack([corner + size / 2, size.max(axis=1) / 2])  # x, y, half
    squares = median_filter(squares, (lse.SMOOTHING, 1), mode="nearest")

    def crops() -> Iterator[np.ndarray]:
        for n, frame in enumerate(itertools.islice(frames, shown[-1] + 1)):
            for square in squares[bisect_left(shown, n) : bisect_right(shown, n)]:
                yield lse.face_square(frame, *square)

    return lse.lse(net, crops(), wave[round(first / plan.fps * media.SAMPLE_RATE) :])


def measure(run_dir: str | Path) -> list[dict[str, Any]]:
    """Rows of the quality table: source, lipsync, restored (those that are there).

    length_error_ms against the plan; sharpness and flicker of mouth and face; identity_drift; niqe of the face where
    basicsr is installed; psnr_outside in dB against the source
    outside the mask, seam along the mask's rim; sync_confidence, sync_offset (frames; positive: mouth early) and
    sync_cosine under the compact expert; lse_d, lse_c and lse_offset (pictures of 40 ms; positive: mouth late) if
    upstream's SyncNet is here. The source is scored with its own sound, the others with the speech they were given.
    """
    record = run.read(run_dir)
    plan = plans.load(Path(run_dir, "plan.npz"))
    source = record["inputs"]["video"]["path"]
    judges = weights.sync_expert(), weights.upstream_syncnet(choose_device(record["parameters"]["device"]))
    whole, plan = plan, plan.layers[0]  # with several faces, the first one is measured
    drawn = np.flatnonzero(plan.redrawn)
    some = drawn[np.linspace(0, len(drawn) - 1, min(PICTURES, len(drawn))).astype(int)] if len(drawn) else drawn
    originals = _pictures(render.source_pictures(plan, source, 0, plan.frames), some)
    rows = [dict(video="source", frames=plan.frames) | _still_columns(originals, originals, plan)]
    rows[0] |= _source_columns(record["inputs"]["video"], plan, judges)
    for name, result in record["results"].items():
        own = _pictures(media.read_frames(result["path"], plan.fps, 0, plan.frames), some)
        width, height = plan.size
        ratios = [psnr(own[n][:height, :width], originals[n], outside_mask(whole, n)) for n in own]
        row = dict(
            video=name, frames=result["frames"],
            frames_redrawn=int(whole.redrawn.sum()), frames_passed_through=int((~whole.redrawn).sum()),
            length_error_ms=round(1000 * (result["duration_s"] - float(plan.duration)), 3),
            psnr_outside=round(float(np.mean(ratios)), 2) if ratios else None,
        )  # fmt: skip
        seams = [seam(own[n][:height, :width], originals[n], render.landmarks(plan, n)) for n in own]
        seams = [s for s in seams if s is not None]
        row |= dict(seam=round(float(np.mean(seams)), 3)) if seams else {}
        row |= _still_columns(own, originals, plan)
        frames = functools.partial(media.read_frames, result["path"], plan.fps)
        rows.append(row | _moving_columns(frames, plan, plan.mel, media.read_audio(result["path"]), judges))
    return rows


def _pictures(frames: Iterator[np.ndarray], numbers: np.ndarray) -> dict[int, np.ndarray]:
    wanted = set(numbers.tolist())
    return {n: frame for n, frame in enumerate(frames) if n in wanted}


def _still_columns(pictures: dict[int, np.ndarray], originals: dict[int, np.ndarray], plan: Plan) -> dict[str, float]:
    """Columns that need single frames: sharpness, drift of the face's structure, naturalness."""
    crops = {n: _face_crop(frame, plan, n, MEASURED) for n, frame in pictures.items()}
    if not crops:
        return {}
    drift = [identity_drift(crop, _face_crop(originals[n], plan, n, MEASURED)) for n, crop in crops.items()]
    return dict(
        sharpness_mouth=round(float(np.mean([sharpness(mouth_part(c)) for c in crops.values()])), 2),
        sharpness_face=round(float(np.mean([sharpness(c) for c in crops.values()])), 2),
        identity_drift=round(float(np.mean(drift)), 4),
    ) | naturalness(list(crops.values()))


def _source_columns(facts: dict[str, Any], plan: Plan, judges: Judges) -> dict[str, float]:
    count = min(plan.frames, int(plan.source.max()) + 1)
    plan = replace(plan, source=plan.source[:count])  # frames that are shown again have no sound of their own
    frames = lambda: render.source_pictures(plan, facts["path"], 0, count)  # noqa: E731
    if not facts["audio_codec"]:
        return _moving_columns(frames, plan, plan.mel, np.zeros(0), (None, None))
    wave = media.read_audio(facts["path"])
    return _moving_columns(frames, plan, audio.melspectrogram(wave), wave, judges)


def _moving_columns(
    frames: Callable[[], Iterator[np.ndarray]], plan: Plan, mel: np.ndarray, wave: np.ndarray, judges: Judges
) -> dict[str, float]:
    """Columns that need consecutive frames: flicker, and what the judges that are here say.

    ``frames`` gives the frames from the first one each time it is called.
    """
    expert, upstream = judges
    first, count = longest_track(plan)
    crops, small = [], []
    for n, frame in enumerate(itertools.islice(frames(), first + min(count, FOLLOWED))):
        if n >= first:
            small.append(_face_crop(frame, plan, n, FACE))
            if len(crops) < FLICKER_FRAMES:
                crops.append(_face_crop(frame, plan, n, MEASURED))
    row = {}
    if len(crops) > 2:
        row |= dict(
            flicker_mouth=flicker(np.stack([mouth_part(c) for c in crops])), flicker_face=flicker(np.stack(crops))
        )
    if expert and small:
        windows = audio.mel_windows(mel, audio.window_starts(plan.frames, plan.fps, mel.shape[1], "centred"))
        scores = sync_score(np.stack(small), windows[first:], expert)
        row |= {f"sync_{k}": v for k, v in scores.items()}
    if upstream:
        row |= lse_columns(upstream, frames(), plan, wave)
    return {name: round(value, 3) for name, value in row.items()}
