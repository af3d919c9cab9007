"""Patches, put into frames."""

import cv2
import numpy as np
import pytest
import torch
from support import picture

from helpers.engines.blend import apply_maps, paste_box, paste_feathered
from helpers.face.mask import face_mask
from helpers.face.square import square_matrix
from helpers.networks.maps import warp_and_paint

POINTS = np.array([[85, 70], [135, 70], [110, 95], [92, 120], [128, 120]], np.float32)


def test_box_paste_is_bit_for_bit():
    patch = np.random.default_rng(0).random((96, 96, 3), np.float32)
    frame = picture()
    made = paste_box(frame, patch, (30, 20, 171, 160))
    want = frame.copy()
    want[20:160, 30:171] = cv2.resize((patch * 255.0).astype(np.uint8), (141, 140))
    assert (made == want).all() and (frame == picture()).all()


def test_zero_maps_change_nothing():
    maps = np.zeros((6, 96, 96), np.float32)
    assert (apply_maps(picture(), maps, square_matrix(POINTS, 96), POINTS) == picture()).all()


@pytest.mark.parametrize("shift", [(0, 0), (-90, -60), (110, 90), (500, 0)])
def test_nothing_outside_the_mask_changes(shift):
    points = POINTS + shift
    maps = np.random.default_rng(0).uniform(-0.3, 1, (6, 96, 96)).astype(np.float32)
    made = apply_maps(picture(), maps, square_matrix(points, 96), points)
    mask = face_mask(points, 0, 0, 240, 200)
    assert (made[mask == 0] == picture()[mask == 0]).all()
    patched = paste_feathered(
        picture(), np.ones((96, 96, 3), np.float32), (40, 20, 200, 180), points
    )
    assert (patched[mask == 0] == picture()[mask == 0]).all()
    if shift == (0, 0):
        assert (made != picture()).any() and (patched != picture()).any()


def test_frame_warp_is_the_networks_warp():
    """At the crop's own size, applying maps in the frame is what the training's ``warp_and_paint``
    does.
    """
    frame = cv2.GaussianBlur(
        np.random.default_rng(0).integers(0, 255, (96, 96, 3), np.uint8), (0, 0), 3
    )
    rng = np.random.default_rng(1)
    maps = cv2.GaussianBlur(
        rng.standard_normal((96, 96, 6)).astype(np.float32), (0, 0), 9
    ).transpose(2, 0, 1)
    maps[:2] *= 0.5
    maps[2:] = np.clip(0.5 + maps[2:], 0, 1)
    made = apply_maps(frame, maps, np.eye(2, 3), None)
    pixels = torch.from_numpy(frame).permute(2, 0, 1)[None].float()
    scaled = torch.from_numpy(maps.copy())[None]
    scaled[:, 3:] *= 255
    want = warp_and_paint(pixels, scaled)[0].permute(1, 2, 0).numpy()
    assert np.abs(made - want)[3:-3, 3:-3].mean() < 1.0


def test_feathered_patch_takes_the_frames_colour():
    frame = np.full((200, 240, 3), (180, 120, 90), np.uint8)
    patch = np.full((96, 96, 3), 0.2, np.float32)
    made = paste_feathered(frame, patch, (50, 40, 170, 180), POINTS)
    assert np.abs(made.astype(int) - frame).max() <= 1
