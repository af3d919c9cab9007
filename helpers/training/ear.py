"""The ear's training: tell from the sound the code that the eyes see (see ``mouth_code``)."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch.nn import functional as F
from tqdm import tqdm

from ..networks.codes import ENCODER_SHIFT, MEL_MARGIN, FaceEncoder
from ..networks.compact import CompactWav2Lip, network_input
from ..sound.mel import MEL_DECIBEL
from ..sound.voice import LOUD_RANGE_DB, missing_gain, normalise_voice, usual_stretch
from .clips import Clips
from .voices import vary_voice

STEPS = 1200
CLIPS_A_BATCH, WINDOWS_A_CLIP = 64, 4
SPREAD_CLIPS, OPENING_CLIPS = 256, 64
OPENING = 1.0  # of how far the lips part, beside all eight numbers
AROUND = 2  # frames before and after what is loud in a sentence
UPPER, LOWER, MIDDLE = (
    slice(50, 60),
    slice(66, 80),
    slice(40, 56),
)  # rows and columns of the square: around the lips
MOVEMENT = 1.25  # on strangers' faces the picture layers move less than they are told


def _pictures(clips: Clips, clip: dict, device: torch.device) -> torch.Tensor:
    """All of a clip's squares, ``(n, 3, 96, 96)`` in [0, 1]."""
    pictures = torch.from_numpy(clips.squares(clip, np.arange(clip["frames"]))).permute(0, 3, 1, 2)
    return pictures.to(device).float() / 255


@torch.no_grad()
def mouth_codes(eyes: FaceEncoder, clips: Clips, clip: dict) -> torch.Tensor:
    """Codes of a clip's frames less their mean, which is the person's own: ``(n, 8)``."""
    codes = eyes(_pictures(clips, clip, next(eyes.parameters()).device))
    return codes - codes.mean(dim=0)


def spoken(clip: dict, clips: Clips) -> tuple[np.ndarray, float]:
    """The frames of a clip from a little before its first loud sound to a little after its last, and what its mel lacks
    of the usual loudness (see ``audio.missing_gain``).

    In a corpus of sentences a mouth is shut before and after them: an ear that hears these pauses learns that what is
    faint shuts a mouth. In speech it does not, and pauses are found by ``audio.speaking`` anyway.
    """
    windows = clips.windows(clip, np.arange(clip["frames"]))
    level = windows.mean(axis=(1, 2))
    loud = np.flatnonzero(level > np.percentile(level, 98) - LOUD_RANGE_DB * MEL_DECIBEL)
    first, last = max(0, loud[0] - AROUND), min(clip["frames"], loud[-1] + AROUND + 1)
    return np.arange(first, last), missing_gain(windows)


@torch.no_grad()
def opening(net: CompactWav2Lip, clips: Clips) -> torch.Tensor:
    """Unit vector ``(8,)`` of the codes along which the picture layers part the lips: by linear regression of how far
    the flow reads apart above and below the lips, drawn on one frame each of some clips, told the clip's own codes."""
    device = next(net.parameters()).device
    codes, gaps = [], []
    for clip in clips.choose(OPENING_CLIPS):
        pictures = _pictures(clips, clip, device)
        seen = net.face_encoder(pictures)
        still = pictures[:1].expand_as(pictures)
        flow = net.draw(seen, network_input(still, still))[:, 1, :, MIDDLE]
        gap = flow[:, UPPER].mean(dim=(1, 2)) - flow[:, LOWER].mean(dim=(1, 2))
        codes.append(seen - seen.mean(dim=0))
        gaps.append(gap - gap.mean())
    return F.normalize(
        torch.linalg.lstsq(torch.cat(codes), torch.cat(gaps)[:, None]).solution[:, 0], dim=0
    )


def fit(net: CompactWav2Lip, clips: Clips, steps: int, rate: float, voices: float = 1.0) -> float:
    """Train the ear of a network on the codes of its eyes; returns the last loss (mean square).

    ``voices``, 0 to 1, is the strength of the sound's augmentation.

    How far the lips part (see ``opening``) counts beside the eight numbers: it is what people see first. A direction
    that the ear has from its start is kept where there are fewer clips than ``opening`` asks for. In the end
    every number is stretched to spread ``MOVEMENT`` times as widely as the eyes see it: what is told by a mean moves
    too little (the "global variance" of Toda and Tokuda, 2007).
    """
    device = next(net.parameters()).device
    net.eval()
    ear = net.audio_encoder.requires_grad_(True).train()
    if (
        len(clips.train) >= OPENING_CLIPS or not ear.opening.any()
    ):  # from fewer clips a known one is better kept
        ear.opening.copy_(opening(net, clips))
    optimiser = torch.optim.AdamW(ear.parameters(), lr=rate, weight_decay=0.01)
    known: dict[str, tuple[torch.Tensor, np.ndarray, float]] = {}

    def known_of(clip: dict) -> tuple[torch.Tensor, np.ndarray, float]:
        if clip["file"] not in known:
            known[clip["file"]] = mouth_codes(net.face_encoder, clips, clip), *spoken(clip, clips)
        return known[clip["file"]]

    def heard_of(clip: dict, at: np.ndarray, margin: int) -> np.ndarray:
        windows, gain = clips.windows(clip, at, margin=margin), known_of(clip)[2]
        return normalise_voice(windows, usual_stretch(clip["pitch"]), gain)

    loss = torch.zeros(())
    for step in tqdm(range(steps), desc="ear"):
        optimiser.param_groups[0]["lr"] = rate * 0.5 * (1 + math.cos(math.pi * step / steps))
        mels, codes = [], []
        for clip in clips.choose(CLIPS_A_BATCH):
            seen, frames, _ = known_of(clip)
            at = clips.draws.rng.choice(frames, WINDOWS_A_CLIP)
            mels.append(heard_of(clip, at, MEL_MARGIN - ENCODER_SHIFT))
            codes.append(seen[at])
        mel = torch.from_numpy(np.stack(mels)).to(device)
        mel = vary_voice(mel, voices, clips.draws).flatten(0, 1)[:, None]
        away = ear.each(mel) - torch.cat(codes)
        loss = away.square().mean() + OPENING * (away @ ear.opening).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    ear.requires_grad_(False).eval()
    some = clips.choose(SPREAD_CLIPS)
    with torch.no_grad():
        ear.spread.fill_(1)
        sounds = (heard_of(c, np.arange(c["frames"]), MEL_MARGIN) for c in some)
        heard = torch.cat([ear(torch.from_numpy(sound)[:, None].to(device)) for sound in sounds])
        seen = torch.cat([known_of(c)[0] for c in some])
        ear.spread.copy_(MOVEMENT * seen.std(dim=0) / heard.std(dim=0).clamp(min=1e-3))
    return float(loss.detach())
