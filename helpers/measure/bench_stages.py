"""Milliseconds a frame of each stage of the main path, alone, one after the other."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch

from .. import checkpoints, media, params, run
from ..engines.base import Engine, MouthBatch
from ..engines.compact import draw_maps
from ..engines.lend import donor_mouths, with_donor_mouth
from ..engines.load import load_engine
from ..engines.upstream import draw_pictures
from ..face.between import detect_clip
from ..face.square import FACE_SIZE
from ..networks.codes import CODE_SIZE
from ..networks.compact import CompactWav2Lip
from ..networks.devices import choose_device, choose_precision
from ..networks.encode import encode_speech, frame_moments
from ..networks.wav2lip import Wav2Lip
from ..params import Params
from ..plan.geometry import source_pictures
from ..plan.make import make_plan
from ..plan.plan import Plan
from ..sound.mel import MEL_WINDOW, N_MELS

SPEECH_SECONDS = 10
BENCH_FRAMES = 100  # of the clip
BENCH_BATCH = 16  # faces, as in a run
BATCH_SIZES = (1, 4, 16, 64)
REPEATS = 3

Times = dict[str, Any]  # milliseconds a frame by stage, and how they were measured


def milliseconds(work: Callable[[], Any], items: int, repeats: int = REPEATS) -> float:
    """Best of some repeats, in ms an item, after one run to warm up."""
    work()

    best = np.inf
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - started)

    return round(1000 * best / items, 2)


def stages(video: str, speech: str) -> Times:
    """Milliseconds a frame of each stage alone, and of both networks at batch 16; see ``Times``."""
    p = params.build(
        video=video, audio=speech, length="shortest", checkpoint="compact", allow_no_face="true"
    )
    engine = load_engine(checkpoints.locate(p.checkpoint), p)
    plan = make_plan(p, video, speech, engine)[0].layers[0]

    info = media.probe(video)
    count = min(BENCH_FRAMES, media.frame_count(info, plan.fps))
    frames = list(media.read_frames(video, plan.fps, 0, count))
    return (
        reading_times(video, plan, frames)
        | network_times(engine, p)
        | frame_times(video, plan, engine)
        | writing_times(plan, frames)
    )


def reading_times(video: str, plan: Plan, frames: list[np.ndarray]) -> Times:
    """Decoding and detecting."""

    def decode() -> None:
        for _ in media.read_frames(video, plan.fps, 0, len(frames)):
            pass

    def detect() -> None:
        for _ in detect_clip(((frame, 0) for frame in frames), plan.fps):
            pass

    return dict(
        decode=milliseconds(decode, len(frames), 1),
        detect=milliseconds(detect, len(frames), 1),
    )


def network_times(engine: Engine, p: Params) -> Times:
    """Both networks."""
    device = choose_device("auto")
    fastest = choose_precision("auto", device)
    compact = cast(CompactWav2Lip, engine.net)
    upstream = random_upstream(device)

    shape = (BENCH_BATCH, FACE_SIZE, FACE_SIZE, 3)
    faces = np.random.default_rng(0).integers(0, 255, shape, dtype=np.uint8)
    windows = np.zeros((BENCH_BATCH, N_MELS, MEL_WINDOW), np.float32)
    audio_encoder = checkpoints.audio_encoder().to(device)
    noise = np.random.default_rng(0).normal(0, 0.1, SPEECH_SECONDS * media.SAMPLE_RATE)
    moments = frame_moments(SPEECH_SECONDS * 25, Fraction(25))
    batch = MouthBatch(faces=faces, sound=np.zeros((BENCH_BATCH, CODE_SIZE), np.float32))

    def encode() -> None:
        encode_speech(compact, audio_encoder, noise.astype(np.float32), moments)

    def draw(passes: int) -> float:
        return milliseconds(lambda: draw_maps(compact, batch, fastest, passes), BENCH_BATCH)

    def draw_upstream(precision: torch.dtype) -> float:
        return milliseconds(lambda: draw_pictures(upstream, windows, faces, precision), BENCH_BATCH)

    return dict(
        target_codes=milliseconds(encode, len(moments)),
        compact_one_pass=draw(1),
        compact=draw(p.passes),
        compact_passes=p.passes,
        upstream_fp32=draw_upstream(torch.float32),
        upstream_fastest=draw_upstream(fastest),
        fastest_precision=str(fastest).removeprefix("torch."),
    )


def batch_times() -> dict[str, dict[str, float]]:
    """Milliseconds a face of both networks, one pass each, by the size of the batch."""
    device = choose_device("auto")
    fastest = choose_precision("auto", device)
    compact = cast(CompactWav2Lip, checkpoints.load(checkpoints.locate("compact").path)).to(device)
    upstream = random_upstream(device)

    def draw(count: int) -> dict[str, float]:
        faces = np.zeros((count, FACE_SIZE, FACE_SIZE, 3), np.uint8)
        windows = np.zeros((count, N_MELS, MEL_WINDOW), np.float32)
        batch = MouthBatch(faces=faces, sound=np.zeros((count, CODE_SIZE), np.float32))
        return dict(
            compact=milliseconds(lambda: draw_maps(compact, batch, fastest, 1), count, 1),
            upstream=milliseconds(
                lambda: draw_pictures(upstream, windows, faces, fastest), count, 1
            ),
        )

    return {str(count): draw(count) for count in BATCH_SIZES}


def random_upstream(device: torch.device) -> Wav2Lip:
    """Upstream's network with random weights, for speed needs no training."""
    net = Wav2Lip().eval().requires_grad_(False).to(device)
    return net.to(memory_format=torch.channels_last)


def frame_times(video: str, plan: Plan, engine: Engine) -> Times:
    """Cropping, lending and blending, where the clip shows a face."""
    numbers = np.flatnonzero(plan.redrawn)[:BENCH_BATCH].tolist()
    if not numbers:
        return {}

    frames = {n: next(source_pictures(plan, video, n, n + 1)) for n in numbers}
    patch = run.preview(plan, video, engine, numbers[0])["patch"]
    track = plan.faces.track[plan.source[numbers[0]]]
    mouths = donor_mouths(plan, video, numbers[0], numbers[-1] + 1, track)

    def crop() -> None:
        for n, frame in frames.items():
            engine.face(frame, plan, n)

    def lend() -> None:
        for n, frame in frames.items():
            with_donor_mouth(frame, plan, n, mouths)

    def compose() -> None:
        for n, frame in frames.items():
            engine.compose(frame, patch, plan, n)

    times = dict(lend=milliseconds(lend, len(frames))) if mouths else {}
    return times | dict(
        crop=milliseconds(crop, len(frames)),
        blend=milliseconds(compose, len(frames)),
    )


def writing_times(plan: Plan, frames: list[np.ndarray]) -> Times:
    """Encoding."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "e.mp4")

        def encode() -> None:
            media.write_video(path, frames, plan.fps)

        return dict(encode=milliseconds(encode, len(frames), 1))
