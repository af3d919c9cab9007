"""The sync expert's training: which of many mel windows belongs to this mouth?

InfoNCE (van den Oord et al., 2018) in both directions over a batch of windows; four windows of each
clip make the others of that clip the hard negatives.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from ..networks.devices import choose_device
from ..networks.sync_expert import SYNC_FRAMES, SyncExpert, sync_score, sync_similarity
from .clips import Clip, Clips
from .config import TrainConfig
from .trainer import Figures, Trainer, mixed_precision, place, run_training
from .weights import load_network, origin, save_weights, weights_path

LEARNING_RATE = 1e-3
WEIGHT_DECAY = 0.01
TEMPERATURE = 0.07
CLIPS_A_BATCH = 16
WINDOWS_A_CLIP = 4
VALIDATION_CLIPS = 24
EASY = (
    0.15  # share of the run without augmentation; over the same again it grows to its full strength
)


def whole_clip_offsets(expert: SyncExpert, clips: Clips, rows: list[Clip]) -> Figures:
    """Share of clips whose best offset is within one frame of 0, and the mean cosine there."""
    expert.eval()
    hits = []
    cosines = []
    for clip in rows:
        at = np.arange(clip["frames"])
        curve = sync_similarity(expert, clips.squares(clip, at), clips.windows(clip, at))
        score = sync_score(curve)
        hits.append(abs(score["offset"]) <= 1)
        cosines.append(score["cosine"])
    return dict(offset_right=float(np.mean(hits)), true_cosine=float(np.mean(cosines)))


class ExpertTrainer(Trainer[SyncExpert]):
    name = "expert"

    def __init__(self, net: SyncExpert, clips: Clips, config: TrainConfig):
        net = place(net, clips.device)
        optimiser = torch.optim.AdamW(
            net.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY, fused=True
        )
        made_from = dict(data=clips.fingerprint, start=origin(config.start), seed=config.seed)
        super().__init__(net, optimiser, clips.draws, made_from)
        self.clips = clips
        self.goes_on = config.start is not None
        self.labels = torch.arange(CLIPS_A_BATCH * WINDOWS_A_CLIP, device=clips.device)

    def strength(self, share: float) -> float:
        """Of the augmentation: full from the first step in a training that goes on from weights."""
        if self.goes_on:
            return 1.0
        return min(1.0, max(0.0, (share - EASY) / EASY))

    def one_step(self, step: int, share: float) -> Figures:
        self.net.train()
        mel, faces = self.clips.expert_batch(CLIPS_A_BATCH, WINDOWS_A_CLIP, self.strength(share))
        with mixed_precision(self.device):
            sound, video = self.net(mel, faces.to(memory_format=torch.channels_last))

        logits = sound @ video.T / TEMPERATURE
        sound_loss = F.cross_entropy(logits, self.labels)
        loss = (sound_loss + F.cross_entropy(logits.T, self.labels)) / 2
        self.descend(loss)

        right = logits.argmax(dim=1) == self.labels
        return dict(loss=loss.detach(), accuracy=right.float().mean())

    def validate(self, step: int) -> Figures:
        rows = self.clips.validation[:VALIDATION_CLIPS]
        return whole_clip_offsets(self.averaged.net, self.clips, rows) if rows else {}


def check(out: Path, config: TrainConfig) -> Path:
    """Where the weights will be. Raises WeightsError if those that are given are no sync
    expert's.
    """
    path = weights_path(out, ExpertTrainer.name, config.start)
    if config.start:
        load_network(config.start, SyncExpert)
    return path


def train(prepared: Path, out: Path, config: TrainConfig) -> Path:
    """Train on a prepared folder; returns the path of the weights,
    ``out/sync-compact.safetensors``.

    With weights to go on from, augmentation has its full strength from the first step. Raises
    WeightsError if other weights are in ``out`` under the name of the result.
    """
    path = check(out, config)
    torch.manual_seed(config.seed)

    clips = Clips(prepared, config.seed, choose_device("auto"))
    net = SyncExpert()
    if config.start:
        net.load_state_dict(load_network(config.start, SyncExpert).state_dict())

    trainer = ExpertTrainer(net, clips, config)
    done = run_training(trainer, out, config)

    facts = dict(architecture="SyncExpert", steps=done, frames=SYNC_FRAMES)
    save_weights(trainer.averaged.net, path, **facts)
    return path
