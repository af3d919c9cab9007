"""The notebooks' figures. Each function draws one idea and returns a matplotlib figure (or a table as HTML)."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

import cv2
import librosa.display
import matplotlib.pyplot as plt
import numpy as np
import torch
from IPython.display import HTML
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from .. import media
from ..face.square import FACE_SIZE, crop_square
from ..networks.maps import warp
from ..plan.geometry import face_rectangle, frame_matrix
from ..plan.plan import Plan
from ..sound.mel import MEL_ALIGNMENTS, MEL_WINDOW, MELS_PER_SECOND, N_MELS, window_starts

FACE_COLOUR, PASSED_COLOUR = "#1baf7a", "#b8b5ad"
FACES_COLOURS = (FACE_COLOUR, "#e8590c", "#3b5bdb", "#9c36b5")
SHEET_WIDTH = 13  # inches


def table(rows: Sequence[dict[str, Any]]) -> HTML:
    """Rows of dicts as an HTML table; missing values stay empty."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    head = "".join(f"<th>{html.escape(str(c))}</th>" for c in columns)
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(_text(row.get(c)))}</td>" for c in columns) + "</tr>"
        for row in rows
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


def waveform_and_mel(wave: np.ndarray, mel: np.ndarray, speech: np.ndarray) -> Figure:
    """The recording as samples, with its speech activity (``audio.speaking``), and as the network hears it."""
    figure, (top, bottom) = plt.subplots(
        2, 1, figsize=(SHEET_WIDTH, 5), sharex=True, layout="constrained"
    )
    librosa.display.waveshow(wave, sr=media.SAMPLE_RATE, ax=top, color=FACE_COLOUR)
    times = (np.arange(len(speech)) + 0.5) / len(speech) * len(wave) / media.SAMPLE_RATE
    top.plot(
        times,
        speech * max(np.abs(wave).max(), 1e-3),
        color="black",
        linewidth=1.2,
        label="speech activity",
    )
    top.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    top.set(
        title=f"Waveform, {len(wave) / media.SAMPLE_RATE:.2f} s at 16 kHz",
        ylabel="amplitude",
        xlabel="",
    )
    _show_mel(figure, bottom, mel)
    bottom.set_title("Mel spectrogram: 80 bands, 80 columns a second")
    return figure


def _show_mel(figure: Figure, axes: plt.Axes, mel: np.ndarray) -> None:
    end = mel.shape[1] / MELS_PER_SECOND
    image = axes.imshow(
        mel,
        origin="lower",
        aspect="auto",
        cmap="magma",
        extent=(0, end, 0, N_MELS),
        vmin=-4,
        vmax=4,
    )
    axes.set(xlabel="seconds", ylabel="mel band")
    figure.colorbar(image, ax=axes, label="level, scaled to ±4", pad=0.01)


def strip(pictures: Sequence[np.ndarray], titles: Sequence[str], rows: int = 1) -> Figure:
    """Pictures in a grid, row by row, with a title each."""
    columns = -(-len(pictures) // rows)
    height = max(p.shape[0] / p.shape[1] for p in pictures) * SHEET_WIDTH / columns + 0.3
    size = (SHEET_WIDTH, height * rows)
    if height > 5:  # a few tall pictures need no whole page
        size = (SHEET_WIDTH * 5 / height, 5 * rows)
    figure, axes = plt.subplots(rows, columns, figsize=size, layout="constrained", squeeze=False)
    for cell in axes.flat:
        cell.axis("off")
    for cell, picture, title in zip(axes.flat, pictures, titles, strict=False):
        cell.imshow(picture)
        cell.set_title(title, fontsize=9)
    return figure


def contact_sheet(
    frames: Sequence[np.ndarray], detections: Sequence[np.ndarray], numbers: Sequence[int]
) -> Figure:
    """Frames with every detected box (and its confidence) and its five landmarks drawn on."""
    drawn = []
    for frame, found in zip(frames, detections, strict=True):
        frame = frame.copy()
        thick = max(2, round(max(frame.shape) / 250))
        for x1, y1, x2, y2, score, *points in found.tolist():
            cv2.rectangle(
                frame, (round(x1), round(y1)), (round(x2), round(y2)), (27, 175, 122), thick
            )
            for x, y in zip(points[::2], points[1::2], strict=True):
                cv2.circle(frame, (round(x), round(y)), thick + 1, (232, 89, 12), -1)
            place = (round(x1), max(14, round(y1) - 6))
            cv2.putText(
                frame,
                f"{score:.2f}",
                place,
                cv2.FONT_HERSHEY_SIMPLEX,
                thick / 4,
                (27, 175, 122),
                thick,
                cv2.LINE_AA,
            )
        drawn.append(frame)
    titles = [
        f"frame {n}: {len(f) or 'no'} face{'s' * (len(f) != 1)}"
        for n, f in zip(numbers, detections, strict=True)
    ]
    return strip(drawn, titles, rows=2)


def timeline(plan: Plan) -> Figure:
    """Faces over time: where each one is, how sure the detector was, cuts, speech, and what happens to each frame."""
    rate = float(plan.fps)
    seconds = np.arange(plan.frames) / rate
    figure, (place, sure, what) = plt.subplots(
        3,
        1,
        figsize=(SHEET_WIDTH, 6),
        sharex=True,
        layout="constrained",
        height_ratios=(3, 1.4, 1.2),
    )
    own = [plan.detections[plan.detections[:, 0] == n] for n in range(len(plan.faces.shot))]
    seen = np.concatenate([own[n] for n in plan.source])
    times = np.repeat(seconds, [len(own[n]) for n in plan.source])
    place.scatter(
        times, (seen[:, 1] + seen[:, 3]) / 2, s=14, color=PASSED_COLOUR, label="every face found"
    )
    sure.scatter(times, seen[:, 5], s=6, color=PASSED_COLOUR)
    for number, layer in enumerate(plan.layers):
        box = layer.faces.box[plan.source].astype(float)
        score = layer.faces.score[plan.source].astype(float)
        box[~layer.redrawn] = score[~layer.redrawn] = np.nan
        colour = FACES_COLOURS[number % len(FACES_COLOURS)]
        middle, half = (box[:, 0] + box[:, 2]) / 2, (box[:, 2] - box[:, 0]) / 2
        place.plot(seconds, middle, color=colour, label="re-drawn: centre, and box width (band)")
        place.fill_between(
            seconds, middle - half, middle + half, color=colour, alpha=0.15, linewidth=0
        )
        sure.plot(seconds, score, color=colour)
    shot = plan.faces.shot[plan.source]
    for axes in (place, sure, what):
        for n in np.flatnonzero(np.diff(shot)) + 1:
            axes.axvline(
                n / rate,
                color="black",
                linestyle="--",
                linewidth=1,
                label="cut" if axes is place else None,
            )
    place.set(
        ylabel="x, source pixels", title="Faces: where they are", ylim=(0, plan.source_size[0])
    )
    handles = dict(zip(*place.get_legend_handles_labels()[::-1], strict=True))  # one entry a label
    place.legend(
        handles.values(), handles.keys(), loc="upper left", bbox_to_anchor=(1, 1), frameon=False
    )
    sure.set(ylabel="confidence", ylim=(0, 1.05))
    for mask, label, colour in (
        (plan.redrawn, "re-drawn", FACE_COLOUR),
        (~plan.redrawn, "passed through", PASSED_COLOUR),
    ):
        what.fill_between(
            np.append(seconds, float(plan.duration)), 0, np.append(mask, mask[-1:]), step="post", color=colour,
            label=f"{label}: {mask.sum()} frames", alpha=0.6,
        )  # fmt: skip
    what.plot(seconds, plan.speech, color="black", linewidth=1, label="speech activity")
    what.set(
        yticks=[], xlabel="seconds", xlim=(0, float(plan.duration)), ylim=(0, 1.1), ylabel="frame"
    )
    what.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    return figure


def smoothing(
    frames: Sequence[np.ndarray], rough: Plan, plan: Plan, numbers: Sequence[int]
) -> Figure:
    """Consecutive frames cut by the detector's own landmarks and by smoothed ones; right, what moves in each row."""
    figure, axes = plt.subplots(2, 8, figsize=(SHEET_WIDTH, 3.9), layout="constrained")
    for row, (name, used) in zip(axes, (("as detected", rough), ("smoothed", plan)), strict=True):
        crops = [
            crop_square(f, frame_matrix(used, n), FACE_SIZE)
            for f, n in zip(frames, numbers, strict=True)
        ]
        for cell, picture, n in zip(row, crops, numbers, strict=False):
            cell.imshow(picture)
            cell.set_title(f"{name}, {n}", fontsize=8)
        motion = np.std(np.stack(crops).astype(np.float32), axis=0).mean(axis=2)
        row[-1].imshow(motion, cmap="magma", vmin=0, vmax=25)
        row[-1].set_title(f"change: {motion.mean():.2f}", fontsize=8)
    for cell in axes.flat:
        cell.axis("off")
    return figure


def alignments(plan: Plan, n: int) -> Figure:
    """The mel around one frame, with the window that each alignment gives it."""
    figure, axes = plt.subplots(1, 3, figsize=(SHEET_WIDTH, 3), sharey=True, layout="constrained")
    shown = np.array([n / float(plan.fps), (n + 1) / float(plan.fps)])
    for cell, name in zip(axes, MEL_ALIGNMENTS, strict=True):
        start = int(window_starts(plan.frames, plan.fps, plan.mel.shape[1], name)[n])
        first = int(np.clip(shown[0] * MELS_PER_SECOND - 24, 0, max(0, plan.mel.shape[1] - 48)))
        part = plan.mel[:, first : first + 48]
        extent = (first, first + part.shape[1], 0, N_MELS)
        cell.imshow(
            part, origin="lower", aspect="auto", cmap="magma", vmin=-4, vmax=4, extent=extent
        )
        cell.axvspan(*(shown * MELS_PER_SECOND), color="#4dd4f7", alpha=0.35, linewidth=0)
        edge = dict(fill=False, edgecolor="white", linewidth=2)
        cell.add_patch(Rectangle((start, 1), MEL_WINDOW, N_MELS - 2, **edge))
        cell.set_title(f"{name}: columns {start} to {start + MEL_WINDOW - 1}", fontsize=9)
        cell.set_xlabel("mel column (80 a second)")
    axes[0].set_ylabel("mel band")
    figure.suptitle(
        f"Frame {n} is on screen during the blue band; it hears what lies in the white box",
        fontsize=10,
    )
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
        left, width = start / MELS_PER_SECOND, MEL_WINDOW / MELS_PER_SECOND
        whole.add_patch(
            Rectangle((left, 0.5), width, N_MELS - 1, fill=False, edgecolor="white", linewidth=1.5)
        )
        whole.axvline((n + 0.5) / float(plan.fps), color="#4dd4f7", linewidth=1)
        axes = figure.add_subplot(grid[1, column])
        window = plan.mel[:, start : start + MEL_WINDOW]
        axes.imshow(window, origin="lower", aspect="auto", cmap="magma", vmin=-4, vmax=4)
        axes.set_title(f"frame {n}: columns {start}-{start + MEL_WINDOW - 1}", fontsize=8)
        axes.set(yticks=[], xticks=[])
    return figure


def own_mouths(plan: Plan, view: dict[str, np.ndarray], n: int) -> Figure:
    """Which source frame lends its mouth to each output frame; frame ``n`` before and after (``render.preview``)."""
    figure, axes = plt.subplots(
        1, 3, figsize=(SHEET_WIDTH, 3), layout="constrained", width_ratios=(2.4, 1, 1)
    )
    seconds = np.arange(plan.frames) / float(plan.fps)
    axes[0].plot(seconds, plan.source, color=PASSED_COLOUR, label="frame that is shown")
    lent = np.where(plan.donors[0] >= 0, plan.donors[0], np.nan)
    cuts = np.flatnonzero(np.diff(lent) != 1) + 1
    pieces = np.insert(lent, cuts, np.nan)  # a line for each piece
    style = dict(
        color=FACES_COLOURS[0], marker=".", markersize=3, label="frame that lends its mouth"
    )
    axes[0].plot(np.insert(seconds, cuts, np.nan), pieces, **style)
    axes[0].axvline(n / float(plan.fps), color="black", linewidth=0.8)
    axes[0].set(xlabel="seconds", ylabel="source frame", title="Whose mouth is shown")
    axes[0].legend(fontsize=8, loc="upper left", bbox_to_anchor=(0, -0.22), ncols=2, frameon=False)
    changed = (view["seen"] != view["face"]).any()
    titles = (
        f"frame {n}",
        f"with the mouth of {plan.donors[0, n]}" if changed else "with its own mouth",
    )
    for cell, name, title in zip(axes[1:], ("face", "seen"), titles, strict=True):
        cell.imshow(view[name])
        cell.set(xticks=[], yticks=[])
        cell.set_title(title, fontsize=9)
    return figure


def network_input(view: dict[str, np.ndarray], n: int) -> Figure:
    """What the network gets for one frame (``render.preview``'s result): six channels and a mel window."""
    seen = view["seen"]
    upper = seen.copy()
    upper[len(upper) // 2 :] = 0
    figure, axes = plt.subplots(
        1, 7, figsize=(SHEET_WIDTH, 2.5), layout="constrained", width_ratios=[1] * 6 + [0.5]
    )
    for number, (cell, picture) in enumerate(zip(axes, (upper,) * 3 + (seen,) * 3, strict=False)):
        cell.imshow(picture[..., number % 3], cmap="gray", vmin=0, vmax=255)
        part = "hidden below" if number < 3 else "face to re-draw"
        cell.set_title(f"{number + 1}: {('red', 'green', 'blue')[number % 3]}, {part}", fontsize=8)
    axes[6].imshow(view["window"], origin="lower", aspect="auto", cmap="magma", vmin=-4, vmax=4)
    axes[6].set_title("80 x 16 mel", fontsize=8)
    for cell in axes:
        cell.set(xticks=[], yticks=[])
    figure.suptitle(f"Frame {n}: six channels of 96 x 96, and 0.2 s of sound", fontsize=10)
    return figure


def network_view(view: dict[str, np.ndarray], n: int) -> Figure:
    """What the network answers for one frame (``render.preview``'s result)."""
    seen, patch = view["seen"], view["maps"]
    if patch is None:
        change = np.abs(view["drawn"] - seen / 255.0).mean(axis=2)
        return strip([seen, change, view["drawn"]], [f"frame {n}", "change", "drawn face, 96 x 96"])
    figure, axes = plt.subplots(1, 5, figsize=(SHEET_WIDTH, 3), layout="constrained")
    axes[0].imshow(seen)
    step = 6
    rows, columns = np.mgrid[step // 2 : FACE_SIZE : step, step // 2 : FACE_SIZE : step]
    flow = patch[:2, rows, columns] * (FACE_SIZE / 2)
    arrows = dict(color="#4dd4f7", angles="xy", scale_units="xy", scale=1, width=0.008)
    axes[0].quiver(columns, rows, flow[0], flow[1], **arrows)
    warped = warp(
        torch.from_numpy(seen).permute(2, 0, 1)[None].float() / 255,
        torch.from_numpy(patch[None, :2]),
    )
    axes[1].imshow(warped[0].permute(1, 2, 0).numpy())
    image = axes[2].imshow(patch[2], cmap="viridis", vmin=0, vmax=1)
    figure.colorbar(image, ax=axes[2], shrink=0.6)
    axes[3].imshow(np.clip(patch[3:].transpose(1, 2, 0), 0, 1) * patch[2][..., None])
    axes[4].imshow(view["drawn"])
    titles = (
        "flow: read from there",
        "warped face",
        "alpha: how much paint",
        "paint x alpha",
        "drawn face, 96 x 96",
    )
    for cell, title in zip(axes, titles, strict=True):
        cell.set(xticks=[], yticks=[])
        cell.set_title(title, fontsize=9)
    figure.suptitle(f"Frame {n}: the compact network's answer", fontsize=10)
    return figure


def mask_view(view: dict[str, np.ndarray], plan: Plan, n: int) -> Figure:
    """Where the drawn mouth goes: source, mask over it, result, what differs, and the mask's edge close up."""
    x1, y1, x2, y2 = face_rectangle(plan, n)
    source, made, mask = (view[name][y1:y2, x1:x2] for name in ("source", "made", "mask"))
    tinted = (
        source * (1 - 0.5 * mask[..., None]) + np.array([27, 175, 122]) * 0.5 * mask[..., None]
    ).astype(np.uint8)
    difference = np.abs(made.astype(int) - source).mean(axis=2)
    rows, columns = np.nonzero(mask > 0)
    left, middle, reach = (
        columns.min(),
        int(rows[columns == columns.min()].mean()),
        max(8, len(mask) // 8),
    )
    top, start = max(0, middle - reach), max(0, left - reach)
    close = made[top : middle + reach, start : left + reach]
    figure, axes = plt.subplots(1, 5, figsize=(SHEET_WIDTH, 3), layout="constrained")
    titles = (
        f"source, frame {n}",
        "mask",
        "re-drawn, blended in",
        "change",
        "the mask's left edge, close up",
    )
    for cell, picture, title in zip(
        axes, (source, tinted, made, difference, close), titles, strict=True
    ):
        cell.imshow(picture, cmap="magma")
        cell.set_title(title, fontsize=9)
        cell.axis("off")
    axes[4].contour(
        mask[top : middle + reach, start : left + reach],
        [0.01],
        colors="#1baf7a",
        linestyles="dotted",
    )
    return figure


def restoration(view: dict[str, np.ndarray], n: int) -> Figure:
    """A face on its way through the restorer (``restore.look``'s result) and what it changed there."""
    aligned, restored, mask = view["aligned"], view["restored"], view["mask"][..., None]
    change = np.clip(128 + 4 * (restored.astype(float) - aligned), 0, 255).astype(np.uint8)
    green = view["made"] * (1 - 0.5 * mask) + np.array([77, 212, 120]) * 0.5 * mask
    titles = [
        f"face of frame {n}",
        "restored",
        "change x 4 (grey: none)",
        "mask",
        "back in the frame",
    ]
    return strip([aligned, restored, change, green.astype(np.uint8), view["made"]], titles)


def difference_pairs(pairs: dict[str, Sequence[np.ndarray]]) -> Figure:
    """Two pictures a row that should be the same, and how they differ."""
    figure, axes = plt.subplots(
        len(pairs), 3, figsize=(9, 3.1 * len(pairs)), layout="constrained", squeeze=False
    )
    for row, (name, (first, second)) in zip(axes, pairs.items(), strict=True):
        difference = np.abs(first.astype(float) - second).mean(axis=2)
        for cell, picture, title in zip(
            row,
            (first, second, difference),
            (name, "again", f"difference: mean {difference.mean():.2f}"),
            strict=True,
        ):
            cell.imshow(picture, cmap="magma", vmin=0, vmax=30)
            cell.set_title(title, fontsize=9)
            cell.axis("off")
    return figure


def flicker(curves: dict[str, np.ndarray], plan: Plan) -> Figure:
    """``quality.flicker_curves`` over time."""
    figure, axes = plt.subplots(figsize=(SHEET_WIDTH, 3), layout="constrained")
    seconds = np.arange(plan.frames) / float(plan.fps)
    for (name, curve), colour in zip(curves.items(), ("black", *FACES_COLOURS), strict=False):
        axes.plot(
            seconds,
            curve,
            color=colour,
            linewidth=1.2,
            label=f"{name}: mean {np.nanmean(curve):.2f}",
        )
    measured = np.flatnonzero(np.isfinite(next(iter(curves.values()))))
    axes.set(xlabel="seconds", ylabel="grey levels", title="Flicker of the mouth", ylim=(0, None))
    axes.set_xlim(seconds[measured[0]], seconds[measured[-1]])
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
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


def before_after(
    rows: dict[str, Sequence[np.ndarray]], numbers: Sequence[int], plan: Plan
) -> Figure:
    """The same frames of several videos, cut to the face, one video a row."""
    pictures, titles = [], []
    for name, frames in rows.items():
        for n, frame in zip(numbers, frames, strict=True):
            x1, y1, x2, y2 = face_rectangle(plan, n)
            pictures.append(frame[y1:y2, x1:x2] if plan.redrawn[n] else frame)
            titles.append(f"{name}, frame {n}")
    return strip(pictures, titles, rows=len(rows))


def augmentation(target: np.ndarray, reference: np.ndarray, seen: np.ndarray) -> Figure:
    """Training samples: targets, references they are drawn from, what the eyes see; ``float (B, 3, 96, 96)`` each."""
    rows = dict(target=target, reference=reference, seen=seen)
    pictures = [picture.transpose(1, 2, 0) for row in rows.values() for picture in row]
    return strip(pictures, [title for title, row in rows.items() for _ in row], rows=len(rows))


def similarity(matrix: np.ndarray, curve: np.ndarray) -> Figure:
    """What the sync expert hears: cosines of all mouths with all sounds of a clip, and their mean by offset."""
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(SHEET_WIDTH, 4.6), layout="constrained", width_ratios=(1, 1.5)
    )
    image = left.imshow(matrix, cmap="magma", vmin=-0.5, vmax=1, origin="lower")
    figure.colorbar(image, ax=left, label="cosine", shrink=0.8)
    left.set(xlabel="sound of frame", ylabel="mouth of frame", title="Mouth and sound of one clip")
    reach = len(curve) // 2
    right.plot(range(-reach, reach + 1), curve, color=FACE_COLOUR, marker="o", markersize=3)
    right.axvline(0, color="black", linewidth=0.8, linestyle="--")
    right.set(
        xlabel="frames by which the sound is later",
        ylabel="mean cosine",
        title="By offset: the peak is the sync",
    )
    return figure


def losses(rows: Sequence[dict[str, float]]) -> Figure:
    """Curves of a training's log (JSON lines), one panel a figure."""
    names = [
        name
        for name in rows[-1]
        if name not in ("step", "seconds") and any(row.get(name) for row in rows)
    ]
    columns = min(4, len(names))
    count = -(-len(names) // columns)
    figure, axes = plt.subplots(
        count, columns, figsize=(SHEET_WIDTH, 2.2 * count), layout="constrained", squeeze=False
    )
    for cell in axes.flat[len(names) :]:
        cell.axis("off")
    for cell, name in zip(axes.flat, names, strict=False):
        points = [(row["step"], row[name]) for row in rows if name in row]
        cell.plot(*zip(*points, strict=True), color=FACE_COLOUR, marker="o", markersize=3)
        cell.set_title(name.replace("_", " "), fontsize=9)
        cell.set_xlabel("step", fontsize=8)
    return figure
