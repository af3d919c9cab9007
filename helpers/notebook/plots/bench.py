"""The picture of ``lipsync bench``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .canvas import BESIDE, FACE_COLOUR, FACES_COLOURS, LANDMARK_COLOUR, PASSED_COLOUR, SHEET_WIDTH

# stages of a frame with a donor's mouth, one after the other
STAGES = ("decode", "detect", "target_codes", "lend", "crop", "compact_one_pass", "blend", "encode")
COLOURS = [plt.colormaps["tab20"](number) for number in range(20)]


def bench_figure(result: Mapping[str, Any]) -> Figure:
    """Stages at several heights, whole runs, memory, batch sizes, and upstream where it was run."""
    figure, axes = plt.subplots(2, 3, figsize=(SHEET_WIDTH, 7), layout="constrained")
    axes[1, 2].axis("off")
    for cell, draw in zip(axes.flat, (_stages, _seconds, _memory, _batches, _pairs), strict=False):
        draw(cell, result)

    machine = result["machine"]
    where = machine["gpu"] or machine["processor"]
    figure.suptitle(f"{where}, {machine['threads']} threads, torch {machine['torch']}", fontsize=10)
    return figure


def stacked(axes: Axes, labels: Sequence[str], parts: Mapping[str, Sequence[float]]) -> None:
    """Horizontal bars of parts, a colour each, the sum at their end."""
    left = [0.0] * len(labels)
    for (name, values), colour in zip(parts.items(), COLOURS, strict=False):
        axes.barh(labels, values, left=left, label=name, color=colour)
        left = [start + value for start, value in zip(left, values, strict=True)]

    for row, whole in enumerate(left):
        axes.text(whole, row - 0.25, f" {whole:.3g}", va="center", fontsize=8)
    axes.invert_yaxis()
    axes.margins(x=0.15)
    axes.legend(fontsize=7, **BESIDE)


def _stages(axes: Axes, result: Mapping[str, Any]) -> None:
    alone = result["ms_a_frame_alone"]
    names = [name for name in STAGES if any(name in times for times in alone.values())]
    parts = {name: [times.get(name, 0.0) for times in alone.values()] for name in names}
    stacked(axes, [f"{height}p" for height in alone], parts)
    axes.set(xlabel="ms a frame, each stage alone", title="Stages, compact network")


def _seconds(axes: Axes, result: Mapping[str, Any]) -> None:
    runs = result["runs"]
    lengths = [f"{run['clip_s']:g} s" for run in runs]
    parts: dict[str, list[float]] = dict(start=[], plan=[], draw=[])
    for run in runs:
        plan = run["stages"]["plan"]["all"]
        draw = run["stages"]["lipsync"]["all"]
        seconds = (run["process_s"] - plan - draw, plan, draw)
        for part, value in zip(parts.values(), seconds, strict=True):
            part.append(value / run["clip_s"])

    stacked(axes, lengths, parts)
    axes.plot([run["cpu_s"] / run["clip_s"] for run in runs], lengths, "k|", markersize=14)
    label = "seconds a second of the clip (black line: of all cores)"
    axes.set(xlabel=label, title="Whole runs, start included")


def _memory(axes: Axes, result: Mapping[str, Any]) -> None:
    lengths = [f"{run['clip_s']:g} s" for run in result["runs"]]
    bars = axes.bar(lengths, [run["peak_mb"] for run in result["runs"]], color=FACE_COLOUR)
    axes.bar_label(bars, fontsize=8)
    axes.set(ylabel="MB", title="Peak memory of whole runs")


def _batches(axes: Axes, result: Mapping[str, Any]) -> None:
    times = result["ms_a_face_by_batch"]
    for name, colour in zip(("compact", "upstream"), FACES_COLOURS, strict=False):
        values = [by_network[name] for by_network in times.values()]
        axes.plot(list(times), values, "o-", label=name, color=colour)
    axes.set(xlabel="faces a batch", ylabel="ms a face, one pass", title="Networks", ylim=(0, None))
    axes.legend(fontsize=8)


def _pairs(axes: Axes, result: Mapping[str, Any]) -> None:
    if "upstream" not in result:
        axes.axis("off")
        return

    pairs = result["upstream"]["pairs"]
    for shift, name, colour in ((-0.2, "ours", LANDMARK_COLOUR), (0.2, "upstream", PASSED_COLOUR)):
        places = [number + shift for number in range(len(pairs))]
        axes.bar(places, [pair[f"{name}_s"] for pair in pairs], 0.4, label=name, color=colour)

    axes.set_xticks(range(len(pairs)), [f"{pair['ratio']:.2f}" for pair in pairs])
    axes.set(xlabel="ratio, pair by pair", ylabel="seconds", title="Upstream's weights, box given")
    axes.legend(fontsize=8, loc="lower right")
