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

import cv2
import numpy as np
import torch

from .. import media, params, run
from ..params import ROOT
from .bench_restorers import restorer_times
from .bench_stages import Times, batch_times, stages
from .bench_upstream import compare

HEIGHTS = (480, 720, 1080)  # px, at which stages are timed
RUN_HEIGHT = 720  # px, of whole runs
WIDE = 16 / 9
LENGTHS = (10.0, 60.0)  # s, of whole runs


def bench(
    video: str = "",
    speech: str = "",
    lengths: tuple[float, ...] = LENGTHS,
    *,
    heights: tuple[int, ...] = HEIGHTS,
    slow: bool = False,
    upstream: str = "",
) -> dict[str, Any]:
    """All figures; ``video`` and ``speech`` empty: the bundled sample.

    ``lengths`` of the whole runs in seconds. ``slow``: restorers too. ``upstream``: a folder with
    Wav2Lip's own program, which is run in turn with ours on the first length.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clip = video or str(run.SAMPLE_FILES["video"])
        speech = speech or str(run.SAMPLE_FILES["audio"])
        fps = media.default_fps(media.probe(clip))

        alone = {}
        for height in heights:
            scaled = scaled_clip(clip, height, folder)
            alone[str(height)] = stages(scaled, speech)

        video = video or scaled_clip(clip, RUN_HEIGHT, folder)
        info = media.probe(video)
        runs = []
        for seconds in lengths:
            sound = repeated_speech(speech, seconds, folder)
            runs.append(whole_run(video, sound, folder / f"run{seconds:g}"))

        nearest = min(alone, key=lambda height: abs(int(height) - info.height))
        more: dict[str, Any] = {}
        if upstream:
            sound = repeated_speech(speech, lengths[0], folder)
            place = Path(folder, "upstream")
            place.mkdir()
            more["upstream"] = compare(upstream, whole_run, video, sound, place)
        if slow:
            more["seconds_a_face"] = restorer_times(video)

        return dict(
            machine=machine(),
            clip=dict(width=info.width, height=info.height, fps=str(fps)),
            ms_a_frame_alone=alone,
            ms_a_face_by_batch=batch_times(),
            runs=runs,
            **more,
            ratios=ratios(alone[nearest], runs),
        )


def scaled_clip(clip: str, height: int, folder: Path) -> str:
    """A clip at a height; one narrower than 16 to 9 gets its mirror image at both sides."""
    path = str(folder / f"clip{height}.mp4")
    if os.path.exists(path):
        return path

    info = media.probe(clip)
    fps = media.default_fps(info)
    width = 2 * round(info.width * height / info.height / 2)
    edge = max(0, 2 * round((WIDE * height - width) / 4))
    frames = media.read_frames(clip, fps, size=(width, height))
    wide = (cv2.copyMakeBorder(f, 0, 0, edge, edge, cv2.BORDER_REFLECT) for f in frames)
    media.write_video(path, wide, fps)
    return path


def repeated_speech(path: str, seconds: float, folder: Path) -> str:
    """A recording, repeated to a length, as a WAV file."""
    from scipy.io import wavfile

    wave = media.read_audio(path)
    out = folder / f"speech{seconds:g}.wav"
    count = round(seconds * media.SAMPLE_RATE)
    wavfile.write(out, media.SAMPLE_RATE, np.resize(wave, count))
    return str(out)


def whole_run(video: str, speech: str, folder: Path, **values: Any) -> dict[str, Any]:
    """A lip-sync in a process of its own; see ``measured_run``, and the process's seconds."""
    given = [f"{name}={value}" for name, value in values.items()]
    command = [sys.executable, "-m", "helpers.measure.bench", video, speech, str(folder), *given]
    started = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    taken = time.perf_counter() - started
    return json.loads(done.stdout.splitlines()[-1]) | dict(process_s=round(taken, 2))


def measured_run(video: str, speech: str, folder: str, *given: str) -> dict[str, Any]:
    """A lip-sync in this process, compact unless ``given`` says another ``checkpoint=``.

    Seconds, frames a second, CPU seconds and peak memory in MB of the process, seconds by stage.
    """
    values = dict(checkpoint="compact", allow_no_face="true")
    values |= dict(pair.split("=", 1) for pair in given)
    p = params.build(video=video, audio=speech, run_dir=folder, **values)
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
        cpu_s=round(sum(os.times()[:4]), 2),
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
