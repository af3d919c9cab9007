"""The notebooks' figures. Each function draws one idea and returns a matplotlib figure (or a table as HTML)."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

import cv2
import librosa.display
import matplotlib.pyplot as plt
import numpy as np
from IPython.display import HTML
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from .. import audio, media, render
from ..plan import Plan

FACE_COLOUR, PASSED_COLOUR, ACCENT = "#1baf7a", "#b8b5ad", "#e8590c"
SHEET_WIDTH = 13  # inches


def table(rows: Sequence[dict[str, Any]]) -> HTML:
    """Rows of dicts as an HTML table; missing values stay empty."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    head = "".join(f"<th>{html.escape(str(c))}</th>" for c in columns)
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(_text(row.get(c)))}</td>" for c in columns) + "</tr>" for row in rows
    )
    return HTML(f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>")


def _text(value: Any) -> str:
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def probe_table(*infos: media.MediaInfo) -> HTML:
    """What each input file holds."""
    return table([
        dict(
            file=i.path.rpartition("/")[2], kind=i.kind, picture=f"{i.width}x{i.height}" if i.width else "",
            rate="" if not i.fps else f"{float(i.fps):.3f}" + (" (variable)" if i.variable else ""),
            frames=i.frames or "", seconds=round(i.duration, 3), video=i.video_codec, rotation=i.rotation or "",
            sound=f"{i.audio_codec} {i.sample_rate} Hz {i.channels}" if i.has_audio else "",
        )
        for i in infos
    ])  # fmt: skip


def waveform_and_mel(wave: np.ndarray, mel: np.ndarray) -> Figure:
    """The recording as samples and as the network hears it."""
    figure, (top, bottom) = plt.subplots(2, 1, figsize=(SHEET_WIDTH, 5), sharex=True, layout="constrained")
    librosa.display.waveshow(wave, sr=media.SAMPLE_RATE, ax=top, color=FACE_COLOUR)
    top.set(title=f"Waveform, {len(wave) / media.SAMPLE_RATE:.2f} s at 16 kHz", ylabel="amplitude", xlabel="")
    _show_mel(figure, bottom, mel)
    bottom.set_title("Mel spectrogram: 80 bands, 80 columns a second")
    return figure


def _show_mel(figure: Figure, axes: plt.Axes, mel: np.ndarray) -> None:
    end = mel.shape[1] / audio.MELS_PER_SECOND
    image = axes.imshow(
        mel, origin="lower", aspect="auto", cmap="magma", extent=(0, end, 0, audio.N_MELS), vmin=-4, vmax=4
    )
    axes.set(xlabel="seconds", ylabel="mel band")
    figure.colorbar(image, ax=axes, label="level, scaled to ±4", pad=0.01)


def strip(pictures: Sequence[np.ndarray], titles: Sequence[str], rows: int = 1, height: float = 2.4) -> Figure:
    """Pictures in a grid, row by row, with a title each."""
    columns = -(-len(pictures) // rows)
    figure, axes = plt.subplots(
        rows, columns, figsize=(SHEET_WIDTH, height * rows), layout="constrained", squeeze=False
    )
    for cell in axes.flat:
        cell.axis("off")
    for cell, picture, title in zip(axes.flat, pictures, titles, strict=False):
        cell.imshow(picture)
        cell.set_title(title, fontsize=9)
    return figure


def contact_sheet(frames: Sequence[np.ndarray], detections: Sequence[np.ndarray], numbers: Sequence[int]) -> Figure:
    """Frames with every detected box (and its confidence) and its five landmarks drawn on."""
    drawn = []
    for frame, found in zip(frames, detections, strict=True):
        frame = frame.copy()
        thick = max(2, round(max(frame.shape) / 250))
        for x1, y1, x2, y2, score, *points in found.tolist():
            cv2.rectangle(frame, (round(x1), round(y1)), (round(x2), round(y2)), (27, 175, 122), thick)
            for x, y in zip(points[::2], points[1::2], strict=True):
                cv2.circle(frame, (round(x), round(y)), thick + 1, (232, 89, 12), -1)
            place = (round(x1), max(14, round(y1) - 6))
            cv2.putText(
                frame, f"{score:.2f}", place, cv2.FONT_HERSHEY_SIMPLEX, thick / 4, (27, 175, 122), thick, cv2.LINE_AA
            )
        drawn.append(frame)
    titles = [
        f"frame {n}: {len(f) or 'no'} face{'s' * (len(f) != 1)}" for n, f in zip(numbers, detections, strict=True)
    ]
    return strip(drawn, titles, rows=2, height=3.2)


def timeline(plan: Plan) -> Figure:
    """Which frames are re-drawn and which pass through, and how the face moves."""
    seconds = np.arange(plan.frames) / float(plan.fps)
    box = plan.faces.box[plan.source].astype(float)
    box[~plan.redrawn] = np.nan
    figure, axes = plt.subplots(
        2, 1, figsize=(SHEET_WIDTH, 3.6), sharex=True, layout="constrained", height_ratios=(3, 1)
    )
    for values, label, colour in (
        ((box[:, 0] + box[:, 2]) / 2, "centre x", FACE_COLOUR), ((box[:, 1] + box[:, 3]) / 2, "centre y", ACCENT),
        (box[:, 3] - box[:, 1], "height", "#3b5bdb"),
    ):  # fmt: skip
        axes[0].plot(seconds, values, label=label, color=colour)
    axes[0].set(ylabel="source pixels", title="The face's box, smoothed")
    beside = dict(loc="lower right", bbox_to_anchor=(1, 1), borderaxespad=0.2, frameon=False)  # covers no data
    axes[0].legend(ncols=3, **beside)
    edges = np.append(seconds, float(plan.duration))
    for mask, label, colour in (
        (plan.redrawn, "re-drawn", FACE_COLOUR),
        (~plan.redrawn, "passed through", PASSED_COLOUR),
    ):
        axes[1].fill_between(
            edges, 0, np.append(mask, mask[-1]), step="post", color=colour, label=f"{label}: {mask.sum()}"
        )
    axes[1].set(yticks=[], xlabel="seconds", xlim=(0, float(plan.duration)), ylim=(0, 1))
    axes[1].legend(ncols=2, **beside)
    return figure


def mel_windows(plan: Plan, numbers: Sequence[int]) -> Figure:
    """The mel with the window of chosen frames on it, and each window as the network gets it."""
    figure = plt.figure(figsize=(SHEET_WIDTH, 5.5), layout="constrained")
    grid = figure.add_gridspec(2, len(numbers), height_ratios=(1.4, 1))
    whole = figure.add_subplot(grid[0, :])
    _show_mel(figure, whole, plan.mel)
    whole.set_title("Windows of 0.2 s (boxes) and the time of their video frames (lines)")
    for column, n in enumerate(numbers):
        start = int(plan.mel_start[n])
        left, width = start / audio.MELS_PER_SECOND, audio.WINDOW / audio.MELS_PER_SECOND
        whole.add_patch(Rectangle((left, 0.5), width, audio.N_MELS - 1, fill=False, edgecolor="white", linewidth=1.5))
        whole.axvline((n + 0.5) / float(plan.fps), color="#4dd4f7", linewidth=1)
        axes = figure.add_subplot(grid[1, column])
        window = plan.mel[:, start : start + audio.WINDOW]
        axes.imshow(window, origin="lower", aspect="auto", cmap="magma", vmin=-4, vmax=4)
        axes.set_title(f"frame {n}: columns {start}-{start + audio.WINDOW - 1}", fontsize=8)
        axes.set(yticks=[], xticks=[])
    return figure


def network_view(view: dict[str, np.ndarray], n: int) -> Figure:
    """One frame's way through the network: ``render.preview``'s result."""
    seen = view["seen"].copy()
    upper = seen.copy()
    upper[len(upper) // 2 :] = 0
    figure, axes = plt.subplots(1, 5, figsize=(SHEET_WIDTH, 3.4), layout="constrained")
    axes[0].imshow(view["window"], origin="lower", aspect="auto", cmap="magma", vmin=-4, vmax=4)
    axes[0].set_title("it hears: 80 x 16 mel")
    axes[1].imshow(upper)
    axes[1].set_title("it sees: lower half hidden")
    axes[2].imshow(seen)
    axes[2].set_title("and the face to re-draw")
    patch = view["patch"]
    if patch.shape[0] == 6:
        axes[3].imshow(np.clip(patch[3:].transpose(1, 2, 0), 0, 1) * patch[2][..., None])
        step = 6
        rows, columns = np.mgrid[step // 2 : 96 : step, step // 2 : 96 : step]
        flow = patch[:2, rows, columns] * 48
        axes[3].quiver(
            columns, rows, flow[0], flow[1], color="white", angles="xy", scale_units="xy", scale=1, width=0.006
        )
        axes[3].set_title("it answers: flow and paint")
    else:
        axes[3].imshow(np.abs(patch - seen / 255.0).mean(axis=2), cmap="magma")
        axes[3].set_title("what it changed")
    axes[4].imshow(view["drawn"])
    axes[4].set_title("drawn face, 96 x 96")
    for cell in axes:
        cell.set(xticks=[], yticks=[])
        cell.title.set_fontsize(9)
    figure.suptitle(f"Frame {n} in the network")
    return figure


def mask_view(view: dict[str, np.ndarray], plan: Plan, n: int) -> Figure:
    """Where the drawn mouth goes: source, mask over it, result, and what differs."""
    x1, y1, x2, y2 = render.face_rectangle(plan, n)
    source, made, mask = (view[name][y1:y2, x1:x2] for name in ("source", "made", "mask"))
    tinted = (source * (1 - 0.5 * mask[..., None]) + np.array([27, 175, 122]) * 0.5 * mask[..., None]).astype(np.uint8)
    difference = np.abs(made.astype(int) - source).mean(axis=2)
    figure, axes = plt.subplots(1, 4, figsize=(SHEET_WIDTH, 3.6), layout="constrained")
    for cell, picture, title in zip(
        axes, (source, tinted, made, difference), ("source", "mask", "re-drawn, blended in", "change"), strict=True
    ):
        cell.imshow(picture, cmap="magma")
        cell.set_title(f"{title}, frame {n}" if cell is axes[0] else title, fontsize=9)
        cell.axis("off")
    return figure


def stage_times(seconds: dict[str, dict[str, float]], frames: int) -> Figure:
    """Milliseconds a frame of every stage of every step of a run."""
    rows = [
        (f"{step}: {stage}", 1000 * value / frames)
        for step, parts in seconds.items()
        for stage, value in parts.items()
        if stage != "all"
    ]
    figure, axes = plt.subplots(figsize=(SHEET_WIDTH, 0.6 + 0.32 * len(rows)), layout="constrained")
    bars = axes.barh([name for name, _ in rows], [value for _, value in rows], color=FACE_COLOUR)
    axes.bar_label(bars, fmt="%.1f", padding=3)
    axes.invert_yaxis()
    axes.margins(x=0.08)
    axes.set(xlabel="milliseconds a frame (time that the next stage waited for this one)")
    return figure


def before_after(rows: dict[str, Sequence[np.ndarray]], numbers: Sequence[int], plan: Plan) -> Figure:
    """The same frames of several videos, cut to the face, one video a row."""
    pictures, titles = [], []
    for name, frames in rows.items():
        for n, frame in zip(numbers, frames, strict=True):
            x1, y1, x2, y2 = render.face_rectangle(plan, n)
            pictures.append(frame[y1:y2, x1:x2] if plan.redrawn[n] else frame)
            titles.append(f"{name}, frame {n}")
    return strip(pictures, titles, rows=len(rows), height=2.1)
