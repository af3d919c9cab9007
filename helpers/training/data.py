"""Clips -> steadied face crops and mels in memory-mapped arrays -> augmented batches.

A prepared folder holds ``crops.raw`` (uint8, one 128x128 RGB crop a frame, covering 4/3 of the networks' square),
``mels.raw`` (float16, each clip's mel in several voices), ``sound.raw`` (int16, 16 kHz) and ``index.json``. Frames are
at 25 a second.
"""

from __future__ import annotations

import csv
import json
import math
import multiprocessing
import os
import shutil
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from scipy.ndimage import gaussian_filter1d
from scipy.signal import fftconvolve
from torch.nn import functional as F
from tqdm import tqdm

from .. import media, run
from ..errors import InputError
from ..face.detect import detect_faces
from ..face.square import FACE_SIZE, crop_square, square_matrix
from ..face.track import moving_average
from ..networks.sync_expert import LOWER_HALF_ROW, SYNC_FRAMES
from ..params import Params
from ..sound.mel import (
    MEL_DECIBEL,
    MEL_LIMIT,
    N_MELS,
    magnitudes,
    mel_from_magnitudes,
    mel_windows,
    melspectrogram,
    window_starts,
)
from .mouths import MIDDLE, SIZE as STORED, cheeks, open_wider, whiten

FPS = Fraction(25)
DETECT_EVERY = 5  # frames
VOICES = 6  # mels a clip: its own and five changed ones
VIDEO_SUFFIXES = {".mp4", ".mov", ".mkv", ".mpg", ".avi", ".webm", ".m4v"}
MOUTH_ROWS, MOUTH_COLUMNS = slice(64, 100), slice(40, 88)  # of a stored crop
TEETH = (1.1, 1.05, 0.95)  # red, green, blue, of the skin's brightness
LIPS = 2 * MIDDLE / STORED - 1  # their middle's height in a stored crop, from -1 to 1
LAUGHING, WIDER = (
    0.4,
    1.5,
)  # share of mouths that are opened wider, and by how much of their opening at most
CHOICES = 5  # of a reference, of which the one is taken whose mouth looks least like the target's
LIGHT, DARK = -0.5, 0.9  # logarithms of gamma: the corpus has hardly any dark skin
LOUDEST = 32767  # of a stored sample
HELD_BACK = 20  # without a training.csv, every 20th clip is kept for validation


def change_voice(wave: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Mel ``(80, M)`` of the same words in another voice and room, exactly in time with the original.

    The magnitude spectrum is split into a smooth envelope (vocal tract) and the rest (pitch); each is stretched along
    the frequency axis by a factor of its own. Half of the time a synthetic room answers first.
    """
    if rng.random() < 0.5:
        t = np.arange(int(0.4 * media.SAMPLE_RATE)) / media.SAMPLE_RATE
        tail = (
            rng.standard_normal(t.size)
            * np.exp(-6.9 * t / rng.uniform(0.1, 0.5))
            * rng.uniform(0.005, 0.03)
        )
        tail[0] = 1.0
        wave = fftconvolve(wave, tail)[: len(wave)]
    log = np.log(magnitudes(wave) + 1e-6)
    envelope = gaussian_filter1d(log, 7, axis=0)
    bins = np.arange(len(log))

    def stretch(values: np.ndarray, factor: float) -> np.ndarray:
        at = np.clip(bins / factor, 0, len(bins) - 1)
        low = np.minimum(at.astype(int), len(bins) - 2)
        part = (at - low)[:, None]
        return values[low] * (1 - part) + values[low + 1] * part

    tract = math.exp(rng.uniform(math.log(0.8), math.log(1.3)))
    pitch = math.exp(rng.uniform(math.log(0.65), math.log(1.8)))
    magnitude = np.exp(stretch(envelope, tract) + stretch(log - envelope, pitch))
    return mel_from_magnitudes(magnitude)


def read_clip(path: str, detector: str = "retinaface") -> tuple[np.ndarray, np.ndarray] | str:
    """The longest part of a clip in which a face is seen: crops ``uint8 (n, 128, 128, 3)`` at 25 frames a second and
    its waveform at 16 kHz; or why the clip cannot be used."""
    try:
        info = media.probe(path)
        if not info.has_audio:
            return "no sound"
        frames = list(media.read_frames(path, FPS))
        at = np.array(sorted({*range(0, len(frames), DETECT_EVERY), len(frames) - 1}))
        found = list(detect_faces([frames[n] for n in at], detector))
        seen = np.flatnonzero([len(f) > 0 for f in found])
        runs = np.split(seen, np.flatnonzero(np.diff(seen) > 1) + 1)
        longest = max(runs, key=len)
        if len(longest) < 2 or at[longest[-1]] - at[longest[0]] + 1 < 3 * SYNC_FRAMES:
            return "a face is seen in fewer than 15 frames on end"
        first, last = at[longest[0]], at[longest[-1]]
        points = np.stack(
            [
                found[i][np.argmax(np.prod(found[i][:, 2:4] - found[i][:, :2], axis=1))][5:]
                for i in longest
            ]
        )
        shown = np.arange(first, last + 1)
        points = np.stack([np.interp(shown, at[longest], points[:, c]) for c in range(10)], axis=1)
        points = moving_average(points, 2 * DETECT_EVERY + 1).reshape(-1, 5, 2)
        crops = np.stack([
            crop_square(frames[n], square_matrix(p, STORED, STORED / FACE_SIZE), STORED)
            for n, p in zip(shown, points, strict=True)
        ])  # fmt: skip
        wave = media.read_audio(path)
        start, stop = (round(int(n) / FPS * media.SAMPLE_RATE) for n in (first, last + 1))
        return crops, np.pad(wave, (0, max(0, stop - len(wave))))[start:stop]
    except InputError as error:
        return str(error)


def _clip_arrays(job: tuple[str, str, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray] | str:
    """(path, detector, seed) -> crops ``(n, 128, 128, 3)``, mels ``(voices, 80, M)`` and sound, or why not."""
    path, detector, seed = job
    result = read_clip(path, detector)
    if isinstance(result, str):
        return result
    crops, wave = result
    rng = np.random.default_rng(seed)
    mels = [melspectrogram(wave)] + [change_voice(wave, rng) for _ in range(VOICES - 1)]
    return crops, np.stack(mels).astype(np.float16), (wave.clip(-1, 1) * LOUDEST).astype(np.int16)


def list_clips(folder: str | os.PathLike) -> list[dict]:
    """Clips below a folder: file, speaker, split ("train" or anything else); from its training.csv if there is one."""
    folder = Path(folder)
    table = folder / "training.csv"
    if table.exists():
        with table.open() as lines:
            rows = [
                dict(file=r["file"], speaker=r["speaker"], split=r["split"])
                for r in csv.DictReader(lines)
            ]
        return [r for r in rows if (folder / r["file"]).exists()]
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in VIDEO_SUFFIXES)
    return [
        dict(
            file=str(p.relative_to(folder)),
            speaker=p.parent.name,
            split="validation" if n % HELD_BACK == 1 else "train",
        )
        for n, p in enumerate(paths)
    ]


def clips_folder(p: Params) -> Path:
    """The folder that ``clips`` names; if none, ``run_dir/training/clips`` with what a run makes of its video."""
    if p.clips:
        return Path(p.clips)
    folder = Path(p.run_dir, "training", "clips")
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(run.lipsync(p)["results"]["lipsync"]["path"], folder)
    return folder


def prepare(
    folder: str | os.PathLike,
    out: str | os.PathLike,
    detector: str = "retinaface",
    workers: int = 2,
) -> dict:
    """Cut and store all clips of a folder; returns the index. What is there already is kept."""
    folder, out = Path(folder), Path(out)
    index_path = out / "index.json"
    if index_path.exists():
        index = json.loads(index_path.read_text())
        if "samples" in index:  # an earlier version's folder has no sound
            return index
    clips = list_clips(folder)
    if not clips:
        raise InputError(
            f"{folder} holds no video clips; give a folder of clips of one talking person each"
        )
    out.mkdir(parents=True, exist_ok=True)
    index, skipped, frames, mel_frames, samples = [], {}, 0, 0, 0
    jobs = [(str(folder / c["file"]), detector, n) for n, c in enumerate(clips)]
    with (
        multiprocessing.get_context("spawn").Pool(workers) as pool,
        (out / "crops.raw").open("wb") as crops_file,
        (out / "mels.raw").open("wb") as mels_file,
        (out / "sound.raw").open("wb") as sound_file,
    ):
        for clip, result in zip(
            clips, tqdm(pool.imap(_clip_arrays, jobs), total=len(jobs)), strict=True
        ):
            if isinstance(result, str):
                skipped[clip["file"]] = result
                continue
            crops, mels, sound = result
            crops.tofile(crops_file)
            np.ascontiguousarray(mels.transpose(2, 0, 1)).tofile(
                mels_file
            )  # (M, voices, 80): clips follow in time
            sound.tofile(sound_file)
            n, m, s = len(crops), mels.shape[2], len(sound)
            index.append(
                dict(clip, start=frames, frames=n, mel_start=mel_frames, mel_frames=m,
                     sound_start=samples, samples=s)
            )  # fmt: skip
            frames, mel_frames, samples = frames + n, mel_frames + m, samples + s
    if not index:
        raise InputError(
            f"{folder}: none of the {len(clips)} clips can be used ({next(iter(skipped.values()))})"
        )
    result = dict(
        folder=str(folder),
        clips=index,
        skipped=skipped,
        frames=frames,
        mel_frames=mel_frames,
        samples=samples,
    )
    index_path.write_text(json.dumps(result, indent=1))
    return result


class Clips:
    """Prepared clips as arrays, and random augmented samples of them.

    ``expert_batch`` and ``generator_batch`` return float32 tensors, RGB in [0, 1], crops of 96x96. They are made on
    ``device``; crops that take up less than half of a GPU's free memory are kept there.
    """

    def __init__(
        self, prepared: str | os.PathLike, seed: int = 0, device: torch.device | str = "cpu"
    ):
        prepared = Path(prepared)
        self.device = torch.device(device)
        index = json.loads((prepared / "index.json").read_text())
        self.clips = index["clips"]
        shape = (index["frames"], STORED, STORED, 3)
        size = math.prod(shape)
        self.crops = torch.from_file(
            str(prepared / "crops.raw"), size=size, dtype=torch.uint8
        ).view(shape)
        if self.device.type == "cuda" and 2 * size < torch.cuda.mem_get_info(self.device)[0]:
            self.crops = self.crops.to(self.device)
        self.mels = np.memmap(
            prepared / "mels.raw", np.float16, "r", shape=(index["mel_frames"], VOICES, N_MELS)
        )
        self.sound = np.memmap(prepared / "sound.raw", np.int16, "r", shape=index["samples"])
        self.rng = np.random.default_rng(seed)
        self.torch_rng = torch.Generator(self.device).manual_seed(seed)
        self.train = [c for c in self.clips if c["split"] == "train"]
        self.validation = [c for c in self.clips if c["split"] != "train"]
        # Every speaker weighs the square root of how much there is of them: one voice must not drown the others.
        count: dict[str, int] = {}
        for c in self.train:
            count[c["speaker"]] = count.get(c["speaker"], 0) + 1
        weight = np.array([count[c["speaker"]] ** -0.5 for c in self.train])
        self.weight = weight / weight.sum()

    def windows(self, clip: dict, at: np.ndarray, voice: int = 0) -> np.ndarray:
        """Mel windows of frames ``at`` of a clip, ``float32 (n, 80, 16)``."""
        mel = self.mels[clip["mel_start"] : clip["mel_start"] + clip["mel_frames"], voice].T
        starts = window_starts(clip["frames"], FPS, clip["mel_frames"], "centred")
        return mel_windows(np.asarray(mel, np.float32), starts[at])

    def wave(self, clip: dict) -> np.ndarray:
        """The clip's 16 kHz waveform, ``float32 (samples,)``."""
        part = self.sound[clip["sound_start"] : clip["sound_start"] + clip["samples"]]
        return part.astype(np.float32) / LOUDEST

    def faces(self, clip: dict, at: np.ndarray) -> np.ndarray:
        """Stored crops of frames ``at``, ``uint8 (n, 128, 128, 3)``."""
        return self._crops(clip["start"] + np.asarray(at)).cpu().numpy()

    def _crops(self, rows: np.ndarray) -> torch.Tensor:
        """Stored crops by number, any shape: ``uint8 (..., 128, 128, 3)`` on the device."""
        at = torch.from_numpy(rows.ravel()).to(self.crops.device)
        return self.crops.index_select(0, at).to(self.device).view(*rows.shape, STORED, STORED, 3)

    def squares(self, clip: dict, at: np.ndarray) -> np.ndarray:
        """The networks' square of frames ``at``, unchanged: ``uint8 (n, 96, 96, 3)``."""
        edge = (STORED - FACE_SIZE) // 2
        return self.faces(clip, at)[:, edge : edge + FACE_SIZE, edge : edge + FACE_SIZE]

    def choose(self, count: int) -> list[dict]:
        return [self.train[i] for i in self.rng.choice(len(self.train), count, p=self.weight)]

    def expert_batch(
        self, clips: int = 16, windows: int = 4, strength: float = 1.0
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """``clips * windows`` pairs: mel ``(B, 1, 80, 16)``, faces ``(B, 15, 48, 96)``; one look and voice a clip.

        The window of five frames belongs to the mel window of its middle frame. Half of the clips give neighbouring
        windows (1 to 5 frames apart), the hard negatives; the others windows from all over. ``strength`` 0 to 1 scales
        everything that makes it hard: augmentation, other voices, near negatives.
        """
        mels, rows = [], []
        for clip in self.choose(clips):
            last = clip["frames"] - SYNC_FRAMES
            if self.rng.random() < 0.5 * strength:
                step = self.rng.integers(1, 6)
                first = self.rng.integers(0, max(1, last - step * (windows - 1) + 1))
                starts = np.minimum(first + step * np.arange(windows), last)
            else:
                starts = self.rng.choice(last + 1, windows, replace=False)
            voice = int(self.rng.integers(VOICES)) if self.rng.random() < strength else 0
            mels.append(self.windows(clip, starts + SYNC_FRAMES // 2, voice))
            rows.append(clip["start"] + (starts[:, None] + np.arange(SYNC_FRAMES)).ravel())
        mel = self.augment_mel(torch.from_numpy(np.stack(mels)).to(self.device), strength)
        face = self.augment_faces(self._crops(np.stack(rows)), strength, first_row=LOWER_HALF_ROW)
        return mel.flatten(0, 1)[:, None], face.reshape(
            clips * windows, 3 * SYNC_FRAMES, FACE_SIZE - LOWER_HALF_ROW, FACE_SIZE
        )

    def generator_batch(
        self, clips: int = 8, looks: float = 1.0
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Target, reference, and the target in another look and with other teeth, ``(B, 5, 3, 96, 96)`` each.

        The references of five consecutive target frames are of the same clip: five consecutive frames (a moving
        source) or one frame five times (a still picture), half of the samples each; of five random choices those
        whose mouth looks least like the targets'. ``looks``, 0 to 1, is the strength of the augmentation; besides,
        some teeth are whitened and some mouths opened wider, and some mouths of references drawn wide.
        """
        rows, five = [], np.arange(SYNC_FRAMES)
        for clip in self.choose(clips):
            last = clip["frames"] - SYNC_FRAMES
            step = five * (self.rng.random() < 0.5)
            starts = self.rng.integers(0, last + 1, 1 + CHOICES)
            rows.append(clip["start"] + starts[:, None] + np.vstack([five, *[step] * CHOICES]))
        crops = self._crops(np.stack(rows))  # (B, 6, 5, 128, 128, 3)
        mouths = crops[:, :, :, MOUTH_ROWS, MOUTH_COLUMNS].short()
        unlike = (mouths[:, 1:] - mouths[:, :1]).abs().sum(dim=(2, 3, 4, 5))
        reference = crops[torch.arange(clips, device=self.device), 1 + unlike.argmax(dim=1)]
        pictures = self._laugh(crops[:, 0], self._smile(reference, looks), looks)
        face = self.augment_faces(pictures[:, : 2 * SYNC_FRAMES], looks)
        return (
            face[:, :SYNC_FRAMES],
            face[:, SYNC_FRAMES:],
            self.augment_faces(pictures[:, 2 * SYNC_FRAMES :], looks),
        )

    def _uniform(self, *shape: int, low: float = -1.0, high: float = 1.0) -> torch.Tensor:
        return torch.rand(shape, generator=self.torch_rng, device=self.device) * (high - low) + low

    def _normal(self, *shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=self.torch_rng, device=self.device)

    def _equaliser(self, batch: int, knots: int, spread: float) -> torch.Tensor:
        """Random decibels ``(batch, 1, 80, 1)``, lines through ``knots`` values of a standard deviation ``spread``."""
        values = self._normal(batch, 1, knots) * spread
        return F.interpolate(values, size=N_MELS, mode="linear", align_corners=True)[..., None]

    def augment_mel(self, mel: torch.Tensor, strength: float = 1.0) -> torch.Tensor:
        """Another microphone for every clip: mels ``(B, n, 80, 16)`` with gain, equaliser, noise floor, band limits."""
        batch = len(mel)
        equaliser = self._equaliser(batch, 6, 4)
        gain = self._uniform(batch, 1, 1, 1, low=-12, high=8) + equaliser
        mel = mel + strength * MEL_DECIBEL * gain
        tilt = self._equaliser(batch, 4, 6)
        decibels = self._uniform(batch, 1, 1, 1, low=-70, high=-15) + tilt - 60 * (1 - strength)
        noise = decibels * MEL_DECIBEL + 1.5 + 0.25 * self._normal(*mel.shape)
        natural = math.log(10) / 20 / MEL_DECIBEL  # mel units -> natural logarithm of the amplitude
        mel = torch.logaddexp(mel * natural, noise * natural) / natural
        cut = self._uniform(
            batch, 1, 1, 1, low=55, high=130
        )  # in mels: a third of the clips lose their top
        drop = (torch.arange(N_MELS, device=self.device)[None, None, :, None] - cut).clamp(min=0)
        return (mel - 0.5 * strength * drop).clamp(-MEL_LIMIT, MEL_LIMIT)

    def augment_faces(
        self, crops: torch.Tensor, strength: float = 1.0, first_row: int = 0
    ) -> torch.Tensor:
        """Another person in another light for every clip: ``uint8 (B, n, 128, 128, 3)`` to ``(B, n, 3, 96, 96)``.

        All n pictures of a clip get the same change: affine, smooth warp, flip, colour, shade, resolution; noise is
        each one's own. Only the rows from ``first_row`` on are made.
        """
        batch, n = crops.shape[:2]
        rows = FACE_SIZE - first_row
        vary = lambda *shape: self._uniform(*shape) * strength  # noqa: E731
        line = (
            torch.arange(FACE_SIZE, dtype=torch.float32, device=self.device) * 2 / (FACE_SIZE - 1)
            - 1
        )
        base = torch.stack(
            (line.expand(rows, FACE_SIZE), line[first_row:, None].expand(rows, FACE_SIZE)), dim=-1
        )
        base = base * ((FACE_SIZE - 1) / STORED)  # the middle 96 of 128 px, in grid_sample's units
        angle = vary(batch) * math.radians(8)
        scale = 1 + vary(batch, 2) * 0.07 + vary(batch, 1) * 0.08
        flip = torch.where(self._uniform(batch) < 0, -1.0, 1.0)
        shear = vary(batch) * 0.06
        cos, sin = torch.cos(angle), torch.sin(angle)
        turn = torch.stack(
            (cos * scale[:, 0] * flip, -sin + shear, sin, cos * scale[:, 1]), dim=1
        ).view(batch, 2, 2)
        bend = self._smooth(batch, 2, 5, 2.5 / STORED * strength)[:, :, first_row:].permute(
            0, 2, 3, 1
        )
        grid = (
            torch.einsum("hwc,bdc->bhwd", base, turn) + vary(batch, 1, 1, 2) * (5 / STORED) + bend
        )
        pictures = crops.permute(0, 1, 4, 2, 3).float().div_(255)
        if strength > 0:
            colour, cover = self._hair(batch)
            pictures = torch.lerp(pictures, colour, strength * cover)
        pictures = pictures.reshape(batch, n * 3, STORED, STORED)
        face = F.grid_sample(pictures, grid, padding_mode="border", align_corners=False).view(
            batch, n, 3, rows, FACE_SIZE
        )
        if strength == 0:
            return face
        grey = face.mean(dim=2, keepdim=True)
        face.sub_(grey).mul_(1.0 + 0.35 * vary(batch, 1, 1, 1, 1)).add_(grey)
        face.clamp_(1e-4, 1).pow_(
            torch.exp(self._uniform(batch, 1, 1, 1, 1, low=LIGHT, high=DARK) * strength)
        )
        tint = (1 + 0.06 * vary(batch, 1, 3, 1, 1)) * (0.98 + 0.18 * vary(batch, 1, 1, 1, 1))
        shade = 1 + self._smooth(batch, 1, 3, 0.12 * strength)[:, None, :, first_row:]
        face.mul_(tint * shade).add_(0.06 * vary(batch, 1, 1, 1, 1))
        # of the resolution that a quarter of the clips keep, and of the noise that half of them get
        shares, noises = (
            self.rng.uniform(-1.2, 0.93, batch),
            self.rng.uniform(-0.02, 0.02, batch) * strength,
        )
        for b in range(batch):
            if shares[b] > 0.4:
                low = F.interpolate(
                    face[b], scale_factor=float(shares[b]), mode="bilinear", antialias=True
                )
                face[b] = F.interpolate(low, (rows, FACE_SIZE), mode="bicubic")
            if noises[b] > 0:
                face[b].add_(self._normal(*face.shape[1:]), alpha=float(noises[b]))
        return face.clamp_(0, 1)

    def _laugh(
        self, targets: torch.Tensor, references: torch.Tensor, strength: float
    ) -> torch.Tensor:
        """Targets, references, and targets again ``uint8 (B, 3 n, 128, 128, 3)``: with bright teeth most of the time,
        those of the last independent of the first's, and some mouths open wider than any speaker of a corpus opens
        them."""
        batch, n = targets.shape[:2]
        pictures = torch.cat((targets, references, targets), dim=1).permute(0, 1, 4, 2, 3).float()
        white = self._uniform(batch, 2, 1, 1, low=-0.5, high=4.5).clamp(0, 1)[:, [0, 0, 1]]
        wide = self._uniform(batch, 2, 1, 1, low=-WIDER * (1 / LAUGHING - 1), high=WIDER).clamp(
            min=0
        )[:, [0, 1, 0]]
        pictures = whiten(pictures, strength * white.repeat_interleave(n, dim=1))
        pictures = open_wider(pictures, strength * wide.repeat_interleave(n, dim=1))
        return pictures.round().to(torch.uint8).permute(0, 1, 3, 4, 2)

    def _smile(self, crops: torch.Tensor, strength: float) -> torch.Tensor:
        """Half of some crops ``uint8 (B, n, 128, 128, 3)`` with mouths drawn wider, higher and up at their corners, in
        part of them with teeth where an open mouth is dark: speakers of a corpus hardly smile, people in photographs
        do."""
        batch, n = crops.shape[:2]
        line = (torch.arange(STORED, device=self.device) + 0.5) * 2 / STORED - 1
        x, y = line[None], line[:, None] - LIPS
        some = lambda low, high: self._uniform(batch, 1, 1, low=low, high=high) * strength  # noqa: E731
        chosen = self._uniform(batch, 1, 1) < 0
        near = torch.exp(-((x / 0.42) ** 4) - (y / 0.3) ** 4) * chosen
        pictures = crops.permute(0, 1, 4, 2, 3).float()
        grey = pictures.mean(dim=2, keepdim=True)
        skin = cheeks(pictures).mean(dim=2, keepdim=True)
        inside = torch.exp(-((x / 0.26) ** 4) - (y / 0.13) ** 4) * chosen
        inside = inside * some(-1, 2).clamp(0, 1) * (y < some(0.0, 0.15))
        teeth = (
            skin
            * torch.tensor(TEETH, device=self.device).view(3, 1, 1)
            * (1 + some(-0.2, 0.2))[:, None, None]
        )
        dark = torch.sigmoid((0.5 * skin - grey) / 8)
        pictures = torch.lerp(pictures, teeth, inside[:, None, None] * dark)
        across = x * (1 - some(0, 0.4) * near)
        down = y * (1 - some(-0.15, 0.3) * near) + some(0, 0.1) * near * (x / 0.3).square().clamp(
            max=2
        )
        grid = torch.stack((across.expand_as(down), down + LIPS), dim=-1)
        pictures = pictures.reshape(batch, n * 3, STORED, STORED)
        made = F.grid_sample(pictures, grid, padding_mode="border", align_corners=False).clamp(
            0, 255
        )
        return made.round().to(torch.uint8).view(batch, n, 3, STORED, STORED).permute(0, 1, 3, 4, 2)

    def _hair(self, batch: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Moustaches, beards and stubble for a third of the clips.

        Colour ``(batch, 1, 3, 128, 128)`` and cover ``(batch, 1, 1, 128, 128)``, 0 to 1.
        """
        line = (
            (torch.arange(STORED, device=self.device) + 0.5) / STORED - 0.5
        ) * STORED / FACE_SIZE + 0.5
        x, y = (
            (line[None] - 0.5)[None],
            line[:, None][None],
        )  # of the networks' square; the lips lie at y 0.64
        some = lambda low, high: self._uniform(batch, 1, 1, low=low, high=high)  # noqa: E731
        bend = self._smooth(batch, 1, 6, 0.012)[:, 0]
        bend = F.interpolate(bend[:, None], (STORED, STORED), mode="bilinear")[:, 0]
        away = x / some(0.12, 0.2)
        arch = y + bend - some(0.55, 0.58) - some(0, 0.09) * away**2
        lip = torch.exp(-((arch / some(0.02, 0.035)) ** 2)) * torch.sigmoid(8 * (1.1 - away.abs()))
        below = torch.hypot(x / some(0.16, 0.34), (y + bend - some(0.6, 0.68)) / some(0.16, 0.24))
        mouth = torch.hypot(x / 0.2, (y - 0.66) / some(0.1, 0.13))
        beard = (
            torch.sigmoid(10 * (mouth - 1))
            * torch.exp(-((2 * (below - 1).clamp(min=0)) ** 2))
            * torch.sigmoid(25 * (y - 0.55))
        )
        share = lambda chance: some(0.25, 0.95) * (some(0, 1) < chance)  # noqa: E731
        cover = torch.maximum(lip * share(0.25), beard * share(0.15))
        grain = 1 + 0.25 * self._normal(batch, 1, 1, STORED, STORED)
        tint = 1 + 0.15 * self._normal(batch, 1, 3, 1, 1)
        colour = self._uniform(batch, 1, 1, 1, 1, low=0.02, high=0.55) ** 1.5 * tint
        return (colour * grain).clamp(0, 1), cover[:, None, None]

    def _smooth(self, batch: int, channels: int, knots: int, amount: float) -> torch.Tensor:
        """Smooth random fields ``(batch, channels, 96, 96)`` through ``knots`` squared random values."""
        field = self._normal(batch, channels, knots, knots) * amount
        return F.interpolate(field, (FACE_SIZE, FACE_SIZE), mode="bicubic", align_corners=True)
