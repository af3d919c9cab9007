"""The plan of a run: all that is decided before a pixel is drawn."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from .. import media
from ..face.track import FaceTrack, select_faces
from ..networks.codes import CODE_SIZE
from ..params import Params
from ..sound.mel import mel_windows
from ..sound.speech import quieten_pauses
from ..sound.voice import USUAL_PITCH, normalise_voice


@dataclass(frozen=True)
class Plan:
    """Arrays of N output frames and S source frames (at the output's rate).

    source ``int32 (N,)`` source frame of each output frame; faces: one row a source frame, in source pixels, and
    ``others``, more faces to re-draw; detections ``float32 (D, 16)``: source frame and detection of every face found;
    mel ``float32 (80, M)``; mel_start ``int64 (N,)``; speech ``float32 (N,)``, 1 speech to 0 pause, 1 throughout with
    ``silence=model``; size (W, H) of the result and place (x, y, w, h) of the source in it; pitch: the speech's, in Hz;
    voice: by how much the mel's bands are stretched for the network, and gain: what is added to its level before (see
    ``encode.fit_voice``); target_codes ``float32 (N, 8)``: the mouth codes that the speech asks for (see
    ``encode.encode_mel``); donors ``int32 (faces, N)``: the source frame whose mouth each face to re-draw gets first (see
    ``own_mouths``), -1 for its own.
    """

    fps: Fraction
    source_size: tuple[int, int]
    size: tuple[int, int]
    place: tuple[int, int, int, int]
    source: np.ndarray
    faces: FaceTrack
    mel: np.ndarray
    mel_start: np.ndarray
    speech: np.ndarray
    detections: np.ndarray
    target_codes: np.ndarray
    donors: np.ndarray
    others: tuple[FaceTrack, ...] = ()
    view: media.View = media.View()
    voice: float = 1.0
    gain: float = 0.0
    pitch: float = USUAL_PITCH

    @property
    def layers(self) -> list[Plan]:
        """A plan for each face to re-draw, drawn one after the other."""
        everybody = zip((self.faces, *self.others), self.donors, strict=True)
        return [
            replace(self, faces=face, others=(), donors=donors[None]) for face, donors in everybody
        ]

    def _select(self, face: str, smooth: bool, window: int) -> list[FaceTrack]:
        frames = self.detections[:, 0].astype(int)
        found = [self.detections[frames == n, 1:] for n in range(len(self.faces.shot))]
        used = int(self.source.max()) + 1
        return select_faces(
            found, self.faces.shot, self.fps, face, self.source_size[0], smooth, window, used
        )

    def unsmoothed(self, face: str) -> Plan:
        """This plan with its first face's boxes and landmarks as they were detected (``face``: the parameter)."""
        return replace(
            self, faces=self._select(face, False, 1)[0], others=(), donors=self.donors[:1]
        )

    def bystanders(self, p: Params) -> list[Plan]:
        """A plan for each face that is seen but not re-drawn."""
        taken = (self.faces, *self.others)
        made = []
        for face in self._select("all", p.smooth, p.smooth_window):
            same = [t.present & (np.abs(t.box - face.box).max(axis=1) < 1) for t in taken]
            left = replace(face, present=face.present & ~np.any(same, axis=0))
            if left.present.any():
                made.append(
                    replace(
                        self, faces=left, others=(), donors=np.full((1, self.frames), -1, np.int32)
                    )
                )
        return made

    def windows(self, numbers: Sequence[int], margin: int = 0) -> np.ndarray:
        """What a network hears at output frames: mel windows ``float32 (len(numbers), 80, 16)``, quiet in pauses.

        With a ``margin``, so many mel frames more on both sides.
        """
        heard = mel_windows(self.mel, self.mel_start[numbers], margin)
        return quieten_pauses(normalise_voice(heard, self.voice, self.gain), self.speech[numbers])

    @property
    def frames(self) -> int:
        return len(self.source)

    @property
    def redrawn(self) -> np.ndarray:
        """``bool (N,)``: is there a face to re-draw in this output frame?"""
        return np.any([face.present for face in (self.faces, *self.others)], axis=0)[self.source]

    @property
    def duration(self) -> Fraction:
        return self.frames / self.fps


ARRAYS = ("source", "mel", "mel_start", "speech", "detections", "target_codes", "donors")


def save_plan(plan: Plan, path: str | os.PathLike) -> None:
    """Write a plan as ``.npz``."""
    layers = [asdict(face) for face in (plan.faces, *plan.others)]
    np.savez(
        path, fps=[plan.fps.numerator, plan.fps.denominator], source_size=plan.source_size, size=plan.size,
        place=plan.place, rotate=plan.view.rotate, crop=plan.view.crop or (),
        voice=plan.voice, gain=plan.gain, pitch=plan.pitch,
        **{name: getattr(plan, name) for name in ARRAYS},
        **{name: np.stack([layer[name] for layer in layers]) for name in layers[0]},
    )  # fmt: skip


def load_plan(path: str | os.PathLike) -> Plan:
    with np.load(Path(path)) as data:
        older = dict(is_photo=np.zeros_like(data["present"]))
        stacked = {name: data.get(name, older.get(name)) for name in FaceTrack.__dataclass_fields__}
        count = len(stacked["present"])
        face, *others = [
            FaceTrack(**{name: rows[i] for name, rows in stacked.items()}) for i in range(count)
        ]
        sizes = {
            name: tuple(int(v) for v in data[name]) for name in ("source_size", "size", "place")
        }
        look = media.View(int(data["rotate"]), tuple(int(v) for v in data["crop"]) or None)
        fps = Fraction(*(int(v) for v in data["fps"]))
        frames = len(data["source"])
        older |= dict(
            donors=np.full((count, frames), -1, np.int32),
            target_codes=np.zeros((frames, CODE_SIZE), np.float32),
        )
        arrays = {name: data.get(name, older.get(name)) for name in ARRAYS}
        heard = dict(
            voice=float(data["voice"]), gain=float(data.get("gain", 0)),
            pitch=float(data.get("pitch", USUAL_PITCH)),
        )  # fmt: skip
        return Plan(fps, **sizes, **arrays, **heard, faces=face, others=tuple(others), view=look)
