"""The two lip-sync networks and the one function that runs them in batches.

``Wav2Lip`` is upstream's network (Prajwal et al., "A Lip Sync Expert Is All You Need", 2020; ``models/wav2lip.py`` of
Rudrabha/Wav2Lip): it paints a 96x96 face. ``CompactWav2Lip`` is ours: the same U-Net idea, narrower, whose last layer
tells how to *warp* the source face (flow) and what to *paint* over it (colour and alpha), so that the result keeps
the source's sharpness at any size.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from . import audio
from .mouth_code import CODE, MARGIN, Ear, Eyes
from .syncnet import ConvBlock, audio_encoder, residual

FACE = 96  # px
FLOW_LIMIT = 0.35  # of half the face's width: 17 px of 96
COMPACT_CHANNELS = (32, 64, 80, 96, 96)  # at 48, 24, 12, 6 and 3 px, for width 1
ALPHA_BIAS = -2.0  # hardly any paint at first
CLOSING_PASSES = 3  # in pauses, at most
SHUT, NEARLY = 1.8, 0.8  # how far along the code of silence a mouth stands that is shut; the closing fades before
LEAN = 0.5  # of what a mouth must change: so much more is told at first, since a pass goes only a part of the way
OWN_LIMIT = 3.0  # length of a person's own code
TALKING = 0.5  # spread of the codes of a mouth that moves
USUALLY_OPEN = 0.65  # how far away from the code of silence people's mean code is: ten GRID speakers
VOICES = (1.0, 0.94, 0.97, 1.03, 1.06)  # by which a voice's bands may be stretched
BROAD = 4.0  # length of a photograph's code over which paint fades: 19 of 20 mouths of the training have shorter ones
WIDER = 1.45  # of photographs: strangers' mouths shut and open less than they are told
LENT_SHARE = 0.5  # of what is told to a mouth that stands almost as it should: half a step, no paint
MISSING_LIMIT = 3.0  # of a correction, in spreads of the code: eyes may be mistaken
CHEEK_ROWS, CHEEK_COLUMNS = slice(36, 54), slice(30, 66)  # of the square: with the nose, above the paint
BROWS, CHEEKS = 32, 48  # rows of the square: what is above the one is not bent, what is below the other fully
GAP = 15  # px: between two places that are painted; a mouth is 30 px wide
TOLD_LIMIT = 3.0  # of what a later pass is told: more than any mouth shows tears lips and teeth


def _up(cin: int, cout: int) -> ConvBlock:
    return ConvBlock(cin, cout, 3, 2, 1, output_padding=1)


class Wav2Lip(nn.Module):
    """Upstream's network, 36,298,035 parameters, its key names.

    ``forward(mel (B, 1, 80, 16), faces (B, 6, 96, 96))`` -> ``(B, 3, 96, 96)`` in [0, 1]. Faces are BGR in [0, 1]: the
    target with its lower half zeroed, then the reference.
    """

    def __init__(self):
        super().__init__()
        self.face_encoder_blocks = nn.ModuleList([
            nn.Sequential(ConvBlock(6, 16, 7, 1, 3)),  # 96
            nn.Sequential(ConvBlock(16, 32, 3, 2, 1), residual(32), residual(32)),  # 48
            nn.Sequential(ConvBlock(32, 64, 3, 2, 1), residual(64), residual(64), residual(64)),  # 24
            nn.Sequential(ConvBlock(64, 128, 3, 2, 1), residual(128), residual(128)),  # 12
            nn.Sequential(ConvBlock(128, 256, 3, 2, 1), residual(256), residual(256)),  # 6
            nn.Sequential(ConvBlock(256, 512, 3, 2, 1), residual(512)),  # 3
            nn.Sequential(ConvBlock(512, 512, 3, 1, 0), ConvBlock(512, 512, 1, 1, 0)),  # 1
        ])  # fmt: skip
        self.audio_encoder = audio_encoder(1.0)
        self.face_decoder_blocks = nn.ModuleList([
            nn.Sequential(ConvBlock(512, 512, 1, 1, 0)),  # 1
            nn.Sequential(ConvBlock(1024, 512, 3, 1, 0, output_padding=0), residual(512)),  # 3
            nn.Sequential(_up(1024, 512), residual(512), residual(512)),  # 6
            nn.Sequential(_up(768, 384), residual(384), residual(384)),  # 12
            nn.Sequential(_up(512, 256), residual(256), residual(256)),  # 24
            nn.Sequential(_up(320, 128), residual(128), residual(128)),  # 48
            nn.Sequential(_up(160, 64), residual(64), residual(64)),  # 96
        ])  # fmt: skip
        self.output_block = nn.Sequential(ConvBlock(80, 32, 3, 1, 1), nn.Conv2d(32, 3, 1), nn.Sigmoid())

    def forward(self, mel: torch.Tensor, faces: torch.Tensor) -> torch.Tensor:
        return self.output_block(_unet(self, self.audio_encoder(mel), faces))


def _unet(net: nn.Module, heard: torch.Tensor, faces: torch.Tensor) -> torch.Tensor:
    skips = []
    for block in net.face_encoder_blocks:
        faces = block(faces)
        skips.append(faces)
    x = heard
    for block in net.face_decoder_blocks:
        x = torch.cat((block(x), skips.pop()), dim=1)
    return x


class CompactWav2Lip(nn.Module):
    """Warp-and-paint network.

    ``forward(mel (B, 1, 80, 32), faces (B, 6, 96, 96))`` -> ``(B, 6, 96, 96)``: flow x and y (where to read
    the source, in half face widths), alpha, then red, green, blue of the paint in [0, 1]. Faces are RGB in [0, 1]: the
    target with its lower half zeroed, then the face to warp. ``warp_and_paint`` makes a picture of it. ``width``
    multiplies the channels of its picture layers. ``draw`` takes the mouth's code ``(B, 8)`` in the place of a mel.
    """

    def __init__(self, width: float = 1.0):
        super().__init__()
        self.width = width
        c48, c24, c12, c6, c3 = (round(c * width) for c in COMPACT_CHANNELS)
        self.face_encoder_blocks = nn.ModuleList([
            nn.Sequential(nn.PixelUnshuffle(2), ConvBlock(24, c48, 3, 1, 1), residual(c48)),
            nn.Sequential(ConvBlock(c48, c24, 3, 2, 1), residual(c24), residual(c24)),
            nn.Sequential(ConvBlock(c24, c12, 3, 2, 1), residual(c12), residual(c12)),
            nn.Sequential(ConvBlock(c12, c6, 3, 2, 1), residual(c6), residual(c6)),
            nn.Sequential(ConvBlock(c6, c3, 3, 2, 1), residual(c3)),
            nn.Sequential(ConvBlock(c3, c3, 3, 1, 0)),
        ])  # fmt: skip
        self.audio_encoder = Ear()
        self.eyes = Eyes()
        self.from_code = nn.Linear(CODE, 2 * c3)
        self.face_decoder_blocks = nn.ModuleList([
            nn.Sequential(ConvBlock(2 * c3, c3, 1, 1, 0)),
            nn.Sequential(ConvBlock(2 * c3, c3, 3, 1, 0, output_padding=0), residual(c3)),
            nn.Sequential(_up(2 * c3, c6), residual(c6), residual(c6)),
            nn.Sequential(_up(2 * c6, c12), residual(c12), residual(c12)),
            nn.Sequential(_up(2 * c12, c24), residual(c24), residual(c24)),
            nn.Sequential(_up(2 * c24, c48), residual(c48), residual(c48)),
        ])  # fmt: skip
        self.output_block = nn.Sequential(
            ConvBlock(2 * c48, c48, 3, 1, 1), nn.Conv2d(c48, 24, 3, 1, 1), nn.PixelShuffle(2)
        )
        last = self.output_block[1]
        nn.init.normal_(last.weight, std=0.01)
        nn.init.zeros_(last.bias)
        last.bias.data[8:12] = ALPHA_BIAS

    def forward(self, mel: torch.Tensor, faces: torch.Tensor) -> torch.Tensor:
        return self.draw(self.audio_encoder(mel), faces)

    def missing(self, wanted: torch.Tensor, pictures: torch.Tensor) -> torch.Tensor:
        """What mouths ``(B, 3, 96, 96)`` lack of the codes ``(B, 8)`` that are wanted, as far as the eyes see."""
        return (wanted - self.eyes(pictures)).clamp(-MISSING_LIMIT, MISSING_LIMIT)

    def draw(self, code: torch.Tensor, faces: torch.Tensor) -> torch.Tensor:
        x = self.output_block(_unet(self, F.relu(self.from_code(code))[:, :, None, None], faces)).float()
        flow, alpha, paint = FLOW_LIMIT * torch.tanh(x[:, :2].contiguous()), x[:, 2:3], x[:, 3:]
        return torch.cat((flow, torch.sigmoid(without_gaps(alpha)), torch.sigmoid(paint)), dim=1)


def without_gaps(alpha: torch.Tensor) -> torch.Tensor:
    """Alpha ``(B, 1, S, S)``, as it is or before its sigmoid, with horizontal gaps of less than ``GAP`` filled (a
    morphological closing): a mouth painted at its corners is painted between them, too, where the teeth are."""
    wide = F.max_pool1d(alpha.flatten(0, 2), GAP, 1, GAP // 2)
    return -F.max_pool1d(-wide, GAP, 1, GAP // 2).view_as(alpha)


def warp(pictures: torch.Tensor, flow: torch.Tensor) -> torch.Tensor:
    """Pictures ``(B, C, S, S)`` read where a flow ``(B, 2, S, S)`` (in half widths) points to, bilinearly."""
    size = pictures.shape[-1]
    line = (torch.arange(size, dtype=pictures.dtype, device=pictures.device) + 0.5) * 2 / size - 1
    grid = torch.stack((line.expand(size, size), line[:, None].expand(size, size)), dim=-1)
    grid = grid + flow.permute(0, 2, 3, 1)
    return F.grid_sample(pictures, grid, mode="bilinear", padding_mode="border", align_corners=False)


def warp_and_paint(faces: torch.Tensor, maps: torch.Tensor) -> torch.Tensor:
    """Faces ``(B, 3, S, S)`` warped by a compact network's maps ``(B, 6, 96, 96)`` and painted: ``(B, 3, S, S)``."""
    if faces.shape[-1] != maps.shape[-1]:
        maps = F.interpolate(maps, size=faces.shape[-2:], mode="bilinear", align_corners=False)
    return paint_over(warp(faces, maps[:, :2]), maps)


def paint_over(pictures: torch.Tensor, maps: torch.Tensor) -> torch.Tensor:
    """Pictures ``(B, 3, S, S)`` under the paint of maps ``(B, 6, S, S)``."""
    alpha = maps[:, 2:3]
    return pictures * (1 - alpha) + maps[:, 3:] * alpha


def chain_maps(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Maps ``(B, 6, 96, 96)`` that do at once what ``first`` and then ``second`` do."""
    moved = warp(first, second[:, :2])
    below, above = moved[:, 2:3], second[:, 2:3]
    alpha = 1 - (1 - below) * (1 - above)
    paint = ((1 - above) * below * moved[:, 3:] + above * second[:, 3:]) / alpha.clamp(min=1e-6)
    return torch.cat((second[:, :2] + moved[:, :2], alpha, paint), dim=1)


def network_input(target: torch.Tensor, reference: torch.Tensor) -> torch.Tensor:
    """Six channels: the target's upper half (lower half zeroed), then the reference; both ``(B, 3, 96, 96)``."""
    upper = target.clone()
    upper[..., upper.shape[-2] // 2 :, :] = 0
    return torch.cat((upper, reference), dim=1)


def choose_device(name: str) -> torch.device:
    """ "auto" takes CUDA where there is one."""
    return torch.device(("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name)


def choose_precision(name: str, device: torch.device) -> torch.dtype:
    """ "auto": half on a GPU; on a CPU bfloat16 where it has instructions for it, else float32."""
    if name == "auto":
        fast = device.type == "cpu" and "bf16" in torch.backends.cpu.get_cpu_capability().lower()
        fast = fast or (device.type == "cpu" and getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)())
        name = "fp16" if device.type == "cuda" else "bf16" if fast else "fp32"
    return {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[name]


def greenest(faces: torch.Tensor) -> torch.Tensor:
    """How much of green the paint may have over the mean of red and blue, ``(B,)``: as much as the nose and cheeks of
    faces ``(B, 3, 96, 96)`` in [0, 1] have, at least nothing. On strangers it is yellow at times."""
    skin = faces[:, :, CHEEK_ROWS, CHEEK_COLUMNS].mean(dim=(2, 3))
    return (skin[:, 1] - (skin[:, 0] + skin[:, 2]) / 2).clamp(min=0)


def _pixels(net: nn.Module, faces: np.ndarray) -> torch.Tensor:
    pixels = torch.from_numpy(faces).to(next(net.parameters()).device, non_blocking=True)
    return pixels.permute(0, 3, 1, 2).float() / 255


AT_ONCE = 256  # windows or faces that ear and eyes are given


@torch.inference_mode()
def hear(net: CompactWav2Lip, pieces: Iterable[np.ndarray]) -> np.ndarray:
    """Mouth codes ``float32 (K, 8)`` that the ear tells of mel windows, given in pieces ``float32 (n, 80, 32)``: those
    of frames with ``MARGIN`` more on both sides."""
    device = next(net.parameters()).device
    parts = itertools.chain.from_iterable(torch.from_numpy(piece).split(AT_ONCE) for piece in pieces)
    return torch.cat([net.audio_encoder(part[:, None].to(device)) for part in parts]).cpu().numpy()


@torch.inference_mode()
def silence(net: CompactWav2Lip) -> torch.Tensor:
    """The mouth code ``(8,)`` that the ear tells of silence."""
    shape = 1, 1, audio.N_MELS, audio.WINDOW + 2 * MARGIN
    return net.audio_encoder(torch.full(shape, -audio.MAX_ABS, device=next(net.parameters()).device))[0]


@torch.inference_mode()
def see(net: CompactWav2Lip, faces: np.ndarray) -> np.ndarray:
    """Mouth codes ``float32 (K, 8)`` that the eyes see in RGB faces ``uint8 (K, 96, 96, 3)``."""
    parts = [net.eyes(_pixels(net, faces[at : at + AT_ONCE])) for at in range(0, len(faces), AT_ONCE)]
    return torch.cat(parts).cpu().numpy()


def with_opening(net: CompactWav2Lip, codes: np.ndarray) -> np.ndarray:
    """Codes ``(K, 8)`` and, after them, how far each parts the lips: ``(K, 9)``."""
    return np.column_stack((codes, codes @ net.audio_encoder.opening.cpu().numpy()))


def moves(codes: np.ndarray) -> bool:
    """Do the codes ``float32 (K, 8)`` that the eyes see in a person's frames move as in speech?"""
    return codes.std(axis=0).mean() >= TALKING


def own_code(net: CompactWav2Lip, codes: np.ndarray) -> np.ndarray:
    """A person's own mouth: the mean ``float32 (8,)`` of the codes ``float32 (K, 8)`` that the eyes see.

    Sound tells how a mouth moves about it; what else is in it (beard, lips, teeth) is the person's. A mouth that does
    not move shows a moment, too, and counts by half, a usual mouth by the other half. No longer than ``OWN_LIMIT``:
    nobody talks about a wide smile.
    """
    code = codes.mean(axis=0)
    if not moves(codes):
        code = (code - USUALLY_OPEN * F.normalize(silence(net), dim=0).cpu().numpy()) / 2
    return code * min(1, OWN_LIMIT / max(1e-6, np.linalg.norm(code)))


@torch.inference_mode()
def fit_voice(net: CompactWav2Lip, windows: np.ndarray, pitch: float) -> tuple[float, float]:
    """How far to stretch the bands of somebody's mel windows ``float32 (K, 80, 32)`` for the ear, and the gain that
    they get before, in mel units (see ``audio.in_voice``).

    Stretched by what is usual for somebody of their ``pitch`` in Hz, times one of ``VOICES``: an ear that does not know
    a voice tells little movement, so the one is taken with which it tells the most, as vocal tract length
    normalisation takes the likeliest (Lee and Rose, 1998). As loud as is usual. Without windows, stretched as is usual.
    """
    usual, gain = audio.usual_voice(pitch), audio.missing_gain(windows)
    if not len(windows):
        return usual, gain
    mel = torch.from_numpy(audio.in_voice(windows, 1, gain))[:, None].to(next(net.parameters()).device)
    moved = []
    for factor in VOICES:
        heard = net.audio_encoder(audio.stretch_bands(mel, mel.new_full((len(mel),), usual * factor)))
        moved.append(float(heard.float().var(dim=0, correction=0).sum()))
    return usual * VOICES[int(np.argmax(moved))], gain


def listen(net: CompactWav2Lip, windows: np.ndarray, pitch: float) -> np.ndarray:
    """Mouth codes ``(K, 8)`` of one person's mel windows ``(K, 80, 32)``, the voice of that ``pitch`` in Hz fitted."""
    return hear(net, [audio.in_voice(windows, *fit_voice(net, windows, pitch))])


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
    pixels = _pixels(net, faces[..., ::-1].copy() if upstream else faces)
    heard = torch.from_numpy(sound).to(device, non_blocking=True)
    bends = ((torch.arange(FACE, device=device) - BROWS) / (CHEEKS - BROWS)).clamp(0, 1)[:, None]

    @torch.autocast(device.type, precision, enabled=precision != torch.float32)
    def draw(faces: torch.Tensor, told: torch.Tensor) -> torch.Tensor:
        both = network_input(faces, faces).contiguous(memory_format=torch.channels_last)
        made = (net(told, both) if upstream else net.draw(told, both)).float()
        if not upstream:
            made[:, :2] *= bends
            made[:, 4] = torch.minimum(made[:, 4], (made[:, 3] + made[:, 5]) / 2 + greenest(faces)[:, None, None])
        return made

    if upstream:
        return np.ascontiguousarray(draw(pixels, heard[:, None]).cpu().numpy()[:, ::-1].transpose(0, 2, 3, 1))
    wanted = heard + torch.as_tensor(0.0 if own is None else own).to(device)
    told = heard + LEAN * net.missing(wanted, pixels)
    made = draw(pixels, told)
    lent = np.zeros(len(faces), bool) if lent is None else lent
    made[lent, :2] *= LENT_SHARE
    made[lent, 2] = 0
    still = np.zeros(len(faces), bool) if still is None else still & ~lent
    for number in range(1, passes + 1):
        rows = np.flatnonzero(~lent if number < passes else still)
        if not len(rows):
            break
        now = warp_and_paint(pixels[rows], made[rows])
        told[rows] = (told[rows] + net.missing(wanted[rows], now)).clamp(-TOLD_LIMIT, TOLD_LIMIT)
        made[rows] = chain_maps(made[rows], draw(now, told[rows]))
    quiet = np.flatnonzero((pauses > 0) & ~lent) if pauses is not None else []
    if len(quiet):
        share, shut = torch.from_numpy(pauses[quiet]).to(device), F.normalize(silence(net), dim=0)
        for _ in range(CLOSING_PASSES):
            now = warp_and_paint(pixels[quiet], made[quiet])
            still_open = ((SHUT - net.eyes(now) @ shut) / NEARLY).clamp(0, 1)
            more = draw(now, heard[quiet])
            more[:, :2] *= (share * still_open)[:, None, None, None]
            more[:, 2] = 0  # no more paint: layers of it smear
            made[quiet] = chain_maps(made[quiet], more)
    if still.any():  # a smile's own teeth, bent, rather than paint over them, which is for shutting it
        usual = (1 + BROAD - net.eyes(pixels[still]).norm(dim=1)).clamp(0, 1)
        paused = torch.zeros_like(usual) if pauses is None else torch.from_numpy(pauses[still]).to(device)
        made[still, :2] *= (WIDER - (WIDER - 1) * paused * (1 - usual))[:, None, None, None]
        made[still, 2] *= torch.maximum(usual, paused)[:, None, None]
    return made.cpu().numpy()
