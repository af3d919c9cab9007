"""Mouth codes of a plan: what the speech asks for, and each person's own."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from torch import nn

from .. import checkpoints, media
from ..errors import InputError
from ..face.square import FACE_SIZE, crop_square, square_matrix
from ..networks.codes import MEL_MARGIN
from ..networks.compact import CompactWav2Lip
from ..networks.encode import (
    ENCODE_BATCH,
    encode_faces,
    encode_mel,
    fit_voice,
    is_talking,
    neutral_code,
)
from ..sound.mel import mel_windows, melspectrogram, window_starts
from ..sound.voice import median_pitch
from .donors import NEUTRAL_FRAMES, choose_donors, donor_count
from .plan import Plan
from .selection import ENOUGH_S

VOICE_FRAMES = 500  # frames of speech, from all over a recording, after which its voice is known


def plan_mouths(plan: Plan, video: str, net: nn.Module, lend: bool = True) -> Plan:
    """The plan with everybody's own mouth, as the compact network sees it in the first frames of each track, and with
    the frames that lend theirs (``lend``: the parameter ``own_mouths``)."""
    if not isinstance(net, CompactWav2Lip):
        return plan
    lend = lend and media.probe(video).kind == "video"
    if lend:
        sound, expert = own_sound(plan, video), checkpoints.sync_expert()
        expert = expert and expert.to(next(net.parameters()).device)
    layers, lenders = [], np.full_like(plan.donors, -1)
    for face, lent in zip((plan.faces, *plan.others), lenders, strict=True):
        mouth, still = np.zeros_like(face.neutral), np.zeros_like(face.is_photo)
        for track in np.unique(face.track[face.present]):
            mine, numbers = (
                np.flatnonzero(face.track == track),
                np.flatnonzero(face.track[plan.source] == track),
            )
            if not len(numbers):
                continue
            some = mine[: donor_count(plan, face.landmarks[mine]) if lend else NEUTRAL_FRAMES]
            pictures = zip(
                some, media.read_indexed(video, plan.fps, some, None, plan.view), strict=False
            )
            seen = [
                crop_square(picture, square_matrix(face.landmarks[n], FACE_SIZE), FACE_SIZE)
                for n, picture in pictures
            ]
            squares = np.stack(seen)
            codes = encode_faces(net, squares[:NEUTRAL_FRAMES])
            mouth[mine], still[mine] = neutral_code(net, codes), not is_talking(codes)
            if lend and len(squares) >= ENOUGH_S * plan.fps:
                lent[numbers] = choose_donors(
                    plan, net, face, numbers, some, squares, sound, expert
                )
        layers.append(replace(face, neutral=mouth, is_photo=still))
    return replace(plan, faces=layers[0], others=tuple(layers[1:]), donors=lenders)


def own_sound(plan: Plan, video: str) -> tuple[np.ndarray, float] | None:
    """What the ear hears of a video's own sound at each of its frames, and its pitch; None without one to read."""
    try:
        wave = media.read_audio(video) if media.probe(video).has_audio else None
    except InputError:
        wave = None
    if wave is None:
        return None
    count = len(plan.faces.shot)
    wave = wave[: math.ceil((count / plan.fps + 1) * media.SAMPLE_RATE)]
    mel = melspectrogram(wave)
    windows = mel_windows(mel, window_starts(count, plan.fps, mel.shape[1]), MEL_MARGIN)
    return windows, median_pitch(wave)


def plan_speech(plan: Plan, net: nn.Module) -> Plan:
    """The plan with the voice that it hears fitted to the compact network's ear, and what that hears."""
    if not isinstance(net, CompactWav2Lip):
        return plan
    spoken = np.flatnonzero(plan.speech > 0.5)
    some = spoken[np.linspace(0, len(spoken) - 1, min(len(spoken), VOICE_FRAMES)).astype(int)]
    voice, gain = fit_voice(net, plan.windows(some, MEL_MARGIN), plan.pitch)
    plan = replace(plan, voice=voice, gain=gain)
    pieces = (
        plan.windows(range(n, min(n + ENCODE_BATCH, plan.frames)), MEL_MARGIN)
        for n in range(0, plan.frames, ENCODE_BATCH)
    )
    return replace(plan, target_codes=encode_mel(net, pieces))
