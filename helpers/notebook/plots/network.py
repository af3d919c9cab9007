"""Figures of one frame on its way through the network (``run.preview``'s result)."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...face.square import FACE_SIZE
from ...networks.maps import warp
from ...plan.geometry import face_rectangle
from ...plan.plan import Plan
from .canvas import (
    FACE_COLOUR,
    MARK_COLOUR,
    PASSED_COLOUR,
    SHEET_WIDTH,
    show,
    strip,
    tinted,
)
from .sound import draw_mel

ARROW_STEP = 6  # px between the arrows of a flow
CHANNELS = ("red", "green", "blue")

View = dict[str, np.ndarray]


def own_mouths(plan: Plan, view: View, n: int) -> Figure:
    """Which source frame is the donor of each output frame; frame ``n`` before and after."""
    figure, (when, *faces) = plt.subplots(
        1, 3, figsize=(SHEET_WIDTH, 3), layout="constrained", width_ratios=(2.4, 1, 1)
    )
    _draw_donors(when, plan)
    when.axvline(n / float(plan.fps), color="black", linewidth=0.8)

    has_donor = (view["seen"] != view["face"]).any()
    mouth = f"with the mouth of {plan.donors[0, n]}" if has_donor else "with its own mouth"
    show(faces[0], view["face"], f"frame {n}")
    show(faces[1], view["seen"], mouth)
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
    axes.set(xlabel="seconds", ylabel="source frame", title="Whose mouth is shown")
    below = dict(loc="upper left", bbox_to_anchor=(0, -0.22))
    axes.legend(fontsize=8, ncols=2, frameon=False, **below)


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
    figure.suptitle(f"Frame {n}: six channels of 96 x 96, and 0.2 s of sound", fontsize=10)
    return figure


def network_view(view: View, n: int) -> Figure:
    """What the network answers for one frame: its maps, or the picture that it painted."""
    face = view["seen"]
    drawn = view["drawn"]
    if view["maps"] is None:
        change = np.abs(drawn - face / 255.0).mean(axis=2)
        return strip([face, change, drawn], [f"frame {n}", "change", "drawn face, 96 x 96"])

    flow = view["maps"][:2]
    alpha = view["maps"][2]
    paint = np.clip(view["maps"][3:].transpose(1, 2, 0), 0, 1)

    figure, axes = plt.subplots(1, 5, figsize=(SHEET_WIDTH, 3), layout="constrained")
    show(axes[0], face, "flow: read from there")
    _draw_flow(axes[0], flow)
    show(axes[1], _warped(face, flow), "warped face")
    show(axes[2], alpha, "alpha: how much paint", cmap="viridis", vmin=0, vmax=1)
    figure.colorbar(axes[2].images[0], ax=axes[2], shrink=0.6)
    show(axes[3], paint * alpha[..., None], "paint x alpha")
    show(axes[4], drawn, "drawn face, 96 x 96")
    figure.suptitle(f"Frame {n}: the compact network's answer", fontsize=10)
    return figure


def _draw_flow(axes: Axes, flow: np.ndarray) -> None:
    """Arrows of ``float32 (2, 96, 96)``, in half widths of the face."""
    grid = slice(ARROW_STEP // 2, FACE_SIZE, ARROW_STEP)
    rows, columns = np.mgrid[grid, grid]
    x, y = flow[:, rows, columns] * (FACE_SIZE / 2)
    arrows = dict(color=MARK_COLOUR, angles="xy", scale_units="xy", scale=1, width=0.008)
    axes.quiver(columns, rows, x, y, **arrows)


def _warped(face: np.ndarray, flow: np.ndarray) -> np.ndarray:
    picture = torch.from_numpy(face).permute(2, 0, 1)[None].float() / 255
    moved = warp(picture, torch.from_numpy(flow[None]))
    return moved[0].permute(1, 2, 0).numpy()


def mask_view(view: View, plan: Plan, n: int) -> Figure:
    """Where the drawn mouth goes: source, mask, result, what differs, the mask's edge close up."""
    x1, y1, x2, y2 = face_rectangle(plan, n)
    source, made, mask = (view[name][y1:y2, x1:x2] for name in ("source", "made", "mask"))
    change = np.abs(made.astype(int) - source).mean(axis=2)
    edge = _left_edge(mask)

    figure, axes = plt.subplots(1, 5, figsize=(SHEET_WIDTH, 3), layout="constrained")
    pictures = {
        f"source, frame {n}": source,
        "mask": tinted(source, mask),
        "re-drawn, blended in": made,
        "change": change,
        "the mask's left edge, close up": made[edge],
    }
    for cell, (title, picture) in zip(axes, pictures.items(), strict=True):
        show(cell, picture, title, cmap="magma")

    axes[4].contour(mask[edge], [0.01], colors=FACE_COLOUR, linestyles="dotted")
    return figure


def _left_edge(mask: np.ndarray) -> tuple[slice, slice]:
    """Rows and columns around the leftmost point of a mask."""
    rows, columns = np.nonzero(mask > 0)
    left = columns.min()
    middle = int(rows[columns == left].mean())
    reach = max(8, len(mask) // 8)
    top = max(0, middle - reach)
    start = max(0, left - reach)
    return slice(top, middle + reach), slice(start, left + reach)
