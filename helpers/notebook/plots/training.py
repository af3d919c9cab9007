"""Figures of training data and of a training's course."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from .canvas import FACE_COLOUR, SHEET_WIDTH, TITLE_SIZE, strip

PANELS_A_ROW = 4


def augmentation(target: np.ndarray, reference: np.ndarray, encoded: np.ndarray) -> Figure:
    """Training samples: targets, references they are drawn from, what the face encoder sees.

    ``float32 (B, 3, 96, 96)`` each.
    """
    rows = dict(target=target, reference=reference, encoded=encoded)
    pictures = [picture.transpose(1, 2, 0) for row in rows.values() for picture in row]
    titles = [name for name, row in rows.items() for _ in row]
    return strip(pictures, titles, rows=len(rows))


def similarity(matrix: np.ndarray, curve: np.ndarray) -> Figure:
    """What the sync expert hears: all mouths and all sounds of a clip.

    ``matrix`` ``(N, N)``: their cosines; ``curve``: the mean cosine by offset, 0 in the middle.
    """
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(SHEET_WIDTH, 4.6), layout="constrained", width_ratios=(1, 1.5)
    )
    image = left.imshow(matrix, cmap="magma", vmin=-0.5, vmax=1, origin="lower")
    figure.colorbar(image, ax=left, label="cosine", shrink=0.8)
    left.set(xlabel="sound of frame", ylabel="mouth of frame", title="Mouth and sound of one clip")

    reach = len(curve) // 2
    offsets = range(-reach, reach + 1)
    right.plot(offsets, curve, color=FACE_COLOUR, marker="o", markersize=3)
    right.axvline(0, color="black", linewidth=0.8, linestyle="--")
    right.set_title("By offset: the peak is the sync")
    right.set(xlabel="frames by which the sound is later", ylabel="mean cosine")
    return figure


def losses(rows: Sequence[dict[str, float]]) -> Figure:
    """Curves of a training's log (its JSON lines), a panel each."""
    names = [
        name
        for name in rows[-1]
        if name not in ("step", "seconds") and any(row.get(name) for row in rows)
    ]

    columns = min(PANELS_A_ROW, len(names))
    count = -(-len(names) // columns)
    figure, axes = plt.subplots(
        count, columns, figsize=(SHEET_WIDTH, 2.2 * count), layout="constrained", squeeze=False
    )
    for cell in axes.flat[len(names) :]:
        cell.axis("off")

    for cell, name in zip(axes.flat, names, strict=False):
        logged = [row for row in rows if name in row]
        steps = [row["step"] for row in logged]
        values = [row[name] for row in logged]
        cell.plot(steps, values, color=FACE_COLOUR, marker="o", markersize=3)

        cell.set_title(name.replace("_", " "), fontsize=TITLE_SIZE)
        cell.set_xlabel("step", fontsize=8)
    return figure
