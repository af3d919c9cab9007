"""Figures of a finished run, with the source clip as the anchor row.

A figure of a generated clip means little alone: read it beside the source's.
"""

from __future__ import annotations

import functools
import itertools
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.ndimage import median_filter

from .. import checkpoints, media, run
from ..face.mask import local_mask
from ..face.square import FACE_SIZE, crop_square
from ..networks.devices import choose_device
from ..networks.sync_expert import SYNC_FRAMES, SyncExpert, sync_score, sync_similarity
from ..networks.syncnet import SyncNet
from ..plan.geometry import face_box, frame_landmarks, frame_matrix, source_pictures
from ..plan.plan import Plan, load_plan
from ..sound.mel import mel_windows, melspectrogram, window_starts
from .lse import LSE_FPS, LSE_SMOOTHING, measure_lse, syncnet_square
from .pictures import (
    edge_sharpness,
    identity_drift,
    mean_flicker,
    mouth_part,
    naturalness,
    pixel_jumps,
    psnr,
    seam_edges,
)

MEASURED_SIZE = 192  # px, side of the face crop on which sharpness is measured
SYNC_LIMIT = 1500  # frames of the longest run of one face, on which sync is measured
FLICKER_FRAMES = 250  # of them
STILL_FRAMES = 60  # frames, evenly spread, on which sharpness and PSNR are measured
Judges = tuple[SyncExpert | None, SyncNet | None]  # those that are here


def outside_mask(plan: Plan, n: int) -> np.ndarray:
    """``bool (H, W)``: pixels of output frame ``n`` that re-drawing leaves alone."""
    outside = np.ones(plan.size[::-1], bool)
    for layer in plan.layers:
        if layer.redrawn[n]:
            (x1, y1, x2, y2), mask = local_mask(frame_landmarks(layer, n), *plan.size)
            if mask.size:
                outside[y1:y2, x1:x2] &= mask == 0
    return outside


def _face_crop(frame: np.ndarray, plan: Plan, n: int, size: int) -> np.ndarray:
    scale = np.diag([size / FACE_SIZE, size / FACE_SIZE, 1.0])
    scale[:2, 2] = (size / FACE_SIZE - 1) / 2
    matrix = (scale @ np.vstack([frame_matrix(plan, n), [0, 0, 1]]))[:2]
    return crop_square(frame, matrix, size)


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


def score_sync(crops: np.ndarray, windows: np.ndarray, expert: SyncExpert) -> dict[str, float]:
    """Sync confidence, offset and cosine of consecutive face squares ``uint8 (K, 96, 96, 3)`` and their K windows."""
    count = min(len(crops), len(windows))
    if count < 2 * SYNC_FRAMES:
        return {}
    return sync_score(sync_similarity(expert, crops[:count], windows[:count]))


def flicker_curves(run_dir: str | Path) -> dict[str, np.ndarray]:
    """``jumps`` of the mouth in the source and each result, over the start of the longest run of one face.

    Returns ``float32 (plan.frames,)`` by video, NaN where nothing was measured.
    """
    record = run.read(run_dir)
    plan = load_plan(Path(run_dir, "plan.npz")).layers[0]
    first, count = longest_track(plan)
    stop = first + min(count, FLICKER_FRAMES)
    videos = {"source": source_pictures(plan, record["inputs"]["video"]["path"], first, stop)}
    videos |= {
        name: media.read_frames(made["path"], plan.fps, first, stop)
        for name, made in record["results"].items()
    }
    curves = {}
    for name, frames in videos.items():
        mouths = [
            mouth_part(_face_crop(f, plan, n, MEASURED_SIZE))
            for n, f in zip(range(first, stop), frames, strict=True)
        ]
        curves[name] = np.full(plan.frames, np.nan, np.float32)
        if len(mouths) > 2:
            curves[name][first + 1 : stop - 1] = pixel_jumps(np.stack(mouths))
    return curves


def lse_columns(
    net: SyncNet, frames: Iterator[np.ndarray], plan: Plan, wave: np.ndarray
) -> dict[str, float]:
    """lse_d, lse_c and lse_offset of output frames, which begin together with ``wave`` (16 kHz), as ``lse.lse``.

    Over the longest track, brought to 25 frames a second. The face's square is smoothed as in SyncNet's
    ``run_pipeline.py``, except that at the ends the first and last values go on. Its boxes are S3FD's: for figures that
    compare with published ones, detect with ``detector=s3fd``.
    """
    first, count = longest_track(plan)
    shown = [first + int(k * plan.fps / LSE_FPS) for k in range(int(count * LSE_FPS / plan.fps))]
    if not shown:
        return {}
    boxes = np.array([face_box(plan, n, (0, 0, 0, 0)) for n in shown])
    corner, size = boxes[:, :2], boxes[:, 2:] - boxes[:, :2]
    squares = np.column_stack([corner + size / 2, size.max(axis=1) / 2])  # x, y, half
    squares = median_filter(squares, (LSE_SMOOTHING, 1), mode="nearest")

    def crops() -> Iterator[np.ndarray]:
        for n, frame in enumerate(itertools.islice(frames, shown[-1] + 1)):
            for square in squares[bisect_left(shown, n) : bisect_right(shown, n)]:
                yield syncnet_square(frame, *square)

    return measure_lse(net, crops(), wave[round(first / plan.fps * media.SAMPLE_RATE) :])


def measure_run(run_dir: str | Path) -> list[dict[str, Any]]:
    """Rows of the quality table: source, lipsync, restored (those that are there).

    length_error_ms against the plan; sharpness and flicker of mouth and face; identity_drift; niqe of the face where
    basicsr is installed; psnr_outside in dB against the source
    outside the mask, seam along the mask's rim; sync_confidence, sync_offset (frames; positive: mouth early) and
    sync_cosine under the compact expert; lse_d, lse_c and lse_offset (pictures of 40 ms; positive: mouth late) if
    upstream's SyncNet is here. The source is scored with its own sound, the others with the speech they were given.
    """
    record = run.read(run_dir)
    plan = load_plan(Path(run_dir, "plan.npz"))
    source = record["inputs"]["video"]["path"]
    judges = (
        checkpoints.sync_expert(),
        checkpoints.upstream_syncnet(choose_device(record["parameters"]["device"])),
    )
    whole, plan = plan, plan.layers[0]  # with several faces, the first one is measured
    drawn = np.flatnonzero(plan.redrawn)
    some = (
        drawn[np.linspace(0, len(drawn) - 1, min(STILL_FRAMES, len(drawn))).astype(int)]
        if len(drawn)
        else drawn
    )
    originals = _pictures(source_pictures(plan, source, 0, plan.frames), some)
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
        seams = [
            seam_edges(own[n][:height, :width], originals[n], frame_landmarks(plan, n)) for n in own
        ]
        seams = [s for s in seams if s is not None]
        row |= dict(seam=round(float(np.mean(seams)), 3)) if seams else {}
        row |= _still_columns(own, originals, plan)
        frames = functools.partial(media.read_frames, result["path"], plan.fps)
        rows.append(
            row | _moving_columns(frames, plan, plan.mel, media.read_audio(result["path"]), judges)
        )
    return rows


def _pictures(frames: Iterator[np.ndarray], numbers: np.ndarray) -> dict[int, np.ndarray]:
    wanted = set(numbers.tolist())
    return {n: frame for n, frame in enumerate(frames) if n in wanted}


def _still_columns(
    pictures: dict[int, np.ndarray], originals: dict[int, np.ndarray], plan: Plan
) -> dict[str, float]:
    """Columns that need single frames: sharpness, drift of the face's structure, naturalness."""
    crops = {n: _face_crop(frame, plan, n, MEASURED_SIZE) for n, frame in pictures.items()}
    if not crops:
        return {}
    drift = [
        identity_drift(crop, _face_crop(originals[n], plan, n, MEASURED_SIZE))
        for n, crop in crops.items()
    ]
    return dict(
        sharpness_mouth=round(
            float(np.mean([edge_sharpness(mouth_part(c)) for c in crops.values()])), 2
        ),
        sharpness_face=round(float(np.mean([edge_sharpness(c) for c in crops.values()])), 2),
        identity_drift=round(float(np.mean(drift)), 4),
    ) | naturalness(list(crops.values()))


def _source_columns(facts: dict[str, Any], plan: Plan, judges: Judges) -> dict[str, float]:
    count = min(plan.frames, int(plan.source.max()) + 1)
    plan = replace(
        plan, source=plan.source[:count]
    )  # frames that are shown again have no sound of their own
    frames = lambda: source_pictures(plan, facts["path"], 0, count)  # noqa: E731
    if not facts["audio_codec"]:
        return _moving_columns(frames, plan, plan.mel, np.zeros(0), (None, None))
    wave = media.read_audio(facts["path"])
    return _moving_columns(frames, plan, melspectrogram(wave), wave, judges)


def _moving_columns(
    frames: Callable[[], Iterator[np.ndarray]],
    plan: Plan,
    mel: np.ndarray,
    wave: np.ndarray,
    judges: Judges,
) -> dict[str, float]:
    """Columns that need consecutive frames: flicker, and what the judges that are here say.

    ``frames`` gives the frames from the first one each time it is called.
    """
    expert, upstream = judges
    first, count = longest_track(plan)
    crops, small = [], []
    for n, frame in enumerate(itertools.islice(frames(), first + min(count, SYNC_LIMIT))):
        if n >= first:
            small.append(_face_crop(frame, plan, n, FACE_SIZE))
            if len(crops) < FLICKER_FRAMES:
                crops.append(_face_crop(frame, plan, n, MEASURED_SIZE))
    row = {}
    if len(crops) > 2:
        row |= dict(
            flicker_mouth=mean_flicker(np.stack([mouth_part(c) for c in crops])),
            flicker_face=mean_flicker(np.stack(crops)),
        )
    if expert and small:
        windows = mel_windows(mel, window_starts(plan.frames, plan.fps, mel.shape[1], "centred"))
        scores = score_sync(np.stack(small), windows[first:], expert)
        row |= {f"sync_{k}": v for k, v in scores.items()}
    if upstream:
        row |= lse_columns(upstream, frames(), plan, wave)
    return {name: round(value, 3) for name, value in row.items()}
