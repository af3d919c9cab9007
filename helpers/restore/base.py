"""The restorers by name, and how a run gets the one that its parameters ask for.

A new restorer is a class with the attributes of ``Restorer`` in a file of its own, one line in
``RESTORERS`` and its name among the choices of the parameter ``restorer``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Protocol

import numpy as np

from .. import checkpoints
from ..checkpoints import Found
from ..params import Params
from .compact import CompactRestoration
from .gfpgan import GFPGAN_CHECKPOINTS, GfpganRestoration
from .none import NoRestoration
from .paste import Arrays, Square
from .reference import ReferenceRestoration
from .sharpen import SharpenRestoration


class Restorer(Protocol):
    """A restorer with the parameters of a run.

    ``parameters`` are the names of those that its pixels depend on. ``region``, "mouth" or "face",
    is what it changes. One that ``needs_memory`` works on one batch at a time.
    """

    parameters: ClassVar[tuple[str, ...]]
    needs_memory: bool
    region: str

    def __init__(self, p: Params) -> None:
        """Raises WeightsError or ParameterError where it cannot work."""

    @staticmethod
    def locate(p: Params) -> Found | None:
        """Its weights, None if it needs none. Raises WeightsError if they are not here."""

    def __call__(
        self, frames: Arrays, landmarks: Arrays, matrices: Arrays, runs: Sequence[int]
    ) -> list[np.ndarray]:
        """New frames ``uint8 (H, W, 3)`` RGB with one face each restored.

        ``landmarks`` ``(5, 2)`` and ``matrices`` ``(2, 3)``, frame -> 96 px square, are the faces'.
        Frames with the same number in ``runs`` follow each other in one shot.
        """

    def square(self, landmarks: np.ndarray, matrix: np.ndarray) -> Square:
        """What it sees of a face."""


RESTORERS: dict[str, type[Restorer]] = {
    "none": NoRestoration,
    "sharpen": SharpenRestoration,
    "compact": CompactRestoration,
    "gfpgan": GfpganRestoration,
    "gfpgan_reference": ReferenceRestoration,
}


def choose_restorer(name: str) -> str:
    """The restorer that ``auto`` stands for: gfpgan if its weights are here, else compact."""
    if name != "auto":
        return name
    return "gfpgan" if any(map(checkpoints.here, GFPGAN_CHECKPOINTS)) else "compact"


def describe_restorer(p: Params) -> dict[str, Any]:
    """What the restored pixels depend on besides the lip-synced ones. Raises WeightsError."""
    name = choose_restorer(p.restorer)
    kind = RESTORERS[name]
    facts = dict(restorer=name) | {key: getattr(p, key) for key in kind.parameters}

    found = kind.locate(p)
    if found:
        facts |= dict(weights=found.name, weights_sha256=checkpoints.sha256(found.path))
    if p.restore_unsynced and name != "none":
        facts |= dict(restore_unsynced=True)
    return facts


def make_restorer(p: Params) -> Restorer:
    """The restorer of a run; at strength 0 the one that gives the frames themselves.

    Raises WeightsError or ParameterError.
    """
    name = choose_restorer(p.restorer) if p.strength else "none"
    return RESTORERS[name](p)
