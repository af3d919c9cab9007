"""What the lessons need besides a run: telling frames, a frame to another sound, hard faces, sound
to play.
"""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from typing import Any

import cv2
import numpy as np
import torch
from IPython.display import HTML

from .. import checkpoints, media
from ..engines.base import Engine, MouthBatch
from ..face.mask import face_mask, paste_through_mask
from ..face.square import FACE_SIZE, crop_square, square_matrix
from ..measure.pictures import mouth_part
from ..networks.encode import encode_faces
from ..params import Params
from ..plan.geometry import face_rectangle, frame_landmarks, frame_matrix, scaled_pictures
from ..plan.plan import Plan
from ..restore.paste import from_square
from ..sound.mel import MEL_WINDOW, MELS_PER_SECOND

SLOWER = 4  # times
STRETCH_FFT = 512  # samples
DARKER = 0.05
COARSE = 24  # times
NOISE = 100  # grey levels, standard deviation
INNER_NOISE = 0.03  # of full scale, standard deviation

View = dict[str, Any]


def openness(plan: Plan, engine: Engine) -> np.ndarray:
    """How far the sound asks the mouth to open at each output frame, ``float32 (N,)``.

    By the mouth codes where the engine has them, else by how loud the mel window is.
    """
    if engine.code_network:
        return plan.target_codes @ engine.code_network.readout.opening.cpu().numpy()
    return plan.windows(range(plan.frames)).mean(axis=(1, 2))


def telling_frames(plan: Plan, engine: Engine, among: Sequence[int], count: int) -> list[int]:
    """``count`` of some output frames, spread over them: of each part the most open mouth, or, in
    turn, the most shut one; fewer where there are fewer.
    """
    asked = openness(plan, engine)
    parts = np.array_split(np.asarray(among, int), count)
    return [
        int(part[(asked if k % 2 else -asked)[part].argmax()])
        for k, part in enumerate(parts)
        if len(part)
    ]


def most_shut(engine: Engine, views: Mapping[int, View]) -> int:
    """The frame of some previews whose source shows the most shut mouth."""
    net = engine.code_network
    if not net:
        return next(iter(views))
    codes = encode_faces(net, np.stack([view["face"] for view in views.values()]))
    opening = net.readout.opening.cpu().numpy()
    return list(views)[int((codes @ opening).argmin())]


def to_other_sounds(
    plan: Plan, engine: Engine, frame: np.ndarray, n: int, sound: np.ndarray
) -> list[View]:
    """Output frame ``n`` drawn by the network alone to several sounds, no mouth lent.

    ``sound`` ``float32 (K, ...)`` is what the engine's ``sound`` gives. Returns views as
    ``run.preview`` does, less what is the frame's; inside: the mask in the square, ``(96, 96)``.
    """
    matrix = frame_matrix(plan, n)
    landmarks = frame_landmarks(plan, n)
    seen = engine.face(frame, plan, n)
    count = len(sound)
    neutral = np.repeat(plan.faces.neutral[plan.source[[n]]], count, axis=0)
    patches = engine.draw(MouthBatch(np.repeat(seen[None], count, axis=0), sound, neutral=neutral))

    points = landmarks @ matrix[:, :2].T + matrix[:, 2]
    inside = face_mask(points, 0, 0, FACE_SIZE, FACE_SIZE)
    return [
        dict(
            seen=seen,
            maps=engine.maps(patch),
            drawn=engine.picture(seen, patch),
            inside=inside,
            made=engine.compose(frame, patch, plan, n),
        )
        for patch in patches
    ]


def mouth_of(picture: np.ndarray, plan: Plan, n: int) -> np.ndarray:
    """The mouth and what is around it, cut from output frame ``n``."""
    x1, y1, x2, y2 = face_rectangle(plan, n)
    height, width = y2 - y1, x2 - x1
    return picture[y1 + 45 * height // 100 : y2, x1 + width // 6 : x2 - width // 6]


def softened(frame: np.ndarray, plan: Plan, n: int) -> np.ndarray:
    """Output frame ``n`` with its mouth as a picture of 96 px would give it, enlarged."""
    place = face_rectangle(plan, n)
    x1, y1, x2, y2 = place
    matrix = frame_matrix(plan, n)
    small = crop_square(frame, matrix, FACE_SIZE).astype(np.float32)
    mask = face_mask(frame_landmarks(plan, n), x1, y1, x2 - x1, y2 - y1)
    mask = mask * from_square(np.ones(small.shape[:2], np.float32), matrix, place)
    return paste_through_mask(frame, from_square(small, matrix, place), x1, y1, mask)


def donor_faces(plan: Plan, video: str, numbers: Sequence[int]) -> dict[int, np.ndarray]:
    """The faces ``uint8 (96, 96, 3)`` that lend their mouths to output frames, by source frame."""
    wanted = np.unique(plan.donors[0, numbers])
    wanted = wanted[wanted >= 0]
    landmarks = plan.faces.landmarks[wanted]
    scale = plan.place[2] / plan.source_size[0]
    return {
        int(source): crop_square(picture, square_matrix(points * scale, FACE_SIZE), FACE_SIZE)
        for source, picture, points in zip(
            wanted, scaled_pictures(plan, video, wanted), landmarks, strict=True
        )
    }


def hard_faces(frame: np.ndarray, face: Sequence[float]) -> dict[str, np.ndarray]:
    """A frame around a detected face, as it is and made harder: pictures of one size by name."""
    x1, y1, x2, y2 = face[:4]
    side = round(1.8 * max(x2 - x1, y2 - y1))
    place = np.array([[1.0, 0, side / 2 - (x1 + x2) / 2], [0, 1.0, side / 2 - (y1 + y2) / 2]])
    easy = cv2.warpAffine(frame, place, (side, side), borderMode=cv2.BORDER_REPLICATE)

    tiny = cv2.resize(easy, (max(2, side // COARSE),) * 2, interpolation=cv2.INTER_AREA)
    noise = np.random.default_rng(0).normal(0, NOISE, easy.shape)
    covered = easy.copy()
    covered[side // 2 :] = 128
    half = np.roll(easy, side // 2, axis=1)
    half[:, : side // 2] = 128
    return {
        "as it is": easy,
        "very dark": (easy * DARKER).astype(np.uint8),
        f"{COARSE} times coarser": cv2.resize(tiny, (side, side)),
        "noisy": (easy + noise).clip(0, 255).astype(np.uint8),
        "upside down": easy[::-1, ::-1].copy(),
        "mouth covered": covered,
        "cut in half": half,
    }


@torch.inference_mode()
def noisy_twice(p: Params, square: np.ndarray) -> dict[str, list[np.ndarray]]:
    """A face square through the compact restorer two times, with noise as GFPGAN has it inside.

    Fresh noise for each call, then the same for both: pairs of pictures ``uint8 (S, S, 3)``.
    """
    net = checkpoints.load(checkpoints.locate("restore-compact").path)
    pixels = torch.from_numpy(square).permute(2, 0, 1)[None].float() / 255
    draws = torch.Generator().manual_seed(0)

    def restored(noise: torch.Tensor) -> np.ndarray:
        made = net(pixels + INNER_NOISE * noise)[0].permute(1, 2, 0)
        return (made.clamp(0, 1) * 255).round().byte().numpy()

    first, second = (torch.randn(pixels.shape, generator=draws) for _ in range(2))
    return {
        "fresh noise": [restored(first), restored(second)],
        "fixed noise": [restored(first), restored(first)],
    }


def window_wave(plan: Plan, wave: np.ndarray, n: int) -> np.ndarray:
    """The 0.2 s of a 16 kHz recording that output frame ``n`` hears."""
    hop = media.SAMPLE_RATE // MELS_PER_SECOND
    first = int(plan.mel_start[n]) * hop
    return wave[first : first + MEL_WINDOW * hop]


def slowed(wave: np.ndarray) -> np.ndarray:
    """The same sound at the same pitch, four times as long (a phase vocoder)."""
    import librosa

    return librosa.effects.time_stretch(wave, rate=1 / SLOWER, n_fft=STRETCH_FFT)


def players(waves: Mapping[str, np.ndarray]) -> HTML:
    """16 kHz waveforms to listen to, beside their names."""
    import soundfile

    rows = []
    for name, wave in waves.items():
        sound = io.BytesIO()
        soundfile.write(sound, np.clip(wave, -1, 1), media.SAMPLE_RATE, format="FLAC")
        data = base64.b64encode(sound.getvalue()).decode()
        player = f'<audio controls src="data:audio/flac;base64,{data}"></audio>'
        rows.append(f"<tr><td>{html.escape(name)}</td><td>{player}</td></tr>")
    return HTML(f"<table>{''.join(rows)}</table>")


def compared(films: Mapping[str, Mapping[str, np.ndarray]]) -> list[dict[str, Any]]:
    """How near to the truth each film's mouth is and how much it moves: rows of a table.

    ``films``: ``uint8 (K, 96, 96, 3)`` by name and clip; among the names are "copy", a picture that
    does not move, and "true".
    """

    def mouths(name: str, clip: str) -> np.ndarray:
        return np.stack([mouth_part(face) for face in films[name][clip]]).astype(float)

    rows = []
    for name, by_clip in films.items():
        row: dict[str, Any] = dict(film=name)
        for clip in by_clip:
            true = mouths("true", clip)
            away = np.abs(mouths(name, clip) - true).mean()
            moves = mouths(name, clip).std(axis=0).mean() / true.std(axis=0).mean()
            row[f"{clip}: difference to the true mouth, grey levels (good is lower)"] = away
            row[f"{clip}: movement (good is 1)"] = moves
        rows.append({key: v if isinstance(v, str) else round(v, 2) for key, v in row.items()})
    return rows


@contextmanager
def quiet() -> Iterator[None]:
    """What a training prints is not shown."""
    with redirect_stdout(io.StringIO()):
        yield
