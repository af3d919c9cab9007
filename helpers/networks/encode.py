"""Encoders of the compact network, run over numpy arrays of any length."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from ..sound.mel import MEL_LIMIT, MEL_WINDOW, N_MELS
from ..sound.voice import missing_gain, normalise_voice, stretch_bands, usual_stretch
from .codes import MEL_MARGIN
from .compact import CompactWav2Lip

NEUTRAL_LIMIT = 3.0  # length of a person's own code
TALKING_SPREAD = 0.5  # spread of the codes of a mouth that moves
USUALLY_OPEN = (
    0.65  # how far away from the code of silence people's mean code is: ten GRID speakers
)
VOICE_STRETCHES = (1.0, 0.94, 0.97, 1.03, 1.06)  # by which a voice's bands may be stretched
ENCODE_BATCH = 256  # windows or faces that ear and eyes are given


def to_pixels(net: nn.Module, faces: np.ndarray) -> torch.Tensor:
    pixels = torch.from_numpy(faces).to(next(net.parameters()).device, non_blocking=True)
    return pixels.permute(0, 3, 1, 2).float() / 255


@torch.inference_mode()
def encode_mel(net: CompactWav2Lip, pieces: Iterable[np.ndarray]) -> np.ndarray:
    """Mouth codes ``float32 (K, 8)`` that the ear tells of mel windows, given in pieces ``float32 (n, 80, 32)``: those
    of frames with ``MARGIN`` more on both sides."""
    device = next(net.parameters()).device
    parts = itertools.chain.from_iterable(
        torch.from_numpy(piece).split(ENCODE_BATCH) for piece in pieces
    )
    return torch.cat([net.audio_encoder(part[:, None].to(device)) for part in parts]).cpu().numpy()


@torch.inference_mode()
def silence_code(net: CompactWav2Lip) -> torch.Tensor:
    """The mouth code ``(8,)`` that the ear tells of silence."""
    shape = 1, 1, N_MELS, MEL_WINDOW + 2 * MEL_MARGIN
    return net.audio_encoder(torch.full(shape, -MEL_LIMIT, device=next(net.parameters()).device))[0]


@torch.inference_mode()
def encode_faces(net: CompactWav2Lip, faces: np.ndarray) -> np.ndarray:
    """Mouth codes ``float32 (K, 8)`` that the eyes see in RGB faces ``uint8 (K, 96, 96, 3)``."""
    parts = [
        net.face_encoder(to_pixels(net, faces[at : at + ENCODE_BATCH]))
        for at in range(0, len(faces), ENCODE_BATCH)
    ]
    return torch.cat(parts).cpu().numpy()


def with_opening(net: CompactWav2Lip, codes: np.ndarray) -> np.ndarray:
    """Codes ``(K, 8)`` and, after them, how far each parts the lips: ``(K, 9)``."""
    return np.column_stack((codes, codes @ net.audio_encoder.opening.cpu().numpy()))


def is_talking(codes: np.ndarray) -> bool:
    """Do the codes ``float32 (K, 8)`` that the eyes see in a person's frames move as in speech?"""
    return codes.std(axis=0).mean() >= TALKING_SPREAD


def neutral_code(net: CompactWav2Lip, codes: np.ndarray) -> np.ndarray:
    """A person's own mouth: the mean ``float32 (8,)`` of the codes ``float32 (K, 8)`` that the eyes see.

    Sound tells how a mouth moves about it; what else is in it (beard, lips, teeth) is the person's. A mouth that does
    not move shows a moment, too, and counts by half, a usual mouth by the other half. No longer than ``OWN_LIMIT``:
    nobody talks about a wide smile.
    """
    code = codes.mean(axis=0)
    if not is_talking(codes):
        code = (code - USUALLY_OPEN * F.normalize(silence_code(net), dim=0).cpu().numpy()) / 2
    return code * min(1, NEUTRAL_LIMIT / max(1e-6, np.linalg.norm(code)))


@torch.inference_mode()
def fit_voice(net: CompactWav2Lip, windows: np.ndarray, pitch: float) -> tuple[float, float]:
    """How far to stretch the bands of somebody's mel windows ``float32 (K, 80, 32)`` for the ear, and the gain that
    they get before, in mel units (see ``audio.in_voice``).

    Stretched by what is usual for somebody of their ``pitch`` in Hz, times one of ``VOICES``: an ear that does not know
    a voice tells little movement, so the one is taken with which it tells the most, as vocal tract length
    normalisation takes the likeliest (Lee and Rose, 1998). As loud as is usual. Without windows, stretched as is usual.
    """
    usual, gain = usual_stretch(pitch), missing_gain(windows)
    if not len(windows):
        return usual, gain
    mel = torch.from_numpy(normalise_voice(windows, 1, gain))[:, None].to(
        next(net.parameters()).device
    )
    moved = []
    for factor in VOICE_STRETCHES:
        heard = net.audio_encoder(stretch_bands(mel, mel.new_full((len(mel),), usual * factor)))
        moved.append(float(heard.float().var(dim=0, correction=0).sum()))
    return usual * VOICE_STRETCHES[int(np.argmax(moved))], gain


def encode_speech(net: CompactWav2Lip, windows: np.ndarray, pitch: float) -> np.ndarray:
    """Mouth codes ``(K, 8)`` of one person's mel windows ``(K, 80, 32)``, the voice of that ``pitch`` in Hz fitted."""
    return encode_mel(net, [normalise_voice(windows, *fit_voice(net, windows, pitch))])
