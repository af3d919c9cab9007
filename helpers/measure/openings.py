"""Does the drawn mouth open as the true one did? A network judges that had no part in drawing.

The judge, MediaPipe's face mesh, clashes with this project's packages, so it lives in an
environment of its own and is asked through ``face_mesh.py``.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from .. import media
from ..errors import ParameterError
from ..params import ROOT
from ..plan.plan import Plan
from ..sound.mel import mel_windows, window_starts
from .table import SOURCE, read_fresh, read_plan, videos

VARIABLE = "LIPSYNC_JUDGE"  # names the judge's Python
USUAL_PYTHON = ROOT / ".venv-judge" / "bin" / "python"
PROGRAM = Path(__file__).with_name("face_mesh.py")
FEWEST_FRAMES = 15  # of a correlation
SPEECH = "speech"  # the mouth that spoke the speech

Row = dict[str, Any]


def judge_python() -> str:
    """The Python that has mediapipe. Raises ParameterError where it is not there."""
    python = os.environ.get(VARIABLE) or str(USUAL_PYTHON)
    if not os.access(python, os.X_OK):
        raise ParameterError(
            f"mouth openings are not judged: {python} is not there; run make judge, or let"
            f" {VARIABLE} name the Python of an environment with mediapipe 0.10.14"
        )
    return python


def openings(frames: Iterator[np.ndarray], python: str) -> np.ndarray:
    """Gap of the inner lips over the eyes' distance, ``float64 (N,)``, NaN without a face.

    ``frames``: N of ``uint8 (H, W, 3)`` RGB, at least one. Raises ParameterError if ``python``
    cannot judge.
    """
    first = next(frames)
    height, width = first.shape[:2]
    judge = subprocess.Popen(
        [python, str(PROGRAM), str(width), str(height)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert judge.stdin
    try:
        judge.stdin.write(first.tobytes())
        for frame in frames:
            judge.stdin.write(frame.tobytes())
    except BrokenPipeError:
        pass  # its exit status tells

    printed = judge.communicate()[0]
    if judge.returncode:
        raise ParameterError(f"{python} failed on {PROGRAM}: is mediapipe 0.10.14 in it?")
    return np.array(json.loads(printed.splitlines()[-1]), float)


def correlation(first: np.ndarray, second: np.ndarray) -> float | None:
    """Pearson's r of two curves at lag 0, over the frames that both know.

    None for fewer than fifteen frames, or where one of them is flat.
    """
    first, second = known_to_both(first, second)
    if len(first) < FEWEST_FRAMES or min(np.ptp(first), np.ptp(second)) < 1e-9:
        return None
    return round(float(np.corrcoef(first, second)[0, 1]), 3)


def known_to_both(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    count = min(len(first), len(second))
    first, second = first[:count], second[:count]
    known = np.isfinite(first) & np.isfinite(second)
    return first[known], second[known]


def loudness(plan: Plan) -> np.ndarray:
    """How loud the speech is around each frame: the mean of its mel window, ``(N,)``."""
    mel = plan.sound.mel
    starts = window_starts(plan.frames, plan.fps, mel.shape[1])
    return mel_windows(mel, starts).mean(axis=(1, 2))


def judge_run(run_dir: str | Path) -> list[Row]:
    """A row for each result of a run, see ``compare``. Raises RunError as ``measure_run`` does.

    The mouth that spoke is known where the run's speech is a video; a picture has no mouth of its
    own that moves.
    """
    python = judge_python()
    record = read_fresh(run_dir)
    plan = read_plan(run_dir)
    streams = videos(record, plan)
    if media.probe(record["inputs"]["video"]["path"]).kind != "video":
        del streams[SOURCE]

    spoken = media.probe(record["inputs"]["audio"]["path"])
    if spoken.kind == "video":
        count = min(plan.frames, media.frame_count(spoken, plan.fps))
        streams[SPEECH] = media.read_frames(spoken.path, plan.fps, 0, count)

    opened = {name: openings(frames, python) for name, frames in streams.items()}
    return [
        dict(run=Path(run_dir).name, video=name)
        | compare(opened, name, loudness(plan))
        | rest(opened[name], plan.speech)
        for name in record["results"]
    ]


def compare(opened: dict[str, np.ndarray], name: str, loud: np.ndarray) -> Row:
    """Figures of one result among curves of openings by name.

    r: with the mouth that spoke the speech; r_source: with the source's own mouth, which should not
    show through; r_loudness: of the speech's loudness with the mouth that spoke, which following
    loudness alone would reach; spread: standard deviation over that of the mouth that spoke.
    A figure that cannot be had is left out.
    """
    figures: Row = {}
    drawn = opened[name]
    if SPEECH in opened:
        true = opened[SPEECH]
        figures["r"] = correlation(drawn, true)
        figures["r_loudness"] = correlation(loud, true)
        moves, truly = known_to_both(drawn, true)
        if figures["r"] is not None:
            figures["spread"] = round(float(moves.std() / truly.std()), 2)

    if SOURCE in opened:
        figures["r_source"] = correlation(drawn, opened[SOURCE])

    known = {name: value for name, value in figures.items() if value is not None}
    return dict(frames=int(np.isfinite(drawn).sum())) | known


def rest(drawn: np.ndarray, speech: np.ndarray) -> Row:
    """pauses: how open a mouth stands in pauses, over speech; empty where either is too short.

    ``drawn`` ``(N,)`` are its openings, ``speech`` ``(N,)`` is 1 in speech and 0 in pauses.
    """
    still = drawn[(speech == 0) & np.isfinite(drawn)]
    moving = drawn[(speech == 1) & np.isfinite(drawn)]
    if min(len(still), len(moving)) < FEWEST_FRAMES:
        return {}
    return dict(pauses=round(float(still.mean() / moving.mean()), 2))


def with_means(rows: list[Row]) -> list[Row]:
    """The rows and, after two or more, the means of their figures."""
    if len(rows) < 2:
        return rows

    mean: Row = dict(run="mean")
    for name in ("r", "r_loudness", "spread", "r_source", "pauses"):
        values = [row[name] for row in rows if name in row]
        if values:
            mean[name] = round(float(np.mean(values)), 3)
    return [*rows, mean]
