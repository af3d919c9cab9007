"""Losses on pictures, and where in the square they weigh most."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from ..face.square import FACE_SIZE
from ..networks.sync_expert import SYNC_FRAMES, SyncExpert, stack_lower_halves
from .trainer import mixed_precision

DETAIL_AREA = 8  # px: side of the squares in which detail is summed

# the mouth, in units of the square: lips at 0.64, the jaw moves below them
MOUTH = (0.5, 0.66)  # centre x, y
MOUTH_SPREAD = (0.20, 0.16)
MOUTH_WEIGHT = 5.0
MOUTH_ROWS = slice(40, 88)  # px, of the square: the mouth and the chin's edge
MOUTH_COLUMNS = slice(24, 72)


def mouth_weights() -> torch.Tensor:
    """Weight of each pixel in the L1 loss, ``(96, 96)``: 1, and 6 at the mouth."""
    line = (torch.arange(FACE_SIZE) + 0.5) / FACE_SIZE
    x = (line[None] - MOUTH[0]) / MOUTH_SPREAD[0]
    y = (line[:, None] - MOUTH[1]) / MOUTH_SPREAD[1]
    return 1 + MOUTH_WEIGHT * torch.exp(-0.5 * (x * x + y * y))


def gradient_error(error: torch.Tensor) -> torch.Tensor:
    """Mean absolute horizontal plus vertical difference of neighbours.

    Of an error ``(B, C, S, S)``: ``(B,)``.
    """
    across = error.diff(dim=-1).abs().mean(dim=(1, 2, 3))
    return across + error.diff(dim=-2).abs().mean(dim=(1, 2, 3))


def picture_errors(
    drawn: torch.Tensor, true: torch.Tensor, weights: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """(weighted L1, weighted L1 of the differences of neighbours) of pictures ``(B, 3, 96,
    96)``.
    """
    error = (drawn - true) * weights
    return error.abs().mean(), gradient_error(error).mean()


def detail_error(drawn: torch.Tensor, true: torch.Tensor) -> torch.Tensor:
    """How far the local amount of detail is from the true one, pictures ``(B, 3, S, S)``:
    ``(B,)``.
    """
    return (_detail(drawn) - _detail(true)).abs().mean(dim=(1, 2, 3))


def _detail(pictures: torch.Tensor) -> torch.Tensor:
    """Mean absolute Laplacian of grey pictures ``(B, 3, S, S)`` in squares of 8 px."""
    grey = pictures.mean(dim=1, keepdim=True)

    kernel = grey.new_tensor([[0, 1, 0], [1, -4, 1], [0, 1, 0]])[None, None]
    return F.avg_pool2d(F.conv2d(grey, kernel).abs(), DETAIL_AREA, DETAIL_AREA // 2)


def flow_roughness(flow: torch.Tensor) -> torch.Tensor:
    """Total variation of a flow ``(B, 2, S, S)``."""
    across = (flow[..., 1:] - flow[..., :-1]).abs().mean()
    return across + (flow[..., 1:, :] - flow[..., :-1, :]).abs().mean()


def likeness(expert: SyncExpert, drawn: torch.Tensor, true: torch.Tensor) -> torch.Tensor:
    """The expert's mean cosine between drawn and true mouths ``(B, 3, 96, 96)``, five by five."""
    with mixed_precision(drawn.device):
        drawn_view = _view(expert, drawn)
        with torch.no_grad():
            true_view = _view(expert, true)
    return (drawn_view * true_view).sum(dim=1).mean()


def _view(expert: SyncExpert, faces: torch.Tensor) -> torch.Tensor:

    groups = faces.view(-1, SYNC_FRAMES, 3, FACE_SIZE, FACE_SIZE)
    stacks = stack_lower_halves(groups).to(memory_format=torch.channels_last)
    return expert.embed_faces(stacks)
