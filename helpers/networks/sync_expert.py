"""The compact sync expert: does this mouth belong to this sound?

SyncNet (Chung and Zisserman, "Out of time", 2016) in the colour variant of Wav2Lip (Prajwal et al.,
2020), narrower: five lower half faces and one mel window become two vectors, whose cosine is high
when they belong together.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from ..sound.mel import MEL_WINDOW
from .layers import ConvBlock, mel_encoder, residual

SYNC_FRAMES = 5  # pictures that the expert sees at once
LOWER_HALF_ROW = 48  # px: first row of the lower half of a 96x96 face
EXPERT_WIDTH = 0.375


class SyncExpert(nn.Module):
    """Two encoders with one embedding space.

    ``forward(mel (B, 1, 80, 16), faces (B, 15, 48, 96))`` gives two unit vectors a row, ``float32
    (B, D)`` each. Faces are the lower halves of five consecutive 96x96 crops, RGB in [0, 1],
    channels stacked.
    """

    def __init__(self, width: float = EXPERT_WIDTH):
        super().__init__()
        self.width = width
        c64, c128, c256, c512 = (round(c * width) for c in (64, 128, 256, 512))
        self.face_encoder = nn.Sequential(
            nn.PixelUnshuffle(2),
            ConvBlock(12 * SYNC_FRAMES, c64, 3, (1, 2), 1), residual(c64), residual(c64),
            ConvBlock(c64, c128, 3, 2, 1), residual(c128), residual(c128),
            ConvBlock(c128, c256, 3, 2, 1), residual(c256), residual(c256),
            ConvBlock(c256, c512, 3, 2, 1), residual(c512),
            ConvBlock(c512, c512, 3, 1, 0),
        )  # fmt: skip

        self.audio_encoder = mel_encoder(width)
        self.face_out = nn.Linear(c512, c512)
        self.audio_out = nn.Linear(c512, c512)

    def embed_faces(self, faces: torch.Tensor) -> torch.Tensor:
        return F.normalize(self.face_out(self.face_encoder(faces).flatten(1)).float(), dim=1)

    def embed_audio(self, mel: torch.Tensor) -> torch.Tensor:
        return F.normalize(self.audio_out(self.audio_encoder(mel).flatten(1)).float(), dim=1)

    def forward(self, mel: torch.Tensor, faces: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.embed_audio(mel), self.embed_faces(faces)


def stack_lower_halves(faces: torch.Tensor) -> torch.Tensor:
    """Consecutive crops ``(B, 5, 3, 96, 96)`` -> the expert's input ``(B, 15, 48, 96)``."""
    return faces[..., faces.shape[-2] // 2 :, :].flatten(1, 2)


MAX_OFFSET = 15  # frames searched on each side


@torch.no_grad()
def sync_embeddings(
    expert: SyncExpert, crops: np.ndarray, windows: np.ndarray, batch: int = 64
) -> tuple[torch.Tensor, torch.Tensor]:
    """Unit vectors of mouths and of sounds, ``(N - 4, D)`` each.

    Row t is of the five pictures from t on, and of the window of the middle one.

    ``crops`` ``uint8 (N, 96, 96, 3)`` RGB, ``windows`` ``float32 (N, 80, 16)``, one a frame, N >=
    5; of wider windows the middle is heard.
    """
    device = next(expert.parameters()).device
    faces = torch.from_numpy(crops[:, LOWER_HALF_ROW:]).to(device).permute(0, 3, 1, 2)
    stacks = (
        faces.unfold(0, SYNC_FRAMES, 1).permute(0, 4, 1, 2, 3).flatten(1, 2)
    )  # (N - 4, 15, 48, 96)
    video = torch.cat([expert.embed_faces(b.float() / 255) for b in stacks.split(batch)])
    margin = (windows.shape[2] - MEL_WINDOW) // 2
    middles = torch.from_numpy(windows)[:, None, :, margin : margin + MEL_WINDOW].to(device)
    sound = torch.cat([expert.embed_audio(b) for b in middles.split(batch)])[
        SYNC_FRAMES // 2 : len(crops) - SYNC_FRAMES // 2
    ]

    return video.cpu(), sound.cpu()


def sync_similarity(expert: SyncExpert, crops: np.ndarray, windows: np.ndarray) -> np.ndarray:
    """Mean cosine at each offset from -15 to 15 frames, ``float64 (31,)``.

    At offset o the picture of frame t is compared with the sound of frame t + o: a positive offset
    means that the mouth comes early.
    """
    video, sound = sync_embeddings(expert, crops, windows)
    n = len(video)
    curve = np.full(2 * MAX_OFFSET + 1, np.nan)

    for o in range(-MAX_OFFSET, MAX_OFFSET + 1):
        if n - abs(o) < SYNC_FRAMES:
            continue
        pictures = video[max(0, -o) : n - max(0, o)]
        sounds = sound[max(0, o) : n - max(0, -o)]
        curve[o + MAX_OFFSET] = (pictures * sounds).sum(dim=1).mean()

    return curve


def sync_score(curve: np.ndarray) -> dict[str, float]:
    """``cosine`` (highest), ``confidence`` (highest less median) and ``offset`` of a curve.

    Defined as in SyncNet's scorer (``SyncNetInstance.py`` of joonson/syncnet_python), with cosine
    in the place of minus distance. Offset in frames, as in ``similarity``: the opposite sign of
    that scorer's.
    """
    best = int(np.nanargmax(curve))
    return dict(
        cosine=float(curve[best]),
        confidence=float(curve[best] - np.nanmedian(curve)),
        offset=best - MAX_OFFSET,
    )
