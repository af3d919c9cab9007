"""Figures of the recording and of what the network hears of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle

from ... import media
from ...plan.plan import Plan
from ...sound.mel import MEL_ALIGNMENTS, MEL_WINDOW, MELS_PER_SECOND, N_MELS, window_starts
from .canvas import FACE_COLOUR, MARK_COLOUR, SHEET_WIDTH, TITLE_SIZE, show

MEL_LIMIT = 4  # mels are scaled to +-4
CLOSE_UP = 48  # mel columns around a frame
WAVE_PIECES = 2000  # of a drawn waveform
SPEECH_COLOUR = "#3b5bdb"


def waveform_and_mel(wave: np.ndarray, mel: np.ndarray, activity: np.ndarray) -> Figure:
    """The recording as samples and as the network hears it, and when somebody speaks.

    wave ``float32`` at 16 kHz; mel ``float32 (80, M)``; activity ``float32 (N,)``: 1 in speech to 0
    in a pause, evenly spread over the recording.
    """
    figure, (top, middle, bottom) = plt.subplots(
        3,
        1,
        figsize=(SHEET_WIDTH, 6),
        sharex=True,
        layout="constrained",
        height_ratios=(2, 0.9, 2.4),
    )
    seconds = len(wave) / media.SAMPLE_RATE
    _draw_wave(top, wave)
    top.set_title(f"Waveform: {len(wave):,} numbers, 16,000 for each of {seconds:.2f} s")

    times = (np.arange(len(activity)) + 0.5) / len(activity) * seconds
    draw_activity(middle, times, activity)
    _draw_whole_mel(figure, bottom, mel)
    bottom.set_title(f"Mel spectrogram: 80 bands, {mel.shape[1]} columns, 80 for each second")
    return figure


def _draw_wave(axes: Axes, wave: np.ndarray) -> None:
    """Least and greatest sample of each of some thousand pieces."""
    size = max(1, len(wave) // WAVE_PIECES)
    pieces = wave[: len(wave) // size * size].reshape(-1, size)
    times = np.arange(len(pieces)) * size / media.SAMPLE_RATE
    axes.fill_between(times, pieces.min(axis=1), pieces.max(axis=1), color=FACE_COLOUR, linewidth=0)
    axes.set(ylabel="amplitude", xlim=(0, len(wave) / media.SAMPLE_RATE))


def draw_activity(axes: Axes, seconds: np.ndarray, activity: np.ndarray) -> None:
    """Speech activity over time, 0 in pauses."""
    axes.fill_between(seconds, activity, color=SPEECH_COLOUR, alpha=0.35, linewidth=0)
    axes.plot(seconds, activity, color=SPEECH_COLOUR, linewidth=1.2)
    axes.set(ylim=(-0.05, 1.1), yticks=[0, 1], yticklabels=["pause", "speech"])
    axes.set_ylabel("activity")


def draw_mel(axes: Axes, mel: np.ndarray, **style: Any) -> AxesImage:
    """A mel spectrogram, or a part of one, in the colours that all figures have for it."""
    return axes.imshow(
        mel,
        origin="lower",
        aspect="auto",
        cmap="magma",
        vmin=-MEL_LIMIT,
        vmax=MEL_LIMIT,
        **style,
    )


def _draw_whole_mel(figure: Figure, axes: Axes, mel: np.ndarray) -> None:
    end = mel.shape[1] / MELS_PER_SECOND
    image = draw_mel(axes, mel, extent=(0, end, 0, N_MELS))
    axes.set(xlabel="seconds", ylabel="mel band")
    figure.colorbar(image, ax=axes, label=f"level, scaled to ±{MEL_LIMIT}", pad=0.01)


def alignments(plan: Plan, n: int) -> Figure:
    """The mel around one frame, with the window that each alignment gives it."""
    figure, axes = plt.subplots(1, 3, figsize=(SHEET_WIDTH, 3), sharey=True, layout="constrained")
    for cell, name in zip(axes, MEL_ALIGNMENTS, strict=True):
        _draw_alignment(cell, plan, n, name)

    axes[0].set_ylabel("mel band")
    figure.suptitle(
        f"Frame {n} is on screen during the blue band; it hears what lies in the white box",
        fontsize=10,
    )
    return figure


def _draw_alignment(cell: Axes, plan: Plan, n: int, name: str) -> None:
    columns = plan.mel.shape[1]
    rate = float(plan.fps)
    begin = n / rate * MELS_PER_SECOND
    end = (n + 1) / rate * MELS_PER_SECOND

    first = int(np.clip(begin - CLOSE_UP / 2, 0, max(0, columns - CLOSE_UP)))
    part = plan.mel[:, first : first + CLOSE_UP]
    draw_mel(cell, part, extent=(first, first + part.shape[1], 0, N_MELS))
    cell.axvspan(begin, end, color=MARK_COLOUR, alpha=0.35, linewidth=0)

    start = int(window_starts(plan.frames, plan.fps, columns, name)[n])
    cell.add_patch(_box(start, 1, MEL_WINDOW, N_MELS - 2, 2))
    title = f"{name}: columns {start} to {start + MEL_WINDOW - 1}"
    cell.set_title(title, fontsize=TITLE_SIZE)
    cell.set_xlabel(f"mel column ({MELS_PER_SECOND} a second)")


def _box(left: float, bottom: float, width: float, height: float, line: float) -> Rectangle:
    return Rectangle((left, bottom), width, height, fill=False, edgecolor="white", linewidth=line)


def mel_windows(plan: Plan, mouths: Mapping[int, np.ndarray]) -> Figure:
    """The mel with the windows of some frames on it; below, each beside the mouth that it gave.

    ``mouths``: pictures ``uint8 (H, W, 3)`` by output frame.
    """
    count = len(mouths)
    figure = plt.figure(figsize=(SHEET_WIDTH, 5.4), layout="constrained")
    grid = figure.add_gridspec(2, 2 * count, height_ratios=(1.4, 1), width_ratios=[0.45, 1] * count)
    whole = figure.add_subplot(grid[0, :])
    _draw_whole_mel(figure, whole, plan.mel)
    whole.set_title("Windows of 0.2 s (boxes) and the moments of their video frames (lines)")

    for column, (n, mouth) in enumerate(mouths.items()):
        start = int(plan.mel_start[n])
        left = start / MELS_PER_SECOND
        width = MEL_WINDOW / MELS_PER_SECOND
        whole.add_patch(_box(left, 0.5, width, N_MELS - 1, 1.5))
        whole.axvline((n + 0.5) / float(plan.fps), color=MARK_COLOUR, linewidth=1)

        heard = figure.add_subplot(grid[1, 2 * column])
        draw_mel(heard, plan.mel[:, start : start + MEL_WINDOW])
        heard.set(yticks=[], xticks=[])
        heard.set_title("heard", fontsize=TITLE_SIZE)
        show(figure.add_subplot(grid[1, 2 * column + 1]), mouth, f"frame {n}")
    return figure


def other_sounds(windows: Mapping[str, np.ndarray], mouths: Sequence[np.ndarray]) -> Figure:
    """One frame drawn to several mel windows: each ``float32 (80, 16)`` beside its mouth."""
    count = len(windows)
    figure, axes = plt.subplots(
        1, 2 * count, figsize=(SHEET_WIDTH, 3), layout="constrained", width_ratios=[0.3, 1] * count
    )
    for k, ((title, window), mouth) in enumerate(zip(windows.items(), mouths, strict=True)):
        draw_mel(axes[2 * k], window)
        axes[2 * k].set(yticks=[], xticks=[])
        axes[2 * k].set_title("heard", fontsize=TITLE_SIZE)
        show(axes[2 * k + 1], mouth, title)
    return figure
