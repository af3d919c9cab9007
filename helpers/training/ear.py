"""The ear's training: tell from the sound the code that the eyes see (see ``mouth_code``)."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch.nn import functional as F
from tqdm import tqdm

from ..mouth_code import CODE, REACH, Ear, Eyes, around
from ..wav2lip import CompactWav2Lip
from .data import FPS, Clips

STEPS = 1200
CLIPS_A_BATCH, WINDOWS_A_CLIP = 64, 4
CONTEXT_CLIPS = 256
RIDGE = 0.01  # a frame, of the context's weights
MOVEMENT = 1.25  # on strangers' faces the picture layers move less than they are told


@torch.no_grad()
def mouth_codes(eyes: Eyes, clips: Clips, clip: dict) -> torch.Tensor:
    """Codes of a clip's frames less their mean, which is the person's own: ``(n, 8)``."""
    pictures = torch.from_numpy(clips.squares(clip, np.arange(clip["frames"]))).permute(0, 3, 1, 2)
    codes = eyes(pictures.to(next(eyes.parameters()).device).float() / 255)
    return codes - codes.mean(dim=0)


def fit(net: CompactWav2Lip, clips: Clips, steps: int, rate: float, voices: float = 1.0) -> float:
    """Train the ear of a network on the codes of its eyes; returns the last loss (mean square).

    ``voices``, 0 to 1, is the strength of the sound's augmentation.

    Then what is heard before and after a frame is weighed, by ridge regression towards the frame's own. In the end
    every number of the code is stretched to spread ``MOVEMENT`` times as widely as the eyes see it: what is told by a
    mean moves too little (the "global variance" of Toda and Tokuda, 2007).
    """
    device = next(net.parameters()).device
    net.eval()
    ear = net.audio_encoder.requires_grad_(True).train()
    optimiser = torch.optim.AdamW(ear.parameters(), lr=rate, weight_decay=0.01)
    known: dict[str, torch.Tensor] = {}

    def codes_of(clip: dict) -> torch.Tensor:
        if clip["file"] not in known:
            known[clip["file"]] = mouth_codes(net.eyes, clips, clip)
        return known[clip["file"]]

    loss = torch.zeros(())
    for step in tqdm(range(steps), desc="ear"):
        optimiser.param_groups[0]["lr"] = rate * 0.5 * (1 + math.cos(math.pi * step / steps))
        mels, codes = [], []
        for clip in clips.choose(CLIPS_A_BATCH):
            at = clips.rng.integers(clip["frames"], size=WINDOWS_A_CLIP)
            mels.append(clips.windows(clip, at))
            codes.append(codes_of(clip)[at])
        mel = clips.vary_voice(torch.from_numpy(np.stack(mels)).to(device), voices).flatten(0, 1)[:, None]
        told = ear.each(mel)
        loss = F.mse_loss(told, torch.cat(codes).expand_as(told))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    ear.requires_grad_(False).eval()
    some = clips.choose(CONTEXT_CLIPS)
    with torch.no_grad():
        ear.spread.fill_(1)
        heard = [ear(torch.from_numpy(clips.windows(c, np.arange(c["frames"])))[:, None].to(device)) for c in some]
        seen = torch.cat([codes_of(c) for c in some])
        ear.spread.copy_(MOVEMENT * seen.std(dim=0) / torch.cat(heard).std(dim=0).clamp(min=1e-3))
        fit_context(ear, [codes * ear.spread for codes in heard], seen)
    return float(loss.detach())


def fit_context(ear: Ear, heard: list[torch.Tensor], seen: torch.Tensor) -> None:
    """Set an ear's ``context`` by codes heard in some clips, ``(n, 8)`` each, and seen in all their frames."""
    near = torch.cat([around(codes, FPS) for codes in heard])
    alone = ear.context.new_zeros(ear.context.shape)
    alone[REACH * CODE : (REACH + 1) * CODE] = torch.eye(CODE) / MOVEMENT
    ridge = RIDGE * len(near) * torch.eye(near.shape[1]).to(near)
    weights = alone + torch.linalg.solve(near.T @ near + ridge, near.T @ (seen - near @ alone))
    ear.context.copy_(weights * MOVEMENT * seen.std(dim=0) / (near @ weights).std(dim=0).clamp(min=1e-3))
