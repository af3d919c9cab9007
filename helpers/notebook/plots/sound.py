"""Figures of the recording and of what the network hears of it."""

from __future__ import annotations

from collections.abc import Sequence

import librosa.display
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle

from ... import media
from ...plan.plan import Plan
from ...sound.mel import MEL_ALIGNMENTS, MEL_WINDOW, MELS_PER_SECOND, N_MELS, window_starts
from .canvas import BESIDE, FACE_COLOUR, MARK_COLOUR, SHEET_WIDTH, TITLE_SIZE

MEL_LIMIT = 4  # mels are scaled to +-4
CLOSE_UP = 48  # mel columns around a frame
SILENT = 1e-3  # amplitude under which a recording is drawn as a line


def waveform_and_mel(wave: np.ndarray, mel: np.ndarray, activity: np.ndarray) -> Figure:
    """The recording as samples, with its speech activity, and as the network hears it.

    wave ``float32`` at 16 kHz; mel ``float32 (80, M)``; activity ``float32 (N,)``: 1 in speech to 0
    in a pause, evenly spread over the recording.
    """
    figure, (top, bottom) = plt.subplots(
        2, 1, figsize=(SHEET_WIDTH, 5), sharex=True, layout="constrained"
    )
    seconds = len(wave) / media.SAMPLE_RATE
    librosa.display.waveshow(wave, sr=media.SAMPLE_RATE, ax=top, color=FACE_COLOUR)

    times = (np.arange(len(activity)) + 0.5) / len(activity) * seconds
    height = max(np.abs(wave).max(), SILENT)
    top.plot(times, activity * height, color="black", linewidth=1.2, label="speech activity")
    top.legend(**BESIDE)
    top.set(title=f"Waveform, {seconds:.2f} s at 16 kHz", ylabel="amplitude", xlabel="")

    _draw_whole_mel(figure, bottom, mel)
    bottom.set_title("Mel spectrogram: 80 bands, 80 columns a second")
    return figure


def draw_mel(axes: Axes, mel: np.ndarray, **style) -> AxesImage:
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


def mel_windows(plan: Plan, numbers: Sequence[int]) -> Figure:
    """The mel with the window of chosen frames on it, and each window as the network gets it."""
    figure = plt.figure(figsize=(SHEET_WIDTH, 5.5), layout="constrained")
    grid = figure.add_gridspec(2, len(numbers), height_ratios=(1.4, 1))
    whole = figure.add_subplot(grid[0, :])
    _draw_whole_mel(figure, whole, plan.mel)
    whole.set_title("Windows of 0.2 s (boxes) and the time of their video frames (lines)")

    for column, n in enumerate(numbers):
        start = int(plan.mel_start[n])
        left = start / MELS_PER_SECOND
        width = MEL_WINDOW / MELS_PER_SECOND
        whole.add_patch(_box(left, 0.5, width, N_MELS - 1, 1.5))
        whole.axvline((n + 0.5) / float(plan.fps), color=MARK_COLOUR, linewidth=1)

        axes = figure.add_subplot(grid[1, column])
        draw_mel(axes, plan.mel[:, start : start + MEL_WINDOW])
        axes.set_title(f"frame {n}: columns {start}-{start + MEL_WINDOW - 1}", fontsize=8)
        axes.set(yticks=[], xticks=[])
    return figure
