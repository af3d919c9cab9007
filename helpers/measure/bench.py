"""Speed and memory of the main path, as ratios and figures of one machine in one run.

Times of single stages are taken alone, one after the other; whole runs are processes of their own, so that their peak
memory is theirs. Compare figures of one call only: machines and their load differ.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .. import checkpoints, media, params, run
from ..engines.base import compose_frame, face_input
from ..engines.compact import generate
from ..engines.lend import donor_mouths, with_donor_mouth
from ..errors import NoFaceError, ParameterError
from ..face.detect import detect_faces, detect_in_frame
from ..face.square import FACE_SIZE, square_matrix
from ..networks.codes import MEL_MARGIN
from ..networks.devices import choose_device, choose_precision
from ..networks.encode import encode_mel
from ..networks.wav2lip import Wav2Lip
from ..params import ROOT
from ..plan.geometry import box_pads, source_pictures
from ..plan.make import make_plan
from ..plan.mouths import plan_mouths, plan_speech
from ..restore.base import make_restorer
from ..restore.reference import REFERENCE_WEIGHTS, enhance, import_gfpgan, load_reference
from ..sound.mel import MEL_WINDOW, N_MELS

BENCH_FRAMES = 100  # of the clip, for single stages
BENCH_BATCH = 16
BENCH_SIZE = (1280, 720)  # the clip's, when none is given


def sample_clip(folder: Path) -> str:
    """The bundled sample on a 720p canvas."""
    path = str(folder / "sample720.mp4")
    clip = run.SAMPLE_FILES["video"]
    info = media.probe(clip)
    frames = media.read_frames(clip, media.default_fps(info), size=(BENCH_SIZE[1], BENCH_SIZE[1]))
    edge = (BENCH_SIZE[0] - BENCH_SIZE[1]) // 2
    padded = (np.pad(frame, ((0, 0), (edge, edge), (0, 0))) for frame in frames)
    media.write_video(path, padded, media.default_fps(info))
    return path


def speech_of(path: str, seconds: float, folder: Path) -> str:
    """A recording, repeated to a length, as a WAV file."""

    from scipy.io import wavfile

    wave = media.read_audio(path)
    out = folder / f"speech{seconds:g}.wav"
    count = round(seconds * media.SAMPLE_RATE)
    wavfile.write(out, media.SAMPLE_RATE, np.resize(wave, count))
    return str(out)


def milliseconds(work: Callable[[], Any], items: int, repeats: int = 3) -> float:
    """Best of some repeats, in ms an item, after one run to warm up."""
    work()
    best = np.inf
    for _ in range(repeats):
        clock = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - clock)
    return round(1000 * best / items, 2)


def stages(video: str, speech: str) -> dict[str, float]:
    """Milliseconds a frame of each stage alone, and of both networks at batch 16."""
    info = media.probe(video)
    fps = media.default_fps(info)
    count = min(BENCH_FRAMES, media.frame_count(info, fps))
    p = params.build(
        video=video, audio=speech, length="shortest", checkpoint="compact", allow_no_face="true"
    )
    plan, _ = make_plan(p, video, speech, "centred")
    drawn = [n for n in range(plan.frames) if plan.redrawn[n]][:count]
    frames = dict(
        zip(
            drawn,
            (next(source_pictures(plan, video, n, n + 1)) for n in drawn[:BENCH_BATCH]),
            strict=False,
        )
    )
    source = list(media.read_frames(video, fps, 0, count))
    device = choose_device("auto")
    compact = checkpoints.load(checkpoints.locate("compact").path).to(device)
    upstream = Wav2Lip().eval().requires_grad_(False)  # speed needs no training
    upstream = upstream.to(device, memory_format=torch.channels_last)
    fastest = choose_precision("auto", device)
    pictures = np.random.default_rng(0).integers(
        0, 255, (BENCH_BATCH, FACE_SIZE, FACE_SIZE, 3), dtype=np.uint8
    )
    short, long = (
        np.zeros((BENCH_BATCH, N_MELS, MEL_WINDOW + 2 * m), np.float32) for m in (0, MEL_MARGIN)
    )
    given = lambda net: encode_mel(net, [long]) if net is compact else short  # noqa: E731
    network = lambda net, precision, times=1: milliseconds(  # noqa: E731
        lambda: generate(net, given(net), pictures, precision, times), BENCH_BATCH
    )
    result = dict(
        decode=milliseconds(lambda: [0 for _ in media.read_frames(video, fps, 0, count)], count, 1),
        detect=milliseconds(lambda: list(detect_faces(source[:BENCH_BATCH])), len(source[:BENCH_BATCH]), 1),
        compact_one_pass=network(compact, fastest),
        compact=network(compact, fastest, p.passes), compact_passes=p.passes,
        upstream_fp32=network(upstream, torch.float32), upstream_fastest=network(upstream, fastest),
        fastest_precision=str(fastest).removeprefix("torch."),
    )  # fmt: skip
    if frames:
        plan = plan_mouths(plan_speech(plan, compact), video, compact)
        view = run.preview(plan, video, compact, p, drawn[0])
        track = plan.faces.track[plan.source[drawn[0]]]
        mouths = donor_mouths(plan, video, min(frames), max(frames) + 1, track)
        pads = box_pads(p)

        def crop() -> None:
            for n, frame in frames.items():
                face_input(frame, plan, n, compact, pads)

        def compose() -> None:
            for n, frame in frames.items():
                compose_frame(frame, view["patch"], plan, n, compact, pads, "feather")

        def lend() -> None:
            for n, frame in frames.items():
                with_donor_mouth(frame, plan, n, mouths)

        if mouths:
            result["lend"] = milliseconds(lend, len(frames))
        result |= dict(
            crop=milliseconds(crop, len(frames)), blend=milliseconds(compose, len(frames))
        )
    with tempfile.TemporaryDirectory() as folder:
        result["encode"] = milliseconds(
            lambda: media.write_video(Path(folder, "e.mp4"), source, fps), count, 1
        )
    return result


def restorers(video: str) -> dict[str, Any]:
    """Seconds a face of the restorers on the clip's first face, all given its landmarks, GFPGAN with random weights.

    ``gfpgan_reference`` (the authors' package, with random weights for its parsing too) only where it is installed.
    Raises NoFaceError if the clip's first frame has no face.
    """

    from spandrel.architectures.GFPGAN import GFPGAN

    frame = next(media.read_frames(video, media.default_fps(media.probe(video))))
    found = detect_in_frame(frame)
    if not len(found):
        raise NoFaceError(f"{video}: no face in the first frame; give a clip that starts with one")
    points = found[0, 5:].reshape(5, 2).astype(np.float64)
    place = [frame], [points], [square_matrix(points, FACE_SIZE)], [0]
    result: dict[str, Any] = {}

    def seconds(p: params.Params) -> float:
        work = make_restorer(p)
        return milliseconds(lambda: work(*place), 1, 2) / 1000

    for name in ("sharpen", "compact"):
        result[name] = seconds(params.build(restorer=name, strength=1.0))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "random.pth")
        shape = dict(
            out_size=512,
            channel_multiplier=2,
            input_is_latent=True,
            different_w=True,
            sft_half=True,
        )
        save_random(GFPGAN(fix_decoder=False, **shape), path, "params_ema")
        for precision in ("fp32", "auto"):
            p = params.build(
                restorer="gfpgan", restorer_checkpoint=path, strength=1.0, precision=precision
            )
            result[f"gfpgan_{precision}"] = seconds(p)
        try:
            import_gfpgan()
        except ParameterError:
            return result
        save_random_helpers(Path(folder))
        tool = load_reference(path, choose_device("auto"), Path(folder))
        result["gfpgan_reference"] = (
            milliseconds(lambda: enhance(tool, frame, 1.0, points), 1, 2) / 1000
        )
    for precision in ("fp32", "auto"):
        ratio = result["gfpgan_reference"] / result[f"gfpgan_{precision}"]
        result[f"reference_to_gfpgan_{precision}"] = round(ratio, 2)
    return result


def save_random(net: torch.nn.Module, path: Path, key: str | None = None) -> None:
    """A checkpoint in the network's format with small random numbers: enough to measure speed."""
    noise = torch.Generator().manual_seed(0)
    state = {
        k: 0.05 * torch.randn(v.shape, generator=noise) if v.is_floating_point() else v
        for k, v in net.state_dict().items()
    }
    state = {k: v.abs() + 1 if k.endswith("running_var") else v for k, v in state.items()}
    torch.save({key: state} if key else state, path)


def save_random_helpers(folder: Path) -> None:
    """The two networks that the gfpgan package wants beside its own, with random weights. Needs that package."""

    from facexlib.detection.retinaface import RetinaFace
    from facexlib.parsing.parsenet import ParseNet

    with warnings.catch_warnings(
        action="ignore"
    ):  # torchvision's on arguments that facexlib still uses
        detection = RetinaFace(network_name="resnet50", half=False, device="cpu")
    parsing = ParseNet(in_size=512, out_size=512, parsing_ch=19)
    for name, net in zip(REFERENCE_WEIGHTS, (detection, parsing), strict=True):
        save_random(net, checkpoints.path_of(name, folder))


def whole_run(video: str, speech: str, folder: Path) -> dict[str, Any]:
    """A lip-sync in a process of its own: seconds, frames a second, peak memory in MB, seconds by stage."""
    command = [sys.executable, "-m", "helpers.measure.bench", video, speech, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def _child(video: str, speech: str, folder: str) -> dict[str, Any]:
    p = params.build(
        video=video, audio=speech, run_dir=folder, checkpoint="compact", allow_no_face="true"
    )
    clock = time.perf_counter()
    record = run.lipsync(p)
    seconds = time.perf_counter() - clock
    frames, fps = record["plan"]["frames"], Fraction(record["plan"]["fps"])
    return dict(
        clip_s=round(float(frames / fps), 2), frames=frames, seconds=round(seconds, 2),
        frames_per_s=round(frames / seconds, 1),
        times_real_time=round(float(frames / fps) / seconds, 2),
        peak_mb=round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024), stages=record["seconds"],
    )  # fmt: skip


def bench(
    video: str = "", speech: str = "", lengths: tuple[float, ...] = (10.0, 60.0), slow: bool = False
) -> dict[str, Any]:
    """All figures; ``video`` and ``speech`` empty: the bundled sample, on a 720p canvas. ``slow``: restorers too."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        video = video or sample_clip(folder)
        speech = speech or str(run.SAMPLE_FILES["audio"])
        alone = stages(video, speech)
        runs = [
            whole_run(video, speech_of(speech, s, folder), folder / f"run{s:g}") for s in lengths
        ]
        info = media.probe(video)
        restoring = dict(seconds_a_face=restorers(video)) if slow else {}
    network = ("lend", "compact_one_pass") if "lend" in alone else ("compact",)
    parts = sum(
        alone.get(name, 0) for name in ("decode", "detect", "crop", *network, "blend", "encode")
    )
    last = runs[-1]
    return dict(
        machine=dict(
            processor=platform.processor() or platform.machine(), threads=os.cpu_count(), torch=torch.__version__,
            python=platform.python_version(), load=round(os.getloadavg()[0], 2),
            gpu=torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        ),
        clip=dict(width=info.width, height=info.height, fps=str(media.default_fps(info))),
        ms_a_frame_alone=alone,
        runs=runs,
        **restoring,
        ratios=dict(
            whole_to_summed_stages=round(1000 * last["seconds"] / last["frames"] / parts, 3),
            peak_memory_last_to_first=round(last["peak_mb"] / runs[0]["peak_mb"], 3),
            upstream_fp32_to_fastest=round(alone["upstream_fp32"] / alone["upstream_fastest"], 2),
        ),
    )  # fmt: skip


if __name__ == "__main__":
    print(json.dumps(_child(*sys.argv[1:])))
