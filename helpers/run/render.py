"""A range of output frames, from source frames to finished frames.

Batches are cut by absolute frame number and always full (empty rows are zeros), so a frame's pixels depend on the
plan alone, not on where a range starts or what else is in it.
"""

from __future__ import annotations

import itertools
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import nn

from .. import media
from ..engines.base import compose_frame, face_input, sound_at
from ..engines.compact import generate
from ..engines.lend import DonorMouth, donor_mouths, with_donor_mouth
from ..face.mask import face_mask
from ..face.square import FACE_SIZE
from ..networks.codes import CODE_SIZE
from ..networks.devices import choose_precision, halving_batches
from ..networks.maps import warp_and_paint
from ..params import Params
from ..plan.geometry import box_pads, frame_landmarks, frame_matrix, source_pictures
from ..plan.plan import Plan
from ..restore.base import Restorer


def render_frames(
    plan: Plan, video: str, net: nn.Module, p: Params, start: int, stop: int, restorer: Restorer | None = None,
    times: dict[str, float] | None = None,
) -> Iterator[np.ndarray]:  # fmt: skip
    """Finished frames start to stop; ``start`` is a multiple of the batch size. ``times`` gets seconds by stage.

    A ``restorer`` (see ``restore.make``) is given the re-drawn frames alone, and with ``restore_unsynced`` those of
    the other people.
    """
    times = defaultdict(float) if times is None else times
    pads = box_pads(p)
    precision = choose_precision(p.precision, next(net.parameters()).device)
    mouths: list[dict[int, dict[int, DonorMouth]]] = [
        {} for _ in plan.layers
    ]  # by track, for the tracks of a batch
    pictures = media.prefetch(source_pictures(plan, video, start, stop), depth=p.batch_size)
    to_restore = (
        (plan.layers + (plan.bystanders(p) if p.restore_unsynced else [])) if restorer else []
    )
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
            mouths[k] = {
                t: mouths[k].get(t) or donor_mouths(layer, video, start, stop, t)
                for t in np.unique(tracks)
            }
            lent = np.zeros(p.batch_size, bool)
            with ThreadPoolExecutor() as pool:
                known = [mouths[k][t] for t in tracks]
                made = pool.map(
                    with_donor_mouth,
                    [frames[n] for n in mine],
                    itertools.repeat(layer),
                    mine,
                    known,
                )
            for n, changed in zip(mine, made, strict=True):
                if changed is not None:
                    frames[n], lent[n - first] = changed, True
            clock = _lap(times, "lend", clock)
            inputs = np.zeros((p.batch_size, FACE_SIZE, FACE_SIZE, 3), np.uint8)
            pauses = np.zeros(p.batch_size, np.float32)
            own = np.zeros((p.batch_size, CODE_SIZE), np.float32)
            still = np.zeros(p.batch_size, bool)
            places = [n - first for n in mine]
            inputs[places] = [face_input(frames[n], layer, n, net, pads) for n in mine]
            heard = sound_at(layer, mine, net)
            sound = np.zeros((p.batch_size, *heard.shape[1:]), np.float32)
            sound[places] = heard
            pauses[places] = 1 - layer.speech[mine]
            own[places], still[places] = (
                layer.faces.neutral[layer.source[mine]],
                layer.faces.is_photo[layer.source[mine]],
            )
            clock = _lap(times, "crop", clock)
            made = _generate(net, precision, p.passes, sound, inputs, pauses, own, lent, still)
            clock = _lap(times, "network", clock)
            for n in mine:
                frames[n] = compose_frame(frames[n], made[n - first], layer, n, net, pads, p.blend)
            clock = _lap(times, "blend", clock)
        for layer in to_restore:
            mine = [n for n in numbers if layer.redrawn[n]]
            if mine:
                points, matrices = zip(
                    *((frame_landmarks(layer, n), frame_matrix(layer, n)) for n in mine),
                    strict=True,
                )
                made = restorer(
                    [frames[n] for n in mine], points, matrices, continuous_runs(layer, mine)
                )
                frames.update(zip(mine, made, strict=True))
            clock = _lap(times, "restore", clock)
        yield from frames.values()


def continuous_runs(plan: Plan, numbers: Sequence[int]) -> list[int]:
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


def _generate(
    net: nn.Module, precision: torch.dtype, passes: int, *arrays: np.ndarray
) -> list[np.ndarray]:
    """``wav2lip.generate`` of sound, inputs, pauses, own codes, lent and still, fewer at once where memory is short."""

    def work(rows: list[int]) -> np.ndarray:
        sound, inputs, *others = (values[rows] for values in arrays)
        return generate(net, sound, inputs, precision, passes, *others)

    return list(halving_batches(work, range(len(arrays[0])), len(arrays[0])))


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
    mouths = donor_mouths(plan, video, n, n + 1, plan.faces.track[plan.source[n]])
    changed = with_donor_mouth(frame, plan, n, mouths)
    start = frame if changed is None else changed
    seen = face_input(start, plan, n, net, pads)
    precision = choose_precision(p.precision, next(net.parameters()).device)
    row = plan.source[[n]]
    known = (
        1 - plan.speech[[n]],
        plan.faces.neutral[row],
        np.array([changed is not None]),
        plan.faces.is_photo[row],
    )
    patch = generate(net, sound_at(plan, [n], net), seen[None], precision, p.passes, *known)[0]
    made = compose_frame(start, patch, plan, n, net, pads, p.blend)
    if patch.shape[0] == 6:
        pixels = torch.from_numpy(seen).permute(2, 0, 1)[None].float() / 255
        drawn = (
            warp_and_paint(pixels, torch.from_numpy(patch)[None])[0]
            .permute(1, 2, 0)
            .clamp(0, 1)
            .numpy()
        )
    else:
        drawn = patch
    mask = face_mask(frame_landmarks(plan, n), 0, 0, *plan.size)
    face = face_input(frame, plan, n, net, pads)
    return dict(
        source=frame,
        face=face,
        seen=seen,
        window=plan.windows([n])[0],
        patch=patch,
        drawn=drawn,
        mask=mask,
        made=made,
    )
