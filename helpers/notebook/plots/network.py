"""Figures of one frame on its way through the network (``run.preview``'s result)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from ...face.mask import paste_through_mask
from ...face.square import FACE_SIZE
from ...networks.maps import warp
from ...plan.geometry import face_rectangle, frame_matrix
from ...plan.plan import Plan
from ...restore.paste import from_square
from .canvas import (
    FACE_COLOUR,
    MARK_COLOUR,
    PASSED_COLOUR,
    SHEET_WIDTH,
    TITLE_SIZE,
    show,
    strip,
    tinted,
)
from .sound import draw_mel

ARROW_STEP = 5  # px between the arrows of a flow
STILL = 0.4  # px: a shorter flow has no arrow
KEY_LENGTH = 5  # px, of the arrow in the legend
GROUND = 0.45  # grey under paint
SEEN_PAINT = 0.05  # alpha under which no paint is seen
CHANNELS = ("red", "green", "blue")

View = dict[str, np.ndarray]


def own_mouths(plan: Plan, views: Mapping[int, View], donors: Mapping[int, np.ndarray]) -> Figure:
    """Which source frame lends its mouth to each output frame, and some of these frames.

    ``views`` are ``run.preview``'s results by output frame; ``donors`` the donors' faces ``uint8
    (96, 96, 3)`` by source frame.
    """
    count = len(views)
    figure = plt.figure(figsize=(SHEET_WIDTH, 9.2), layout="constrained")
    grid = figure.add_gridspec(4, count, height_ratios=(1.25, 1, 1, 1))
    when = figure.add_subplot(grid[0, :])
    _draw_donors(when, plan)

    for column, (n, view) in enumerate(views.items()):
        when.axvline(n / float(plan.fps), color="black", linewidth=0.6)
        donor = int(plan.donors[0, n])
        cells = [figure.add_subplot(grid[row, column]) for row in (1, 2, 3)]
        shown = "" if plan.source[n] == n else f" (shows {plan.source[n]})"
        show(cells[0], view["face"], f"frame {n}{shown}")
        if donor in donors:
            show(cells[1], donors[donor], f"lent by frame {donor}")
            show(cells[2], view["seen"], "with that mouth")
        else:
            for cell in cells[1:]:
                cell.axis("off")
            words: dict[str, Any] = dict(ha="center", transform=cells[1].transAxes)
            cells[1].text(0.5, 0.5, "no mouth fits:\nits own", **words)
    return figure


def _draw_donors(axes: Axes, plan: Plan) -> None:
    seconds = np.arange(plan.frames) / float(plan.fps)
    axes.plot(seconds, plan.source, color=PASSED_COLOUR, label="frame that is shown")

    donors = np.where(plan.donors[0] >= 0, plan.donors[0], np.nan)
    breaks = np.flatnonzero(np.diff(donors) != 1) + 1
    axes.plot(
        np.insert(seconds, breaks, np.nan),
        np.insert(donors, breaks, np.nan),  # a line for each piece
        color=FACE_COLOUR,
        marker=".",
        markersize=3,
        label="frame that lends its mouth",
    )
    axes.set(xlabel="seconds (black lines: the frames below)", ylabel="source frame")
    axes.set(title="Whose mouth is shown", xlim=(0, float(plan.duration)))
    axes.legend(loc="lower right")


def network_input(view: View, n: int) -> Figure:
    """What the network gets for one frame: six channels and a mel window."""
    face = view["seen"]
    upper = face.copy()
    upper[len(upper) // 2 :] = 0

    figure, axes = plt.subplots(
        1, 7, figsize=(SHEET_WIDTH, 2.5), layout="constrained", width_ratios=[1] * 6 + [0.5]
    )
    number = 0
    for picture, part in ((upper, "hidden below"), (face, "face to re-draw")):
        for channel, colour in enumerate(CHANNELS):
            cell = axes[number]
            cell.imshow(picture[..., channel], cmap="gray", vmin=0, vmax=255)
            number += 1
            cell.set_title(f"{number}: {colour}, {part}", fontsize=8)

    draw_mel(axes[6], view["window"])
    axes[6].set_title("80 x 16 mel", fontsize=8)
    for cell in axes:
        cell.set(xticks=[], yticks=[])
    figure.suptitle(f"Frame {n}: six channels of 96 x 96 pixels, and 0.2 s of sound", fontsize=10)
    return figure


def network_view(view: View) -> Figure:
    """What the network answers for one frame: its maps, or the picture that it painted."""
    face = view["seen"]
    drawn = view["drawn"]
    if view["maps"] is None:
        change = np.abs(drawn - face / 255.0).mean(axis=2)
        return strip([face, change, drawn], ["face", "change", "drawn face, 96 x 96"])

    flow = view["maps"][:2]
    alpha = view["maps"][2]
    paint = np.clip(view["maps"][3:].transpose(1, 2, 0), 0, 1)

    figure, axes = plt.subplots(1, 5, figsize=(SHEET_WIDTH, 3.1), layout="constrained")
    show(axes[0], face, "flow: where pixels go")
    _draw_flow(axes[0], flow, view["inside"])
    show(axes[1], _warped(face, flow), "the face, bent by the flow")
    show(axes[2], alpha, "alpha: how much paint", cmap="viridis", vmin=0, vmax=1)
    figure.colorbar(axes[2].images[0], ax=axes[2], shrink=0.6)
    share = alpha[..., None]
    show(axes[3], paint * share + GROUND * (1 - share), "paint, where alpha lets it")
    if alpha.max() < SEEN_PAINT:
        words = "nothing is painted:\nthe mouth is only bent"
        axes[3].text(48, 48, words, ha="center", va="center", color="white", fontsize=TITLE_SIZE)
    show(axes[4], drawn, "the drawn face, 96 x 96")
    return figure


def _draw_flow(axes: Axes, flow: np.ndarray, inside: np.ndarray) -> None:
    """Arrows from where pixels were to where they are, of ``float32 (2, 96, 96)`` in half widths.

    The flow says of each pixel where it is read; arrows that go forward turn it round. Only where
    the mask ``inside`` is and something moves.
    """
    grid = slice(ARROW_STEP // 2, FACE_SIZE, ARROW_STEP)
    rows, columns = np.mgrid[grid, grid]
    x, y = flow[:, rows, columns] * (FACE_SIZE / 2)
    moved = (inside[rows, columns] > 0.1) & (np.hypot(x, y) > STILL)
    x, y, rows, columns = x[moved], y[moved], rows[moved], columns[moved]

    arrows: dict[str, Any] = dict(color=MARK_COLOUR, angles="xy", scale_units="xy", scale=1)
    drawn = axes.quiver(columns + x, rows + y, -x, -y, width=0.011, **arrows)
    key: dict[str, Any] = dict(labelpos="E", labelcolor="white", fontproperties=dict(size=9))
    axes.quiverkey(drawn, 0.1, 0.93, KEY_LENGTH, f"{KEY_LENGTH} px of {FACE_SIZE}", **key)
    axes.contour(inside, [0.1], colors="white", linestyles="dotted", linewidths=1)


def _warped(face: np.ndarray, flow: np.ndarray) -> np.ndarray:
    picture = torch.from_numpy(face).permute(2, 0, 1)[None].float() / 255
    moved = warp(picture, torch.from_numpy(flow[None]))
    return moved[0].permute(1, 2, 0).numpy()


def mask_view(view: View, plan: Plan, n: int) -> Figure:
    """Where the drawn mouth goes: source, mask, result, and what differs."""
    x1, y1, x2, y2 = face_rectangle(plan, n)
    source, made, mask = (view[name][y1:y2, x1:x2] for name in ("source", "made", "mask"))
    change = np.abs(made.astype(int) - source).mean(axis=2)

    figure, axes = plt.subplots(1, 4, figsize=(SHEET_WIDTH, 3.4), layout="constrained")
    pictures = {
        f"source, frame {n}": source,
        "the mask, in green": tinted(source, mask),
        "the drawn mouth, through the mask": made,
        "what changed, in grey levels": change,
    }
    for cell, (title, picture) in zip(axes, pictures.items(), strict=True):
        show(cell, picture, title, cmap="magma")
    figure.colorbar(axes[3].images[0], ax=axes[3], shrink=0.7)
    return figure


def seam(view: View, plan: Plan, n: int, brighter: int) -> Figure:
    """The network's 96 px picture, some grey levels brighter than the face, pasted with a hard edge
    and through a soft one, and enlarged.
    """
    place = face_rectangle(plan, n)
    x1, y1, x2, y2 = place
    source, mask = (view[name][y1:y2, x1:x2] for name in ("source", "mask"))
    matrix = frame_matrix(plan, n)
    patch = from_square(view["drawn"] * 255, matrix, place) + brighter
    in_square = from_square(np.ones(view["drawn"].shape[:2], np.float32), matrix, place)
    edge = _rim(mask)
    rows, columns = edge

    figure, axes = plt.subplots(1, 4, figsize=(SHEET_WIDTH, 3.4), layout="constrained")
    in_square = from_square(
        np.ones(view["drawn"].shape[:2], np.float32), frame_matrix(plan, n), place
    )
    edges = {"cut out with scissors": (mask > 0).astype(np.float32), "faded at the rim": mask}
    for k, (title, share) in enumerate(edges.items()):
        made = paste_through_mask(source, patch.astype(np.float32), 0, 0, share * in_square)
        show(axes[2 * k], made, title)
        size = columns.stop - columns.start, rows.stop - rows.start
        corner = columns.start, rows.start
        axes[2 * k].add_patch(Rectangle(corner, *size, fill=False, edgecolor=FACE_COLOUR))
        show(axes[2 * k + 1], made[edge], "the rim, enlarged", interpolation="nearest")
    return figure


def _rim(mask: np.ndarray) -> tuple[slice, slice]:
    """Rows and columns around the mask's upper left rim, which lies on a cheek."""
    rows, columns = np.nonzero(mask > 0)
    k = (rows + columns).argmin()
    reach = max(8, len(mask) // 9)
    top = max(0, rows[k] - reach)
    left = max(0, columns[k] - reach)
    return slice(top, rows[k] + reach), slice(left, columns[k] + reach)
