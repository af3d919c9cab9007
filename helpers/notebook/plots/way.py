"""The whole way from clip and recording to film, and where a notebook is on it."""

from __future__ import annotations

from html import escape

from IPython.display import SVG

from .canvas import FACE_COLOUR

WIDTH, HEIGHT = 1000, 250  # px
BOX = (112, 50)  # px, width and height of a step
TEXT_SIZE = 13

# name: (x and y of the middle in px, lines of its label)
STEPS = {
    "clip": (66, 60, ("your clip",)),
    "faces": (208, 60, ("find faces",)),
    "smooth": (350, 60, ("follow and", "smooth them")),
    "cut": (492, 60, ("cut a square,", "hide its mouth")),
    "speech": (66, 190, ("your recording",)),
    "mel": (208, 190, ("sound as", "a picture")),
    "window": (350, 190, ("0.2 seconds", "for each frame")),
    "draw": (640, 125, ("draw", "the mouth")),
    "paste": (782, 125, ("mask and", "paste")),
    "restore": (924, 60, ("restore", "the face")),
    "film": (924, 190, ("the film,", "measured")),
    "train": (640, 215, ("train", "the network")),
}

ARROWS = (
    ("clip", "faces"),
    ("faces", "smooth"),
    ("smooth", "cut"),
    ("cut", "draw"),
    ("speech", "mel"),
    ("mel", "window"),
    ("window", "draw"),
    ("draw", "paste"),
    ("paste", "restore"),
    ("restore", "film"),
    ("train", "draw"),
)

STEPS_OF = {  # by notebook
    "01_setup": ("clip", "faces", "speech", "mel"),
    "02_lipsync": ("faces", "smooth", "cut", "window", "draw", "paste"),
    "03_restore": ("restore", "film"),
    "04_train": ("train", "draw"),
}
HERE = "you are here"


def way(notebook: str) -> SVG:
    """The whole way, with the steps of a notebook such as "02_lipsync" filled."""
    here = STEPS_OF[notebook]
    arrows = "".join(_arrow(*ends) for ends in ARROWS)
    steps = "".join(_step(name, name in here) for name in STEPS)
    key = (
        f'<rect x="14" y="8" width="14" height="14" rx="3" fill="{FACE_COLOUR}"/>'
        f'<text x="34" y="20" font-size="{TEXT_SIZE}" fill="#222">{HERE}</text>'
    )
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"'
        f' width="{WIDTH}" font-family="sans-serif" role="img" aria-label="{HERE}: '
        f'{escape(", ".join(" ".join(STEPS[name][2]) for name in here))}">'
    )
    mark = (
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8"'
        ' markerHeight="8" orient="auto"><path d="M0 0L8 4L0 8z" fill="#555"/></marker></defs>'
    )
    ground = f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>'
    return SVG(data=f"{head}{mark}{ground}{arrows}{steps}{key}</svg>")


def _arrow(first: str, second: str) -> str:
    x1, y1, _ = STEPS[first]
    x2, y2, _ = STEPS[second]
    half_width, half_height = BOX[0] // 2, BOX[1] // 2
    if abs(x2 - x1) < half_width:
        step = half_height if y2 > y1 else -half_height
        y1 += step
        y2 -= step
    elif y1 == y2:
        x1 += half_width
        x2 -= half_width
    else:
        x1 += half_width
        x2 -= half_width
        y2 += -12 if y2 > y1 else 12
    return (
        f'<line x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}" stroke="#555"'
        ' stroke-width="1.6" marker-end="url(#tip)"/>'
    )


def _step(name: str, here: bool) -> str:
    x, y, lines = STEPS[name]
    width, height = BOX
    fill, ink, rim = (FACE_COLOUR, "white", FACE_COLOUR) if here else ("#f6f5f2", "#333", "#999")
    shape = (
        f'<rect x="{x - width / 2:g}" y="{y - height / 2:g}" width="{width}" height="{height}"'
        f' rx="8" fill="{fill}" stroke="{rim}"/>'
    )
    top = y - 8 * (len(lines) - 1) + 5
    words = "".join(
        f'<text x="{x}" y="{top + 16 * row:g}" text-anchor="middle" font-size="{TEXT_SIZE}"'
        f' font-weight="{"600" if here else "400"}" fill="{ink}">{escape(line)}</text>'
        for row, line in enumerate(lines)
    )
    return shape + words
