"""The compact network and its maps."""

import cv2
import numpy as np
import torch
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as hnp
from support import sample_face

from helpers import checkpoints
from helpers.networks.compact import PAINT_GAP, network_input, without_gaps
from helpers.networks.maps import chain_maps, warp_and_paint


@given(
    hnp.arrays(np.float32, (1, 1, 2, 40), elements=st.floats(-3, 3, width=32)),
    st.integers(1, 18),
    st.integers(1, 20),
)
def test_paint_between_two_painted_places_has_no_narrow_gap(alpha, first, width):
    """Paint is only added, no more than there is beside it, and the second time nothing; a gap of
    GAP px stays.
    """
    alpha[..., 0, :] = 4
    alpha[..., 0, first : first + width] = -4
    given_alpha = torch.from_numpy(alpha)
    filled = without_gaps(given_alpha)
    assert (filled >= given_alpha).all() and filled.max() == given_alpha.max()
    assert torch.equal(without_gaps(filled), filled)
    assert filled[0, 0, 0, first] == (4 if width < PAINT_GAP else -4)


def test_the_compact_network_paints_without_gaps():
    net = checkpoints.load(checkpoints.locate("compact").path)
    pixels = torch.from_numpy(sample_face()[None]).permute(0, 3, 1, 2).float() / 255
    alpha = net.draw(torch.full((1, 8), 2.0), network_input(pixels, pixels))[:, 2:3]
    assert alpha.std() > 0 and torch.equal(without_gaps(alpha), alpha)


def test_chained_maps_do_what_two_passes_do():
    rng = np.random.default_rng(2)
    face, *pair = (
        torch.from_numpy(
            cv2.GaussianBlur(
                rng.standard_normal((96, 96, c)).astype(np.float32), (0, 0), 8
            ).transpose(2, 0, 1)
        )
        for c in (3, 6, 6)
    )
    maps = [m[None].clone() for m in pair]
    for m in maps:
        m[:, :2] *= 0.5
        m[:, 2:] = (0.5 + 3 * m[:, 2:]).clamp(0, 1)
    once = warp_and_paint(face[None], chain_maps(*maps))
    twice = warp_and_paint(warp_and_paint(face[None], maps[0]), maps[1])
    assert (once - twice)[..., 4:-4, 4:-4].abs().max() < 0.02 < (once - face[None]).abs().max()
