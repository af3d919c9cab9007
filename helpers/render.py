"""A range of output frames, from source frames to finished frames: the only place that holds pixels.

Batches are cut by absolute frame number and always full (empty rows are zeros), so a frame's pixels depend on the
plan alone, not on where a range starts or what else is in it.
"""

from __future__ import annotations

import itertools
import math
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import cv2
import numpy as np
import torch
from torch import nn

from . import audio, blend, faces, media, own_mouths, params, wav2lip, weights
from .batches import halving
from .blend import Lender
from .errors import InputError
from .faces import FaceTrack
from .mouth_code import CODE, MARGIN
from .params import Params
from .plan import Plan
from .restore import Restorer
from .syncnet import SyncExpert
from .wav2lip import AT_ONCE, FACE, CompactWav2Lip

KNOWN_AFTER = 50  # frames of a face, after which its person's own mouth is known
LENDERS_BYTES = 256 << 20  # of pictures of mouths that may be lent
KNOWN_VOICE = 500  # frames of speech, from all over a recording, after which its voice is known


def crop_matrix(plan: Plan, n: int) -> np.ndarray:
    """Matrix that maps pixels of output frame ``n`` to the 96x96 square of its face."""
    matrix = faces.crop_matrix(plan.faces.landmarks[plan.source[n]], FACE)
    return blend.output_matrix(matrix, plan.place, *plan.source_size)


def face_rectangle(plan: Plan, n: int) -> tuple[int, int, int, int]:
    """Smallest rectangle x1, y1, x2, y2 of output frame ``n`` that holds the face square."""
    return blend.face_rectangle(crop_matrix(plan, n), *plan.size)


def landmarks(plan: Plan, n: int) -> np.ndarray:
    """Five landmarks in pixels of output frame ``n``: ``float64 (5, 2)``."""
    return source_landmarks(plan, plan.source[n])


def source_landmarks(plan: Plan, source: int) -> np.ndarray:
    """Five landmarks of the face in a source frame, in the result's pixels: ``float64 (5, 2)``."""
    return blend.output_points(plan.faces.landmarks[source], plan.place, *plan.source_size)


def face_box(plan: Plan, n: int, pads: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    """Box with pads x1, y1, x2, y2 in whole pixels of output frame ``n``."""
    box = faces.padded_box(plan.faces.box[plan.source[n]], pads, *plan.source_size)
    if plan.place == (0, 0, *plan.source_size):
        return box
    x1, y1, x2, y2 = np.round(
        blend.output_points(np.reshape(box, (2, 2)) - 0.5, plan.place, *plan.source_size) + 0.5
    ).ravel()
    return int(x1), int(y1), int(x2), int(y2)


def source_pictures(plan: Plan, video: str, start: int, stop: int) -> Iterator[np.ndarray]:
    """Source frames of output frames start to stop, scaled and placed as the result will be."""
    x, y, w, h = plan.place
    for frame in scaled_pictures(plan, video, plan.source[start:stop]):
        if plan.size != (w, h):
            below, right = plan.size[1] - h - y, plan.size[0] - w - x
            frame = cv2.copyMakeBorder(frame, y, below, x, right, cv2.BORDER_CONSTANT)
        yield frame


def scaled_pictures(plan: Plan, video: str, source: Sequence[int]) -> Iterator[np.ndarray]:
    """Source frames by number, scaled as in the result, without the bars around them."""
    size = plan.place[2:]
    return media.read_indexed(video, plan.fps, source, None if size == plan.source_size else size, plan.view)


def box_pads(p: Params) -> tuple[int, int, int, int]:
    """Pads (top, bottom, left, right); none for a box given by hand, as in Wav2Lip's ``inference.py``."""
    pads = tuple(int(v) for v in params.numbers("pads", p.pads, 4))
    return (0, 0, 0, 0) if p.box else pads


def look_at_mouths(plan: Plan, video: str, net: nn.Module, lend: bool = True) -> Plan:
    """The plan with everybody's own mouth, as the compact network sees it in the first frames of each track, and with
    the frames that lend theirs (``lend``: the parameter ``own_mouths``)."""
    if not isinstance(net, CompactWav2Lip):
        return plan
    lend = lend and media.probe(video).kind == "video"
    if lend:
        sound, expert = own_sound(plan, video), weights.sync_expert()
        expert = expert and expert.to(next(net.parameters()).device)
    layers, lenders = [], np.full_like(plan.lenders, -1)
    for face, lent in zip((plan.faces, *plan.others), lenders, strict=True):
        mouth, still = np.zeros_like(face.mouth), np.zeros_like(face.still)
        for track in np.unique(face.track[face.present]):
            mine, numbers = np.flatnonzero(face.track == track), np.flatnonzero(face.track[plan.source] == track)
            if not len(numbers):
                continue
            some = mine[: lenders_of(plan, face.landmarks[mine]) if lend else KNOWN_AFTER]
            pictures = zip(some, media.read_indexed(video, plan.fps, some, None, plan.view), strict=False)
            seen = [faces.crop(picture, faces.crop_matrix(face.landmarks[n], FACE), FACE) for n, picture in pictures]
            squares = np.stack(seen)
            codes = wav2lip.see(net, squares[:KNOWN_AFTER])
            mouth[mine], still[mine] = wav2lip.own_code(net, codes), not wav2lip.moves(codes)
            if lend and len(squares) >= own_mouths.ENOUGH * plan.fps:
                lent[numbers] = choose_lenders(plan, net, face, numbers, some, squares, sound, expert)
        layers.append(replace(face, mouth=mouth, still=still))
    return replace(plan, faces=layers[0], others=tuple(layers[1:]), lenders=lenders)


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
    mel = audio.melspectrogram(wave)
    windows = audio.mel_windows(mel, audio.window_starts(count, plan.fps, mel.shape[1]), MARGIN)
    return windows, audio.pitch(wave)


def lenders_of(plan: Plan, landmarks: np.ndarray) -> int:
    """How many frames of a track may lend their mouths: so many that their pictures fit the memory."""
    scale = plan.place[2] / plan.source_size[0]
    sides = [blend.face_size(faces.crop_matrix(points, FACE)) * scale / 2 for points in landmarks[::KNOWN_AFTER]]
    return min(own_mouths.LENDERS, max(KNOWN_AFTER, int(LENDERS_BYTES / (3 * max(sides) ** 2 + blend.ALIGN**2))))


def choose_lenders(
    plan: Plan, net: CompactWav2Lip, face: FaceTrack, numbers: np.ndarray, some: np.ndarray, squares: np.ndarray,
    sound: tuple[np.ndarray, float] | None, expert: SyncExpert | None,
) -> np.ndarray:  # fmt: skip
    """The source frame that lends its mouth to each of the output frames ``numbers`` of a face: of source frames
    ``some``, whose squares are ``uint8 (K, 96, 96, 3)``. ``sound`` is the video's own
    (see ``own_sound``). -1 if nobody talks there."""
    some = some[: len(squares)]
    codes, told, early = wav2lip.see(net, squares), None, None
    if sound is not None:
        windows, pitch = sound
        early = own_mouths.own_offset(expert, squares, windows[some], plan.fps)
    if early is not None:
        heard = wav2lip.listen(net, windows[np.clip(some + early, 0, len(windows) - 1)], pitch)
        told = wav2lip.with_opening(net, heard)
    elif not wav2lip.moves(codes):
        return np.full(len(numbers), -1)
    lips = own_mouths.looks(squares)
    path = own_mouths.choose(
        own_mouths.wishes(wav2lip.with_opening(net, plan.told), plan.speech)[numbers],
        own_mouths.labels(wav2lip.with_opening(net, codes), lips, told),
        lips,
        own_mouths.poses(face.landmarks[plan.source[numbers]]),
        own_mouths.poses(face.landmarks[some]),
        own_mouths.surroundings(squares, face.landmarks[some]),
        plan.speech[numbers],
        own_mouths.openness(codes, plan.told, plan.speech),
    )
    return some[path]


def lent_mouths(plan: Plan, video: str, start: int, stop: int, track: int) -> dict[int, Lender]:
    """The mouths that a layer's output frames start to stop are lent in one track, by source frame."""
    wanted = plan.lenders[0, start:stop][plan.faces.track[plan.source[start:stop]] == track]
    wanted = np.unique(wanted[wanted >= 0])
    pictures = zip(wanted, scaled_pictures(plan, video, wanted), strict=False)
    return {int(n): blend.lender(picture, source_landmarks(plan, n) - plan.place[:2]) for n, picture in pictures}


def lend_mouth(frame: np.ndarray, plan: Plan, n: int, mouths: dict[int, Lender]) -> np.ndarray | None:
    """Output frame ``n`` with the mouth that it is lent; None where there is none, or none that fits."""
    mouth = mouths.get(int(plan.lenders[0, n]))
    x, y, w, h = plan.place
    part = None if mouth is None else blend.lend(frame[y : y + h, x : x + w], landmarks(plan, n) - (x, y), mouth)
    if part is None:
        return None
    made = frame.copy()
    made[y : y + h, x : x + w] = part
    return made


def listen(plan: Plan, net: nn.Module) -> Plan:
    """The plan with the voice that it hears fitted to the compact network's ear, and what that hears."""
    if not isinstance(net, CompactWav2Lip):
        return plan
    spoken = np.flatnonzero(plan.speech > 0.5)
    some = spoken[np.linspace(0, len(spoken) - 1, min(len(spoken), KNOWN_VOICE)).astype(int)]
    voice, gain = wav2lip.fit_voice(net, plan.windows(some, MARGIN), plan.pitch)
    plan = replace(plan, voice=voice, gain=gain)
    pieces = (plan.windows(range(n, min(n + AT_ONCE, plan.frames)), MARGIN) for n in range(0, plan.frames, AT_ONCE))
    return replace(plan, told=wav2lip.hear(net, pieces))


def sound_at(plan: Plan, numbers: Sequence[int], net: nn.Module) -> np.ndarray:
    """What a network is given of the sound at output frames: mouth codes for the compact one, else mel windows."""
    return plan.told[numbers] if isinstance(net, CompactWav2Lip) else plan.windows(numbers)


def face_input(frame: np.ndarray, plan: Plan, n: int, net: nn.Module, pads: tuple[int, int, int, int]) -> np.ndarray:
    """What the network sees of output frame ``n``: ``uint8 (96, 96, 3)`` RGB."""
    if isinstance(net, wav2lip.Wav2Lip):
        x1, y1, x2, y2 = face_box(plan, n, pads)
        return cv2.resize(frame[y1:y2, x1:x2], (FACE, FACE))
    return faces.crop(frame, crop_matrix(plan, n), FACE)


def compose(
    frame: np.ndarray, patch: np.ndarray, plan: Plan, n: int, net: nn.Module, pads: tuple[int, int, int, int], mode: str
) -> np.ndarray:
    """Output frame ``n`` with its drawn patch in place (``mode``: see the parameter ``blend``)."""
    points = landmarks(plan, n)
    if isinstance(net, wav2lip.Wav2Lip):
        box = face_box(plan, n, pads)
        return blend.paste_box(frame, patch, box) if mode == "box" else blend.paste_feathered(frame, patch, box, points)
    return blend.apply_maps(frame, patch, crop_matrix(plan, n), None if mode == "box" else points)


def render(
    plan: Plan, video: str, net: nn.Module, p: Params, start: int, stop: int, restorer: Restorer | None = None,
    times: dict[str, float] | None = None,
) -> Iterator[np.ndarray]:  # fmt: skip
    """Finished frames start to stop; ``start`` is a multiple of the batch size. ``times`` gets seconds by stage.

    A ``restorer`` (see ``restore.make``) is given the re-drawn frames alone, and with ``restore_unsynced`` those of
    the other people.
    """
    times = defaultdict(float) if times is None else times
    pads = box_pads(p)
    precision = wav2lip.choose_precision(p.precision, next(net.parameters()).device)
    mouths: list[dict[int, dict[int, Lender]]] = [{} for _ in plan.layers]  # by track, for the tracks of a batch
    pictures = media.prefetch(source_pictures(plan, video, start, stop), depth=p.batch_size)
    to_restore = (plan.layers + (plan.bystanders(p) if p.restore_unsynced else [])) if restorer else []
    for first in range(start, stop, p.batch_size):
        numbers = range(first, min(first + p.batch_size, stop))
        clock = time.perf_counter()
        frames = dict(zip(numbers, pictures, strict=False))
        clock = _lap(times, "decode", clock)
        for k, layer in enumerate(plan.layers):
            mine = [n for n in numbers if layer.redrawn[n]]
            if not mine:
                continue
            tracks = layer.faces.track[layer.source[mine]]
            mouths[k] = {t: mouths[k].get(t) or lent_mouths(layer, video, start, stop, t) for t in np.unique(tracks)}
            lent = np.zeros(p.batch_size, bool)
            with ThreadPoolExecutor() as pool:
                known = [mouths[k][t] for t in tracks]
                made = pool.map(lend_mouth, [frames[n] for n in mine], itertools.repeat(layer), mine, known)
            for n, changed in zip(mine, made, strict=True):
                if changed is not None:
                    frames[n], lent[n - first] = changed, True
            clock = _lap(times, "lend", clock)
            inputs = np.zeros((p.batch_size, FACE, FACE, 3), np.uint8)
            pauses = np.zeros(p.batch_size, np.float32)
            own = np.zeros((p.batch_size, CODE), np.float32)
            still = np.zeros(p.batch_size, bool)
            places = [n - first for n in mine]
            inputs[places] = [face_input(frames[n], layer, n, net, pads) for n in mine]
            heard = sound_at(layer, mine, net)
            sound = np.zeros((p.batch_size, *heard.shape[1:]), np.float32)
            sound[places] = heard
            pauses[places] = 1 - layer.speech[mine]
            own[places], still[places] = layer.faces.mouth[layer.source[mine]], layer.faces.still[layer.source[mine]]
            clock = _lap(times, "crop", clock)
            made = _generate(net, precision, p.passes, sound, inputs, pauses, own, lent, still)
            clock = _lap(times, "network", clock)
            for n in mine:
                frames[n] = compose(frames[n], made[n - first], layer, n, net, pads, p.blend)
            clock = _lap(times, "blend", clock)
        for layer in to_restore:
            mine = [n for n in numbers if layer.redrawn[n]]
            if mine:
                points, matrices = zip(*((landmarks(layer, n), crop_matrix(layer, n)) for n in mine), strict=True)
                made = restorer([frames[n] for n in mine], points, matrices, runs(layer, mine))
                frames.update(zip(mine, made, strict=True))
            clock = _lap(times, "restore", clock)
        yield from frames.values()


def runs(plan: Plan, numbers: Sequence[int]) -> list[int]:
    """A number for each of some output frames; it changes where the next one does not follow it in one track."""
    made, run = [], 0
    for k, n in enumerate(numbers):
        if k and not (
            n == numbers[k - 1] + 1
            and abs(plan.source[n] - plan.source[n - 1]) <= 1
            and plan.faces.track[plan.source[n]] == plan.faces.track[plan.source[n - 1]]
        ):
            run += 1
        made.append(run)
    return made


def _generate(net: nn.Module, precision: torch.dtype, passes: int, *arrays: np.ndarray) -> list[np.ndarray]:
    """``wav2lip.generate`` of sound, inputs, pauses, own codes, lent and still, fewer at once where memory is short."""

    def work(rows: list[int]) -> np.ndarray:
        sound, inputs, *others = (values[rows] for values in arrays)
        return wav2lip.generate(net, sound, inputs, precision, passes, *others)

    return list(halving(work, range(len(arrays[0])), len(arrays[0])))


def _lap(times: dict[str, float], stage: str, since: float) -> float:
    now = time.perf_counter()
    times[stage] += now - since
    return now


def preview(plan: Plan, video: str, net: nn.Module, p: Params, n: int) -> dict[str, np.ndarray]:
    """One frame with everything on the way to it: source, its face, seen (the face with the mouth that it is lent:
    the network's input), window, patch or maps, drawn, mask, made."""
    plan = plan.layers[0]
    frame = next(source_pictures(plan, video, n, n + 1))
    pads = box_pads(p)
    mouths = lent_mouths(plan, video, n, n + 1, plan.faces.track[plan.source[n]])
    changed = lend_mouth(frame, plan, n, mouths)
    start = frame if changed is None else changed
    seen = face_input(start, plan, n, net, pads)
    precision = wav2lip.choose_precision(p.precision, next(net.parameters()).device)
    row = plan.source[[n]]
    known = (1 - plan.speech[[n]], plan.faces.mouth[row], np.array([changed is not None]), plan.faces.still[row])
    patch = wav2lip.generate(net, sound_at(plan, [n], net), seen[None], precision, p.passes, *known)[0]
    made = compose(start, patch, plan, n, net, pads, p.blend)
    if patch.shape[0] == 6:
        pixels = torch.from_numpy(seen).permute(2, 0, 1)[None].float() / 255
        drawn = wav2lip.warp_and_paint(pixels, torch.from_numpy(patch)[None])[0].permute(1, 2, 0).clamp(0, 1).numpy()
    else:
        drawn = patch
    mask = blend.face_mask(landmarks(plan, n), 0, 0, *plan.size)
    face = face_input(frame, plan, n, net, pads)
    return dict(
        source=frame, face=face, seen=seen, window=plan.windows([n])[0], patch=patch, drawn=drawn, mask=mask, made=made
    )
