"""The generator's validation: clips drawn from one still frame each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from ..networks.compact import CompactWav2Lip, network_input
from ..networks.maps import warp_and_paint
from ..networks.sync_expert import SYNC_FRAMES, SyncExpert, stack_lower_halves
from .clips import Clip, Clips
from .losses import MOUTH_WEIGHT, mouth_weights
from .trainer import Figures, mixed_precision

STRIP_FRAMES = 10  # pictures of a clip that are shown
STRIP_MARGIN = 5  # frames at its ends that are not


@dataclass
class Example:
    """A clip's squares and what is drawn from one of them, ``(n, 3, 96, 96)`` in [0, 1], and its
    mel.
    """

    true: torch.Tensor
    source: torch.Tensor
    drawn: torch.Tensor
    mel: torch.Tensor


def quietest_frame(clips: Clips, clip: Clip) -> int:
    """Frame of a clip that is taken as a still reference: there the mouth is likely closed."""
    mel = clips.windows(clip, np.arange(clip["frames"]))
    return int(mel.mean(axis=(1, 2)).argmin())


def draw_still(net: CompactWav2Lip, clips: Clips, clip: Clip) -> Example:
    """A clip drawn from its quietest frame, with the codes of the true frames."""
    device = next(net.parameters()).device
    at = np.arange(clip["frames"])
    squares = torch.from_numpy(clips.squares(clip, at)).to(device)
    true = squares.permute(0, 3, 1, 2).float() / 255
    mel = torch.from_numpy(clips.windows(clip, at))[:, None].to(device)

    source = true[quietest_frame(clips, clip)].expand_as(true)
    with mixed_precision(device):
        maps = net.draw(net.face_encoder(true), network_input(source, source))
    return Example(true, source, warp_and_paint(source, maps.float()), mel)


def mean_cosine(expert: SyncExpert, pictures: torch.Tensor, mel: torch.Tensor) -> torch.Tensor:
    """The expert's cosine of consecutive pictures ``(n, 3, 96, 96)`` and their mel ``(n, 1, 80,
    16)``.
    """
    half = SYNC_FRAMES // 2
    sound = expert.embed_audio(mel[half : len(pictures) - half])
    groups = pictures.unfold(0, SYNC_FRAMES, 1).permute(0, 4, 1, 2, 3)
    video = expert.embed_faces(stack_lower_halves(groups))
    return (video * sound).sum(dim=1).mean()


@torch.no_grad()
def validate_stills(
    net: CompactWav2Lip, expert: SyncExpert, clips: Clips, rows: list[Clip]
) -> tuple[Figures, np.ndarray]:
    """Validation clips drawn from one still frame each, with the codes of the true ones.

    Returns figures, and strips ``uint8 (H, W, 3)`` RGB, true above drawn.
    """
    device = next(net.parameters()).device
    mouth = ((mouth_weights() - 1) / MOUTH_WEIGHT).to(device)
    figures: dict[str, list[torch.Tensor]] = {
        name: [] for name in ("mouth_l1", "copy_l1", "cosine", "true_cosine")
    }
    strips = []
    for clip in rows:
        example = draw_still(net, clips, clip)
        for name, pictures in (("mouth_l1", example.drawn), ("copy_l1", example.source)):
            error = (mouth * (pictures - example.true).abs()).sum() / mouth.sum()
            figures[name].append(error / 3 / len(example.true))
        figures["cosine"].append(mean_cosine(expert, example.drawn, example.mel))
        figures["true_cosine"].append(mean_cosine(expert, example.true, example.mel))

        last = len(example.true) - 1 - STRIP_MARGIN
        shown = np.linspace(STRIP_MARGIN, last, STRIP_FRAMES).astype(int)
        strips += [torch.cat(list(row[shown]), dim=2) for row in (example.true, example.drawn)]

    picture = torch.cat(strips, dim=1).permute(1, 2, 0).clamp(0, 1) * 255
    means = {name: float(torch.stack(values).mean()) for name, values in figures.items()}
    return means, picture.byte().cpu().numpy()
