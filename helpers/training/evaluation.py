"""How good a compact network is on real clips that it never saw, with the true clip as the anchor row.

Every frame is drawn from another frame of its clip, half the clip away, so the true mouth is never its own reference.
All figures are taken on the mouth's part of the steadied 96 px square, before any encoding.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from skimage.metrics import structural_similarity

from .. import checkpoints
from ..engines.base import MouthBatch
from ..engines.blend import apply_maps
from ..engines.compact import draw_maps
from ..errors import InputError, WeightsError
from ..face.square import FACE_SIZE
from ..measure.pictures import edge_sharpness, mean_flicker, mouth_part, psnr
from ..measure.samples import score_sync
from ..networks.compact import CompactWav2Lip
from ..networks.devices import choose_precision
from ..networks.encode import encode_faces, encode_speech, frame_moments, neutral_code
from ..networks.sync_expert import MAX_OFFSET, SyncExpert
from ..sound.mel import mel_windows, melspectrogram, window_starts
from . import data

BATCH = 16


def draw(
    net: CompactWav2Lip,
    told: np.ndarray,
    faces: np.ndarray,
    own: np.ndarray | None = None,
    passes: int = 3,
) -> np.ndarray:
    """Faces ``uint8 (K, 96, 96, 3)`` re-drawn to mouth codes ``(K, 8)`` as a run does it, same shape.

    ``own`` is the person's own mouth code (see ``wav2lip.own_code``), by default that of the faces.
    """
    own = neutral_code(net, encode_faces(net, faces)) if own is None else own
    precision = choose_precision("auto", next(net.parameters()).device)
    made = []
    for at in range(0, len(faces), BATCH):
        some = slice(at, at + BATCH)
        neutral = np.broadcast_to(own, told[some].shape).copy()
        maps = draw_maps(
            net, MouthBatch(faces[some], told[some], neutral=neutral), precision, passes
        )
        made += [
            apply_maps(face, m, np.eye(2, 3), None)
            for face, m in zip(faces[some], maps, strict=True)
        ]
    return np.stack(made)


def likeness(made: np.ndarray, true: np.ndarray) -> dict[str, float]:
    """Mouth L1 (share of full scale), PSNR (dB) and SSIM of pictures ``uint8 (K, 96, 96, 3)`` against the true ones."""
    pairs = [(mouth_part(a), mouth_part(b)) for a, b in zip(made, true, strict=True)]
    l1 = np.mean([np.abs(a.astype(float) - b).mean() / 255 for a, b in pairs])
    everywhere = np.ones(pairs[0][0].shape[:2], bool)
    noise = np.mean([psnr(a, b, everywhere) for a, b in pairs])
    alike = np.mean([structural_similarity(a, b, channel_axis=2, data_range=255) for a, b in pairs])
    return dict(mouth_l1=float(l1), mouth_psnr=float(noise), mouth_ssim=float(alike))


def behaviour(
    made: np.ndarray, true: np.ndarray, windows: np.ndarray, expert: SyncExpert
) -> dict[str, float]:
    """Sync score, and sharpness (variance of the Laplacian) and flicker of the mouth as ratios to the true clip's."""
    mouths, own = ([mouth_part(p) for p in pictures] for pictures in (made, true))
    sharp = [np.mean([edge_sharpness(m) ** 2 for m in some]) for some in (mouths, own)]
    score = score_sync(made, windows, expert)
    return {f"sync_{k}": float(v) for k, v in score.items()} | dict(
        sharpness_ratio=float(sharp[0] / sharp[1]),
        flicker_ratio=mean_flicker(np.stack(mouths)) / mean_flicker(np.stack(own)),
    )


def different(faces: np.ndarray) -> list[int]:
    """Three of some faces ``uint8 (K, 96, 96, 3)`` whose mouths look most different."""
    mouths = np.stack([mouth_part(f) for f in faces]).astype(np.float32)
    away = lambda k: np.abs(mouths - mouths[k]).mean(axis=(1, 2, 3))  # noqa: E731
    first = int(np.abs(mouths - mouths.mean(axis=0)).mean(axis=(1, 2, 3)).argmax())
    second = int(away(first).argmax())
    return [first, second, int(np.minimum(away(first), away(second)).argmax())]


def leak(net: CompactWav2Lip, told: np.ndarray, faces: np.ndarray) -> float:
    """How much of a reference's own mouth is left: 0 nothing, 1 all of it.

    Three references of a clip with the most different mouths are drawn to the same sound; their mouths' mean difference
    is divided by that of the references themselves.
    """
    some = np.linspace(0, len(told) - 1, min(24, len(told))).astype(int)
    mouths = lambda pictures: np.stack([mouth_part(p) for p in pictures]).astype(np.float32)  # noqa: E731
    chosen, own = different(faces), neutral_code(net, encode_faces(net, faces))
    before = mouths(faces[chosen])
    after = [
        mouths(draw(net, told[some], np.repeat(faces[[k]], len(some), axis=0), own)) for k in chosen
    ]
    pairs = ((0, 1), (0, 2), (1, 2))
    left = np.mean([np.abs(after[a] - after[b]).mean() for a, b in pairs])
    return float(
        left / max(1e-6, np.mean([np.abs(before[a] - before[b]).mean() for a, b in pairs]))
    )


def evaluate(model: str, folder: str | os.PathLike, passes: int = 3) -> dict[str, Any]:
    """All figures of one compact network on a folder of clips.

    Returns ``clips``: rows by clip and kind ("true", "copied": the reference as it is, "own speech", "other speech":
    the next clip's), and ``mean`` and ``spread`` (standard deviation over clips) by kind. Raises InputError if no clip
    can be used, WeightsError if the network is no compact one.
    """
    net, expert = checkpoints.load(checkpoints.locate(model).path), checkpoints.sync_expert()
    audio_encoder = checkpoints.audio_encoder()
    if not isinstance(net, CompactWav2Lip):
        raise WeightsError(
            f"checkpoint={model}: only compact networks are measured on clips; use compact or a path"
        )
    ready, skipped = [], {}
    for path in data.list_clips(folder):
        result = data.read_clip(str(Path(folder, path["file"])))
        if isinstance(result, str):
            skipped[path["file"]] = result
            continue
        crops, wave = result
        mel = melspectrogram(wave)
        windows = mel_windows(mel, window_starts(len(crops), data.FPS, mel.shape[1], "centred"))
        edge = (data.STORED - FACE_SIZE) // 2
        squares = np.ascontiguousarray(crops[:, edge : edge + FACE_SIZE, edge : edge + FACE_SIZE])
        told = encode_speech(net, audio_encoder, wave, frame_moments(len(crops), data.FPS))
        ready.append((path["file"], squares, windows, told))
    if not ready:
        raise InputError(
            f"{folder}: none of the {len(skipped)} clips can be used ({next(iter(skipped.values()), '')})"
        )
    rows = []
    for number, (name, true, windows, told) in enumerate(ready):
        reference = np.roll(true, len(true) // 2, axis=0)
        other, other_told = ready[(number + 1) % len(ready)][2:]
        count = min(len(true), len(other))
        own = draw(net, told, reference, passes=passes)
        swapped = draw(net, other_told[:count], true[:count], passes=passes)
        rows += [
            dict(clip=name, video="true") | behaviour(true, true, windows, expert),
            dict(clip=name, video="copied") | likeness(reference, true) | behaviour(reference, true, windows, expert),
            dict(clip=name, video="own speech") | likeness(own, true) | behaviour(own, true, windows, expert)
            | dict(leak=leak(net, told, true)),
            dict(clip=name, video="other speech") | behaviour(swapped, true[:count], other[:count], expert),
        ]  # fmt: skip
    mean, spread = [], []
    for kind in dict.fromkeys(row["video"] for row in rows):
        mine = [row for row in rows if row["video"] == kind]
        columns = [c for c in mine[0] if c not in ("clip", "video")]
        values = {c: [row[c] for row in mine if c in row] for c in columns}
        away = [abs(row.get("sync_offset", MAX_OFFSET)) <= 1 for row in mine]
        mean.append(
            dict(video=kind)
            | {c: float(np.mean(v)) for c, v in values.items()}
            | dict(in_time=sum(away))
        )
        spread.append(dict(video=kind) | {c: float(np.std(v)) for c, v in values.items()})
    return dict(model=model, passes=passes, clips=rows, mean=mean, spread=spread, skipped=skipped)


def table(result: dict[str, Any]) -> list[dict[str, str]]:
    """Rows "mean (spread)" of an evaluation, for printing."""
    rows = []
    for mean, spread in zip(result["mean"], result["spread"], strict=True):
        row = {"video": mean["video"]}
        for column, value in mean.items():
            if column in spread and column != "video":
                row[column] = f"{value:.3f} ({spread[column]:.3f})"
        rows.append(
            row | {"in_time": f"{mean['in_time']} of {len(result['clips']) // len(result['mean'])}"}
        )
    return rows
