"""Prepared clips as arrays, and random augmented batches of them."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..face.square import FACE_SIZE
from ..networks.sync_expert import LOWER_HALF_ROW, SYNC_FRAMES
from ..sound.mel import N_MELS, mel_windows, window_starts
from .draws import Draws
from .looks import vary_look
from .mouths import vary_mouths, widen_mouths
from .prepare import CROP_SIZE, FPS, INDEX, LOUDEST, VOICES
from .voices import vary_microphone

MOUTH_ROWS = slice(64, 100)  # of a stored crop
MOUTH_COLUMNS = slice(40, 88)
CHOICES = 5  # of a reference; the one whose mouth looks least like the target's is taken
NEAREST = (1, 6)  # frames between windows that are hard to tell apart, the second excluded

Clip = dict[str, Any]  # a row of the prepared index


class Clips:
    """A prepared folder, see ``prepare``.

    Batches are float32 tensors on ``device``, RGB in [0, 1]. Crops that take up less than half of a
    GPU's free memory are kept there. ``train`` and ``validation`` are the clips by their split.
    """

    def __init__(
        self, prepared: str | os.PathLike, seed: int = 0, device: torch.device | str = "cpu"
    ):
        prepared = Path(prepared)
        self.device = torch.device(device)
        self.draws = Draws(seed, device)

        index = json.loads((prepared / INDEX).read_text())
        self.fingerprint = index.get("fingerprint")
        self.clips: list[Clip] = index["clips"]
        self.train = [clip for clip in self.clips if clip["split"] == "train"]
        self.validation = [clip for clip in self.clips if clip["split"] != "train"]
        self.weight = speaker_weights([clip["speaker"] for clip in self.train])

        shape = (index["frames"], CROP_SIZE, CROP_SIZE, 3)
        size = math.prod(shape)
        crops = torch.from_file(str(prepared / "crops.raw"), size=size, dtype=torch.uint8)
        self.crops = crops.view(shape)
        if self.device.type == "cuda" and 2 * size < torch.cuda.mem_get_info(self.device)[0]:
            self.crops = self.crops.to(self.device)
        mel_shape = (index["mel_frames"], VOICES, N_MELS)
        self.mels = np.memmap(prepared / "mels.raw", np.float16, "r", shape=mel_shape)
        self.sound = np.memmap(prepared / "sound.raw", np.int16, "r", shape=index["samples"])

    def windows(self, clip: Clip, at: np.ndarray, voice: int = 0) -> np.ndarray:
        """Mel windows of frames ``at``, ``float32 (n, 80, 16)``."""
        first = clip["mel_start"]
        mel = self.mels[first : first + clip["mel_frames"], voice].T
        starts = window_starts(clip["frames"], FPS, clip["mel_frames"], "centred")
        return mel_windows(np.asarray(mel, np.float32), starts[at])

    def wave(self, clip: Clip) -> np.ndarray:
        """The clip's 16 kHz waveform, ``float32 (samples,)``."""
        first = clip["sound_start"]
        return self.sound[first : first + clip["samples"]].astype(np.float32) / LOUDEST

    def faces(self, clip: Clip, at: np.ndarray) -> np.ndarray:
        """Stored crops of frames ``at``, ``uint8 (n, 128, 128, 3)``."""
        return self._crops(clip["start"] + np.asarray(at)).cpu().numpy()

    def squares(self, clip: Clip, at: np.ndarray) -> np.ndarray:
        """The networks' square of frames ``at``, unchanged: ``uint8 (n, 96, 96, 3)``."""
        return middle_squares(self.faces(clip, at))

    def _crops(self, rows: np.ndarray) -> torch.Tensor:
        """Stored crops by number, any shape: ``uint8 (..., 128, 128, 3)`` on the device."""
        at = torch.from_numpy(rows.ravel()).to(self.crops.device)
        crops = self.crops.index_select(0, at).to(self.device)
        return crops.view(*rows.shape, CROP_SIZE, CROP_SIZE, 3)

    def choose(self, count: int) -> list[Clip]:
        """Random training clips; rarer speakers come more often than their share of the clips."""
        chosen = self.draws.rng.choice(len(self.train), count, p=self.weight)
        return [self.train[i] for i in chosen]

    def expert_batch(
        self, clips: int = 16, windows: int = 4, strength: float = 1.0
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """``clips * windows`` pairs: mel ``(B, 1, 80, 16)``, faces ``(B, 15, 48, 96)``.

        The window of five frames belongs to the mel window of its middle frame; one look and voice
        a clip. ``strength``, 0 to 1, scales all that makes it hard: augmentation, other voices,
        near negatives.
        """
        rng = self.draws.rng
        mels = []
        rows = []
        for clip in self.choose(clips):
            starts = self._window_starts(clip, windows, strength)
            voice = int(rng.integers(VOICES)) if rng.random() < strength else 0
            mels.append(self.windows(clip, starts + SYNC_FRAMES // 2, voice))
            rows.append(clip["start"] + (starts[:, None] + np.arange(SYNC_FRAMES)).ravel())

        mel = torch.from_numpy(np.stack(mels)).to(self.device)
        mel = vary_microphone(mel, strength, self.draws)
        crops = self._crops(np.stack(rows))
        faces = vary_look(crops, strength, self.draws, first_row=LOWER_HALF_ROW)
        shape = (clips * windows, 3 * SYNC_FRAMES, FACE_SIZE - LOWER_HALF_ROW, FACE_SIZE)
        return mel.flatten(0, 1)[:, None], faces.reshape(shape)

    def _window_starts(self, clip: Clip, windows: int, strength: float) -> np.ndarray:
        """First frames of windows: neighbours for half of the clips at full strength, else
        anywhere.
        """
        rng = self.draws.rng
        last = clip["frames"] - SYNC_FRAMES
        if rng.random() >= 0.5 * strength:
            return rng.choice(last + 1, windows, replace=False)

        step = rng.integers(*NEAREST)
        first = rng.integers(0, max(1, last - step * (windows - 1) + 1))
        return np.minimum(first + step * np.arange(windows), last)

    def generator_batch(
        self, clips: int = 8, looks: float = 1.0, hair: float = 1.0
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Target, reference, and target in another look with other teeth: ``(B, 5, 3, 96, 96)``
        each.

        The references of five consecutive target frames are of the same clip: five consecutive
        frames (a moving source) or one frame five times (a still picture), half of the samples
        each; of five random choices those whose mouth looks least like the target's. ``looks``, 0
        to 1, is the strength of the augmentation, ``hair`` that of beards in it; besides, some
        teeth are whitened and some mouths opened wider, and some mouths of references drawn wide.
        """
        rows = np.stack([self._reference_rows(clip) for clip in self.choose(clips)])
        crops = self._crops(rows)  # (B, 1 + choices, 5, 128, 128, 3)

        mouths = crops[:, :, :, MOUTH_ROWS, MOUTH_COLUMNS].short()
        unlike = (mouths[:, 1:] - mouths[:, :1]).abs().sum(dim=(2, 3, 4, 5))
        furthest = 1 + unlike.argmax(dim=1)
        reference = crops[torch.arange(clips, device=self.device), furthest]

        reference = widen_mouths(reference, looks, self.draws)
        pictures = vary_mouths(crops[:, 0], reference, looks, self.draws)
        pair, again = pictures.split((2 * SYNC_FRAMES, SYNC_FRAMES), dim=1)
        pair = vary_look(pair, looks, self.draws, hair=hair)
        again = vary_look(again, looks, self.draws, hair=hair)
        return pair[:, :SYNC_FRAMES], pair[:, SYNC_FRAMES:], again

    def _reference_rows(self, clip: Clip) -> np.ndarray:
        """Crops of a target and of some references that it may have, ``(1 + choices, 5)``."""
        rng = self.draws.rng
        five = np.arange(SYNC_FRAMES)
        last = clip["frames"] - SYNC_FRAMES
        step = five * (rng.random() < 0.5)
        starts = rng.integers(0, last + 1, 1 + CHOICES)
        return clip["start"] + starts[:, None] + np.vstack([five, *[step] * CHOICES])


def middle_squares(crops: np.ndarray) -> np.ndarray:
    """The networks' square ``uint8 (n, 96, 96, 3)`` in the middle of stored crops."""
    edge = (CROP_SIZE - FACE_SIZE) // 2
    return crops[:, edge : edge + FACE_SIZE, edge : edge + FACE_SIZE]


def speaker_weights(speakers: list[str]) -> np.ndarray:
    """Chance of each clip, in all 1: a speaker weighs the square root of how much there is of them.

    One voice must not drown the others.
    """
    count: dict[str, int] = {}
    for speaker in speakers:
        count[speaker] = count.get(speaker, 0) + 1

    weight = np.array([count[speaker] ** -0.5 for speaker in speakers])
    return weight / weight.sum()
