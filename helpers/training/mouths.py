"""What a corpus of one-voiced, unsmiling speakers lacks: bright teeth, and mouths open as wide as in laughter.

Found by colour: lips are redder than the cheeks, teeth are not; a dark place between lips is the mouth's cavity. Made
of each speaker's own teeth, so how wide a mouth stands and where its teeth are is exactly what the eyes see in it.
All functions take stored crops ``float32 (B, n, 3, 128, 128)``, RGB, 0 to 255, and keep their shape.
"""

from __future__ import annotations

import torch
from torch.nn import functional as F

SIZE = 128  # px: side of a stored crop; the middle 96 are the networks' square
MIDDLE = 77  # px: row of the lips' middle
CHEEK_ROWS, CHEEK_COLUMNS = slice(52, 68), slice(40, 88)  # with the nose
REACH = 7  # px: how thick a lip may be, and how far apart teeth and lips
REDDER = (0.025, 0.05)  # than the cheeks: lips
WHITE = (
    1.04,
    1.0,
    0.95,
)  # red, green, blue of white teeth in white light, of the cheeks' brightness
CAVITY = (0.32, 0.18, 0.17)  # red, green, blue, of the cheeks' colour
OPEN = (12, 40)  # px squared: area inside a mouth that hardly stands open, and inside one that does
HIGHEST = 14  # px: mean height of what is inside
LOWER_LIP = (6, 26)  # px below the cut: what goes down has the lip's shape before, the jaw's after
CHIN = (34, 51)  # px below the cut: what is below the chin goes down less, by NECK
NECK = 0.6
JAW = 30  # px: half of its width


def step(x: torch.Tensor, low: float, high: float) -> torch.Tensor:
    """0 below ``low``, 1 over ``high``, smooth between."""
    t = ((x - low) / (high - low)).clamp(0, 1)
    return t * t * (3 - 2 * t)


def _axes(pictures: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Columns and rows from the middle of the lips, px."""
    line = torch.arange(SIZE, device=pictures.device) + 0.5
    return line[None] - SIZE / 2, line[:, None] - MIDDLE


def _redness(pictures: torch.Tensor) -> torch.Tensor:
    red, green, blue = pictures.unbind(dim=2)
    return (red - (green + blue) / 2) / (red + green + blue + 8)


def cheeks(pictures: torch.Tensor) -> torch.Tensor:
    """Mean colour of cheeks and nose, ``(B, n, 3, 1, 1)``."""
    return pictures[..., CHEEK_ROWS, CHEEK_COLUMNS].mean(dim=(3, 4), keepdim=True)


def inside(pictures: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Teeth, cavity (0 to 1) and brightness over the cheeks', ``(B, n, 128, 128)`` each."""
    x, y = _axes(pictures)
    skin = cheeks(pictures)
    brightness = pictures.mean(dim=2) / skin.mean(dim=2)
    redder = _redness(pictures) - _redness(skin)
    lips = step(redder, *REDDER) * step(1.2 - torch.hypot(x / 20, (y - 2) / 10), 0, 0.25)
    above = F.max_pool2d(F.pad(lips, (0, 0, REACH, 0)), (REACH + 1, 1), 1)
    below = F.max_pool2d(F.pad(lips, (0, 0, 0, REACH)), (REACH + 1, 1), 1)
    between = torch.minimum(above, below) * step(1.2 - torch.hypot(x / 16, (y - 1.5) / 7), 0, 0.25)
    teeth = between * (1 - lips) * step(brightness, 0.42, 0.55)
    teeth = step(F.avg_pool2d(teeth, 3, 1, 1), 0.25, 0.8)  # no specks of light on a lip
    return teeth, between * step(0.5 - brightness, 0, 0.12), brightness


def whiten(pictures: torch.Tensor, share: torch.Tensor) -> torch.Tensor:
    """Teeth brighter and less yellow, cavities darker, by a share ``(B, n or 1, 1, 1)``."""
    teeth, cavity, brightness = inside(pictures)
    skin = cheeks(pictures)
    light = 0.6 * skin.mean(dim=2, keepdim=True) + 0.4 * skin
    white = light * pictures.new_tensor(WHITE).view(3, 1, 1)
    white = white * (0.5 + 0.6 * step(brightness, 0.42, 0.68))[:, :, None]
    pictures = torch.lerp(pictures, white, (share * teeth)[:, :, None])
    return (pictures * (1 - 0.45 * share * cavity * (1 - teeth))[:, :, None]).clamp(0, 255)


def open_wider(pictures: torch.Tensor, share: torch.Tensor) -> torch.Tensor:
    """Mouths that stand open, wider by a share ``(B, n or 1, 1, 1)`` of how far they do.

    They are cut at the middle of what is inside; what is below goes down with the chin, a dark cavity fills the gap.
    """
    x, y = _axes(pictures)
    teeth, cavity, _ = inside(pictures)
    mask = F.avg_pool2d(torch.maximum(teeth, cavity), 3, 1, 1)
    mask = mask * (mask > 0.3)
    area = mask.sum(dim=(2, 3), keepdim=True)
    mean = lambda values: (mask * values).sum(dim=(2, 3), keepdim=True) / area.clamp(min=1)  # noqa: E731
    centre, cut = mean(x), mean(y)
    half = 1.9 * mean((x - centre) ** 2).sqrt() + 3.5
    down = share * step(area, *OPEN) * (area / (1.5 * half)).clamp(max=HIGHEST)
    below = y - cut
    at_lips = (1 - ((x - centre) / half) ** 2).clamp(min=0).sqrt()
    at_jaw = torch.exp(-(((x - centre) / JAW) ** 4))
    down = (
        down
        * torch.lerp(at_lips, at_jaw, step(below, *LOWER_LIP))
        * (1 - NECK * step(below, *CHIN))
    )
    rows = torch.where(below > 0, (below - down).clamp(min=0), below) + cut + MIDDLE
    grid = torch.stack(((x / (SIZE / 2)).expand_as(rows), rows / (SIZE / 2) - 1), dim=-1)
    moved = F.grid_sample(
        pictures.flatten(0, 1), grid.flatten(0, 1), padding_mode="border", align_corners=False
    )
    gap = step(down - below, -0.6, 0.6) * step(below, -0.6, 0.6) * step(down, 0.5, 1.5)
    dark = cheeks(pictures) * pictures.new_tensor(CAVITY).view(3, 1, 1)
    dark = dark * (1 + 0.5 * (below / down.clamp(min=1)).clamp(0, 1))[:, :, None]
    return torch.lerp(moved.view_as(pictures), dark, gap[:, :, None])
