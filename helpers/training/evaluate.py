"""How good a compact network is on real clips that it never saw, with the true clip as the anchor
row.

Every frame is drawn from another frame of its clip, half the clip away, so the true mouth is never
its own reference. All figures are taken on the mouth's part of the steadied 96 px square, before
any encoding.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from skimage.metrics import structural_similarity

from .. import checkpoints
from ..engines.base import MouthBatch
from ..engines.blend import apply_maps
from ..engines.compact import draw_maps
from ..errors import InputError, WeightsError
from ..measure.pictures import edge_sharpness, mean_flicker, mouth_part, psnr
from ..measure.samples import score_sync
from ..networks.compact import CompactWav2Lip
from ..networks.devices import choose_precision
from ..networks.encode import encode_faces, encode_speech, frame_moments, neutral_code
from ..networks.sync_expert import MAX_OFFSET, SyncExpert
from ..sound.mel import mel_windows, melspectrogram, window_starts
from .clips import middle_squares
from .prepare import FPS, list_clips, read_clip
from .weights import load_network

BATCH = 16
LEAK_FRAMES = 24  # of a clip, on which the leak is measured
IN_TIME = 1  # frames of offset

Row = dict[str, Any]


@dataclass(frozen=True)
class Sample:
    """A clip: squares ``uint8 (K, 96, 96, 3)``, mel windows ``float32 (K, 80, 16)``, codes ``(K,
    8)``.
    """

    file: str
    faces: np.ndarray
    windows: np.ndarray
    codes: np.ndarray


def draw(
    net: CompactWav2Lip,
    codes: np.ndarray,
    faces: np.ndarray,
    neutral: np.ndarray | None = None,
    passes: int = 3,
) -> np.ndarray:
    """Faces ``uint8 (K, 96, 96, 3)`` drawn to mouth codes ``(K, 8)`` as a run does it, same shape.

    ``neutral`` is the person's own mean code ``(8,)``, by default that of the faces.
    """
    if neutral is None:
        neutral = neutral_code(net, encode_faces(net, faces))

    precision = choose_precision("auto", next(net.parameters()).device)
    batch = MouthBatch(faces, codes, neutral=np.tile(neutral, (len(faces), 1)))

    drawn = []
    for first in range(0, len(faces), BATCH):
        rows = batch.rows(range(first, min(first + BATCH, len(faces))))
        maps = draw_maps(net, rows, precision, passes)
        drawn += [
            apply_maps(face, m, np.eye(2, 3), None)
            for face, m in zip(rows.faces, maps, strict=True)
        ]
    return np.stack(drawn)


def likeness(drawn: np.ndarray, true: np.ndarray) -> dict[str, float]:
    """Mouth L1 (share of full scale), PSNR (dB) and SSIM of pictures ``uint8 (K, 96, 96, 3)``."""
    pairs = [(mouth_part(a), mouth_part(b)) for a, b in zip(drawn, true, strict=True)]
    everywhere = np.ones(pairs[0][0].shape[:2], bool)
    l1 = [np.abs(a.astype(float) - b).mean() / 255 for a, b in pairs]
    noise = [psnr(a, b, everywhere) for a, b in pairs]
    alike = [structural_similarity(a, b, channel_axis=2, data_range=255) for a, b in pairs]
    return dict(
        mouth_l1=float(np.mean(l1)),
        mouth_psnr=float(np.mean(noise)),
        mouth_ssim=float(np.mean(alike)),
    )


def behaviour(
    drawn: np.ndarray, true: np.ndarray, windows: np.ndarray, expert: SyncExpert
) -> dict[str, float]:
    """Sync score, and the mouth's sharpness and flicker as ratios to the true clip's.

    Pictures ``uint8 (K, 96, 96, 3)`` and mel windows ``float32 (K, 80, 16)``. Sharpness is
    the variance of the Laplacian.
    """
    mouths = [mouth_part(picture) for picture in drawn]
    true_mouths = [mouth_part(picture) for picture in true]

    sharp = np.mean([edge_sharpness(mouth) ** 2 for mouth in mouths])
    true_sharp = np.mean([edge_sharpness(mouth) ** 2 for mouth in true_mouths])
    flicker = mean_flicker(np.stack(mouths)) / mean_flicker(np.stack(true_mouths))

    score = score_sync(drawn, windows, expert)
    figures = {f"sync_{name}": float(value) for name, value in score.items()}
    return figures | dict(sharpness_ratio=float(sharp / true_sharp), flicker_ratio=flicker)


def _mouths(pictures: np.ndarray) -> np.ndarray:
    return np.stack([mouth_part(picture) for picture in pictures]).astype(np.float32)


def most_different(faces: np.ndarray) -> list[int]:
    """Numbers of three of the faces ``uint8 (K, 96, 96, 3)`` whose mouths look most different."""
    mouths = _mouths(faces)

    def away_from(mouth: np.ndarray) -> np.ndarray:
        return np.abs(mouths - mouth).mean(axis=(1, 2, 3))

    first = int(away_from(mouths.mean(axis=0)).argmax())
    second = int(away_from(mouths[first]).argmax())
    from_both = np.minimum(away_from(mouths[first]), away_from(mouths[second]))
    return [first, second, int(from_both.argmax())]


def _mean_difference(mouths: list[np.ndarray]) -> float:
    return np.mean([np.abs(a - b).mean() for a, b in combinations(mouths, 2)])


def leak(net: CompactWav2Lip, codes: np.ndarray, faces: np.ndarray) -> float:
    """How much of a reference's own mouth is left: 0 nothing, 1 all of it.

    Three references of a clip with the most different mouths are drawn to the same sound; their
    mouths' mean difference is divided by that of the references themselves.
    """
    count = min(LEAK_FRAMES, len(codes))
    frames = np.linspace(0, len(codes) - 1, count).astype(int)
    references = most_different(faces)
    neutral = neutral_code(net, encode_faces(net, faces))
    drawn = [
        draw(net, codes[frames], np.repeat(faces[[k]], count, axis=0), neutral) for k in references
    ]

    left = _mean_difference([_mouths(pictures) for pictures in drawn])
    return float(left / max(1e-6, _mean_difference(list(_mouths(faces[references])))))


def read_samples(
    net: CompactWav2Lip, folder: str | os.PathLike
) -> tuple[list[Sample], dict[str, str]]:
    """The clips of a folder that can be used, and why the others cannot. InputError if none can."""
    encoder = checkpoints.audio_encoder()
    samples = []
    skipped = {}
    for row in list_clips(folder):
        try:
            crops, wave = read_clip(Path(folder, row["file"]))
        except InputError as error:
            skipped[row["file"]] = str(error)
            continue

        mel = melspectrogram(wave)
        starts = window_starts(len(crops), FPS, mel.shape[1], "centred")
        windows = mel_windows(mel, starts)
        codes = encode_speech(net, encoder, wave, frame_moments(len(crops), FPS))
        faces = np.ascontiguousarray(middle_squares(crops))
        samples.append(Sample(row["file"], faces, windows, codes))

    if not samples:
        reason = next(iter(skipped.values()))
        raise InputError(f"{folder}: none of the {len(skipped)} clips can be used ({reason})")
    return samples, skipped


def _clip_rows(
    net: CompactWav2Lip, expert: SyncExpert, sample: Sample, other: Sample | None, passes: int
) -> list[Row]:
    """Figures of one clip: true, copied, drawn to its own speech and, if there is one, to
    another's.
    """
    true = sample.faces
    windows = sample.windows
    reference = np.roll(true, len(true) // 2, axis=0)
    drawn = draw(net, sample.codes, reference, passes=passes)
    rows = {
        "true": behaviour(true, true, windows, expert),
        "copied": likeness(reference, true) | behaviour(reference, true, windows, expert),
        "own speech": likeness(drawn, true)
        | behaviour(drawn, true, windows, expert)
        | dict(leak=leak(net, sample.codes, true)),
    }
    if other is not None:
        count = min(len(true), len(other.codes))
        swapped = draw(net, other.codes[:count], true[:count], passes=passes)
        rows["other speech"] = behaviour(swapped, true[:count], other.windows[:count], expert)
    return [dict(clip=sample.file, video=kind) | figures for kind, figures in rows.items()]


def _summary(rows: list[Row], kind: str) -> tuple[Row, Row]:
    """Mean and spread (standard deviation over clips) of the rows of a kind."""
    chosen = [row for row in rows if row["video"] == kind]
    columns = [name for name in chosen[0] if name not in ("clip", "video")]
    values = {name: [row[name] for row in chosen if name in row] for name in columns}
    offsets = [abs(row.get("sync_offset", MAX_OFFSET)) for row in chosen]

    mean: Row = dict(video=kind) | {name: float(np.mean(v)) for name, v in values.items()}
    mean["in_time"] = sum(offset <= IN_TIME for offset in offsets)
    spread: Row = dict(video=kind) | {name: float(np.std(v)) for name, v in values.items()}
    return mean, spread


def evaluate(model: str, folder: str | os.PathLike, passes: int = 3) -> dict[str, Any]:
    """All figures of one compact network on a folder of clips.

    Returns ``clips``: rows by clip and kind ("true", "copied": the reference as it is, "own speech"
    and, of two clips and more, "other speech": the next clip's); ``mean`` and ``spread`` (standard
    deviation over clips) by kind; and ``skipped``. Raises InputError if no clip can be used,
    WeightsError if the network is no compact one or the sync expert is missing.
    """
    net = checkpoints.load(checkpoints.locate(model).path)
    if not isinstance(net, CompactWav2Lip):
        raise WeightsError(
            f"checkpoint={model}: only compact networks are measured on clips;"
            " use compact or a path"
        )
    expert = load_network(checkpoints.locate("sync-compact").path, SyncExpert)
    samples, skipped = read_samples(net, folder)

    rows: list[Row] = []
    for number, sample in enumerate(samples):
        other = samples[(number + 1) % len(samples)] if len(samples) > 1 else None
        rows += _clip_rows(net, expert, sample, other, passes)

    summaries = [_summary(rows, kind) for kind in dict.fromkeys(row["video"] for row in rows)]
    return dict(
        model=model,
        passes=passes,
        clips=rows,
        mean=[mean for mean, _ in summaries],
        spread=[spread for _, spread in summaries],
        skipped=skipped,
    )


def table(result: dict[str, Any]) -> list[dict[str, str]]:
    """Rows "mean (spread)" of an evaluation, for printing."""
    clips = len(result["clips"]) // len(result["mean"])
    rows = []
    for mean, spread in zip(result["mean"], result["spread"], strict=True):
        row = {"video": mean["video"]}
        for column, value in mean.items():
            if column in spread and column != "video":
                row[column] = f"{value:.3f} ({spread[column]:.3f})"
        rows.append(row | {"in_time": f"{mean['in_time']} of {clips}"})
    return rows
