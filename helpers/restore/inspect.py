"""What notebook 03 shows of a restorer."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from ..face.square import crop_square, square_matrix
from ..networks.devices import choose_device, choose_precision
from ..params import Params
from .base import choose_restorer, make_restorer
from .compact import COMPACT_ZOOM, compact_size, compact_window
from .gfpgan import (
    ALIGNED_SIZE,
    align_matrix,
    gfpgan_window,
    load_gfpgan,
    locate_gfpgan,
    run_gfpgan,
)
from .paste import region_mask


def inspect_face(
    p: Params, frame: np.ndarray, landmarks: np.ndarray, matrix: np.ndarray
) -> dict[str, np.ndarray]:
    """One face on its way through a run's restorer at full strength; ``matrix`` is its crop matrix.

    ``aligned``: the square that the restorer sees, ``restored``: the same with its whole face restored, both ``uint8
    (size, size, 3)``; ``mask`` ``float32 (H, W)``: what of it is used; ``made``: the frame with it.
    """
    name = choose_restorer(p.restorer)
    region = {"sharpen": "mouth", "gfpgan_reference": "face"}.get(name, p.region)
    if name.startswith("gfpgan"):
        square, size, window = align_matrix(landmarks), ALIGNED_SIZE, gfpgan_window(region)
    else:
        size = compact_size([matrix])
        square, window = (
            square_matrix(landmarks, size, COMPACT_ZOOM),
            compact_window(region, size) * (name != "none"),
        )
    made = whole = make_restorer(replace(p, strength=1.0, region=region))(
        [frame], [landmarks], [matrix], [0]
    )[0]
    if region == "mouth" and name in ("compact", "gfpgan"):
        whole = make_restorer(replace(p, strength=1.0, region="face"))(
            [frame], [landmarks], [matrix], [0]
        )[0]
    mask = np.zeros(frame.shape[:2], np.float32)
    (x1, y1, x2, y2), part = region_mask(frame, square, landmarks, region, window)
    if part.size:
        mask[y1:y2, x1:x2] = part
    return dict(
        aligned=crop_square(frame, square, size),
        restored=crop_square(whole, square, size),
        mask=mask,
        made=made,
    )


def beside_reference(
    p: Params, frame: np.ndarray, landmarks: np.ndarray, matrix: np.ndarray
) -> dict[str, tuple[np.ndarray, float]]:
    """A frame by the run's restorer and by ``gfpgan_reference``, at full strength: new frames and seconds.

    Loading is not in the times; the reference's hold a detection and a parsing of its own. Raises WeightsError or
    ParameterError where the reference cannot run.
    """
    made = {}
    for name in (choose_restorer(p.restorer), "gfpgan_reference"):
        work = make_restorer(replace(p, restorer=name, strength=1.0))
        started = time.perf_counter()
        made[name] = (work([frame], [landmarks], [matrix], [0])[0], time.perf_counter() - started)
    return made


def drawn_twice(p: Params, frame: np.ndarray, landmarks: np.ndarray) -> dict[str, list[np.ndarray]]:
    """One face through GFPGAN two times, with fresh and with fixed noise: pairs of ``uint8 (512, 512, 3)``."""
    net = load_gfpgan(locate_gfpgan(p.restorer_checkpoint).path, choose_device(p.device))
    square = crop_square(frame, align_matrix(landmarks), ALIGNED_SIZE)
    precision = choose_precision(p.precision, next(net.parameters()).device)

    def once(noise: bool) -> np.ndarray:
        made = (run_gfpgan(net, [square], precision, noise)[0].clamp(-1, 1) + 1) * 127.5
        return made.round().byte().permute(1, 2, 0).cpu().numpy()

    return {
        name: [once(noise), once(noise)]
        for name, noise in (("fresh noise", True), ("fixed noise", False))
    }
