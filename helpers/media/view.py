"""Which part of a picture is looked at, and which way up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import ParameterError
from .info import MediaInfo

LEAST_SIDE = 16  # px, of what a crop leaves
TURNS = {
    0: [],
    90: ["transpose=clock"],
    180: ["hflip", "vflip"],
    270: ["transpose=cclock"],
}


@dataclass(frozen=True)
class View:
    """How a source is looked at.

    It is turned clockwise by ``rotate`` degrees (0, 90, 180, 270), then cut to ``crop``: x1, y1,
    x2, y2 in pixels of the turned picture (None: all of it).
    """

    rotate: int = 0
    crop: tuple[int, int, int, int] | None = None

    def size(self, info: MediaInfo) -> tuple[int, int]:
        """Width and height of what is left.

        Raises ParameterError if the crop does not lie in the picture.
        """
        width = info.height if self.rotate % 180 else info.width
        height = info.width if self.rotate % 180 else info.height
        if self.crop is None:
            return width, height

        x1, y1, x2, y2 = self.crop
        outside = min(x1, y1) < 0 or x2 > width or y2 > height
        if outside or min(x2 - x1, y2 - y1) < LEAST_SIDE:
            raise ParameterError(
                f"crop={x1},{y1},{x2},{y2} does not lie in the {width}x{height} picture;"
                f" give x1,y1,x2,y2 with 0 <= x1 < x2 <= {width} and 0 <= y1 < y2 <= {height},"
                f" {LEAST_SIDE} pixels apart at least"
            )
        return x2 - x1, y2 - y1

    def filters(self, info: MediaInfo) -> list[str]:
        """ffmpeg's filters for it."""
        turns = TURNS[self.rotate]
        if self.crop is None:
            return turns

        width, height = self.size(info)
        return [*turns, f"crop={width}:{height}:{self.crop[0]}:{self.crop[1]}:exact=1"]

    def apply(self, image: np.ndarray, info: MediaInfo) -> np.ndarray:
        """The same of a decoded picture ``(H, W, 3)``."""
        image = np.rot90(image, -self.rotate // 90)
        width, height = self.size(info)
        x, y = self.crop[:2] if self.crop else (0, 0)
        return np.ascontiguousarray(image[y : y + height, x : x + width])


WHOLE = View()
