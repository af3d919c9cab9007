"""Faces for the restorer's training: as they are, and as the compact lip-sync draws them."""

from __future__ import annotations

import collections
import json
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from .. import checkpoints, media
from ..engines.base import MouthBatch
from ..engines.blend import apply_maps
from ..engines.compact import draw_maps
from ..errors import InputError
from ..face.detect import detect_faces
from ..face.square import crop_square, square_matrix
from ..networks.compact import CompactWav2Lip
from ..networks.devices import choose_precision
from ..networks.encode import encode_faces, encode_speech, frame_moments, neutral_code
from .prepare import FPS, Index, fingerprint, list_clips, read_index, write_index
from .weights import load_network

SQUARE = 144  # px: faces of 140 px, as they are
SMALL = 96  # px: side of the picture that a face is drawn in
EVERY = 5  # frames
CLIPS_A_SPEAKER = 250
INDEX = "faces.json"
ARRAYS = "faces.raw"

Squares = list[np.ndarray]


class Faces:
    """A folder of ``collect``: squares ``uint8 (N, 2, 144, 144, 3)`` RGB, each as it is and as
    drawn.
    """

    def __init__(self, collected: Path):
        index = json.loads((collected / INDEX).read_text())
        self.fingerprint = index.get("fingerprint")
        self.is_train = np.array(index["train"], bool)
        self.speakers: list[str] = index["speakers"]

        shape = (index["faces"], 2, SQUARE, SQUARE, 3)
        self.squares = np.memmap(collected / ARRAYS, np.uint8, "r", shape=shape)


def collect(folder: Path, out: Path) -> Index:
    """Steadied face squares of a folder's clips, see ``Faces``; what is there already is kept.

    Returns whose they are, and which are for training. Raises InputError if no clip has a face to
    train on, or if ``out`` was made from other clips.
    """
    clips = list_clips(folder)

    weights = checkpoints.locate("compact").path
    facts = dict(size=SQUARE, every=EVERY, drawn_by=checkpoints.sha256(weights))
    made_from = fingerprint(folder, clips, **facts)
    index = read_index(out / INDEX, made_from, folder)
    if index:
        return index

    out.mkdir(parents=True, exist_ok=True)
    net = load_network(weights, CompactWav2Lip)
    counts: collections.Counter[str] = collections.Counter()
    speakers: list[str] = []
    splits: list[bool] = []
    with (out / ARRAYS).open("wb") as file:
        for clip in tqdm(clips):
            key = clip["speaker"] + clip["split"]
            counts[key] += 1
            if counts[key] > CLIPS_A_SPEAKER:
                continue

            for pair in zip(*draw_clip(folder / clip["file"], net), strict=True):
                file.write(np.stack(pair).tobytes())
                speakers.append(clip["speaker"])
                splits.append(clip["split"] == "train")

    if not any(splits):
        raise InputError(f"{folder} holds no clip with a face to train on")
    index = dict(faces=len(splits), train=splits, speakers=speakers, fingerprint=made_from)
    write_index(out / INDEX, index)
    return index


def draw_clip(path: Path, net: CompactWav2Lip) -> tuple[Squares, Squares]:
    """Faces of every fifth frame of a clip, and the same drawn to its sound, or to silence."""
    frames = media.read_whole(path, FPS)
    codes = _clip_codes(path, len(frames), net)[::EVERY]
    frames = frames[::EVERY]
    detections = list(detect_faces(frames))
    with_face = [n for n, faces in enumerate(detections) if len(faces)]
    if not with_face:
        return [], []

    squares = []
    for n in with_face:
        landmarks = detections[n][0, 5:].reshape(5, 2)
        squares.append(crop_square(frames[n], square_matrix(landmarks, SQUARE), SQUARE))

    shrink = SMALL / SQUARE
    matrix = np.array([[shrink, 0, (shrink - 1) / 2], [0, shrink, (shrink - 1) / 2]])
    small = np.stack([crop_square(square, matrix, SMALL) for square in squares])

    neutral = neutral_code(net, encode_faces(net, small))
    batch = MouthBatch(small, codes[with_face], neutral=np.tile(neutral, (len(small), 1)))
    maps = draw_maps(net, batch, choose_precision("auto", torch.device("cpu")))
    drawn = [apply_maps(face, m, matrix, None) for face, m in zip(squares, maps, strict=True)]
    return squares, drawn


def _clip_codes(path: Path, frames: int, net: CompactWav2Lip) -> np.ndarray:
    """Mouth codes ``(frames, 8)`` of a clip's sound."""
    has_sound = media.probe(path).has_audio
    wave = media.read_audio(path) if has_sound else np.zeros(0, np.float32)
    moments = frame_moments(frames, FPS)
    return encode_speech(net, checkpoints.audio_encoder(), wave, moments)
