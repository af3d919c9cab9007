"""The compact restorer's training: undo what the lip-sync does to a face.

Pieces of true faces, turned and mirrored at random and in other colours, so that textures are
learnt and not one man's features. A piece comes as the compact lip-sync draws that very frame to
its own sound (a painted mouth), or damaged (see ``damage``), or as it is, so that a sharp face is
left alone. Losses: L1, L1 of the differences between neighbours, and how far the local amount of
detail is from the true one. For a painted mouth the last is nearly all: what detail it lacks cannot
be foretold, only how much.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch

from ..networks.devices import choose_device
from ..networks.restorer import CompactRestorer
from .clips import speaker_weights
from .config import TrainConfig
from .damage import damage, round_trip
from .draws import Draws
from .faces import SMALL, SQUARE, Faces
from .losses import detail_error, gradient_error
from .trainer import Figures, Trainer, mixed_precision, place, run_training
from .weights import load_network, origin, save_weights, weights_path

LEARNING_RATE = 1e-3
WEIGHT_DECAY = 1e-4
BATCH = 16
PATCH = 72  # px, of the square
MOUTH_CORNER = (36, 56)  # px: x, y of the piece with the mouth in its middle
SHAKE = 16  # px: how far from there a painted piece may lie
GAMMA = (0.7, 1.4)
BRIGHTNESS = (0.7, 1.1)
PAINTED = 0.4  # share of samples as the lip-sync draws them
GRADIENT_WEIGHT = 0.5
DETAIL_WEIGHT = 0.5  # more makes it sharper than the true face, and less like it
PAINTED_DETAIL_WEIGHT = 2.0  # the same for a painted mouth
VALIDATION_FACES = 32


def decibels(a: torch.Tensor, b: torch.Tensor) -> float:
    """Mean PSNR of pictures in [0, 1]."""
    error = (a - b).square().mean(dim=(1, 2, 3)).clamp(min=1e-9)
    return float(-10 * torch.log10(error).mean())


def sharpness(pictures: torch.Tensor) -> float:
    """Mean variance of the Laplacian of grey pictures ``(B, 3, S, S)`` in [0, 1], (grey
    levels)^2.
    """
    grey = (pictures.clamp(0, 1).mean(dim=1) * 255).cpu().numpy()
    return float(np.mean([cv2.Laplacian(picture, cv2.CV_32F).var() for picture in grey]))


def pieces(
    squares: np.ndarray, rows: np.ndarray, mouth: np.ndarray, rng: np.random.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Pieces of squares ``uint8 (N, 2, 144, 144, 3)``, turned, mirrored and recoloured.

    True ones and re-drawn ones, ``(B, 3, 72, 72)`` each. ``mouth`` ``bool (B,)``: from around the
    mouth, else from anywhere.
    """
    pairs = []
    for row, near in zip(rows, mouth, strict=True):
        x, y = rng.integers(0, SQUARE - PATCH + 1, 2)
        if near:
            shaken = MOUTH_CORNER + rng.integers(-SHAKE, SHAKE + 1, 2)
            x, y = np.minimum(shaken, SQUARE - PATCH)
        pair = squares[row, :, y : y + PATCH, x : x + PATCH]
        pair = np.rot90(pair, int(rng.integers(4)), (1, 2))
        pair = pair[:, :, :: rng.choice((-1, 1)), rng.permutation(3)] / np.float32(255)

        gamma = np.float32(rng.uniform(*GAMMA))
        pairs.append(pair**gamma * np.float32(rng.uniform(*BRIGHTNESS)))
    stacked = torch.from_numpy(np.stack(pairs).clip(0, 1)).permute(1, 0, 4, 2, 3).contiguous()
    return stacked[0], stacked[1]


@torch.no_grad()
def validate(net: CompactRestorer, true: torch.Tensor) -> Figures:
    """The 96 px round trip of true faces ``(B, 3, 144, 144)``.

    Decibels above bicubic, sharpness as ratios to the true.
    """
    soft = round_trip(true, SQUARE / SMALL).clamp(0, 1)
    with mixed_precision(true.device):
        restored = net(soft).clamp(0, 1)

    bicubic = decibels(soft, true)
    usual = sharpness(true)
    return dict(
        bicubic_db=bicubic,
        gain_db=decibels(restored, true) - bicubic,
        bicubic_sharpness=sharpness(soft) / usual,
        sharpness=sharpness(restored) / usual,
    )


class RestorerTrainer(Trainer[CompactRestorer]):
    name = "restorer"

    def __init__(
        self, net: CompactRestorer, faces: Faces, config: TrainConfig, device: torch.device
    ):
        net = place(net, device)
        optimiser = torch.optim.AdamW(
            net.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY, fused=True
        )
        made_from = dict(data=faces.fingerprint, start=origin(config.start), seed=config.seed)
        super().__init__(net, optimiser, Draws(config.seed), made_from)

        self.squares = faces.squares
        self.train_rows = np.flatnonzero(faces.is_train)
        self.weight = speaker_weights([faces.speakers[row] for row in self.train_rows])
        self.held_rows = np.flatnonzero(~faces.is_train)[:VALIDATION_FACES]

    def one_step(self, step: int, share: float) -> Figures:
        rng = self.draws.rng
        mouth = rng.random(BATCH) < PAINTED
        rows = rng.choice(self.train_rows, BATCH, p=self.weight)
        true, painted = pieces(self.squares, rows, mouth, rng)

        bad = damage(true, rng).to(self.device)
        true = true.to(self.device)
        drawn = torch.from_numpy(mouth).to(self.device)
        bad[drawn] = painted.to(self.device)[drawn]
        with mixed_precision(self.device):
            restored = self.net(bad.contiguous(memory_format=torch.channels_last))

        l1 = (restored - true).abs().mean()
        gradient = gradient_error(restored - true)[~drawn].sum() / BATCH
        missing = detail_error(restored, true)
        amount = missing @ torch.where(drawn, PAINTED_DETAIL_WEIGHT, DETAIL_WEIGHT) / BATCH
        self.descend(l1 + GRADIENT_WEIGHT * gradient + amount)
        return dict(
            l1=l1.detach(),
            gradient=gradient.detach(),
            detail=missing.mean().detach(),
            untouched=(bad - true).abs().mean(),
        )

    def validate(self, step: int) -> Figures:
        if not len(self.held_rows):
            return {}
        faces = torch.from_numpy(self.squares[self.held_rows, 0]).permute(0, 3, 1, 2)
        return validate(self.averaged.net, (faces.float() / 255).to(self.device))


def check(out: Path, config: TrainConfig) -> Path:
    """Where the weights will be. Raises WeightsError if those that are given are no restorer's."""
    path = weights_path(out, RestorerTrainer.name, config.start)
    if config.start:
        load_network(config.start, CompactRestorer)
    return path


def train(collected: Path, out: Path, config: TrainConfig) -> Path:
    """Train on a folder of ``faces.collect``; returns ``out/restore-compact.safetensors``.

    Raises WeightsError if other weights are there under that name.
    """
    path = check(out, config)
    torch.manual_seed(config.seed)
    net = CompactRestorer()
    if config.start:
        net.load_state_dict(load_network(config.start, CompactRestorer).state_dict())

    trainer = RestorerTrainer(net, Faces(collected), config, choose_device("auto"))
    done = run_training(trainer, out, config)
    save_weights(trainer.averaged.net, path, architecture="CompactRestorer", steps=done)
    return path
