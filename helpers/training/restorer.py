"""The compact restorer's training: undo what the lip-sync does to a face.

Pieces of true faces, turned and mirrored at random and in other colours, so that textures are learnt and not one
man's features. A piece comes as the compact lip-sync draws that very frame to its own sound (a painted mouth), or it is
shrunk and blown up again (a 96 px picture in a larger face), softened in a spot, now and then made noisy or compressed,
or left as it is, so that a sharp face is left alone. Losses: L1, L1 of the differences between neighbours, and how far
the local amount of detail is from the true one. For a painted mouth the last is nearly all: what detail it lacks cannot
be foretold, only how much.
"""

from __future__ import annotations

import collections
import json
import math
from pathlib import Path

import cv2
import numpy as np
import torch
from torch.nn import functional as F
from tqdm import tqdm

from .. import checkpoints, media
from ..engines.base import MouthBatch
from ..engines.blend import apply_maps
from ..engines.compact import draw_maps
from ..errors import InputError
from ..face.detect import detect_faces
from ..face.square import crop_square, square_matrix
from ..networks.compact import CompactWav2Lip
from ..networks.devices import choose_device, choose_precision
from ..networks.encode import encode_faces, encode_speech, frame_moments, neutral_code
from ..networks.restorer import CompactRestorer
from . import data
from .checkpoint import Averaged, mixed_precision, run_training, save_weights, weights_path
from .data import FPS
from .losses import detail_error, gradient_error

SQUARE = 144  # px: faces of 140 px, as they are
EVERY = 5  # frames
CLIPS_A_SPEAKER = 250
LOWEST = 96  # px: side of the picture that a face is drawn in
LEARNING_RATE = 1e-3
BATCH = 16
PATCH = 72  # px, of the square
MOUTH_CORNER = (36, 56)  # px: x, y of the piece with the mouth in its middle
SHAKE = 16  # px: how far from there a painted piece may lie
GRADIENT_WEIGHT = 0.5
DETAIL_WEIGHT = 0.5  # more makes it sharper than the true face, and less like it
PAINTED_DETAIL_WEIGHT = 2.0  # the same for a painted mouth
UNTOUCHED = 0.1  # share of samples to which nothing is done
PAINTED = 0.4  # share of samples as the lip-sync draws them


def collect(folder: Path, out: Path) -> dict:
    """Steadied face squares of a folder's clips, ``uint8 (144, 144, 3)`` RGB, in ``faces.raw``: each as it is, then as
    the compact lip-sync draws it to its own sound. ``faces.json`` says whose. What is there already is kept."""
    index_path = out / "faces.json"
    if index_path.exists():
        return json.loads(index_path.read_text())
    out.mkdir(parents=True, exist_ok=True)
    net = checkpoints.load(checkpoints.locate("compact").path)
    counts: dict[str, int] = {}
    speakers, splits = [], []
    with (out / "faces.raw").open("wb") as file:
        for clip in tqdm(data.list_clips(folder)):
            key = clip["speaker"] + clip["split"]
            counts[key] = counts.get(key, 0) + 1
            if counts[key] > CLIPS_A_SPEAKER:
                continue
            for square, painted in zip(*_squares(folder / clip["file"], net), strict=True):
                square.tofile(file)
                painted.tofile(file)
                speakers.append(clip["speaker"])
                splits.append(clip["split"] == "train")
    if not any(splits):
        raise InputError(f"{folder} holds no clip with a face to train on")
    index = dict(faces=len(splits), train=splits, speakers=speakers)
    index_path.write_text(json.dumps(index))
    return index


def _squares(path: Path, net: CompactWav2Lip) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Faces of every fifth frame of a clip, and the same re-drawn; a clip without sound is re-drawn to silence."""
    frames = list(media.read_frames(path, FPS))
    wave = media.read_audio(path) if media.probe(path).has_audio else np.zeros(0, np.float32)
    moments = frame_moments(len(frames), FPS)
    told = encode_speech(net, checkpoints.audio_encoder(), wave, moments)[::EVERY]
    frames = frames[::EVERY]
    found = list(detect_faces(frames))
    seen = [n for n, boxes in enumerate(found) if len(boxes)]
    squares = [
        crop_square(frames[n], square_matrix(found[n][0, 5:].reshape(5, 2), SQUARE), SQUARE)
        for n in seen
    ]
    if not seen:
        return [], []
    shrink = LOWEST / SQUARE
    matrix = np.array([[shrink, 0, (shrink - 1) / 2], [0, shrink, (shrink - 1) / 2]])
    small = np.stack([crop_square(square, matrix, LOWEST) for square in squares])
    precision = choose_precision("auto", torch.device("cpu"))
    own = neutral_code(net, encode_faces(net, small))
    neutral = np.broadcast_to(own, told[seen].shape).copy()
    maps = draw_maps(net, MouthBatch(small, told[seen], neutral=neutral), precision)
    return squares, [
        apply_maps(square, m, matrix, None) for square, m in zip(squares, maps, strict=True)
    ]


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
        if rng.random() < 0.9:
            usual = rng.random() < 0.5
            bad = round_trip(
                bad,
                SQUARE / LOWEST if usual else math.exp(rng.uniform(math.log(1.1), math.log(2.2))),
            )
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


def decibels(a: torch.Tensor, b: torch.Tensor) -> float:
    """Mean PSNR of pictures in [0, 1]."""
    return float(-10 * torch.log10((a - b).square().mean(dim=(1, 2, 3)).clamp(min=1e-9)).mean())


def sharpness(pictures: torch.Tensor) -> float:
    """Mean variance of the Laplacian of grey pictures ``(B, 3, S, S)`` in [0, 1], in (grey levels)^2."""
    grey = (pictures.clamp(0, 1).mean(dim=1) * 255).cpu().numpy()
    return float(np.mean([cv2.Laplacian(g, cv2.CV_32F).var() for g in grey]))


def pieces(
    squares: np.ndarray, rows: np.ndarray, mouth: np.ndarray, rng: np.random.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Pieces of some squares ``uint8 (N, 2, 144, 144, 3)``, turned, mirrored and recoloured: true ones and re-drawn
    ones, ``(B, 3, 72, 72)`` each. ``mouth`` ``bool (B,)``: from around the mouth, else from anywhere."""
    made = []
    for row, near in zip(rows, mouth, strict=True):
        x, y = rng.integers(0, SQUARE - PATCH + 1, 2)
        if near:
            x, y = np.minimum(MOUTH_CORNER + rng.integers(-SHAKE, SHAKE + 1, 2), SQUARE - PATCH)
        pair = np.rot90(squares[row, :, y : y + PATCH, x : x + PATCH], rng.integers(4), (1, 2))
        pair = pair[:, :, :: rng.choice((-1, 1)), rng.permutation(3)] / np.float32(255)
        made.append(pair ** np.float32(rng.uniform(0.7, 1.4)) * np.float32(rng.uniform(0.7, 1.1)))
    pairs = torch.from_numpy(np.stack(made).clip(0, 1)).permute(1, 0, 4, 2, 3).contiguous()
    return pairs[0], pairs[1]


@torch.no_grad()
def validate(net: CompactRestorer, true: torch.Tensor) -> dict[str, float]:
    """The 96 px round trip of true faces ``(B, 3, 144, 144)``: dB above bicubic, sharpness as ratios to the true."""
    soft = round_trip(true, SQUARE / LOWEST).clamp(0, 1)
    with mixed_precision(true.device):
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
    """Train on a folder of ``collect``; returns ``out/restore-compact.safetensors``.

    Raises WeightsError if other weights are there under that name.
    """
    path = weights_path(out, "restorer", start)
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    index = json.loads((collected / "faces.json").read_text())
    squares = np.memmap(
        collected / "faces.raw", np.uint8, "r", shape=(index["faces"], 2, SQUARE, SQUARE, 3)
    )
    mine = np.flatnonzero(index["train"])
    count = collections.Counter(index["speakers"][row] for row in mine)
    weight = np.array([count[index["speakers"][row]] ** -0.5 for row in mine])  # as in data.Clips
    held = np.flatnonzero(~np.array(index["train"]))[:32]
    tensor = lambda rows: torch.from_numpy(squares[rows, 0]).permute(0, 3, 1, 2).float() / 255  # noqa: E731
    net = CompactRestorer()
    if start:
        net.load_state_dict(checkpoints.load(start).state_dict())
    device = choose_device("auto")
    net = net.to(device, memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(net.parameters(), lr=LEARNING_RATE, weight_decay=1e-4, fused=True)
    averaged = Averaged(net)

    def one_step(step: int, share: float) -> dict:
        mouth = rng.random(BATCH) < PAINTED
        true, painted = pieces(
            squares, rng.choice(mine, BATCH, p=weight / weight.sum()), mouth, rng
        )
        drawn = torch.from_numpy(mouth).to(device)
        true, bad = true.to(device), damage(true, rng).to(device)
        bad[drawn] = painted.to(device)[drawn]
        with mixed_precision(device):
            made = net(bad.contiguous(memory_format=torch.channels_last))
        l1 = (made - true).abs().mean()
        gradient = gradient_error(made - true)[~drawn].sum() / BATCH
        missing = detail_error(made, true)
        amount = missing @ torch.where(drawn, PAINTED_DETAIL_WEIGHT, DETAIL_WEIGHT) / BATCH
        loss = l1 + GRADIENT_WEIGHT * gradient + amount
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        return dict(
            l1=l1.detach(),
            gradient=gradient.detach(),
            detail=missing.mean().detach(),
            untouched=(bad - true).abs().mean(),
        )

    def check(step: int) -> dict:
        return validate(averaged.net, tensor(held).to(device)) if len(held) else {}

    done = run_training(
        out, "restorer", net, optimiser, averaged, steps, one_step, check, every, minutes
    )
    save_weights(averaged.net, path, architecture="CompactRestorer", steps=done)
    return path
