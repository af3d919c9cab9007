"""Figures of training data and of a training's course."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from .canvas import FACE_COLOUR, SHEET_WIDTH, TITLE_SIZE, strip

PANELS_A_ROW = 4
LOWER = slice(38, 96), slice(10, 86)  # rows and columns of a square that films show


def augmentation(target: np.ndarray, reference: np.ndarray, encoded: np.ndarray) -> Figure:
    """Training samples: targets, references they are drawn from, what the face encoder sees.

    ``float32 (B, 3, 96, 96)`` each.
    """
    rows = dict(target=target, reference=reference, encoded=encoded)
    pictures = [picture.transpose(1, 2, 0) for row in rows.values() for picture in row]
    titles = [name for name, row in rows.items() for _ in row]
    return strip(pictures, titles, rows=len(rows))


def film_strips(rows: Mapping[str, np.ndarray]) -> Figure:
    """Films under each other, a row each: faces ``(K, 96, 96, 3)`` by name, K the same.

    Only their lower part is shown.
    """
    count = len(next(iter(rows.values())))
    height, width = next(iter(rows.values()))[0][LOWER].shape[:2]
    size = SHEET_WIDTH / count * 0.92 * height / width
    figure, axes = plt.subplots(
        len(rows),
        count,
        figsize=(SHEET_WIDTH, size * len(rows) + 0.2),
        layout="constrained",
        squeeze=False,
    )
    for cells, (name, pictures) in zip(axes, rows.items(), strict=True):
        for cell, picture in zip(cells, pictures, strict=True):
            cell.imshow(picture[LOWER])
            cell.set(xticks=[], yticks=[])
            for side in cell.spines.values():
                side.set_visible(False)
        cells[0].set_ylabel(name, rotation=0, ha="right", va="center", fontsize=TITLE_SIZE)
    return figure


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
