"""Measures what ``docs/scaling.md`` shows; writes ``measured.json`` and ``curves.png`` beside it.

    python docs/scaling/measure.py

Whole commands on the bundled sample, with the bundled weights and without a restorer, one after the
other. The machine should have nothing else to do.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt

from helpers import media, run
from helpers.measure.bench import machine, repeated_speech, scaled_clip

HERE = Path(__file__).parent
LENGTHS = (10, 30, 60)  # s, at 720 lines
HEIGHTS = (480, 720, 1080)  # of 10 s
WORKERS = (0, 1, 2)  # on a clip of 30 s; 0: in the command's own process
SHORT = 10
LONG = 30

Row = dict[str, Any]


def whole_command(video: str, speech: str, folder: Path, height: int, workers: int) -> Row:
    """Seconds of one command, and of its stages."""
    options = ["-p", "restorer=none", "-p", f"output_size={height}", "-p", "checkpoint=compact"]
    options += ["--workers", str(workers)] if workers else []
    command = ["run", video, speech, "--out", str(folder), "--no-notebooks", *options]
    started = time.perf_counter()
    subprocess.run([sys.executable, "-m", "helpers", *command], check=True, capture_output=True)
    seconds = round(time.perf_counter() - started, 2)

    record = run.read(folder)
    frames = record["plan"]["frames"]
    length = float(frames / Fraction(record["plan"]["fps"]))
    size = sum(path.stat().st_size for path in (folder / "lipsync.mp4", Path(video)))
    return dict(
        clip_s=length,
        frames=frames,
        height=height,
        workers=workers,
        seconds=seconds,
        mb=round(size / 1e6, 2),
        stages=record["seconds"],
    )


def measure() -> list[Row]:
    rows = []
    jobs = [(seconds, 720, 0) for seconds in LENGTHS]
    jobs += [(SHORT, height, 0) for height in HEIGHTS if height != 720]
    jobs += [(LONG, 720, count) for count in WORKERS if count]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        video = scaled_clip(str(run.SAMPLE_FILES["video"]), 720, folder)
        speech = str(run.SAMPLE_FILES["audio"])
        for number, (seconds, height, workers) in enumerate(jobs):
            sound = repeated_speech(speech, seconds, folder)
            rows.append(whole_command(video, sound, folder / str(number), height, workers))
            print(json.dumps(rows[-1]), file=sys.stderr)

    return rows


def for_simulation(rows: list[Row], source_frames: int) -> dict[str, float]:
    """What ``simulate.Machine`` asks; a plan is made of the source's frames, each of them once."""
    alone = [row for row in rows if row["height"] == 720 and not row["workers"]]
    short, long = alone[0], alone[-1]
    plan, drawing = (short["stages"][stage]["all"] for stage in ("plan", "lipsync"))
    more = long["stages"]["lipsync"]["all"] - drawing
    return dict(
        plan_s=round(plan / source_frames, 4),
        draw_s=round(more / (long["frames"] - short["frames"]), 4),
        start_s=round(short["seconds"] - plan - drawing, 2),
        frame_mb=round(long["mb"] / long["frames"], 4),
    )


def draw(rows: list[Row]) -> None:
    alone = [row for row in rows if not row["workers"]]
    lengths = [row for row in alone if row["height"] == 720]
    heights = sorted((row for row in alone if row["clip_s"] < 11), key=height_of)
    shared = [row for row in rows if 29 < row["clip_s"] < 31]

    figure, axes = plt.subplots(1, 3, figsize=(10, 3), layout="constrained")
    axes[0].plot(*columns(lengths, "clip_s"), "o-")
    axes[0].set(xlabel="clip at 720 lines, s", ylabel="seconds")
    axes[1].plot(*columns(heights, "height"), "o-")
    axes[1].set(xlabel="lines of a clip of 10 s", xticks=HEIGHTS)
    names = {0: "own\nprocess"} | {count: f"{count} worker" + "s" * (count > 1) for count in (1, 2)}
    axes[2].bar([names[row["workers"]] for row in shared], [row["seconds"] for row in shared])
    axes[2].set(xlabel="clip of 30 s at 720 lines")
    for ax in axes:
        ax.set_ylim(bottom=0)
        ax.spines[["top", "right"]].set_visible(False)

    figure.savefig(HERE / "curves.png", dpi=110)


def height_of(row: Row) -> int:
    return row["height"]


def columns(rows: list[Row], name: str) -> tuple[list[float], list[float]]:
    return [row[name] for row in rows], [row["seconds"] for row in rows]


def main() -> None:
    rows = measure()
    source_frames = media.probe(run.SAMPLE_FILES["video"]).frames
    found = dict(on=machine(), machine=for_simulation(rows, source_frames), rows=rows)
    (HERE / "measured.json").write_text(json.dumps(found, indent=1) + "\n")
    draw(rows)


if __name__ == "__main__":
    main()
