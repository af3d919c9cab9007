"""The lip-sync generator's training: redraw a frame from another frame of the clip and the code of its mouth.

The code is what the network's eyes see of the frame (see ``mouth_code``); in the end the ear learns to tell it from the
sound. Losses: L1 that weighs the mouth most, differences of gradients and the local amount of detail (both for
sharpness), total variation of the flow (no folds), a little on alpha (paint only where warping cannot do it) and on
half-transparent paint (hard edges), how far the sync expert's view of five redrawn frames is from that of the true
ones, how far the code that the eyes of the averaged network see in the redrawn mouth is from the target's (cycle
consistency, as in CycleGAN, Zhu et al., 2017), and later in the run a critic of the mouth (hinge loss and feature
matching, as in pix2pixHD, Wang et al., 2018).

The network sees the reference alone, its upper half in the place of the target's, as at run time. With the target's
own upper half it learns to read the mouth from cheeks and nose: it then moves little on a still picture, and keeps
the mouth that it should replace in a moving clip. Half of a batch is at a run's second pass (see ``wav2lip.generate``):
the reference is drawn already, and the code told is corrected by what the eyes find missing.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from .. import weights
from ..errors import WeightsError
from ..syncnet import FRAMES, SyncExpert, stack_lower_halves
from ..wav2lip import FACE, CompactWav2Lip, choose_device, network_input, warp_and_paint
from .checkpoint import Averaged, mixed_precision, run_training, save_weights
from .data import Clips
from .ear import STEPS as EAR_STEPS, fit as fit_ear
from .losses import detail_error, gradient_error

LEARNING_RATE = 1e-3
FINE_TUNING_RATE = 2e-4
CLIPS_A_BATCH = dict(cpu=8, cuda=48)
MOUTH = (0.5, 0.66)  # centre x, y of the mouth in the square (lips at 0.64, the jaw moves below them)
MOUTH_WEIGHT = 5.0
GRADIENT_WEIGHT = 0.5
DETAIL_WEIGHT = 0.5
FLOW_WEIGHT = 0.2
ALPHA_WEIGHT = 0.01
CRISP_WEIGHT = 0.1  # of paint that covers neither all nor nothing
LIKENESS_WEIGHT = 0.08  # of the expert's cosine between redrawn and true mouths
CYCLE_WEIGHT = 0.08  # of how far the code that the eyes see in the redrawn mouth is from the target's
CODE_NOISE = 0.15  # so that codes that are near mean mouths that are alike
CRITIC_START = 0.35  # share of the run after which the critic is heard
CRITIC_NEEDS = 2000  # steps: in a shorter run it would have no time to learn, and is left out
CRITIC_RATE = 4e-4
CRITIC_WEIGHT = 0.03
MATCHING_WEIGHT = 0.1
ROWS, COLUMNS = slice(40, 88), slice(24, 72)  # of the square: the mouth and the chin's edge
EASY = 0.3  # share of the run over which augmentation grows to its full strength
STRIP_CLIPS = 4


def mouth_weights() -> torch.Tensor:
    """Weight of each pixel in the L1 loss, ``(96, 96)``: 1, and 6 at the mouth."""
    line = (torch.arange(FACE) + 0.5) / FACE
    x, y = (line[None] - MOUTH[0]) / 0.20, (line[:, None] - MOUTH[1]) / 0.16
    return 1 + MOUTH_WEIGHT * torch.exp(-0.5 * (x * x + y * y))


def picture_loss(made: torch.Tensor, true: torch.Tensor, weights: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """(weighted L1, weighted L1 of horizontal and vertical differences) of ``(B, 3, 96, 96)`` pictures."""
    error = (made - true) * weights
    return error.abs().mean(), gradient_error(error).mean()


def _stacks(faces: torch.Tensor) -> torch.Tensor:
    return stack_lower_halves(faces.view(-1, FRAMES, 3, FACE, FACE)).to(memory_format=torch.channels_last)


def flow_roughness(flow: torch.Tensor) -> torch.Tensor:
    return (flow[..., 1:] - flow[..., :-1]).abs().mean() + (flow[..., 1:, :] - flow[..., :-1, :]).abs().mean()


class MouthCritic(nn.Module):
    """True mouth or redrawn one, patch by patch, given the reference's mouth: a measure of teeth, edges and colour.

    ``forward(pictures, references)``, both ``(B, 3, 96, 96)``, gives the features of each layer; the last are the
    opinions ``(B, 1, 12, 12)``, positive for true.
    """

    def __init__(self):
        super().__init__()
        conv = lambda cin, cout, stride: spectral_norm(nn.Conv2d(cin, cout, 3, stride, 1))  # noqa: E731
        self.layers = nn.ModuleList([conv(24, 48, 1), conv(48, 96, 2), conv(96, 128, 1), conv(128, 1, 1)])

    def forward(self, pictures: torch.Tensor, references: torch.Tensor) -> list[torch.Tensor]:
        x = torch.cat((pictures, references), dim=1)[..., ROWS, COLUMNS]
        x = F.pixel_unshuffle(x * 4 - 2, 2).contiguous(memory_format=torch.channels_last)
        features = []
        for layer in self.layers[:-1]:
            x = F.leaky_relu(layer(x), 0.2)
            features.append(x)
        return [*features, self.layers[-1](x).float()]


def far_reference(clips: Clips, clip: dict) -> int:
    """Frame of a clip whose mouth is taken as a still reference: the quietest one, where it is likely closed."""
    mel = clips.windows(clip, np.arange(clip["frames"]))
    return int(mel.mean(axis=(1, 2)).argmin())


def drawn_before(
    net: CompactWav2Lip, code: torch.Tensor, told: torch.Tensor, faces: torch.Tensor, count: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Faces ``(B, 3, 96, 96)`` and codes told, the first ``count`` of them as they are when a second pass begins."""
    with torch.no_grad():
        first = faces[:count]
        made = warp_and_paint(first, net.draw(told[:count], network_input(first, first)).float())
        lacks = net.missing(code[:count], made)
    return torch.cat((made, faces[count:])), torch.cat((told[:count] + lacks, told[count:]))


@torch.no_grad()
def validate_stills(net: CompactWav2Lip, expert: SyncExpert, clips: Clips, rows: list[dict]) -> tuple[dict, np.ndarray]:
    """Validation clips drawn from one still frame each, with what the eyes see of the true ones: figures, and strips
    ``uint8`` (true above drawn)."""
    errors, copies, cosines, truths, strips = [], [], [], [], []
    device = next(net.parameters()).device
    mouth = ((mouth_weights() - 1) / MOUTH_WEIGHT).to(device)
    for clip in rows:
        at = np.arange(clip["frames"])
        true = torch.from_numpy(clips.squares(clip, at)).to(device).permute(0, 3, 1, 2).float() / 255
        mel = torch.from_numpy(clips.windows(clip, at))[:, None].to(device)
        still = true[far_reference(clips, clip)].expand_as(true)
        with mixed_precision(device):
            maps = net.draw(net.eyes(true), network_input(still, still))
        made = warp_and_paint(still, maps.float())
        errors.append((mouth * (made - true).abs()).sum() / mouth.sum() / 3 / len(true))
        copies.append((mouth * (still - true).abs()).sum() / mouth.sum() / 3 / len(true))
        middle = slice(FRAMES // 2, len(true) - FRAMES // 2)
        sound = expert.embed_audio(mel[middle])
        for pictures, result in ((made, cosines), (true, truths)):
            stacks = stack_lower_halves(pictures.unfold(0, FRAMES, 1).permute(0, 4, 1, 2, 3))
            result.append((expert.embed_faces(stacks) * sound).sum(dim=1).mean())
        some = np.linspace(5, len(true) - 6, 10).astype(int)
        strips += [torch.cat(list(p[some]), dim=2) for p in (true, made)]
    picture = (torch.cat(strips, dim=1).permute(1, 2, 0).clamp(0, 1) * 255).byte().cpu().numpy()
    mean = lambda values: float(torch.stack(values).mean())  # noqa: E731
    return dict(mouth_l1=mean(errors), copy_l1=mean(copies), cosine=mean(cosines), true_cosine=mean(truths)), picture


def train(
    prepared: Path,
    expert_path: Path,
    out: Path,
    steps: int,
    minutes: float | None = None,
    every: int = 250,
    start: Path | None = None,
    rate: float = LEARNING_RATE,
    width: float = 1.0,
    without: Collection[str] = (),
    seed: int = 0,
) -> Path:
    """Train on a prepared folder with a trained expert; returns ``out/wav2lip-compact.safetensors``.

    ``start`` names weights to go on from: then with full augmentation from the first step. ``width`` is that of a new
    network, ``without`` names some of ``params.TRAINING_PARTS`` to leave out.
    Strips of validation clips (true above drawn) are written to ``out/strips/STEP.png``.
    """
    torch.manual_seed(seed)
    device = choose_device("auto")
    clips = Clips(prepared, seed, device)
    count = CLIPS_A_BATCH[device.type]
    expert = weights.load(expert_path).to(device)
    net = weights.load(start).requires_grad_(True) if start else CompactWav2Lip(width)
    if not isinstance(net, CompactWav2Lip):
        raise WeightsError(f"{start} holds no compact lip-sync network; training goes on from such a one only")
    net = net.to(device, memory_format=torch.channels_last)
    drawing = [p for name, p in net.named_parameters() if not name.startswith("audio_encoder")]
    optimiser = torch.optim.AdamW(drawing, lr=rate, weight_decay=0.01, fused=True)
    averaged = Averaged(net)
    critic = MouthCritic().to(device, memory_format=torch.channels_last)
    critic_optimiser = torch.optim.AdamW(critic.parameters(), lr=CRITIC_RATE, betas=(0.5, 0.99), fused=True)
    importance = mouth_weights().to(device)
    (out / "strips").mkdir(parents=True, exist_ok=True)

    def one_step(step: int, share: float) -> dict:
        net.train()
        looks = 0.0 if "looks" in without else 1.0 if start else min(1.0, share / EASY)
        target, reference, seen = (t.flatten(0, 1) for t in clips.generator_batch(count, looks))
        with mixed_precision(device):
            code = net.eyes(seen)
            told = code + CODE_NOISE * torch.randn_like(code)
            source, told = drawn_before(averaged.net, code, told, reference, count // 2 * FRAMES)
            maps = net.draw(told, network_input(source, source).to(memory_format=torch.channels_last))
        made = warp_and_paint(source, maps)
        l1, gradient = picture_loss(made, target, importance)
        rough, paint = flow_roughness(maps[:, :2]), maps[:, 2].mean()
        half = (maps[:, 2] * (1 - maps[:, 2])).mean()
        missing = detail_error(made[..., ROWS, COLUMNS], target[..., ROWS, COLUMNS]).mean()
        loss = l1 + GRADIENT_WEIGHT * gradient + FLOW_WEIGHT * rough + DETAIL_WEIGHT * missing
        loss = loss + ALPHA_WEIGHT * paint + CRISP_WEIGHT * half
        figures = dict(l1=l1, gradient=gradient, flow=rough, alpha=paint, half=half, detail=missing)
        figures |= dict.fromkeys(("cycle", "likeness", "critic", "matching"), torch.zeros(()))
        if "cycle" not in without:
            with mixed_precision(device):
                figures["cycle"] = (averaged.net.eyes(made) - code.detach()).square().mean()
            loss = loss + CYCLE_WEIGHT * figures["cycle"]
        if "expert" not in without:
            with mixed_precision(device):
                video = expert.embed_faces(_stacks(made))
                with torch.no_grad():
                    wanted = expert.embed_faces(_stacks(target))
            figures["likeness"] = (video * wanted).sum(dim=1).mean()
            loss = loss + LIKENESS_WEIGHT * (1 - figures["likeness"])
        if share >= CRITIC_START and steps >= CRITIC_NEEDS and "critic" not in without:
            with mixed_precision(device):
                true = critic(target, reference)
                false = critic(made.detach(), reference)
            critic_loss = F.relu(1 - true[-1]).mean() + F.relu(1 + false[-1]).mean()
            critic_optimiser.zero_grad()
            critic_loss.backward()
            critic_optimiser.step()
            critic.requires_grad_(False)
            with mixed_precision(device):
                judged = critic(made, reference)
                with torch.no_grad():
                    true = critic(target, reference)
            critic.requires_grad_(True)
            matching = sum((a - b).abs().mean() for a, b in zip(judged[:-1], true[:-1], strict=True))
            loss = loss - CRITIC_WEIGHT * judged[-1].mean() + MATCHING_WEIGHT * matching
            figures |= dict(critic=critic_loss, matching=matching)
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

    done = run_training(out, "generator", net, optimiser, averaged, steps, one_step, validate, every, minutes)
    path = out / "wav2lip-compact.safetensors"
    fit_ear(averaged.net, clips, min(EAR_STEPS, steps), rate, float("voices" not in without))
    save_weights(averaged.net, path, architecture="CompactWav2Lip", width=net.width, steps=done)
    return path
