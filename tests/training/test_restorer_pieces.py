"""What the restorer's training shows to the network."""

import numpy as np
import torch

from helpers.training.restorer import pieces


def test_pieces_of_a_face_are_turned_mirrored_and_recoloured():
    rng = np.random.default_rng(0)
    squares = rng.integers(0, 255, (2, 1, 144, 144, 3), dtype=np.uint8).repeat(2, axis=1)
    mouth = np.array([True, False, True])
    true, painted = pieces(squares, np.array([0, 1, 1]), mouth, np.random.default_rng(1))
    assert true.shape == (3, 3, 72, 72)
    assert true.dtype == torch.float32
    assert 0 <= true.min() <= true.max() <= 1
    assert torch.equal(true, painted)  # both are turned alike


def test_colours_of_pieces_are_mixed():
    flat = np.full((1, 2, 144, 144, 3), (200, 100, 50), np.uint8)
    brightest = set()
    for seed in range(8):
        rng = np.random.default_rng(seed)
        true, _ = pieces(flat, np.array([0]), np.array([False]), rng)
        brightest.add(int(true[0, :, 0, 0].argmax()))
    assert len(brightest) > 1
