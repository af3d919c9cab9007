"""What all figures share: size, colours, pictures in a grid."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

SHEET_WIDTH = 13.0  # inches
ROW_HEIGHT = 5.0  # inches at most, of a row of pictures
TITLE_HEIGHT = 0.3  # inches
TITLE_SIZE = 9  # points

FACE_COLOUR = "#1baf7a"
PASSED_COLOUR = "#b8b5ad"
MARK_COLOUR = "#4dd4f7"  # on a mel or a face
LANDMARK_COLOUR = "#e8590c"
FACES_COLOURS = (FACE_COLOUR, LANDMARK_COLOUR, "#3b5bdb", "#9c36b5")

BESIDE: dict[str, Any] = dict(
    loc="upper left", bbox_to_anchor=(1, 1), frameon=False
)  # place of a legend


def strip(pictures: Sequence[np.ndarray], titles: Sequence[str], rows: int = 1) -> Figure:
    """Pictures ``(H, W, 3)`` or ``(H, W)`` in a grid, row by row, with a title each."""
    columns = -(-len(pictures) // rows)
    tallest = max(picture.shape[0] / picture.shape[1] for picture in pictures)

    width = SHEET_WIDTH
    height = tallest * SHEET_WIDTH / columns + TITLE_HEIGHT
    if height > ROW_HEIGHT:  # a few tall pictures need no whole page
        width = SHEET_WIDTH * ROW_HEIGHT / height
        height = ROW_HEIGHT

    figure, axes = plt.subplots(
        rows,
        columns,
        figsize=(width, height * rows),
        layout="constrained",
        squeeze=False,
    )
    for cell in axes.flat:
        cell.axis("off")

    for cell, picture, title in zip(axes.flat, pictures, titles, strict=False):
        show(cell, picture, title)
    return figure


def show(cell: Axes, picture: np.ndarray, title: str, **style: Any) -> None:
    """One picture with a title and without axes."""
    cell.imshow(picture, **style)
    cell.set_title(title, fontsize=TITLE_SIZE)
    cell.axis("off")


def rgb(colour: str) -> tuple[int, int, int]:
    """``"#1baf7a"`` as three grey levels."""
    value = int(colour.removeprefix("#"), 16)
    return value >> 16, value >> 8 & 255, value & 255


def tinted(picture: np.ndarray, mask: np.ndarray, colour: str = FACE_COLOUR) -> np.ndarray:
    """``uint8 (H, W, 3)``: half of a colour over a picture where a mask in [0, 1] is 1."""
    share = 0.5 * mask[..., None]
    return (picture * (1 - share) + np.array(rgb(colour)) * share).astype(np.uint8)
