"""The sync expert's training: which of many mel windows belongs to this mouth?

InfoNCE (van den Oord et al., 2018) in both directions over a batch of windows; four windows of each clip make the
others of that clip the hard negatives.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from .. import checkpoints
from ..networks.devices import choose_device
from ..networks.sync_expert import SYNC_FRAMES, SyncExpert, sync_score, sync_similarity
from .checkpoint import Averaged, mixed_precision, run_training, save_weights, weights_path
from .data import Clips

LEARNING_RATE = 1e-3
TEMPERATURE = 0.07
CLIPS_A_BATCH = 16
VALIDATION_CLIPS = 24
EASY = 0.15  # share of the run without augmentation; over the same share again it grows to its full strength


def whole_clip_offsets(expert: SyncExpert, clips: Clips, rows: list[dict]) -> dict[str, float]:
    """Share of clips whose best offset over the whole clip is within one frame of 0, and the mean cosine there."""
    expert.eval()
    hits, cosines = [], []
    for clip in rows:
        at = np.arange(clip["frames"])
        result = sync_score(
            sync_similarity(expert, clips.squares(clip, at), clips.windows(clip, at))
        )
        hits.append(abs(result["offset"]) <= 1)
        cosines.append(result["cosine"])
    return dict(offset_right=float(np.mean(hits)), true_cosine=float(np.mean(cosines)))


def train(
    prepared: Path,
    out: Path,
    steps: int,
    minutes: float | None = None,
    every: int = 250,
    start: Path | None = None,
    seed: int = 0,
) -> Path:
    """Train on a prepared folder; returns the path of the weights, ``out/sync-compact.safetensors``.

    ``start`` names weights to go on from: then with full augmentation from the first step. Raises
    WeightsError if other weights are in ``out`` under the name of the result.
    """
    path = weights_path(out, "expert", start)
    torch.manual_seed(seed)
    device = choose_device("auto")
    clips = Clips(prepared, seed, device)
    expert = SyncExpert()
    if start:
        expert.load_state_dict(checkpoints.load(start).state_dict())
    expert = expert.to(device, memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(
        expert.parameters(), lr=LEARNING_RATE, weight_decay=0.01, fused=True
    )
    averaged = Averaged(expert)
    labels = torch.arange(CLIPS_A_BATCH * 4, device=device)

    def one_step(step: int, share: float) -> dict:
        expert.train()
        strength = 1.0 if start else min(1.0, max(0.0, (share - EASY) / EASY))
        mel, faces = clips.expert_batch(CLIPS_A_BATCH, strength=strength)
        with mixed_precision(device):
            sound, video = expert(mel, faces.to(memory_format=torch.channels_last))
        logits = sound @ video.T / TEMPERATURE
        loss = (F.cross_entropy(logits, labels) + F.cross_entropy(logits.T, labels)) / 2
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(expert.parameters(), 1.0)
        optimiser.step()
        return dict(loss=loss.detach(), accuracy=(logits.argmax(dim=1) == labels).float().mean())

    def validate(step: int) -> dict:
        return whole_clip_offsets(averaged.net, clips, clips.validation[:VALIDATION_CLIPS])

    done = run_training(
        out, "expert", expert, optimiser, averaged, steps, one_step, validate, every, minutes
    )
    save_weights(averaged.net, path, architecture="SyncExpert", steps=done, frames=SYNC_FRAMES)
    return path
