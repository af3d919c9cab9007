"""Measures of pictures, on pictures whose figure is known."""

import math

import cv2
import numpy as np
import pytest

from helpers.measure.pictures import (
    edge_sharpness,
    identity_drift,
    mean_flicker,
    mouth_part,
    pixel_jumps,
    psnr,
    seam_edges,
)

LANDMARKS = np.array([[70.0, 70], [130, 70], [100, 105], [80, 140], [120, 140]])


@pytest.fixture
def noise() -> np.ndarray:
    picture = np.random.default_rng(0).integers(0, 256, (200, 200, 3), np.uint8)
    return cv2.GaussianBlur(picture, (0, 0), 3)


def test_a_blurred_picture_is_less_sharp():
    stripes = np.zeros((40, 40, 3), np.uint8)
    stripes[::4] = 200
    assert edge_sharpness(stripes) > 2 * edge_sharpness(cv2.GaussianBlur(stripes, (0, 0), 1))
    assert edge_sharpness(np.full((20, 20, 3), 90, np.uint8)) == 0


def test_psnr_of_one_grey_level_over_a_mask():
    a = np.full((10, 10, 3), 90, np.uint8)
    b = a + 1
    b[5:] = 200
    upper = np.zeros((10, 10), bool)
    upper[:5] = True
    assert psnr(a, b, upper) == pytest.approx(20 * math.log10(255))
    assert psnr(a, a, upper) == math.inf


def test_steady_change_is_no_flicker():
    grey = np.array([10, 20, 30, 40, 50], np.uint8)
    steady = np.tile(grey[:, None, None, None], (1, 4, 4, 3))
    assert pixel_jumps(steady).tolist() == [0, 0, 0]
    back_and_forth = np.array([10, 30, 10, 30], np.uint8)
    jumping = np.tile(back_and_forth[:, None, None, None], (1, 4, 4, 3))
    assert mean_flicker(jumping) == 20


def test_another_mouth_is_no_other_person(noise):
    other_mouth = noise.copy()
    mouth_part(other_mouth)[20:50, 10:-10] = 0
    other_eyes = noise.copy()
    other_eyes[40:70, 40:160] = 0
    assert identity_drift(noise, noise) == 0
    assert identity_drift(other_mouth, noise) < 0.01
    assert identity_drift(other_eyes, noise) > 0.05


def test_a_hard_edge_on_the_rim_is_a_seam(noise):
    assert seam_edges(noise, noise, LANDMARKS) == 0

    brighter = cv2.add(noise, (9, 9, 9, 0))  # everywhere, as an encoder may
    assert abs(seam_edges(brighter, noise, LANDMARKS)) < 0.1

    patched = noise.copy()
    cv2.circle(patched, (100, 150), 66, (255, 255, 255), -1)
    assert seam_edges(patched, noise, LANDMARKS) > 3


def test_a_face_outside_the_frame_has_no_seam(noise):
    assert seam_edges(noise, noise, LANDMARKS + 1000) is None
