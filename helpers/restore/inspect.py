"""What notebook 03 shows of a restorer."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from ..face.square import crop_square
from ..networks.devices import choose_device, choose_precision
from ..params import Params
from .base import choose_restorer, make_restorer
from .gfpgan import (
    ALIGNED_SIZE,
    align_matrix,
    load_gfpgan,
    locate_gfpgan,
    run_gfpgan,
    to_grey_levels,
)
from .paste import region_mask


def inspect_face(
    p: Params, frame: np.ndarray, landmarks: np.ndarray, matrix: np.ndarray
) -> dict[str, np.ndarray]:
    """One face on its way through a run's restorer at full strength.

    ``matrix`` is the face's crop matrix. Returns aligned: the square that the restorer sees,
    restored: the same with its whole face restored, both ``uint8 (size, size, 3)``; mask ``float32
    (H, W)``: what of it is used; made: the frame with it.
    """
    restorer = make_restorer(replace(p, strength=1.0))
    whole_face = restorer
    if restorer.region == "mouth":
        whole_face = make_restorer(replace(p, strength=1.0, region="face"))

    square = restorer.square(landmarks, matrix)
    size = len(square.window)
    whole = whole_face([frame], [landmarks], [matrix], [0])[0]

    mask = np.zeros(frame.shape[:2], np.float32)
    (x1, y1, x2, y2), part = region_mask(frame, square, landmarks, restorer.region)
    if part.size:
        mask[y1:y2, x1:x2] = part
    return dict(
        aligned=crop_square(frame, square.matrix, size),
        restored=crop_square(whole, square.matrix, size),
        mask=mask,
        made=restorer([frame], [landmarks], [matrix], [0])[0],
    )


def beside_reference(
    p: Params, frame: np.ndarray, landmarks: np.ndarray, matrix: np.ndarray
) -> dict[str, tuple[np.ndarray, float]]:
    """A frame by the run's restorer and by ``gfpgan_reference``, at full strength.

    Returns new frames and seconds by restorer. Loading is not in the times; the reference's hold a
    detection and a parsing of its own. Raises WeightsError or ParameterError where the reference
    cannot run.
    """
    pair = {}
    for name in (choose_restorer(p.restorer), "gfpgan_reference"):
        restorer = make_restorer(replace(p, restorer=name, strength=1.0))
        started = time.perf_counter()
        restored = restorer([frame], [landmarks], [matrix], [0])[0]
        pair[name] = restored, time.perf_counter() - started
    return pair


def drawn_twice(p: Params, frame: np.ndarray, landmarks: np.ndarray) -> dict[str, list[np.ndarray]]:
    """One face through GFPGAN two times, with fresh and with fixed noise: pairs of squares."""
    net = load_gfpgan(locate_gfpgan(p.restorer_checkpoint).path, choose_device(p.device))
    precision = choose_precision(p.precision, next(net.parameters()).device)
    square = crop_square(frame, align_matrix(landmarks), ALIGNED_SIZE)

    def draw(noise: bool) -> np.ndarray:
        restored = run_gfpgan(net, [square], precision, noise)
        return to_grey_levels(restored)[0].round().byte().cpu().numpy()

    return {
        "fresh noise": [draw(True), draw(True)],
        "fixed noise": [draw(False), draw(False)],
    }
