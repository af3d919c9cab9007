"""What a corpus of unsmiling speakers lacks: bright teeth, laughter's open mouths, smiles.

Found by colour: lips are redder than the cheeks, teeth are not; a dark place between lips is the
mouth's cavity. Made of each speaker's own teeth, so how wide a mouth stands and where its teeth are
is exactly what the face encoder sees in it. Crops are stored ones, 128 px, RGB, 0 to 255.
"""

from __future__ import annotations

import torch
from torch.nn import functional as F

from .draws import Draws
from .prepare import CROP_SIZE

MIDDLE = 77  # px: row of the lips' middle
CHEEK_ROWS = slice(52, 68)  # with the nose
CHEEK_COLUMNS = slice(40, 88)

# lips, teeth and cavity
REACH = 7  # px: how thick a lip may be, and how far apart teeth and lips
REDDER = (0.025, 0.05)  # than the cheeks: lips
LIP_AREA = (20, 10)  # px: half axes of the ellipse that holds the lips
INNER_AREA = (16, 7)  # px: the same of what lies between them
TEETH_BRIGHTNESS = (0.42, 0.55)  # of the cheeks'
DARK = 0.5  # of the cheeks' brightness: the cavity
WHITE = (1.04, 1.0, 0.95)  # red, green, blue of white teeth, of the cheeks' brightness
CAVITY = (0.32, 0.18, 0.17)  # red, green, blue, of the cheeks' colour

# mouths that are opened wider
OPEN = (12, 40)  # px squared: area inside a mouth that hardly stands open, and inside one that does
HIGHEST = 14  # px: mean height of what is inside
LOWER_LIP = (6, 26)  # px below the cut: what goes down has the lip's shape before, the jaw's after
CHIN = (34, 51)  # px below the cut: what is below the chin goes down less, by NECK
NECK = 0.6
JAW = 30  # px: half of its width
OPENED = 0.4  # share of the mouths that are
OPENED_BY = 1.5  # of their opening, at most

# mouths that are drawn wide
SMILE_TEETH = (1.1, 1.05, 0.95)  # red, green, blue, of the cheeks' brightness
WIDE = 0.4
HIGH = (-0.15, 0.3)
RAISED = 0.1  # corners, of half the crop


def step(x: torch.Tensor, low: float, high: float) -> torch.Tensor:
    """0 below ``low``, 1 over ``high``, smooth between."""
    t = ((x - low) / (high - low)).clamp(0, 1)
    return t * t * (3 - 2 * t)


def _axes(pictures: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Columns and rows from the middle of the lips, px."""
    line = torch.arange(CROP_SIZE, device=pictures.device) + 0.5
    return line[None] - CROP_SIZE / 2, line[:, None] - MIDDLE


def _redness(pictures: torch.Tensor) -> torch.Tensor:
    red, green, blue = pictures.unbind(dim=2)
    return (red - (green + blue) / 2) / (red + green + blue + 8)


def _ellipse(x: torch.Tensor, y: torch.Tensor, area: tuple[float, float]) -> torch.Tensor:
    """1 inside an ellipse with these half axes, 0 outside, soft at its edge."""
    across, down = area
    return step(1.2 - torch.hypot(x / across, y / down), 0, 0.25)


def cheek_colour(pictures: torch.Tensor) -> torch.Tensor:
    """Mean colour of cheeks and nose of ``float32 (B, n, 3, 128, 128)``: ``(B, n, 3, 1, 1)``."""
    return pictures[..., CHEEK_ROWS, CHEEK_COLUMNS].mean(dim=(3, 4), keepdim=True)


def find_inside(pictures: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Teeth, cavity (0 to 1) and brightness over the cheeks' of ``float32 (B, n, 3, 128, 128)``.

    ``(B, n, 128, 128)`` each.
    """
    x, y = _axes(pictures)
    skin = cheek_colour(pictures)
    brightness = pictures.mean(dim=2) / skin.mean(dim=2)
    redder = _redness(pictures) - _redness(skin)
    lips = step(redder, *REDDER) * _ellipse(x, y - 2, LIP_AREA)

    above = F.max_pool2d(F.pad(lips, (0, 0, REACH, 0)), (REACH + 1, 1), 1)
    below = F.max_pool2d(F.pad(lips, (0, 0, 0, REACH)), (REACH + 1, 1), 1)
    inner = torch.minimum(above, below) * _ellipse(x, y - 1.5, INNER_AREA)

    teeth = inner * (1 - lips) * step(brightness, *TEETH_BRIGHTNESS)
    teeth = step(F.avg_pool2d(teeth, 3, 1, 1), 0.25, 0.8)  # no specks of light on a lip
    return teeth, inner * step(DARK - brightness, 0, 0.12), brightness


def whiten(pictures: torch.Tensor, share: torch.Tensor) -> torch.Tensor:
    """Teeth brighter and less yellow, cavities darker, by a share ``(B, n or 1, 1, 1)``.

    ``float32 (B, n, 3, 128, 128)``, as what is returned.
    """
    teeth, cavity, brightness = find_inside(pictures)
    skin = cheek_colour(pictures)
    light = 0.6 * skin.mean(dim=2, keepdim=True) + 0.4 * skin

    white = light * pictures.new_tensor(WHITE).view(3, 1, 1)
    white = white * (0.5 + 0.6 * step(brightness, 0.42, 0.68))[:, :, None]

    pictures = torch.lerp(pictures, white, (share * teeth)[:, :, None])
    darker = 1 - 0.45 * share * cavity * (1 - teeth)
    return (pictures * darker[:, :, None]).clamp(0, 255)


def open_wider(pictures: torch.Tensor, share: torch.Tensor) -> torch.Tensor:
    """Mouths that stand open, wider by a share ``(B, n or 1, 1, 1)`` of how far they do.

    They are cut at the middle of what is inside; what is below goes down with the chin, a dark
    cavity fills the gap. ``float32 (B, n, 3, 128, 128)``, as what is returned.
    """
    x, y = _axes(pictures)
    teeth, cavity, _ = find_inside(pictures)
    mask = F.avg_pool2d(torch.maximum(teeth, cavity), 3, 1, 1)
    mask = mask * (mask > 0.3)
    area = mask.sum(dim=(2, 3), keepdim=True)

    def mean(values: torch.Tensor) -> torch.Tensor:
        return (mask * values).sum(dim=(2, 3), keepdim=True) / area.clamp(min=1)

    centre = mean(x)
    cut = mean(y)
    half = 1.9 * mean((x - centre) ** 2).sqrt() + 3.5
    down = share * step(area, *OPEN) * (area / (1.5 * half)).clamp(max=HIGHEST)

    below = y - cut
    at_lips = (1 - ((x - centre) / half) ** 2).clamp(min=0).sqrt()
    at_jaw = torch.exp(-(((x - centre) / JAW) ** 4))

    shape = torch.lerp(at_lips, at_jaw, step(below, *LOWER_LIP))
    down = down * shape * (1 - NECK * step(below, *CHIN))

    rows = torch.where(below > 0, (below - down).clamp(min=0), below) + cut + MIDDLE
    across = (x / (CROP_SIZE / 2)).expand_as(rows)
    grid = torch.stack((across, rows / (CROP_SIZE / 2) - 1), dim=-1)
    moved = F.grid_sample(
        pictures.flatten(0, 1), grid.flatten(0, 1), padding_mode="border", align_corners=False
    )

    gap = step(down - below, -0.6, 0.6) * step(below, -0.6, 0.6) * step(down, 0.5, 1.5)
    dark = cheek_colour(pictures) * pictures.new_tensor(CAVITY).view(3, 1, 1)
    dark = dark * (1 + 0.5 * (below / down.clamp(min=1)).clamp(0, 1))[:, :, None]
    return torch.lerp(moved.view_as(pictures), dark, gap[:, :, None])


def vary_mouths(
    targets: torch.Tensor, references: torch.Tensor, strength: float, draws: Draws
) -> torch.Tensor:
    """Targets, references, and targets again, ``uint8 (B, 3 n, 128, 128, 3)``, of ``(B, n, ...)``
    each.

    With bright teeth most of the time, those of the last independent of the first's, and some
    mouths open wider than any speaker of a corpus opens them.
    """
    batch, n = targets.shape[:2]
    pictures = torch.cat((targets, references, targets), dim=1)
    pictures = pictures.permute(0, 1, 4, 2, 3).float()

    white = draws.uniform(batch, 2, 1, 1, low=-0.5, high=4.5).clamp(0, 1)
    white = white[:, [0, 0, 1]].repeat_interleave(n, dim=1)
    lowest = -OPENED_BY * (1 / OPENED - 1)
    wide = draws.uniform(batch, 2, 1, 1, low=lowest, high=OPENED_BY).clamp(min=0)
    wide = wide[:, [0, 1, 0]].repeat_interleave(n, dim=1)

    pictures = whiten(pictures, strength * white)
    pictures = open_wider(pictures, strength * wide)
    return pictures.round().to(torch.uint8).permute(0, 1, 3, 4, 2)


def widen_mouths(crops: torch.Tensor, strength: float, draws: Draws) -> torch.Tensor:
    """Half of the crops ``uint8 (B, n, 128, 128, 3)`` with mouths wider, higher, raised at the
    corners.

    Part of them has teeth where an open mouth is dark: speakers of a corpus hardly smile, people in
    photographs do.
    """
    batch, n = crops.shape[:2]

    def between(low: float, high: float) -> torch.Tensor:
        return draws.uniform(batch, 1, 1, low=low, high=high) * strength

    line = (torch.arange(CROP_SIZE, device=crops.device) + 0.5) * 2 / CROP_SIZE - 1
    lips = 2 * MIDDLE / CROP_SIZE - 1
    x = line[None]
    y = line[:, None] - lips
    chosen = draws.uniform(batch, 1, 1) < 0
    near = torch.exp(-((x / 0.42) ** 4) - (y / 0.3) ** 4) * chosen

    inner = torch.exp(-((x / 0.26) ** 4) - (y / 0.13) ** 4) * chosen
    inner = inner * between(-1, 2).clamp(0, 1) * (y < between(0.0, 0.15))
    whiteness = 1 + between(-0.2, 0.2)[:, None, None]
    pictures = _with_teeth(crops.permute(0, 1, 4, 2, 3).float(), inner, whiteness)

    across = x * (1 - between(0, WIDE) * near)
    down = y * (1 - between(*HIGH) * near)
    down = down + between(0, RAISED) * near * (x / 0.3).square().clamp(max=2)
    grid = torch.stack((across.expand_as(down), down + lips), dim=-1)
    pictures = pictures.reshape(batch, n * 3, CROP_SIZE, CROP_SIZE)
    wide = F.grid_sample(pictures, grid, padding_mode="border", align_corners=False)
    wide = wide.clamp(0, 255).round().to(torch.uint8)
    return wide.view(batch, n, 3, CROP_SIZE, CROP_SIZE).permute(0, 1, 3, 4, 2)


def _with_teeth(
    pictures: torch.Tensor, inner: torch.Tensor, whiteness: torch.Tensor
) -> torch.Tensor:
    """Teeth where pictures ``(B, n, 3, 128, 128)`` are dark within ``inner`` ``(B, 128, 128)``."""
    skin = cheek_colour(pictures).mean(dim=2, keepdim=True)
    teeth = skin * pictures.new_tensor(SMILE_TEETH).view(3, 1, 1) * whiteness
    grey = pictures.mean(dim=2, keepdim=True)

    dark = torch.sigmoid((0.5 * skin - grey) / 8)
    return torch.lerp(pictures, teeth, inner[:, None, None] * dark)
