"""The lip-sync generator's training: redraw a frame from another frame of the clip and the code of its mouth.

The code is what the network's eyes see of the frame (see ``mouth_code``); in the end the ear learns to tell it from the
sound. Losses: L1 that weighs the mouth most, differences of gradients and the local amount of detail (both for
sharpness), total variation of the flow (no folds), a little on alpha (paint only where warping cannot do it) and on
half-transparent paint (hard edges), how far the sync expert's view of five redrawn frames is from that of the true
ones, how far the code that the eyes of the averaged network see in the redrawn mouth is from the target's (cycle
consistency, as in CycleGAN, Zhu et al., 2017), and later in the run a critic that tells true mouths from redrawn ones:
told by L1 alone, teeth, which may be in one place or another, come out as their mean, a soft brown. It compares the two
(relativistic pairing, Jolicoeur-Martineau, 2018, with the gradient penalties of Huang et al., "The GAN is dead", 2024)
and pulls with a set share of the picture losses' force on the redrawn picture (as in VQGAN, Esser et al., 2021), at
the paint alone: heard by the flow, it tears strangers' lips.

The network sees the reference alone, its upper half in the place of the target's, as at run time. With the target's
own upper half it learns to read the mouth from cheeks and nose: it then moves little on a still picture, and keeps
the mouth that it should replace in a moving clip. Half of a batch is at later passes of a run (``wav2lip.generate``):
the reference is drawn already, and the code told is corrected by what the eyes find missing.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from .. import checkpoints
from ..errors import WeightsError
from ..face.square import FACE_SIZE
from ..networks.compact import CompactWav2Lip, network_input
from ..networks.devices import choose_device
from ..networks.maps import paint_over, warp, warp_and_paint
from ..networks.sync_expert import SYNC_FRAMES, SyncExpert, stack_lower_halves
from . import ear
from .checkpoint import (
    Averaged,
    average_with,
    mixed_precision,
    run_training,
    save_weights,
    weights_path,
)
from .data import Clips
from .losses import detail_error, gradient_error

LEARNING_RATE = 1e-3
FINE_TUNING_RATE = 2e-4
CLIPS_A_BATCH = dict(cpu=8, cuda=48)
MOUTH = (
    0.5,
    0.66,
)  # centre x, y of the mouth in the square (lips at 0.64, the jaw moves below them)
MOUTH_WEIGHT = 5.0
GRADIENT_WEIGHT = 0.5
DETAIL_WEIGHT = 0.5
FLOW_WEIGHT = 0.2
ALPHA_WEIGHT = 0.01
CRISP_WEIGHT = 0.1  # of paint that covers neither all nor nothing
LIKENESS_WEIGHT = 0.08  # of the expert's cosine between redrawn and true mouths
CYCLE_WEIGHT = (
    0.08  # of how far the code that the eyes see in the redrawn mouth is from the target's
)
CODE_NOISE = 0.15  # so that codes that are near mean mouths that are alike
CRITIC_START = dict(new=0.35, start=0.05)  # share of the run after which the critic is heard
CRITIC_NEEDS = 2000  # steps: in a shorter run it would have no time to learn, and is left out
CRITIC_RATE = 1e-3
CRITIC_SHARE = 1.0  # of the force of L1, gradient and detail on the drawn picture
CRITIC_GROWS = 0.1  # share of the run over which it comes to that
PENALTY, PENALTY_EVERY = 0.002, 8  # of the critic's steepness; steps
NOISE = 0.02  # on what the critic sees: a camera's noise cannot be redrawn
DRAWN = (4, 2, 1)  # eighths of a batch that are at a second, third and fourth pass
ROWS, COLUMNS = slice(40, 88), slice(24, 72)  # of the square: the mouth and the chin's edge
EASY = 0.3  # share of the run over which augmentation grows to its full strength
STRIP_CLIPS = 4


def mouth_weights() -> torch.Tensor:
    """Weight of each pixel in the L1 loss, ``(96, 96)``: 1, and 6 at the mouth."""
    line = (torch.arange(FACE_SIZE) + 0.5) / FACE_SIZE
    x, y = (line[None] - MOUTH[0]) / 0.20, (line[:, None] - MOUTH[1]) / 0.16
    return 1 + MOUTH_WEIGHT * torch.exp(-0.5 * (x * x + y * y))


def picture_loss(
    made: torch.Tensor, true: torch.Tensor, weights: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """(weighted L1, weighted L1 of horizontal and vertical differences) of ``(B, 3, 96, 96)`` pictures."""
    error = (made - true) * weights
    return error.abs().mean(), gradient_error(error).mean()


def _stacks(faces: torch.Tensor) -> torch.Tensor:
    return stack_lower_halves(faces.view(-1, SYNC_FRAMES, 3, FACE_SIZE, FACE_SIZE)).to(
        memory_format=torch.channels_last
    )


def flow_roughness(flow: torch.Tensor) -> torch.Tensor:
    return (flow[..., 1:] - flow[..., :-1]).abs().mean() + (
        flow[..., 1:, :] - flow[..., :-1, :]
    ).abs().mean()


class MouthCritic(nn.Module):
    """True mouth or redrawn one, patch by patch: a measure of teeth, edges and colour.

    ``forward(pictures (B, 3, 96, 96))`` gives its opinions ``(B, 1, 12, 12)``, higher for true; they weigh ``weights``,
    of mean 1.
    """

    def __init__(self):
        super().__init__()
        conv = lambda cin, cout, stride: nn.Sequential(
            nn.Conv2d(cin, cout, 3, stride, 1), nn.LeakyReLU(0.2)
        )  # noqa: E731
        self.layers = nn.Sequential(
            conv(12, 64, 1), conv(64, 128, 2), conv(128, 128, 1), nn.Conv2d(128, 1, 3, 1, 1)
        )
        weights = F.avg_pool2d((mouth_weights() - 1)[None, ROWS, COLUMNS], 4)
        self.register_buffer("weights", weights / weights.mean())

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        x = pictures[..., ROWS, COLUMNS]
        x = x + NOISE * torch.randn_like(x)
        return self.layers(F.pixel_unshuffle(x * 4 - 2, 2)).float()

    def doubt(self, better: torch.Tensor, worse: torch.Tensor) -> torch.Tensor:
        """Loss of the opinion that the mouths of some pictures are better than those of others."""
        return (self.weights * F.softplus(self(worse) - self(better))).mean()

    def steepness(self, pictures: torch.Tensor) -> torch.Tensor:
        """Squared length of the gradient of a picture's mean opinion, the mean over pictures."""
        pictures = pictures.detach().requires_grad_(True)
        opinion = (self.weights * self(pictures)).mean(dim=(1, 2, 3)).sum()
        return (
            torch.autograd.grad(opinion, pictures, create_graph=True)[0]
            .square()
            .sum(dim=(1, 2, 3))
            .mean()
        )


def far_reference(clips: Clips, clip: dict) -> int:
    """Frame of a clip whose mouth is taken as a still reference: the quietest one, where it is likely closed."""
    mel = clips.windows(clip, np.arange(clip["frames"]))
    return int(mel.mean(axis=(1, 2)).argmin())


def drawn_before(
    net: CompactWav2Lip,
    code: torch.Tensor,
    told: torch.Tensor,
    faces: torch.Tensor,
    counts: Sequence[int],
) -> tuple[torch.Tensor, torch.Tensor]:
    """Faces ``(B, 3, 96, 96)`` and codes told, as they are when a second pass begins for the first ``counts[0]``, a
    third for the first ``counts[1]`` and so on."""
    for count in counts:
        with torch.no_grad():
            first = faces[:count]
            made = warp_and_paint(
                first, net.draw(told[:count], network_input(first, first)).float()
            )
            lacks = net.correction(code[:count], made)
        faces, told = (
            torch.cat((made, faces[count:])),
            torch.cat((told[:count] + lacks, told[count:])),
        )
    return faces, told


@torch.no_grad()
def validate_stills(
    net: CompactWav2Lip, expert: SyncExpert, clips: Clips, rows: list[dict]
) -> tuple[dict, np.ndarray]:
    """Validation clips drawn from one still frame each, with what the eyes see of the true ones: figures, and strips
    ``uint8`` (true above drawn)."""
    errors, copies, cosines, truths, strips = [], [], [], [], []
    device = next(net.parameters()).device
    mouth = ((mouth_weights() - 1) / MOUTH_WEIGHT).to(device)
    for clip in rows:
        at = np.arange(clip["frames"])
        true = (
            torch.from_numpy(clips.squares(clip, at)).to(device).permute(0, 3, 1, 2).float() / 255
        )
        mel = torch.from_numpy(clips.windows(clip, at))[:, None].to(device)
        still = true[far_reference(clips, clip)].expand_as(true)
        with mixed_precision(device):
            maps = net.draw(net.face_encoder(true), network_input(still, still))
        made = warp_and_paint(still, maps.float())
        errors.append((mouth * (made - true).abs()).sum() / mouth.sum() / 3 / len(true))
        copies.append((mouth * (still - true).abs()).sum() / mouth.sum() / 3 / len(true))
        middle = slice(SYNC_FRAMES // 2, len(true) - SYNC_FRAMES // 2)
        sound = expert.embed_audio(mel[middle])
        for pictures, result in ((made, cosines), (true, truths)):
            stacks = stack_lower_halves(pictures.unfold(0, SYNC_FRAMES, 1).permute(0, 4, 1, 2, 3))
            result.append((expert.embed_faces(stacks) * sound).sum(dim=1).mean())
        some = np.linspace(5, len(true) - 6, 10).astype(int)
        strips += [torch.cat(list(p[some]), dim=2) for p in (true, made)]
    picture = (torch.cat(strips, dim=1).permute(1, 2, 0).clamp(0, 1) * 255).byte().cpu().numpy()
    mean = lambda values: float(torch.stack(values).mean())  # noqa: E731
    return dict(
        mouth_l1=mean(errors), copy_l1=mean(copies), cosine=mean(cosines), true_cosine=mean(truths)
    ), picture


def train(
    prepared: Path,
    expert_path: Path,
    out: Path,
    steps: int,
    minutes: float | None = None,
    every: int = 250,
    start: Path | None = None,
    rate: float | None = None,
    width: float = 1.0,
    without: Collection[str] = (),
    seed: int = 0,
    new_weights: float = 1.0,
) -> Path:
    """Train on a prepared folder with a trained expert; returns ``out/wav2lip-compact.safetensors``.

    ``start`` names weights to go on from: then with full augmentation from the first step and, unless ``rate`` is
    given, with a fifth of the learning rate. ``width`` is that of a new network, ``without`` names some of
    ``params.TRAINING_PARTS`` to leave out: without "encoders", these and the ear stay as they are. ``new_weights`` is their
    share in the result, the rest are those of ``start``.
    Strips of validation clips (true above drawn) are written to ``out/strips/STEP.png``. Raises WeightsError
    if other weights are in ``out`` under the name of the result.
    """
    path = weights_path(out, "generator", start, expert_path)
    torch.manual_seed(seed)
    rate = rate or (FINE_TUNING_RATE if start else LEARNING_RATE)
    device = choose_device("auto")
    clips = Clips(prepared, seed, device)
    count = CLIPS_A_BATCH[device.type]
    expert = checkpoints.load(expert_path).to(device)
    net = checkpoints.load(start).requires_grad_(True) if start else CompactWav2Lip(width)
    if not isinstance(net, CompactWav2Lip):
        raise WeightsError(
            f"{start} holds no compact lip-sync network; training goes on from such a one only"
        )
    net = net.to(device, memory_format=torch.channels_last)
    net.face_encoder.requires_grad_("encoders" not in without)
    drawing = [p for p in net.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(drawing, lr=rate, weight_decay=0.01, fused=True)
    averaged = Averaged(net)
    critic = MouthCritic().to(device, memory_format=torch.channels_last)
    critic_optimiser = torch.optim.AdamW(
        critic.parameters(), lr=CRITIC_RATE, betas=(0.5, 0.99), fused=True
    )
    importance = mouth_weights().to(device)
    drawn = [count * share // 8 * SYNC_FRAMES for share in DRAWN]
    critic_start = CRITIC_START["start" if start else "new"]
    (out / "strips").mkdir(parents=True, exist_ok=True)

    def one_step(step: int, share: float) -> dict:
        net.train()
        net.face_encoder.train("encoders" not in without)
        looks = 0.0 if "looks" in without else 1.0 if start else min(1.0, share / EASY)
        target, reference, seen = (t.flatten(0, 1) for t in clips.generator_batch(count, looks))
        with mixed_precision(device):
            code = net.face_encoder(seen)
            told = code + CODE_NOISE * torch.randn_like(code)
            source, told = drawn_before(averaged.net, code, told, reference, drawn)
            maps = net.draw(
                told, network_input(source, source).to(memory_format=torch.channels_last)
            )
        bent = warp(source, maps[:, :2])
        made = paint_over(bent, maps)
        l1, gradient = picture_loss(made, target, importance)
        rough, paint = flow_roughness(maps[:, :2]), maps[:, 2].mean()
        half = (maps[:, 2] * (1 - maps[:, 2])).mean()
        missing = detail_error(made[..., ROWS, COLUMNS], target[..., ROWS, COLUMNS]).mean()
        picture = l1 + GRADIENT_WEIGHT * gradient + DETAIL_WEIGHT * missing
        loss = picture + FLOW_WEIGHT * rough + ALPHA_WEIGHT * paint + CRISP_WEIGHT * half
        figures = dict(l1=l1, gradient=gradient, flow=rough, alpha=paint, half=half, detail=missing)
        figures |= dict.fromkeys(("cycle", "likeness", "critic", "steepness"), torch.zeros(()))
        if "cycle" not in without:
            with mixed_precision(device):
                figures["cycle"] = (averaged.net.face_encoder(made) - code.detach()).square().mean()
            loss = loss + CYCLE_WEIGHT * figures["cycle"]
        if "expert" not in without:
            with mixed_precision(device):
                video = expert.embed_faces(_stacks(made))
                with torch.no_grad():
                    wanted = expert.embed_faces(_stacks(target))
            figures["likeness"] = (video * wanted).sum(dim=1).mean()
            loss = loss + LIKENESS_WEIGHT * (1 - figures["likeness"])
        if share >= critic_start and steps >= CRITIC_NEEDS and "critic" not in without:
            with mixed_precision(device):
                figures["critic"] = critic.doubt(target, made.detach())
            if step % PENALTY_EVERY == 0:
                steep = critic.steepness(target) + critic.steepness(made)
                figures["steepness"] = PENALTY * PENALTY_EVERY * steep
            critic_optimiser.zero_grad()
            (figures["critic"] + figures["steepness"]).backward()
            critic_optimiser.step()
            critic.requires_grad_(False)
            painted = paint_over(bent.detach(), maps)
            with mixed_precision(device):
                fooled = critic.doubt(painted, target)
            critic.requires_grad_(True)
            force = lambda x, at: torch.autograd.grad(x, at, retain_graph=True)[0].norm()  # noqa: E731
            grown = min(1.0, (share - critic_start) / CRITIC_GROWS)
            pull = (
                CRITIC_SHARE * grown * force(picture, made) / force(fooled, painted).clamp(min=1e-9)
            )
            loss = loss + pull * fooled
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        return {k: v.detach() for k, v in figures.items()}

    def validate(step: int) -> dict:
        rows = clips.validation[:: max(1, len(clips.validation) // STRIP_CLIPS)][:STRIP_CLIPS]
        if not rows:
            return {}
        figures, picture = validate_stills(averaged.net, expert, clips, rows)
        cv2.imwrite(str(out / "strips" / f"{step:06d}.png"), picture[..., ::-1])
        return figures

    done = run_training(
        out, "generator", net, optimiser, averaged, steps, one_step, validate, every, minutes
    )
    if start and new_weights < 1:
        average_with(averaged.net, checkpoints.load(start).to(device), new_weights)
    if "encoders" not in without:
        ear.fit(averaged.net, checkpoints.audio_encoder().to(device), clips)
    save_weights(averaged.net, path, architecture="CompactWav2Lip", width=net.width, steps=done)
    return path
