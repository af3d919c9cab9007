"""The compact restorer's training: undo what the lip-sync does to a face.

A true face is shrunk and blown up again (a 96 px picture in a larger face), softened around the mouth alone (paint),
now and then made noisy or compressed, or left as it is, so that a sharp face is left alone. Losses: L1, L1 of the
differences between neighbours, and how far the local amount of detail is from the true one. The last costs some PSNR:
without it the result stays as soft as it came, for most fine detail cannot be foretold.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

import cv2
import numpy as np
import torch
from torch.nn import functional as F
from tqdm import tqdm

from .. import faces, media, weights
from ..compact_restorer import CompactRestorer
from ..errors import InputError
from . import data
from .checkpoint import Averaged, run_training, save_weights
from .data import FPS

SQUARE = 144  # px: faces of 140 px, as they are
EVERY = 5  # frames
CLIPS_A_SPEAKER = 250
LEARNING_RATE = 1e-3
BATCH = 16
PATCH = 96  # px, of the square
GRADIENT_WEIGHT = 0.5
DETAIL_WEIGHT = 1.0
DETAIL_AREA = 8  # px: side of the squares in which detail is summed
UNTOUCHED = 0.1  # share of samples to which nothing is done


def collect(folder: Path, out: Path) -> dict:
    """Steadied face squares of a folder's clips: ``faces.raw`` (uint8, 144 x 144 RGB) and ``faces.json``. What is there
    already is kept."""
    index_path = out / "faces.json"
    if index_path.exists():
        return json.loads(index_path.read_text())
    out.mkdir(parents=True, exist_ok=True)
    counts: dict[str, int] = {}
    splits: list[bool] = []
    with (out / "faces.raw").open("wb") as file:
        for clip in tqdm(data.list_clips(folder)):
            key = clip["speaker"] + clip["split"]
            counts[key] = counts.get(key, 0) + 1
            if counts[key] > CLIPS_A_SPEAKER:
                continue
            frames = list(media.read_frames(folder / clip["file"], FPS))[::EVERY]
            for frame, found in zip(frames, faces.detect_all(frames), strict=True):
                if len(found):
                    matrix = faces.crop_matrix(found[0, 5:].reshape(5, 2), SQUARE)
                    faces.crop(frame, matrix, SQUARE).tofile(file)
                    splits.append(clip["split"] == "train")
    if not any(splits):
        raise InputError(f"{folder} holds no clip with a face to train on")
    index = dict(faces=len(splits), train=splits)
    index_path.write_text(json.dumps(index))
    return index


def round_trip(pictures: torch.Tensor, factor: float) -> torch.Tensor:
    """Pictures ``(B, 3, S, S)`` shrunk by a factor without aliasing and blown up again, bicubic."""
    size = pictures.shape[-1]
    small = F.interpolate(pictures, (round(size / factor),) * 2, mode="bicubic", antialias=True)
    return F.interpolate(small, (size, size), mode="bicubic")


def damage(pictures: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """Each of ``(B, 3, S, S)`` harmed in its own way."""
    made = []
    for picture in pictures[:, None]:
        if rng.random() < UNTOUCHED:
            made.append(picture)
            continue
        bad = picture
        if rng.random() < 0.85:
            bad = round_trip(bad, math.exp(rng.uniform(math.log(1.1), math.log(2.6))))
        if rng.random() < 0.4:  # soft paint: a blurred ellipse
            size = picture.shape[-1]
            soft = round_trip(bad, rng.uniform(1.5, 4.0))
            line = torch.arange(size)
            x, y = rng.uniform(0.2, 0.8, 2) * size
            across, down = rng.uniform(0.1, 0.5, 2) * size
            inside = 1.5 - torch.hypot((line[None] - x) / across, (line[:, None] - y) / down)
            mask = inside.clamp(0, 0.5)[None, None] * 2
            bad = bad * (1 - mask) + soft * mask
        if rng.random() < 0.1:
            bad = bad + 0.012 * float(rng.random()) * torch.randn(bad.shape[2:])
        if rng.random() < 0.1:
            array = (bad[0].clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()
            quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(60, 98))]
            array = cv2.imdecode(cv2.imencode(".jpg", array, quality)[1], cv2.IMREAD_COLOR)
            bad = torch.from_numpy(array).permute(2, 0, 1)[None].float() / 255
        made.append(bad)
    return torch.cat(made).clamp(0, 1)


def _gradient_error(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    error = a - b
    return error.diff(dim=-1).abs().mean() + error.diff(dim=-2).abs().mean()


def _detail(pictures: torch.Tensor) -> torch.Tensor:
    """Local amount of detail: mean absolute Laplacian of grey pictures ``(B, 3, S, S)`` in squares of 8 px."""
    grey = pictures.mean(dim=1, keepdim=True)
    kernel = grey.new_tensor([[0, 1, 0], [1, -4, 1], [0, 1, 0]])[None, None]
    return F.avg_pool2d(F.conv2d(grey, kernel).abs(), DETAIL_AREA, DETAIL_AREA // 2)


def decibels(a: torch.Tensor, b: torch.Tensor) -> float:
    """Mean PSNR of pictures in [0, 1]."""
    return float(-10 * torch.log10((a - b).square().mean(dim=(1, 2, 3)).clamp(min=1e-9)).mean())


def sharpness(pictures: torch.Tensor) -> float:
    """Mean variance of the Laplacian of grey pictures ``(B, 3, S, S)`` in [0, 1], in (grey levels)^2."""
    grey = (pictures.clamp(0, 1).mean(dim=1) * 255).numpy()
    return float(np.mean([cv2.Laplacian(g, cv2.CV_32F).var() for g in grey]))


@torch.no_grad()
def validate(net: CompactRestorer, true: torch.Tensor) -> dict[str, float]:
    """The 96 px round trip of true faces ``(B, 3, 144, 144)``: dB above bicubic, sharpness as ratios to the true."""
    soft = round_trip(true, SQUARE / 96).clamp(0, 1)
    with torch.autocast("cpu", torch.bfloat16):
        made = net(soft).clamp(0, 1)
    bicubic, mended = decibels(soft, true), decibels(made, true)
    own = sharpness(true)
    return dict(
        bicubic_db=bicubic, gain_db=mended - bicubic, bicubic_sharpness=sharpness(soft) / own,
        sharpness=sharpness(made) / own,
    )  # fmt: skip


def train(
    collected: Path,
    out: Path,
    steps: int,
    minutes: float | None = None,
    every: int = 250,
    start: Path | None = None,
    seed: int = 0,
) -> Path:
    """Train on a folder of ``collect``; returns ``out/restore-compact.safetensors``."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    index = json.loads((collected / "faces.json").read_text())
    squares = np.memmap(collected / "faces.raw", np.uint8, "r", shape=(index["faces"], SQUARE, SQUARE, 3))
    mine = np.flatnonzero(index["train"])
    held = np.flatnonzero(~np.array(index["train"]))[:32]
    tensor = lambda rows: torch.from_numpy(squares[np.sort(rows)]).permute(0, 3, 1, 2).float() / 255  # noqa: E731
    net = CompactRestorer()
    if start:
        net.load_state_dict(weights.load(start).state_dict())
    net = net.to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(net.parameters(), lr=LEARNING_RATE, weight_decay=1e-4, fused=True)
    averaged = Averaged(net)

    def one_step(step: int, share: float) -> dict:
        true = tensor(rng.choice(mine, BATCH))
        bad = damage(true, rng)
        x, y = rng.integers(0, SQUARE - PATCH + 1, 2)
        true, bad = (p[..., y : y + PATCH, x : x + PATCH] for p in (true, bad))
        if rng.random() < 0.5:
            true, bad = true.flip(-1), bad.flip(-1)
        with torch.autocast("cpu", torch.bfloat16):
            made = net(bad.contiguous(memory_format=torch.channels_last))
        l1, gradient = (made - true).abs().mean(), _gradient_error(made, true)
        detail = (_detail(made) - _detail(true)).abs().mean()
        loss = l1 + GRADIENT_WEIGHT * gradient + DETAIL_WEIGHT * detail
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        return dict(
            l1=l1.detach(), gradient=gradient.detach(), detail=detail.detach(), untouched=(bad - true).abs().mean()
        )

    def check(step: int) -> dict:
        return validate(averaged.net, tensor(held)) if len(held) else {}

    done = run_training(out, "restorer", net, optimiser, averaged, steps, one_step, check, every, minutes)
    path = out / "restore-compact.safetensors"
    save_weights(averaged.net, path, architecture="CompactRestorer", steps=done)
    return path
