"""The networks run on batches; the compact one in a closed loop."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from ..face.square import FACE_SIZE
from ..networks.compact import network_input
from ..networks.encode import silence_code, to_pixels
from ..networks.maps import chain_maps, warp_and_paint
from ..networks.wav2lip import Wav2Lip

CLOSING_PASSES = 3  # in pauses, at most
SHUT_ALONG, NEARLY_SHUT = (
    1.8,
    0.8,
)  # how far along the code of silence a mouth stands that is shut; the closing fades before
LEAN = 0.5  # of what a mouth must change: so much more is told at first, since a pass goes only a part of the way
BROAD_SMILE = 4.0  # length of a photograph's code over which paint fades: 19 of 20 mouths of the training have shorter ones
PHOTO_FLOW = 1.45  # of photographs: strangers' mouths shut and open less than they are told
DONOR_FLOW = (
    0.5  # of what is told to a mouth that stands almost as it should: half a step, no paint
)
CHEEK_ROWS, CHEEK_COLUMNS = (
    slice(36, 54),
    slice(30, 66),
)  # of the square: with the nose, above the paint
BROW_ROW, CHEEK_ROW = (
    32,
    48,
)  # rows of the square: what is above the one is not bent, what is below the other fully
TARGET_LIMIT = 3.0  # of what a later pass is told: more than any mouth shows tears lips and teeth


def greenest(faces: torch.Tensor) -> torch.Tensor:
    """How much of green the paint may have over the mean of red and blue, ``(B,)``: as much as the nose and cheeks of
    faces ``(B, 3, 96, 96)`` in [0, 1] have, at least nothing. On strangers it is yellow at times."""
    skin = faces[:, :, CHEEK_ROWS, CHEEK_COLUMNS].mean(dim=(2, 3))
    return (skin[:, 1] - (skin[:, 0] + skin[:, 2]) / 2).clamp(min=0)


@torch.inference_mode()
def generate(
    net: nn.Module, sound: np.ndarray, faces: np.ndarray, precision: torch.dtype = torch.float32, passes: int = 3,
    pauses: np.ndarray | None = None, own: np.ndarray | None = None, lent: np.ndarray | None = None,
    still: np.ndarray | None = None,
) -> np.ndarray:  # fmt: skip
    """One batch: sound and RGB faces ``uint8 (B, 96, 96, 3)`` -> patches.

    Upstream's network is given mel windows ``float32 (B, 80, 16)`` and gives RGB pictures ``float32 (B, 96, 96, 3)`` in
    [0, 1]; the compact one is given mouth codes ``float32 (B, 8)`` (see ``hear``) and gives its maps ``float32
    (B, 6, 96, 96)`` (see ``CompactWav2Lip``). Each face is both target and reference, as in Wav2Lip's ``inference.py``.

    The compact network is run ``passes`` times, each time on the face that it has just drawn. Before each pass its eyes
    look how the mouth stands, less the person's ``own`` code (``float32 (B, 8)`` or ``(8,)``, see ``own_code``), and
    what is missing of what the ear hears is added to what is told. So a pass takes away what the last one left of the
    source's mouth, and faces that move little when told are told more. The passes' maps are chained: the frame is
    warped once. The flow is that of the lower face: of the training's targets the network has also learnt how heads
    move, which no sound tells. Faces that another frame has ``lent`` its mouth (``bool (B,)``, see ``own_mouths``) are
    bent by half a step, once, and not painted. Where ``pauses`` ``float32 (B,)`` is over 0 (nobody speaks: 1), up to
    three more passes follow in that share, as long as the eyes do not see the mouth shut, if it is not lent. Mouths
    that are not seen to move (``still``: ``bool (B,)``, photographs) and not lent get one pass more and are at last
    moved 1.45 times as far; broad smiles among them are painted in pauses only, and there not moved further.
    """
    device = next(net.parameters()).device
    upstream = isinstance(net, Wav2Lip)
    pixels = to_pixels(net, faces[..., ::-1].copy() if upstream else faces)
    heard = torch.from_numpy(sound).to(device, non_blocking=True)
    bends = ((torch.arange(FACE_SIZE, device=device) - BROW_ROW) / (CHEEK_ROW - BROW_ROW)).clamp(
        0, 1
    )[:, None]

    @torch.autocast(device.type, precision, enabled=precision != torch.float32)
    def draw(faces: torch.Tensor, told: torch.Tensor) -> torch.Tensor:
        both = network_input(faces, faces).contiguous(memory_format=torch.channels_last)
        made = (net(told, both) if upstream else net.draw(told, both)).float()
        if not upstream:
            made[:, :2] *= bends
            made[:, 4] = torch.minimum(
                made[:, 4], (made[:, 3] + made[:, 5]) / 2 + greenest(faces)[:, None, None]
            )
        return made

    if upstream:
        return np.ascontiguousarray(
            draw(pixels, heard[:, None]).cpu().numpy()[:, ::-1].transpose(0, 2, 3, 1)
        )
    wanted = heard + torch.as_tensor(0.0 if own is None else own).to(device)
    told = heard + LEAN * net.correction(wanted, pixels)
    made = draw(pixels, told)
    lent = np.zeros(len(faces), bool) if lent is None else lent
    made[lent, :2] *= DONOR_FLOW
    made[lent, 2] = 0
    still = np.zeros(len(faces), bool) if still is None else still & ~lent
    for number in range(1, passes + 1):
        rows = np.flatnonzero(~lent if number < passes else still)
        if not len(rows):
            break
        now = warp_and_paint(pixels[rows], made[rows])
        told[rows] = (told[rows] + net.correction(wanted[rows], now)).clamp(
            -TARGET_LIMIT, TARGET_LIMIT
        )
        made[rows] = chain_maps(made[rows], draw(now, told[rows]))
    quiet = np.flatnonzero((pauses > 0) & ~lent) if pauses is not None else []
    if len(quiet):
        share, shut = (
            torch.from_numpy(pauses[quiet]).to(device),
            F.normalize(silence_code(net), dim=0),
        )
        for _ in range(CLOSING_PASSES):
            now = warp_and_paint(pixels[quiet], made[quiet])
            still_open = ((SHUT_ALONG - net.face_encoder(now) @ shut) / NEARLY_SHUT).clamp(0, 1)
            more = draw(now, heard[quiet])
            more[:, :2] *= (share * still_open)[:, None, None, None]
            more[:, 2] = 0  # no more paint: layers of it smear
            made[quiet] = chain_maps(made[quiet], more)
    if (
        still.any()
    ):  # a smile's own teeth, bent, rather than paint over them, which is for shutting it
        usual = (1 + BROAD_SMILE - net.face_encoder(pixels[still]).norm(dim=1)).clamp(0, 1)
        paused = (
            torch.zeros_like(usual)
            if pauses is None
            else torch.from_numpy(pauses[still]).to(device)
        )
        made[still, :2] *= (PHOTO_FLOW - (PHOTO_FLOW - 1) * paused * (1 - usual))[
            :, None, None, None
        ]
        made[still, 2] *= torch.maximum(usual, paused)[:, None, None]
    return made.cpu().numpy()
