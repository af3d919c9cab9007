"""Bright teeth, open mouths and smiles, on drawn mouths whose parts are known."""

import pytest
import torch

from helpers.training.draws import Draws
from helpers.training.mouths import open_wider, vary_mouths, whiten, widen_mouths


def drawn_mouth(half_height):
    """Skin, an ellipse of lips, between them teeth above and the cavity below.

    ``(1, 1, 3, 128, 128)``; and where the teeth are.
    """
    line = torch.arange(128) + 0.5
    x = line[None] - 64
    y = line[:, None] - 77
    face = torch.tensor([200.0, 160, 130])[:, None, None].repeat(1, 128, 128)
    colours = ((14, half_height + 5, (190, 95, 95)), (11, half_height, (35, 20, 20)))
    for width, height, colour in colours[: 1 + (half_height > 0)]:
        inside = torch.hypot(x / width, y / height) < 1
        face[:, inside] = torch.tensor(colour, dtype=torch.float32)[:, None]
    teeth = (torch.hypot(x / 11, y / max(half_height, 1e-3)) < 1) & (y < 0)
    face[:, teeth] = torch.tensor([140.0, 125, 95])[:, None]
    return face[None, None], teeth


def test_wide_mouths_are_drawn_into_half_of_the_references():
    """Nothing changes far from the mouth, nor anywhere at strength 0.

    Lines at the mouth's corners move outwards.
    """
    draws = Draws()
    lines = torch.full((200, 1, 128, 128, 3), 200, dtype=torch.uint8)
    lines[..., 52:55, :] = 80
    lines[..., 73:76, :] = 80
    made = widen_mouths(lines, 1.0, draws)
    assert made.shape == lines.shape
    assert made.dtype == torch.uint8
    assert torch.equal(widen_mouths(lines, 0.0, draws), lines)
    assert torch.equal(made[:, :, :44], lines[:, :, :44])

    row = made[:, 0, 77, :, 0].int()
    left = row[:, :64].argmin(dim=1)
    right = 64 + row[:, 64:].argmin(dim=1)
    assert (left <= 52).all()
    assert (right >= 73).all()
    assert 0.35 < ((left < 52) & (right > 73)).float().mean() < 0.6


def test_teeth_and_nothing_else_are_whitened():
    face, teeth = drawn_mouth(4)
    fully = torch.ones(1, 1, 1, 1)
    assert torch.equal(whiten(face, 0 * fully), face)
    before = face.mean(dim=2)[0, 0]
    after = whiten(face, fully).mean(dim=2)[0, 0]
    assert (after[teeth] > before[teeth] + 20).float().mean() > 0.8
    brighter = after > before + 5
    assert (brighter & teeth).sum() > 0.9 * brighter.sum() > 0


@pytest.mark.parametrize("share", [0.5, 1.0, 1.5])
def test_open_mouths_open_wider_and_shut_ones_stay(share):
    """The dark below the teeth grows by about the share of the mouth's 8 rows that is asked for.

    Above and beside the mouth nothing moves; the chin goes down with the lip.
    """
    face, _ = drawn_mouth(4)
    shut, _ = drawn_mouth(0)
    face[..., 100, :] = shut[..., 100, :] = 90  # a line on the chin
    wider = torch.full((1, 1, 1, 1), share)
    assert torch.allclose(open_wider(shut, wider), shut, atol=1)

    def dark_rows(picture):
        return int((picture[0, 0, :, 69:90, 64].mean(dim=0) < 80).sum())

    made = open_wider(face, wider)
    assert dark_rows(made) - dark_rows(face) == pytest.approx(7 * share, rel=0.3)
    assert torch.allclose(made[..., :72, :], face[..., :72, :], atol=1)
    assert torch.allclose(made[..., 60:80, :40], face[..., 60:80, :40], atol=1)
    assert made[0, 0, 0, 96:, 64].argmin() > 4


def test_the_face_encoder_gets_the_targets_mouths_with_other_teeth():
    """Same mouths, opened as widely; the reference has the target's teeth, the other look has
    not.
    """
    face = drawn_mouth(4)[0].to(torch.uint8).permute(0, 1, 3, 4, 2).repeat(60, 1, 1, 1, 1)
    target, reference, again = vary_mouths(face, face, 1.0, Draws()).unbind(dim=1)

    def brightness(picture):
        return picture[:, 74:76, 60:68].float().mean(dim=(1, 2, 3))

    assert torch.allclose(brightness(target), brightness(reference), atol=1)
    away = (brightness(target) - brightness(again)).abs()
    assert (away > 10).float().mean() > 0.2
    elsewhere = torch.full((128, 128, 1), True)
    elsewhere[70:90, 50:78] = False
    assert torch.equal(target.where(elsewhere, 0), again.where(elsewhere, 0))
    assert not torch.equal(target.where(elsewhere, 0), reference.where(elsewhere, 0))
