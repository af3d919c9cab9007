"""The generator's training: redraw a frame from another one of the clip and its mouth's code.

The code is what the network's face encoder sees of the frame (see ``networks.codes``); in the end
the readout is fitted to read it from the sound (see ``ear``). Losses: L1 that weighs the mouth
most; differences of neighbours and the local amount of detail, both for sharpness; total variation
of the flow, against folds; a little on alpha (paint only where warping cannot do it) and on
half-transparent paint (hard edges); how far the sync expert's view of five redrawn frames is from
that of the true ones; how far the code that the averaged network's face encoder sees in the redrawn
mouth is from the target's (cycle consistency, as in CycleGAN, Zhu et al., 2017); and later in the
run a critic, see ``critic``.

The network sees the reference alone, its upper half in the place of the target's, as at run time.
With the target's own upper half it learns to read the mouth from cheeks and nose: it then moves
little on a still picture, and keeps the mouth that it should replace in a moving clip. Half of a
batch is at later passes of a run (see ``engines.compact``): the reference is drawn already, and the
target code is corrected by what the face encoder finds missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import torch

from .. import checkpoints
from ..errors import WeightsError
from ..networks.compact import CompactWav2Lip, network_input
from ..networks.devices import choose_device
from ..networks.maps import paint_over, warp, warp_and_paint
from ..networks.sync_expert import SYNC_FRAMES, SyncExpert
from . import ear
from .clips import Clips
from .config import GeneratorConfig
from .critic import CriticTraining
from .losses import (
    MOUTH_COLUMNS,
    MOUTH_ROWS,
    detail_error,
    flow_roughness,
    likeness,
    mouth_weights,
    picture_errors,
)
from .stills import validate_stills
from .trainer import Figures, Trainer, mixed_precision, place, run_training
from .weights import WEIGHTS, average_with, load_network, origin, save_weights, weights_path

WEIGHT_DECAY = 0.01
CLIPS_A_BATCH = dict(cpu=8, cuda=48)
DRAWN_EIGHTHS = (4, 2, 1)  # of a batch that are at a second, third and fourth pass
EASY = 0.3  # share of the run over which augmentation grows to its full strength
CODE_NOISE = 0.15  # so that codes that are near mean mouths that are alike
STRIP_CLIPS = 4

# weights of the losses, that of L1 being 1
GRADIENT_WEIGHT = 0.5
DETAIL_WEIGHT = 0.5
FLOW_WEIGHT = 0.2
ALPHA_WEIGHT = 0.01
CRISP_WEIGHT = 0.1  # of paint that covers neither all nor nothing
LIKENESS_WEIGHT = 0.08  # of the expert's cosine between redrawn and true mouths
CYCLE_WEIGHT = 0.08  # of how far the redrawn mouth's code is from the target's

# the critic
CRITIC_START = dict(new=0.35, start=0.05)  # share of the run after which it counts
CRITIC_GROWS = 0.1  # share of the run over which it comes to its full force
CRITIC_NEEDS = 2000  # steps: in a shorter run it would have no time to learn, and is left out


@dataclass
class Drawing:
    """What was drawn in a step, ``(B, 3, 96, 96)`` in [0, 1].

    ``bent`` is the source after its flow, ``drawn`` with the paint on it; ``code`` ``(B, 8)`` is
    the target's, ``maps`` ``(B, 6, 96, 96)`` the network's answer.
    """

    target: torch.Tensor
    code: torch.Tensor
    maps: torch.Tensor
    bent: torch.Tensor
    drawn: torch.Tensor


def after_passes(
    net: CompactWav2Lip,
    code: torch.Tensor,
    target_code: torch.Tensor,
    faces: torch.Tensor,
    counts: Sequence[int],
) -> tuple[torch.Tensor, torch.Tensor]:
    """Faces ``(B, 3, 96, 96)`` and target codes as they are when a later pass begins.

    A second pass for the first ``counts[0]``, a third for the first ``counts[1]`` and so on.
    """
    for count in counts:
        first = faces[:count]
        with torch.no_grad():
            maps = net.draw(target_code[:count], network_input(first, first)).float()
            drawn = warp_and_paint(first, maps)
            lacks = net.correction(code[:count], drawn)
        corrected = target_code[:count] + lacks
        faces = torch.cat((drawn, faces[count:]))
        target_code = torch.cat((corrected, target_code[count:]))
    return faces, target_code


class GeneratorTrainer(Trainer[CompactWav2Lip]):
    name = "generator"

    def __init__(
        self,
        net: CompactWav2Lip,
        expert: SyncExpert,
        clips: Clips,
        config: GeneratorConfig,
        out: Path,
    ):
        net = place(net, clips.device)
        net.face_encoder.requires_grad_("encoders" not in config.without)
        learning = [value for value in net.parameters() if value.requires_grad]
        optimiser = torch.optim.AdamW(
            learning, lr=config.learning_rate, weight_decay=WEIGHT_DECAY, fused=True
        )
        made_from = dict(
            data=clips.fingerprint,
            width=net.width,
            start=origin(config.start),
            expert=origin(config.expert),
            rate=config.learning_rate,
            without=sorted(config.without),
            seed=config.seed,
        )
        super().__init__(net, optimiser, clips.draws, made_from)

        self.expert = expert.to(clips.device)
        self.clips = clips
        self.config = config
        self.strips = out / "strips"
        self.strips.mkdir(parents=True, exist_ok=True)
        self.critic = CriticTraining(self.device)
        self.pixel_weights = mouth_weights().to(self.device)
        self.count = CLIPS_A_BATCH[self.device.type]
        self.later = [self.count * eighths // 8 * SYNC_FRAMES for eighths in DRAWN_EIGHTHS]
        self.critic_start = CRITIC_START["start" if config.start else "new"]

    def parts(self) -> dict[str, Any]:
        return super().parts() | dict(critic=self.critic)

    def uses(self, part: str) -> bool:
        return part not in self.config.without

    def looks(self, share: float) -> float:
        """Strength of the augmentation: full from the first step where training goes on."""
        if not self.uses("looks"):
            return 0.0
        return 1.0 if self.config.start else min(1.0, share / EASY)

    def draw(self, share: float) -> Drawing:
        """A batch: random frames of clips, redrawn from others of theirs."""
        batch = self.clips.generator_batch(self.count, self.looks(share))
        target, reference, other_look = (pictures.flatten(0, 1) for pictures in batch)
        with mixed_precision(self.device):
            code = self.net.face_encoder(other_look)
            target_code = code + CODE_NOISE * torch.randn_like(code)
            source, target_code = after_passes(
                self.averaged.net, code, target_code, reference, self.later
            )
            faces = network_input(source, source).to(memory_format=torch.channels_last)
            maps = self.net.draw(target_code, faces)
        bent = warp(source, maps[:, :2])
        return Drawing(target, code, maps, bent, paint_over(bent, maps))

    def losses(self, batch: Drawing) -> tuple[torch.Tensor, torch.Tensor, Figures]:
        """The picture's loss, the whole loss without the critic's, and all figures."""
        l1, gradient = picture_errors(batch.drawn, batch.target, self.pixel_weights)
        mouth = (..., MOUTH_ROWS, MOUTH_COLUMNS)
        detail = detail_error(batch.drawn[mouth], batch.target[mouth]).mean()

        flow = flow_roughness(batch.maps[:, :2])
        alpha = batch.maps[:, 2].mean()
        half = (batch.maps[:, 2] * (1 - batch.maps[:, 2])).mean()

        picture = l1 + GRADIENT_WEIGHT * gradient + DETAIL_WEIGHT * detail
        loss = picture + FLOW_WEIGHT * flow + ALPHA_WEIGHT * alpha + CRISP_WEIGHT * half

        figures = dict(l1=l1, gradient=gradient, flow=flow, alpha=alpha, half=half, detail=detail)
        figures |= dict(cycle=torch.zeros(()), likeness=torch.zeros(()))
        if self.uses("cycle"):
            with mixed_precision(self.device):
                away = self.averaged.net.face_encoder(batch.drawn) - batch.code.detach()
                figures["cycle"] = away.square().mean()
            loss = loss + CYCLE_WEIGHT * figures["cycle"]
        if self.uses("expert"):
            figures["likeness"] = likeness(self.expert, batch.drawn, batch.target)
            loss = loss + LIKENESS_WEIGHT * (1 - figures["likeness"])
        return picture, loss, figures

    def critic_step(
        self, batch: Drawing, picture: torch.Tensor, step: int, share: float
    ) -> tuple[torch.Tensor, Figures]:
        """Let the critic learn; returns what it adds to the generator's loss, and its figures."""
        nothing = torch.zeros(())
        long_enough = self.config.steps >= CRITIC_NEEDS and share >= self.critic_start
        if not (long_enough and self.uses("critic")):
            return nothing, dict(critic=nothing, steepness=nothing)

        loss, steepness = self.critic.learn(batch.target, batch.drawn, step)
        painted = paint_over(batch.bent.detach(), batch.maps)
        grown = min(1.0, (share - self.critic_start) / CRITIC_GROWS)
        pull = self.critic.pull(painted, batch.target, picture, batch.drawn, grown)
        return pull, dict(critic=loss, steepness=steepness)

    def one_step(self, step: int, share: float) -> Figures:
        self.net.train()
        self.net.face_encoder.train(self.uses("encoders"))

        batch = self.draw(share)
        picture, loss, figures = self.losses(batch)
        pull, critic_figures = self.critic_step(batch, picture, step, share)
        self.descend(loss + pull)
        figures |= critic_figures
        return {name: value.detach() for name, value in figures.items()}

    def validate(self, step: int) -> Figures:
        """Writes strips of validation clips, true above drawn, to ``strips/STEP.png``."""
        rows = self.clips.validation
        rows = rows[:: max(1, len(rows) // STRIP_CLIPS)][:STRIP_CLIPS]
        if not rows:
            return {}
        figures, picture = validate_stills(self.averaged.net, self.expert, self.clips, rows)
        cv2.imwrite(str(self.strips / f"{step:06d}.png"), picture[..., ::-1])
        return figures


def expert_path(out: Path, config: GeneratorConfig) -> Path:
    """The sync expert's weights: those that are named, else those in the output folder."""
    if config.expert:
        return config.expert
    path = out / WEIGHTS["expert"]
    if not path.exists():
        raise WeightsError(
            f"there is no sync expert at {path}; train one there, or name one by --expert"
        )
    return path


def check(out: Path, config: GeneratorConfig) -> Path:
    """Where the weights will be.

    Raises WeightsError if the expert or the weights to go on from are missing or of another kind.
    """
    path = weights_path(out, GeneratorTrainer.name, config.start, config.expert)
    load_network(expert_path(out, config), SyncExpert)
    if config.start:
        load_network(config.start, CompactWav2Lip)
    return path


def train(prepared: Path, out: Path, config: GeneratorConfig) -> Path:
    """Train on a prepared folder; returns ``out/wav2lip-compact.safetensors``.

    With weights to go on from, augmentation has its full strength from the first step. Strips of
    validation clips are written to ``out/strips``. Raises WeightsError if other weights are in
    ``out`` under the name of the result.
    """
    path = check(out, config)
    config = replace(config, expert=expert_path(out, config))
    torch.manual_seed(config.seed)

    clips = Clips(prepared, config.seed, choose_device("auto"))
    expert = load_network(expert_path(out, config), SyncExpert)
    if config.start:
        net = load_network(config.start, CompactWav2Lip).requires_grad_(True)
    else:
        net = CompactWav2Lip(config.width)

    trainer = GeneratorTrainer(net, expert, clips, config, out)
    done = run_training(trainer, out, config)
    result = trainer.averaged.net
    if config.start and config.new_weights < 1:
        start = load_network(config.start, CompactWav2Lip).to(clips.device)
        average_with(result, start, config.new_weights)

    if trainer.uses("encoders"):
        ear.fit(result, checkpoints.audio_encoder().to(clips.device), clips)
    facts = dict(architecture="CompactWav2Lip", width=result.width, steps=done)
    save_weights(result, path, **facts)
    return path
