"""A notice drawn on re-drawn frames."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np

HEIGHT = 1 / 24  # of the letters, as a share of the picture's
LEAST = 9  # px
WIDTH = 0.94  # of the picture, that the notice takes at most
MARGIN = 0.4  # around the letters, as a share of their height
EDGE = 40  # of the picture, that the notice keeps from its edges: one part of so many
DARK = 0.4  # of the picture that is left behind the letters


def with_label(frame: np.ndarray, text: str) -> np.ndarray:
    """A frame ``uint8 (H, W, 3)`` with a notice at its lower left; without a text, the frame."""
    if not text:
        return frame

    height, width = frame.shape[:2]
    letters = _letters(text, width, height)[:, :, None]
    down, across = letters.shape[:2]
    top = max(0, height - down - height // EDGE)
    left = width // EDGE

    labelled = frame.copy()
    behind = labelled[top : top + down, left : left + across]
    behind[:] = np.rint(behind * DARK * (1 - letters) + 255 * letters)
    return labelled


@functools.lru_cache(maxsize=8)
def _letters(text: str, width: int, height: int) -> np.ndarray:
    """How far each pixel of the notice is a letter, ``float32 (h, w)`` 0 to 1."""
    import matplotlib
    from PIL import Image, ImageDraw, ImageFont

    file = Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")
    size = max(LEAST, round(height * HEIGHT))
    font = ImageFont.truetype(file, size)
    long = font.getlength(text) + 2 * MARGIN * size
    if long > WIDTH * width:
        size = max(1, int(size * WIDTH * width / long))
        font = ImageFont.truetype(file, size)

    margin = round(MARGIN * size)
    across = round(font.getlength(text)) + 2 * margin
    down = sum(font.getmetrics()) + margin
    picture = Image.new("L", (min(across, width - 2 * (width // EDGE)), min(down, height)))
    ImageDraw.Draw(picture).text((margin, margin // 2), text, fill=255, font=font)
    return np.asarray(picture, np.float32) / 255
