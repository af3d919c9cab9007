"""The plan of a run: all that is decided before a pixel is drawn."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from .. import media
from ..checkpoints.loading import check_archive
from ..errors import RunError
from ..face.track import FaceTrack, select_faces
from ..params import Params
from .speech import Speech


@dataclass(frozen=True)
class Plan:
    """N output frames of S source frames (at the output's rate); made whole by ``make_plan``.

    size (W, H) of the result, place (x, y, w, h) of the source in it; source ``int32 (N,)``: the
    source frame of each output frame; faces: the face to re-draw, one row a source frame, in source
    pixels; others: more of them; detections ``float32 (D, 16)``: source frame and detection of
    every face found; sound: what the frames hear; donors ``int32 (faces, N)``: the source frame
    whose mouth each face gets first, -1 for its own. Arrays cannot be written to.
    """

    fps: Fraction
    source_size: tuple[int, int]
    size: tuple[int, int]
    place: tuple[int, int, int, int]
    view: media.View
    source: np.ndarray
    detections: np.ndarray
    faces: FaceTrack
    others: tuple[FaceTrack, ...]
    sound: Speech
    donors: np.ndarray

    def __post_init__(self):
        for part in (self, self.sound, self.faces, *self.others):
            for value in vars(part).values():
                if isinstance(value, np.ndarray):
                    value.setflags(write=False)

    @property
    def mel(self) -> np.ndarray:
        """``float32 (80, M)``, of the whole recording."""
        return self.sound.mel

    @property
    def mel_start(self) -> np.ndarray:
        """``int64 (N,)``: first mel frame of each output frame's window."""
        return self.sound.mel_start

    @property
    def speech(self) -> np.ndarray:
        """``float32 (N,)``: 1 in speech to 0 in a pause, 1 throughout with ``silence=model``."""
        return self.sound.activity

    @property
    def target_codes(self) -> np.ndarray:
        """``float32 (N, 8)``: the mouth codes that the speech asks for."""
        return self.sound.target_codes

    def windows(self, numbers: Sequence[int]) -> np.ndarray:
        """Mel windows of output frames; see ``Speech.windows``."""
        return self.sound.windows(numbers)

    @property
    def frames(self) -> int:
        return len(self.source)

    @property
    def duration(self) -> Fraction:
        return self.frames / self.fps

    @cached_property
    def redrawn(self) -> np.ndarray:
        """``bool (N,)``: is there a face to re-draw in this output frame?"""
        present = [face.present for face in (self.faces, *self.others)]
        return np.any(present, axis=0)[self.source]

    @cached_property
    def layers(self) -> list[Plan]:
        """A plan for each face to re-draw, drawn one after the other."""
        faces = (self.faces, *self.others)
        return [
            self._of_one(face, donors[None])
            for face, donors in zip(faces, self.donors, strict=True)
        ]

    def _of_one(self, face: FaceTrack, donors: np.ndarray | None = None) -> Plan:
        if donors is None:
            donors = np.full((1, self.frames), -1, np.int32)
        return replace(self, faces=face, others=(), donors=donors)

    def _select(self, face: str, smooth: bool, window: int) -> list[FaceTrack]:
        starts = np.searchsorted(self.detections[:, 0], np.arange(1, len(self.faces.shot)))
        found = np.split(self.detections[:, 1:], starts)
        used = int(self.source.max()) + 1

        return select_faces(
            found,
            self.faces.shot,
            self.fps,
            face=face,
            size=self.source_size,
            smooth=smooth,
            smooth_window=window,
            used=used,
        )

    def unsmoothed(self, face: str) -> Plan:
        """This plan with its first face as detected, not smoothed (``face``: the parameter)."""
        return self._of_one(self._select(face, False, 1)[0], self.donors[:1])

    def bystanders(self, p: Params) -> list[Plan]:
        """A plan for each face that is seen but not re-drawn."""
        plans = []
        for face in self._select("all", p.smooth, p.smooth_window):
            same = [
                other.present & (np.abs(other.box - face.box).max(axis=1) < 1)
                for other in (self.faces, *self.others)
            ]
            unsynced = replace(face, present=face.present & ~np.any(same, axis=0))
            if unsynced.present.any():
                plans.append(self._of_one(unsynced))

        return plans


UNREADABLE = (OSError, LookupError, ValueError, TypeError, MemoryError, zipfile.BadZipFile)
OWN_ARRAYS = ("source", "detections", "donors")
SIZES = ("source_size", "size", "place")


def save_plan(plan: Plan, path: str | os.PathLike) -> None:
    """Write a plan as ``.npz``."""
    layers = [asdict(face) for face in (plan.faces, *plan.others)]
    values = {name: getattr(plan, name) for name in (*OWN_ARRAYS, *SIZES)}
    values |= {f"sound.{name}": value for name, value in asdict(plan.sound).items()}
    values |= {f"face.{name}": np.stack([layer[name] for layer in layers]) for name in layers[0]}
    values["fps"] = [plan.fps.numerator, plan.fps.denominator]
    values["rotate"] = plan.view.rotate
    values["crop"] = plan.view.crop or ()
    np.savez(path, **values)


def load_plan(path: str | os.PathLike) -> Plan:
    """The plan that ``save_plan`` wrote. Raises RunError for any other file."""
    try:
        check_archive(path)
        return _read_plan(Path(path))
    except UNREADABLE:
        raise RunError(
            f"{path} is damaged or no plan of this version; remove it and run again"
        ) from None


def _read_plan(path: Path) -> Plan:
    with np.load(path, allow_pickle=False) as data:
        faces = {f.name: data[f"face.{f.name}"] for f in fields(FaceTrack)}
        tracks = [
            FaceTrack(**{name: rows[k] for name, rows in faces.items()})
            for k in range(len(faces["present"]))
        ]
        sound = {f.name: data[f"sound.{f.name}"] for f in fields(Speech)}
        sizes = {name: tuple(data[name].tolist()) for name in SIZES}
        arrays = {name: data[name] for name in OWN_ARRAYS}
        values: dict[str, Any] = sizes | arrays
        crop: Any = tuple(data["crop"].astype(int).tolist()) or None

        return Plan(
            fps=Fraction(*data["fps"].tolist()),
            view=media.View(int(data["rotate"]), crop),
            faces=tracks[0],
            others=tuple(tracks[1:]),
            sound=Speech(**sound),
            **values,
        )
