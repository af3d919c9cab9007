"""What every lip-sync engine offers, and what it is given.

An engine is a network together with how it is used: which sound it takes, how a face is cut for it,
how its answer goes back into the frame. Nothing outside this package asks which network it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Protocol

import numpy as np
from torch import nn

from ..networks.codes import CODE_SIZE
from ..networks.compact import CompactWav2Lip
from ..plan.plan import Plan

NOT_GIVEN: Any = None


@dataclass(frozen=True)
class MouthBatch:
    """B faces to re-draw; what is not given is zero.

    faces ``uint8 (B, 96, 96, 3)`` RGB; sound ``float32 (B, ...)``, what the engine's ``sound``
    gives; pauses ``float32 (B,)``, 0 in speech to 1 in a pause; neutral ``float32 (B, 8)``, each
    person's own mean mouth code; from_donor ``bool (B,)``: the face has a donor's mouth already;
    is_photo ``bool (B,)``: a mouth that is not seen to move.
    """

    faces: np.ndarray
    sound: np.ndarray
    pauses: np.ndarray = NOT_GIVEN
    neutral: np.ndarray = NOT_GIVEN
    from_donor: np.ndarray = NOT_GIVEN
    is_photo: np.ndarray = NOT_GIVEN

    def __post_init__(self):
        count = len(self.faces)
        zeros = dict(
            pauses=np.zeros(count, np.float32),
            neutral=np.zeros((count, CODE_SIZE), np.float32),
            from_donor=np.zeros(count, bool),
            is_photo=np.zeros(count, bool),
        )
        for name, value in zeros.items():
            if getattr(self, name) is NOT_GIVEN:
                object.__setattr__(self, name, value)

    def __len__(self) -> int:
        return len(self.faces)

    def rows(self, numbers: Sequence[int]) -> MouthBatch:
        """Some faces of the batch."""
        return MouthBatch(**{f.name: getattr(self, f.name)[numbers] for f in fields(self)})

    def padded(self, count: int, places: Sequence[int]) -> MouthBatch:
        """A batch of ``count`` faces, zero but for these at ``places``."""
        values = {}
        for f in fields(self):
            own = getattr(self, f.name)
            values[f.name] = np.zeros((count, *own.shape[1:]), own.dtype)
            values[f.name][places] = own

        return MouthBatch(**values)


class Engine(Protocol):
    """A lip-sync network in use.

    ``alignment`` is the mel alignment that "auto" stands for, ``look_ahead`` the seconds of the
    source in which faces are followed even where less is shown, ``code_network`` the network whose
    mouth codes are planned, None where there is nothing to plan.
    """

    alignment: ClassVar[str]
    net: nn.Module
    look_ahead: float
    code_network: CompactWav2Lip | None

    def sound(self, plan: Plan, numbers: Sequence[int]) -> np.ndarray:
        """What the network hears of some output frames, ``float32 (len(numbers), ...)``."""

    def face(self, frame: np.ndarray, plan: Plan, n: int) -> np.ndarray:
        """What the network sees of output frame ``n``, ``uint8 (96, 96, 3)`` RGB."""

    def draw(self, batch: MouthBatch) -> np.ndarray:
        """A patch for each face of a batch, ``float32 (B, ...)``."""

    def compose(self, frame: np.ndarray, patch: np.ndarray, plan: Plan, n: int) -> np.ndarray:
        """Output frame ``n`` with its patch in place: a new frame."""

    def picture(self, face: np.ndarray, patch: np.ndarray) -> np.ndarray:
        """The drawn face, ``float32 (96, 96, 3)`` RGB in [0, 1]."""

    def maps(self, patch: np.ndarray) -> np.ndarray | None:
        """Flow, alpha and paint ``float32 (6, 96, 96)`` where the patch is such maps, else None."""
