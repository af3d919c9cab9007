"""Clips -> steadied face crops and mels in memory-mapped arrays, prepared once for all trainings.

A prepared folder holds ``crops.raw`` (uint8, one 128x128 RGB crop a frame, covering 4/3 of the
networks' square), ``mels.raw`` (float16, each clip's mel in several voices), ``sound.raw`` (int16,
16 kHz) and ``index.json``. Frames are at 25 a second.
"""

from __future__ import annotations

import csv
import hashlib
import json
import multiprocessing
import os
from collections.abc import Iterable
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from .. import checkpoints, media
from ..errors import InputError
from ..face.detect import detect_faces
from ..face.square import FACE_SIZE, crop_square, square_matrix
from ..face.track import moving_average
from ..media.ffmpeg import write_file
from ..networks.sync_expert import SYNC_FRAMES
from ..params import SAMPLE, Params
from ..sound.mel import melspectrogram
from .voices import change_voice
from .weights import write_whole

FPS = Fraction(25)
CROP_SIZE = 128  # px: side of a stored crop; the middle 96 are the networks' square
VOICES = 6  # mels a clip: its own and five changed ones
DETECT_EVERY = 5  # frames
LOUDEST = 32767  # of a stored sample
LEAST_FRAMES = 3 * SYNC_FRAMES
HELD_BACK = 20  # without a training.csv, every 20th clip is kept for validation
VIDEO_SUFFIXES = {".mp4", ".mov", ".mkv", ".mpg", ".avi", ".webm", ".m4v"}
TABLE = "training.csv"
COLUMNS = ("file", "speaker", "split")
TALKING = SAMPLE / "talking.mp4"
SENTENCES_S = (0, 4)  # where its two sentences begin, with a title card between
SENTENCE_S = 3
INDEX = "index.json"
ARRAYS = ("crops.raw", "mels.raw", "sound.raw")

Index = dict[str, Any]
Row = dict[str, Any]
Arrays = tuple[np.ndarray, np.ndarray, np.ndarray]  # crops, mels, sound


def read_table(path: Path) -> list[Row]:
    """Rows of a training.csv. Raises InputError if a column or a value is missing."""
    with path.open(newline="") as lines:
        reader = csv.DictReader(lines)
        missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
        if missing:
            raise InputError(
                f"{path} has no column {missing[0]}; its first line must be {','.join(COLUMNS)}"
            )

        rows = []
        for row in reader:
            values = {name: row[name] for name in COLUMNS}
            if not all(values.values()):
                raise InputError(
                    f"{path}, line {reader.line_num}: give a value for each of {','.join(COLUMNS)}"
                )
            rows.append(values)
    return rows


def list_clips(folder: str | os.PathLike) -> list[Row]:
    """Clips below a folder: file, speaker, split ("train" or anything else).

    From its training.csv if there is one, else all video files but hidden ones. Raises InputError
    if there is none, or if the table cannot be used.
    """
    folder = Path(folder)
    table = folder / TABLE
    if table.exists():
        clips = [row for row in read_table(table) if (folder / row["file"]).exists()]
    else:
        clips = _found_clips(folder)
    if not clips:
        raise InputError(
            f"{folder} holds no video clips; give a folder of clips of one talking person each"
        )
    return clips


def _found_clips(folder: Path) -> list[Row]:
    files = [
        path.relative_to(folder)
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in VIDEO_SUFFIXES
    ]

    shown = [file for file in files if not any(part.startswith(".") for part in file.parts)]
    return [
        dict(
            file=str(file),
            speaker=(folder / file).parent.name,
            split="validation" if n % HELD_BACK == 1 else "train",
        )
        for n, file in enumerate(shown)
    ]


def fingerprint(folder: Path, clips: list[Row], **facts: Any) -> str:
    """What prepared data was made from: the clips, their bytes, and ``facts`` about the
    preparation.
    """
    files = [dict(clip, sha256=checkpoints.sha256(folder / clip["file"])) for clip in clips]
    text = json.dumps([files, facts], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def read_index(path: Path, made_from: str, folder: Path) -> Index | None:
    """The index of prepared data, None if it is not complete.

    Raises InputError if it was made from other clips: they, and what was trained on them, are kept.
    """
    if not path.exists():
        return None
    index = json.loads(path.read_text())
    if index.get("fingerprint") != made_from:
        raise InputError(
            f"{path.parent} was prepared from other clips than those in {folder}, or by another"
            " version; choose another output folder, or delete this one to start anew"
        )
    return index


def write_index(path: Path, index: Index) -> None:
    write_whole(path, json.dumps(index, indent=1).encode())


def _longest_stretch(detections: list[np.ndarray], at: np.ndarray) -> np.ndarray:
    """Numbers of the detections in the longest stretch that has a face throughout."""
    found = np.flatnonzero([len(faces) > 0 for faces in detections])

    stretches = np.split(found, np.flatnonzero(np.diff(found) > 1) + 1)
    longest = max(stretches, key=len)
    if len(longest) < 2 or at[longest[-1]] - at[longest[0]] + 1 < LEAST_FRAMES:
        raise InputError(f"a face is seen in fewer than {LEAST_FRAMES} frames on end")
    return longest


def _largest_landmarks(faces: np.ndarray) -> np.ndarray:
    """Five points ``(10,)`` of the largest of faces ``(K, 15)``."""
    areas = np.prod(faces[:, 2:4] - faces[:, :2], axis=1)
    return faces[np.argmax(areas)][5:]


def read_clip(
    path: str | os.PathLike, detector: str = "retinaface"
) -> tuple[np.ndarray, np.ndarray]:
    """The longest part of a clip in which a face is seen.

    Returns crops ``uint8 (n, 128, 128, 3)`` at 25 frames a second and their sound, ``float32`` at
    16 kHz. Raises InputError with the reason if the clip cannot be used.
    """
    if not media.probe(path).has_audio:
        raise InputError("no sound")
    frames = media.read_whole(path, FPS)
    at = np.array(sorted({*range(0, len(frames), DETECT_EVERY), len(frames) - 1}))
    detections = list(detect_faces([frames[n] for n in at], detector))
    longest = _longest_stretch(detections, at)

    first = at[longest[0]]
    last = at[longest[-1]]
    shown = np.arange(first, last + 1)

    detected = np.stack([_largest_landmarks(detections[i]) for i in longest])
    points = np.stack([np.interp(shown, at[longest], line) for line in detected.T], axis=1)
    points = moving_average(points, 2 * DETECT_EVERY + 1).reshape(-1, 5, 2)

    zoom = CROP_SIZE / FACE_SIZE
    crops = [
        crop_square(frames[n], square_matrix(landmarks, CROP_SIZE, zoom), CROP_SIZE)
        for n, landmarks in zip(shown, points, strict=True)
    ]

    wave = media.read_audio(path)
    start, stop = (round(int(n) / FPS * media.SAMPLE_RATE) for n in (first, last + 1))
    sound = np.pad(wave, (0, max(0, stop - len(wave))))[start:stop]
    return np.stack(crops), sound


def _clip_arrays(job: tuple[str, str, int]) -> Arrays | str:
    """(path, detector, seed) -> crops, mels ``(voices, 80, M)`` and sound, or why not."""
    path, detector, seed = job
    try:
        crops, wave = read_clip(path, detector)
    except InputError as error:
        return str(error)

    rng = np.random.default_rng(seed)

    mels = [melspectrogram(wave)]
    mels += [change_voice(wave, rng) for _ in range(VOICES - 1)]
    sound = (wave.clip(-1, 1) * LOUDEST).astype(np.int16)
    return crops, np.stack(mels).astype(np.float16), sound


def prepare(
    folder: str | os.PathLike,
    out: str | os.PathLike,
    detector: str = "retinaface",
    workers: int = 2,
) -> Index:
    """Cut and store all clips of a folder; returns the index. What is there already is kept.

    Raises InputError if no clip can be used, or if ``out`` was prepared from other clips.
    """
    folder = Path(folder)
    out = Path(out)
    clips = list_clips(folder)
    made_from = fingerprint(folder, clips, detector=detector, crop=CROP_SIZE, voices=VOICES)
    index = read_index(out / INDEX, made_from, folder)
    if index:
        return index

    out.mkdir(parents=True, exist_ok=True)
    jobs = [(str(folder / clip["file"]), detector, seed) for seed, clip in enumerate(clips)]
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        results = tqdm(pool.imap(_clip_arrays, jobs), total=len(jobs))
        index = _store(clips, results, out)

    if not any(clip["split"] == "train" for clip in index["clips"]):
        reason = next(iter(index["skipped"].values()), "none has the split train")
        raise InputError(f"{folder}: none of the {len(clips)} clips can be trained on ({reason})")

    index["fingerprint"] = made_from
    write_index(out / INDEX, index)
    return index


def _store(clips: list[Row], results: Iterable[Arrays | str], out: Path) -> Index:
    """Write the arrays of all clips, one after the other; returns where each begins."""
    rows: list[Row] = []
    skipped: dict[str, str] = {}
    index: Index = dict(clips=rows, skipped=skipped, frames=0, mel_frames=0, samples=0)
    with ExitStack() as files:
        crops_file, mels_file, sound_file = (
            files.enter_context((out / name).open("wb")) for name in ARRAYS
        )
        for clip, result in zip(clips, results, strict=True):
            if isinstance(result, str):
                skipped[clip["file"]] = result
                continue

            crops, mels, sound = result
            in_time = mels.transpose(2, 0, 1)  # (M, voices, 80): clips follow in time
            crops_file.write(crops.tobytes())
            mels_file.write(in_time.tobytes())
            sound_file.write(sound.tobytes())

            starts = dict(
                start=index["frames"], mel_start=index["mel_frames"], sound_start=index["samples"]
            )
            counts = dict(frames=len(crops), mel_frames=len(in_time), samples=len(sound))
            rows.append(clip | starts | counts)
            for name, count in counts.items():
                index[name] += count
    return index


def training_folder(p: Params) -> Path:
    """Where notebook 04 writes: in the run folder, one folder for each folder of clips."""
    name = Path(p.clips).resolve().name if p.clips else "sample"
    return Path(p.run_dir, "training", name)


def clips_folder(p: Params) -> Path:
    """The folder that ``clips`` names; if none, the two sentences of the bundled sample.

    They are cut out as they are: what a network has drawn is nothing to learn from.
    """
    if p.clips:
        return Path(p.clips)

    folder = training_folder(p) / "clips"
    folder.mkdir(parents=True, exist_ok=True)
    for number, start in enumerate(SENTENCES_S, 1):
        path = folder / f"sentence_{number}.mp4"
        if not path.exists():
            cut = ("-ss", str(start), "-t", str(SENTENCE_S), "-i", media.file_url(TALKING))
            write_file(path, *cut, "-c:v", "libx264", "-crf", "12", "-c:a", "flac", "-strict", "-2")
    return folder
