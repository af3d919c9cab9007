"""A range of output frames, from source frames to finished frames.

Batches are cut by absolute frame number and always full (empty rows are zeros), so a frame's pixels
depend on the plan alone, not on where a range starts or what else is in it.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing

import numpy as np

from .. import media, threads
from ..engines.base import Engine, MouthBatch
from ..engines.lend import DonorMouth, donor_mouths, with_donor_mouth
from ..face.mask import face_mask
from ..networks.devices import halving_batches
from ..params import Params
from ..plan.geometry import frame_landmarks, frame_matrix, source_pictures
from ..plan.plan import Plan
from ..restore.base import Restorer
from ..timing import StageTimes
from .label import with_label

DECODED_AHEAD = 8  # frames

Frames = dict[int, np.ndarray]  # output frames by number
Mouths = dict[int, dict[int, DonorMouth]]  # what re-drawn output frames may be lent, by number


def render_frames(
    plan: Plan,
    video: str,
    engine: Engine,
    p: Params,
    start: int,
    stop: int,
    *,
    restorer: Restorer | None = None,
    times: StageTimes | None = None,
) -> Generator[np.ndarray]:
    """Finished frames start to stop; ``start`` is a multiple of the batch size.

    A ``restorer`` is given the re-drawn frames alone, and with ``restore_unsynced`` those of the
    other people. ``times`` gets seconds by stage.
    """
    times = StageTimes() if times is None else times
    size = p.batch_size
    layers = [Layer(layer, video, start, stop) for layer in plan.layers]
    to_restore = list(plan.layers)
    if p.restore_unsynced and restorer:
        to_restore += plan.bystanders(p)

    def finish(batch: tuple[Frames, list[Mouths]]) -> tuple[Frames, StageTimes]:
        frames, mouths = batch
        taken = StageTimes()
        for layer, donors in zip(layers, mouths, strict=True):
            redraw(frames, layer.plan, donors, engine, size, taken)

        if restorer:
            with taken.stage("restore"):
                for plan_of_one in to_restore:
                    restore_faces(frames, plan_of_one, restorer)

        for n, frame in frames.items():
            if plan.redrawn[n]:
                frames[n] = with_label(frame, p.label)
        return frames, taken

    width, height = plan.size
    one_by_one = restorer is not None and restorer.needs_memory
    workers = 1 if one_by_one else threads.workers_for(3 * width * height * size)
    batches = source_batches(layers, video, start, stop, size, times)
    ahead = media.map_ahead(finish, batches, workers)
    with threads.shared_by(workers), closing(ahead):
        drawn = map(finish, batches) if one_by_one else ahead
        while True:
            with times.stage("draw"):
                frames, taken = next(drawn, ({}, StageTimes()))
            times.share_out("draw", taken)
            if not frames:
                return
            yield from frames.values()


class Layer:
    """A plan of one face, and the donors' mouths of the tracks in work."""

    def __init__(self, plan: Plan, video: str, start: int, stop: int):
        self.plan = plan
        self.video = video
        self.range = start, stop
        self.mouths: dict[int, dict[int, DonorMouth]] = {}  # by track

    def _mouths_of(self, track: int) -> dict[int, DonorMouth]:
        if track in self.mouths:
            return self.mouths[track]
        return donor_mouths(self.plan, self.video, *self.range, track)

    def mouths_for(self, numbers: Sequence[int]) -> Mouths:
        """The mouths that each re-drawn output frame may be lent, by its number.

        Those of other tracks are let go.
        """
        numbers = [n for n in numbers if self.plan.redrawn[n]]
        if not numbers:
            return {}

        tracks = self.plan.faces.track[self.plan.source[numbers]]
        self.mouths = {track: self._mouths_of(track) for track in np.unique(tracks)}
        return {n: self.mouths[track] for n, track in zip(numbers, tracks, strict=True)}


def source_batches(
    layers: list[Layer], video: str, start: int, stop: int, size: int, times: StageTimes
) -> Iterator[tuple[Frames, list[Mouths]]]:
    """Source frames by output frame, ``size`` at a time, and of each layer what they are lent."""
    pictures = media.prefetch(source_pictures(layers[0].plan, video, start, stop), DECODED_AHEAD)
    for first in range(start, stop, size):
        numbers = range(first, min(first + size, stop))
        with times.stage("lend"):
            mouths = [layer.mouths_for(numbers) for layer in layers]
        with times.stage("decode"):
            frames = dict(zip(numbers, pictures, strict=False))
        yield frames, mouths


def redraw(
    frames: Frames, plan: Plan, mouths: Mouths, engine: Engine, size: int, times: StageTimes
) -> None:
    """Lend, draw and blend the mouth of one face in a batch of ``size`` output frames."""
    first = next(iter(frames))
    numbers = list(mouths)
    if not numbers:
        return

    with times.stage("lend"):
        with_mouths = {n: with_donor_mouth(frames[n], plan, n, mouths[n]) for n in numbers}
        changed = {n: frame for n, frame in with_mouths.items() if frame is not None}
        frames.update(changed)

    with times.stage("crop"):
        faces = np.stack([engine.face(frames[n], plan, n) for n in numbers])
        batch = mouth_batch(plan, numbers, faces, engine, [n in changed for n in numbers])
        places = [n - first for n in numbers]
        batch = batch.padded(size, places)

    with times.stage("network"):
        drawn = halving_batches(
            lambda rows: list(engine.draw(batch.rows(rows))), range(size), size, "draw"
        )
        patches: list[np.ndarray] = list(drawn)

    with times.stage("blend"):
        for n, place in zip(numbers, places, strict=True):
            frames[n] = engine.compose(frames[n], patches[place], plan, n)


def mouth_batch(
    plan: Plan,
    numbers: Sequence[int],
    faces: np.ndarray,
    engine: Engine,
    from_donor: Sequence[bool],
) -> MouthBatch:
    """What an engine is given of output frames whose faces are ``uint8 (B, 96, 96, 3)``."""
    source = plan.source[numbers]
    return MouthBatch(
        faces=faces,
        sound=engine.sound(plan, numbers),
        pauses=1 - plan.speech[numbers],
        neutral=plan.faces.neutral[source],
        from_donor=np.array(from_donor),
        is_photo=plan.faces.is_photo[source],
    )


def restore_faces(frames: Frames, plan: Plan, restorer: Restorer) -> None:
    """Put a batch's faces of one plan through the restorer."""
    numbers = [n for n in frames if plan.redrawn[n]]
    if not numbers:
        return

    restored = restorer(
        [frames[n] for n in numbers],
        [frame_landmarks(plan, n) for n in numbers],
        [frame_matrix(plan, n) for n in numbers],
        continuous_runs(plan, numbers),
    )
    frames.update(zip(numbers, restored, strict=True))


def continuous_runs(plan: Plan, numbers: Sequence[int]) -> list[int]:
    """A number for each output frame; it changes where one does not follow the last."""
    source = plan.source
    track = plan.faces.track
    runs = []
    run = 0

    for last, n in zip([None, *numbers], numbers, strict=False):
        follows = last is None or (
            n == last + 1
            and abs(source[n] - source[last]) <= 1
            and track[source[n]] == track[source[last]]
        )
        run += not follows
        runs.append(run)

    return runs


def preview(plan: Plan, video: str, engine: Engine, n: int) -> dict[str, np.ndarray]:
    """One frame with everything on the way to it, of the first face and without its neighbours.

    source: the frame, face: its square, seen: the same with its donor's mouth, what the
    network sees, window: its mel, patch: the network's answer, maps: the same if it is maps, else
    None, drawn: the drawn face, mask: where it goes, made: the finished frame.
    """
    plan = plan.layers[0]
    frame = next(source_pictures(plan, video, n, n + 1))
    mouths = donor_mouths(plan, video, n, n + 1, plan.faces.track[plan.source[n]])
    with_mouth = with_donor_mouth(frame, plan, n, mouths)
    start = frame if with_mouth is None else with_mouth

    seen = engine.face(start, plan, n)
    patch = engine.draw(mouth_batch(plan, [n], seen[None], engine, [with_mouth is not None]))[0]
    return dict(
        source=frame,
        face=engine.face(frame, plan, n),
        seen=seen,
        window=plan.windows([n])[0],
        patch=patch,
        maps=engine.maps(patch),
        drawn=engine.picture(seen, patch),
        mask=face_mask(frame_landmarks(plan, n), 0, 0, *plan.size),
        made=engine.compose(start, patch, plan, n),
    )
