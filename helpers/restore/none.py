"""No restoration: the frames as they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from ..params import Params
from .compact import compact_square
from .paste import Arrays, Square


class NoRestoration:
    """Leaves the frames alone; see ``base.Restorer``."""

    parameters: ClassVar[tuple[str, ...]] = ()
    needs_memory = False

    def __init__(self, p: Params):
        self.region = p.region

    @staticmethod
    def locate(p: Params) -> None:
        return None

    def __call__(
        self, frames: Arrays, landmarks: Arrays, matrices: Arrays, runs: Sequence[int]
    ) -> list[np.ndarray]:
        return list(frames)

    def square(self, landmarks: np.ndarray, matrix: np.ndarray) -> Square:
        square = compact_square(landmarks, matrix, self.region)
        return square._replace(window=np.zeros_like(square.window))
