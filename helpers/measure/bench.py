"""Speed and memory of the main path, as ratios and figures of one machine in one run.

Times of single stages are taken alone, one after the other; whole runs are processes of their own,
so that their peak memory is theirs. Compare figures of one call only: machines and their load
differ.
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
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .. import media, params, run
from ..params import ROOT
from .bench_restorers import restorer_times
from .bench_stages import Times, stages

BENCH_SIZE = (1280, 720)  # px, width and height of the clip when none is given
LENGTHS = (10.0, 60.0)  # s, of whole runs


def bench(
    video: str = "", speech: str = "", lengths: tuple[float, ...] = LENGTHS, slow: bool = False
) -> dict[str, Any]:
    """All figures; ``video`` and ``speech`` empty: the bundled sample, on a 720p canvas.

    ``lengths`` of the whole runs in seconds. ``slow``: restorers too.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        video = video or sample_clip(folder)
        speech = speech or str(run.SAMPLE_FILES["audio"])
        info = media.probe(video)

        alone = stages(video, speech)
        runs = []
        for seconds in lengths:
            sound = repeated_speech(speech, seconds, folder)
            runs.append(whole_run(video, sound, folder / f"run{seconds:g}"))
        restoring = dict(seconds_a_face=restorer_times(video)) if slow else {}

    return dict(
        machine=machine(),
        clip=dict(width=info.width, height=info.height, fps=str(media.default_fps(info))),
        ms_a_frame_alone=alone,
        runs=runs,
        **restoring,
        ratios=ratios(alone, runs),
    )


def sample_clip(folder: Path) -> str:
    """The bundled sample on a 720p canvas."""
    path = str(folder / "sample720.mp4")
    clip = run.SAMPLE_FILES["video"]
    fps = media.default_fps(media.probe(clip))
    width, height = BENCH_SIZE
    edge = (width - height) // 2

    frames = media.read_frames(clip, fps, size=(height, height))
    padded = (np.pad(frame, ((0, 0), (edge, edge), (0, 0))) for frame in frames)
    media.write_video(path, padded, fps)
    return path


def repeated_speech(path: str, seconds: float, folder: Path) -> str:
    """A recording, repeated to a length, as a WAV file."""
    from scipy.io import wavfile

    wave = media.read_audio(path)
    out = folder / f"speech{seconds:g}.wav"
    count = round(seconds * media.SAMPLE_RATE)
    wavfile.write(out, media.SAMPLE_RATE, np.resize(wave, count))
    return str(out)


def whole_run(video: str, speech: str, folder: Path) -> dict[str, Any]:
    """A lip-sync in a process of its own; see ``measured_run``."""
    command = [sys.executable, "-m", "helpers.measure.bench", video, speech, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def measured_run(video: str, speech: str, folder: str) -> dict[str, Any]:
    """A lip-sync in this process: seconds, frames a second, peak memory in MB, seconds by stage."""
    p = params.build(
        video=video, audio=speech, run_dir=folder, checkpoint="compact", allow_no_face="true"
    )
    started = time.perf_counter()
    record = run.lipsync(p)
    seconds = time.perf_counter() - started

    frames = record["plan"]["frames"]
    clip_seconds = float(frames / Fraction(record["plan"]["fps"]))
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return dict(
        clip_s=round(clip_seconds, 2),
        frames=frames,
        seconds=round(seconds, 2),
        frames_per_s=round(frames / seconds, 1),
        times_real_time=round(clip_seconds / seconds, 2),
        peak_mb=round(kilobytes / 1024),
        stages=record["seconds"],
    )


def machine() -> dict[str, Any]:
    """What the figures were taken on."""
    return dict(
        processor=platform.processor() or platform.machine(),
        threads=os.cpu_count(),
        torch=torch.__version__,
        python=platform.python_version(),
        load=round(os.getloadavg()[0], 2),
        gpu=torch.cuda.get_device_name() if torch.cuda.is_available() else None,
    )


def ratios(alone: Times, runs: list[dict[str, Any]]) -> dict[str, float]:
    """What can be compared between machines: the longest run's time over its stages' sum, and
    more.
    """
    # faces with a donor's mouth get one pass
    network = ("lend", "compact_one_pass") if "lend" in alone else ("compact",)
    parts = ("decode", "detect", "target_codes", "crop", *network, "blend", "encode")
    summed = sum(alone.get(name, 0) for name in parts)

    first = runs[0]
    last = runs[-1]
    return dict(
        whole_to_summed_stages=round(1000 * last["seconds"] / last["frames"] / summed, 3),
        peak_memory_last_to_first=round(last["peak_mb"] / first["peak_mb"], 3),
        upstream_fp32_to_fastest=round(alone["upstream_fp32"] / alone["upstream_fastest"], 2),
    )


if __name__ == "__main__":
    print(json.dumps(measured_run(*sys.argv[1:])))
