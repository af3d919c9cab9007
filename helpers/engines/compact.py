"""The compact engine: a closed loop, its maps applied at the frame's resolution.

Each pass draws the face that the last one left. Before a pass the face encoder looks how the mouth
stands, and what it lacks of the wanted code is added to the target code. So a pass takes away what
the last one left of the source's mouth, and faces that move little are asked for more. The passes'
maps are chained: the frame itself is warped once.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch.nn import functional as F

from ..face.square import FACE_SIZE, crop_square
from ..networks.compact import CompactWav2Lip, network_input
from ..networks.devices import choose_precision
from ..networks.encode import to_pixels
from ..networks.maps import chain_maps, warp_and_paint
from ..params import Params
from ..plan.geometry import frame_landmarks, frame_matrix
from ..plan.plan import Plan
from ..plan.selection import LOOK_AHEAD
from .base import MouthBatch
from .blend import apply_maps

# target codes
LEAN = 0.5  # of what a mouth must change: added at first, since a pass goes only a part of the way
TARGET_LIMIT = 3.0  # spreads of the code: more than any mouth shows tears lips and teeth

# flow
BROW_ROW = 32  # of the square: what is above is not bent; heads move, but no sound tells how
CHEEK_ROW = 48  # what is below is bent fully
PHOTO_FLOW = 1.45  # of photographs: strangers' mouths shut and open less than they are asked to

# paint
CHEEK_ROWS = slice(36, 54)  # of the square: with the nose, above the paint
CHEEK_COLUMNS = slice(30, 66)
BROAD_SMILE = 4.0  # code length over which a photograph's paint fades; 19 of 20 mouths have shorter

# pauses
CLOSING_PASSES = 3  # at most
SHUT_ALONG = 1.8  # how far along the code of silence a shut mouth stands
FADE_ALONG = 0.8  # before that the closing fades


def greenest(faces: torch.Tensor) -> torch.Tensor:
    """How much more green than red and blue the paint may be, ``(B,)``: as much as nose and cheeks.

    ``faces`` ``(B, 3, 96, 96)`` in [0, 1]. At least nothing: on strangers paint is yellow at times.
    """
    skin = faces[:, :, CHEEK_ROWS, CHEEK_COLUMNS].mean(dim=(2, 3))
    return (skin[:, 1] - (skin[:, 0] + skin[:, 2]) / 2).clamp(min=0)


class ClosedLoop:
    """One batch on its way through the passes.

    spoken ``(B, 8)``: what the speech asks for; wanted: the same on this person's mouth; target:
    what the next pass is given; maps ``(B, 6, 96, 96)``: what has been drawn so far.
    """

    def __init__(self, net: CompactWav2Lip, batch: MouthBatch, precision: torch.dtype):
        self.net = net
        self.precision = precision
        self.device = next(net.parameters()).device
        self.batch = batch
        self.pixels = to_pixels(net, batch.faces)
        self.spoken = self._tensor(batch.sound)
        self.wanted = self.spoken + self._tensor(batch.neutral)
        self.is_photo = batch.is_photo & ~batch.from_donor

        rows = torch.arange(FACE_SIZE, device=self.device)
        self.bends = ((rows - BROW_ROW) / (CHEEK_ROW - BROW_ROW)).clamp(0, 1)[:, None]

    def _tensor(self, values: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(values).to(self.device, non_blocking=True)

    def _pass(self, faces: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Maps for faces ``(B, 3, 96, 96)``: bent below the brows only, paint not green."""
        with torch.autocast(
            self.device.type, self.precision, enabled=self.precision != torch.float32
        ):
            both = network_input(faces, faces).contiguous(memory_format=torch.channels_last)
            maps = self.net.draw(target, both).float()
            maps[:, :2] *= self.bends
            most_green = (maps[:, 3] + maps[:, 5]) / 2 + greenest(faces)[:, None, None]
            maps[:, 4] = torch.minimum(maps[:, 4], most_green)

        return maps

    def first_pass(self) -> None:
        """A donor's mouth is bent and not painted; it gets no further pass."""
        self.target = self.spoken + LEAN * self.net.correction(self.wanted, self.pixels)
        self.maps = self._pass(self.pixels, self.target)
        self.maps[self.batch.from_donor, 2] = 0

    def refine(self, chosen: np.ndarray) -> None:
        """One more pass over the ``chosen`` faces, ``bool (B,)``."""
        rows = np.flatnonzero(chosen)
        if not len(rows):
            return

        now = warp_and_paint(self.pixels[rows], self.maps[rows])
        lacks = self.net.correction(self.wanted[rows], now)
        self.target[rows] = (self.target[rows] + lacks).clamp(-TARGET_LIMIT, TARGET_LIMIT)
        self.maps[rows] = chain_maps(self.maps[rows], self._pass(now, self.target[rows]))

    def close_in_pauses(self) -> None:
        """Up to three passes of flow alone, until the face encoder finds the mouth shut."""
        rows = np.flatnonzero((self.batch.pauses > 0) & ~self.batch.from_donor)
        if not len(rows):
            return

        pauses = self._tensor(self.batch.pauses[rows])
        shut = F.normalize(self.net.readout.silence, dim=0)
        for _ in range(CLOSING_PASSES):
            now = warp_and_paint(self.pixels[rows], self.maps[rows])
            is_open = ((SHUT_ALONG - self.net.face_encoder(now) @ shut) / FADE_ALONG).clamp(0, 1)
            closing = self._pass(now, self.spoken[rows])
            closing[:, :2] *= (pauses * is_open)[:, None, None, None]
            closing[:, 2] = 0  # layers of paint smear
            self.maps[rows] = chain_maps(self.maps[rows], closing)

    def widen_photographs(self) -> None:
        """Photographs move further; a broad smile is painted in pauses only."""
        rows = self.is_photo
        if not rows.any():
            return

        length = self.net.face_encoder(self.pixels[rows]).norm(dim=1)
        usual = (1 + BROAD_SMILE - length).clamp(0, 1)
        pauses = self._tensor(self.batch.pauses[rows])
        further = PHOTO_FLOW - (PHOTO_FLOW - 1) * pauses * (1 - usual)
        self.maps[rows, :2] *= further[:, None, None, None]
        self.maps[rows, 2] *= torch.maximum(usual, pauses)[:, None, None]


@torch.inference_mode()
def draw_maps(
    net: CompactWav2Lip,
    batch: MouthBatch,
    precision: torch.dtype = torch.float32,
    passes: int = 3,
) -> np.ndarray:
    """A batch whose sound is mouth codes ``float32 (B, 8)`` -> its maps ``float32 (B, 6, 96, 96)``.

    The network goes ``passes`` times over a face, once more over a photograph, once over a face
    with a donor's mouth; in pauses more passes shut the mouth.
    """
    loop = ClosedLoop(net, batch, precision)
    loop.first_pass()
    for _ in range(passes - 1):
        loop.refine(~batch.from_donor)

    loop.refine(loop.is_photo)
    loop.close_in_pauses()
    loop.widen_photographs()

    return loop.maps.cpu().numpy()


class CompactEngine:
    """The compact network; see ``base.Engine``."""

    alignment = "centred"

    def __init__(self, net: CompactWav2Lip, p: Params):
        self.net = self.code_network = net
        self.look_ahead = LOOK_AHEAD if p.own_mouths else 0.0
        self.passes = p.passes
        self.hard_edge = p.blend == "box"
        self.precision = choose_precision(p.precision, next(net.parameters()).device)

    def sound(self, plan: Plan, numbers: Sequence[int]) -> np.ndarray:
        return plan.target_codes[numbers]

    def face(self, frame: np.ndarray, plan: Plan, n: int) -> np.ndarray:
        return crop_square(frame, frame_matrix(plan, n), FACE_SIZE)

    def draw(self, batch: MouthBatch) -> np.ndarray:
        return draw_maps(self.net, batch, self.precision, self.passes)

    def compose(self, frame: np.ndarray, patch: np.ndarray, plan: Plan, n: int) -> np.ndarray:
        points = None if self.hard_edge else frame_landmarks(plan, n)
        return apply_maps(frame, patch, frame_matrix(plan, n), points)

    def picture(self, face: np.ndarray, patch: np.ndarray) -> np.ndarray:
        pixels = torch.from_numpy(face).permute(2, 0, 1)[None].float() / 255
        drawn = warp_and_paint(pixels, torch.from_numpy(patch)[None])[0]
        return drawn.permute(1, 2, 0).clamp(0, 1).numpy()

    def maps(self, patch: np.ndarray) -> np.ndarray:
        return patch
