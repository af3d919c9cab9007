"""Whose mouth: the people found in a clip, to be clicked on."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Sequence

import cv2
import ipywidgets
import numpy as np

from .panel import line
from .player import data_url

PORTRAIT = 96  # px
AROUND = 0.35  # of a face's longer side, shown on each side of it
LINES_A_SIDE = 250  # a frame's longer side is so many times as long as a drawn line is thick
GREEN = (27, 175, 122)

ANY = "largest"
ALL = "all"


class People(ipywidgets.VBox):
    """A portrait for each person; a click writes the parameter ``face`` into its control."""

    def __init__(self, control: ipywidgets.Text):
        super().__init__(layout={"display": "none"})
        self.control = control
        self.buttons: dict[str, ipywidgets.Button] = {}  # by value of the parameter
        control.observe(lambda _: self._mark(), "value")

    def show(self, portraits: Sequence[np.ndarray]) -> None:
        """Portraits ``uint8 (96, 96, 3)`` from the left; with fewer than two nothing is asked."""
        self.layout.display = None if len(portraits) > 1 else "none"
        named = {str(n): f"person {n + 1} from the left" for n in range(len(portraits))}
        words = {ANY: "The largest", ALL: "Everybody"}
        self.buttons = {value: _button("", title) for value, title in named.items()}
        self.buttons |= {value: _button(text, text) for value, text in words.items()}

        for value, button in self.buttons.items():
            button.on_click(functools.partial(self._choose, value))
        for number, button in enumerate(list(self.buttons.values())[: len(portraits)]):
            button.add_class(f"lips-person-{number}")

        row = ipywidgets.HBox(list(self.buttons.values()), layout={"flex_flow": "row wrap"})
        self.children = [line("Whose mouth? Click a face."), _pictures(portraits), row]
        self._mark()

    def _choose(self, value: str, _: ipywidgets.Button) -> None:
        self.control.value = value

    def _mark(self) -> None:
        for value, button in self.buttons.items():
            (button.add_class if value == self.control.value else button.remove_class)(
                "lips-chosen"
            )


def _button(text: str, title: str) -> ipywidgets.Button:
    button = ipywidgets.Button(description=text, tooltip=title)
    button.add_class("lips-person")
    return button


def _pictures(portraits: Sequence[np.ndarray]) -> ipywidgets.HTML:
    """The portraits as backgrounds of the buttons."""
    rules = [
        f".lips-person-{n} {{ background-image: url({jpeg_url(portrait)}) !important }}"
        for n, portrait in enumerate(portraits)
    ]
    return ipywidgets.HTML(f"<style>{' '.join(rules)}</style>")


def jpeg_url(picture: np.ndarray) -> str:
    """An RGB picture ``uint8 (H, W, 3)`` as an address that holds it."""
    _, encoded = cv2.imencode(".jpg", picture[..., ::-1])
    return data_url("image/jpeg", encoded.tobytes())


def portraits_of(
    frames: Sequence[np.ndarray], detections: Sequence[np.ndarray]
) -> list[np.ndarray]:
    """Portraits ``uint8 (96, 96, 3)`` of the people of a clip, from the left.

    Of the first frame that shows as many faces as most frames with faces do; ``detections`` are
    ``float32 (faces, 15)`` a frame.
    """
    counts = [len(found) for found in detections]
    usual = Counter(count for count in counts if count).most_common(1)
    if not usual:
        return []

    n = counts.index(usual[0][0])
    found = sorted(detections[n], key=lambda row: row[0] + row[2])
    return [_portrait(frames[n], row[:4]) for row in found]


def _portrait(frame: np.ndarray, box: np.ndarray) -> np.ndarray:
    x1, y1, x2, y2 = box
    reach = (0.5 + AROUND) * max(x2 - x1, y2 - y1)
    middle = ((x1 + x2) / 2, (y1 + y2) / 2)
    side = max(2, round(2 * reach))
    square = cv2.getRectSubPix(frame, (side, side), middle)
    return cv2.resize(square, (PORTRAIT, PORTRAIT), interpolation=cv2.INTER_AREA)


def with_boxes(frame: np.ndarray, found: np.ndarray) -> np.ndarray:
    """A frame with the boxes of its faces drawn on."""
    picture = frame.copy()
    thick = max(2, round(max(picture.shape) / LINES_A_SIDE))
    for x1, y1, x2, y2 in found[:, :4].round().astype(int).tolist():
        cv2.rectangle(picture, (x1, y1), (x2, y2), GREEN, thick)
    return picture
