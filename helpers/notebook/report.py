"""A finished run as one page for people (``report.html``) and one file for machines (``quality.json``).

The page holds its pictures; the videos lie beside it and are linked by their names. Nothing else in
the run is changed.
"""

from __future__ import annotations

import base64
import html
import io
import json
import math
import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

import cv2
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from .. import checkpoints, params, run
from ..engines.base import Engine
from ..engines.load import load_engine
from ..errors import RunError
from ..measure.table import flicker_curves, measure_run
from ..params import Params
from ..plan.geometry import source_pictures
from ..plan.plan import Plan, load_plan
from . import plots

GENERATOR = (
    '<meta name="generator" content="lipsync-notebooks">'  # what tells our pages from others
)
COLUMNS = 6  # frames that the pictures show, evenly spread over those with a face
DPI = 110  # of the figures
POSTER = 720  # px, largest width of the source's still picture

MEANINGS = {  # how a licence starts -> what it allows
    "Apache-2.0": "They set no limit on the use of the video.",
    "research": "No commercial use of this video.",
    "": "Find out what these weights allow before you use the video.",
}
EXPLAINED = {  # columns of ``quality.measure``
    "frames": "pictures in the video; for the source, those used here",
    "frames_redrawn": "frames with a face, whose mouth was drawn anew",
    "frames_passed_through": "frames without a usable face, shown as they are in the source",
    "length_error_ms": "duration of the file less the planned one; under one frame is right",
    "psnr_outside": "likeness to the source outside the mouth's mask, in dB; the loss is the encoder's, over 40 is hard"
    " to see",
    "seam": "new edges along the rim of the mouth's mask, in grey levels a pixel; 0 is best, under 1 is hard to see",
    "sharpness_mouth": "how steep the edges in the mouth are; near the source's is best, above it looks overdone",
    "sharpness_face": "the same for the whole face",
    "flicker_mouth": "how much the mouth's pixels jump back and forth between frames, in grey levels; a talking mouth"
    " has some",
    "flicker_face": "the same for the whole face",
    "identity_drift": "change of the face's structure outside the mouth against the source; 0 is none",
    "niqe": "how natural the face looks to a model without a reference; lower is better",
    "sync_confidence": "how far mouth and sound agree more at the best offset than at others; higher is better",
    "sync_offset": "that offset in frames; 0 is in time, a positive one means that the mouth is early",
    "sync_cosine": "how well mouth and sound agree there, 1 at most",
    "lse_d": "SyncNet's distance of mouth and sound; lower is better",
    "lse_c": "SyncNet's confidence; higher is better",
    "lse_offset": "SyncNet's offset in pictures of 40 ms; a positive one means that the mouth is late",
}
SECTIONS = {  # of the page, in its order: title, text
    "videos": ("Source and result", ""),
    "facts": ("The run in short", ""),
    "strip": ("Before and after", "The same frames of each video, cut to the face."),
    "quality": (
        "Quality",
        "The source clip is the anchor: read the other columns beside it. It is scored with its own sound, the results"
        " with the speech they were given. A generated clip can score better than a real one, for networks of this kind"
        " are trained to please such a scorer. Sync figures of clips under 8 s swing.",
    ),
    "flicker": ("Flicker", "How much the mouth's pixels jump back and forth from frame to frame."),
    "timeline": ("Where the face is", "Frames without a usable face are passed through untouched."),
    "sound": (
        "What the network hears",
        "The speech as a mel spectrogram. Each frame hears 0.2 s of it, the compact network 0.1 s more on both sides.",
    ),
    "mouths": (
        "The person's own mouths",
        "Which frame of the source lends its mouth to each frame. The network bends it, and draws where none is lent.",
    ),
    "network": ("One frame in the network", "What goes in and what comes out, for one frame."),
    "mask": ("Back into the frame", "Where the drawn face goes, and what it changes."),
    "times": ("Where the time went", ""),
    "origin": ("Files and versions", ""),
}
REDRAWN = (
    "The mouth was re-drawn by software to follow other speech: say so wherever you show the video."
)
PASSED = "No frame has a usable face: the pictures are the source's, with other sound."
STYLE = """
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { margin: 0; background: #f6f5f2; color: #23221f; font: 16px/1.55 system-ui, "Segoe UI", Roboto, "Liberation Sans",
  sans-serif; }
main { max-width: 1180px; margin: 0 auto; padding: 28px 20px 48px; }
h1 { font-size: 1.75rem; line-height: 1.25; margin: 0 0 4px; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 0 0 8px; }
p { margin: 0 0 12px; max-width: 100ch; }
#origin dl { font-size: .85rem; }
.quiet, figcaption { color: #66635b; font-size: .9rem; }
section { background: #fff; border: 1px solid #e4e1d9; border-radius: 10px; padding: 18px 20px; margin-top: 18px; }
.videos { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 280px), 1fr)); gap: 16px; }
.videos figure { margin: 0; }
.videos video, .videos img { display: block; width: 100%; max-height: 75vh; object-fit: contain; background: #16150f;
  border-radius: 6px; }
.wide { overflow-x: auto; }
.wide img { display: block; width: 100%; min-width: 680px; }
dl { display: grid; grid-template-columns: minmax(8rem, 11rem) 1fr; gap: 6px 20px; margin: 0; }
dt { color: #66635b; }
dd { margin: 0; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: 7px 12px; border-bottom: 1px solid #ece9e2; vertical-align: top; }
th { font-weight: 600; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; padding-left: 0; white-space: nowrap; }
th:last-child, td:last-child { text-align: left; padding-right: 0; min-width: 15rem; color: #66635b; }
@media (max-width: 640px) {
  main { padding: 18px 10px 32px; }
  h1 { font-size: 1.35rem; }
  section { padding: 14px 12px; }
  dl { grid-template-columns: 1fr; gap: 0; }
  dd { margin-bottom: 8px; }
  tr { display: flex; flex-wrap: wrap; padding: 8px 0; border-bottom: 1px solid #ece9e2; }
  th, td { flex: 1; padding: 0 4px; border: 0; min-width: 0; }
  th:first-child, td:first-child { flex: 2; white-space: normal; }
  th:last-child { display: none; }
  td:last-child { flex: 1 0 100%; padding: 0; font-size: .9rem; }
}
"""


def write(run_dir: str | os.PathLike, rows: list[dict[str, Any]] | None = None) -> Path:
    """Write ``report.html`` and ``quality.json`` into a run folder; the page's path.

    ``rows`` is what ``quality.measure`` returned for this folder (measured here if None). Raises RunError if the folder
    has no finished video, if the weights are no longer those of the run, or if a file of the user has one of the two
    names; InputError if the source clip is gone.
    """
    record = run.read(run_dir)
    if not record["results"]:
        raise RunError(
            f"{run_dir} has no finished video yet; run notebook 02 with this run_dir first"
        )
    run.check(run_dir, run.PAGE, run.TABLE)
    used = record["weights"]
    if checkpoints.sha256(used["path"]) != used["sha256"]:
        raise RunError(
            f"{used['path']} has changed since {run_dir} was made; run notebook 02 with this run_dir again"
        )
    p = params.build(
        **{name: value for name, value in record["parameters"].items() if name in params.FIELDS}
    )
    engine = load_engine(checkpoints.locate(used["path"]), p)
    plan = load_plan(Path(run_dir, "plan.npz"))
    rows = measure_run(run_dir) if rows is None else rows
    page = _page(
        Path(run_dir), record, plan, p, _pictures(Path(run_dir), record, plan, engine), rows
    )
    table = json.dumps(_for_machines(record, rows), indent=2, allow_nan=False)
    for name, text in {run.TABLE: table, run.PAGE: page}.items():
        with run.writing(run_dir, name) as part:
            part.write_text(text, encoding="utf-8")
    return Path(run_dir, run.PAGE)


def _for_machines(record: dict[str, Any], rows: list[dict[str, Any]]) -> dict[str, Any]:
    """quality.json: the rows with all that is needed to compare them with those of other runs.

    JSON knows no infinity (PSNR of equal pictures): it becomes null.
    """
    finite = lambda v: None if isinstance(v, float) and not math.isfinite(v) else v  # noqa: E731
    inputs = {
        name: dict(file=_name(facts), bytes=facts["bytes"], sha256=facts["sha256"])
        for name, facts in record["inputs"].items()
    }
    return dict(
        quality=[{k: finite(v) for k, v in row.items()} for row in rows], inputs=inputs,
        plan={k: v for k, v in record["plan"].items() if k != "states"},
        weights={k: record["weights"][k] for k in ("name", "sha256", "licence")},
        **{k: record[k] for k in ("parameters", "results", "seconds", "versions")},
    )  # fmt: skip


def _name(facts: dict[str, Any]) -> str:
    return os.path.basename(facts["path"])


def _pictures(run_dir: Path, record: dict[str, Any], plan: Plan, engine: Engine) -> dict[str, str]:
    """Data URIs: the first frame of each video by its name, the figures by their section (those of a
    face are missing if no frame has one, those of lent mouths if there are none)."""
    source = record["inputs"]["video"]["path"]
    made = dict(
        times=png(plots.stage_times(record["seconds"], plan.frames)),
        source=_poster(next(source_pictures(plan, source, 0, 1))),
    )
    made |= {
        name: _poster(run.frames_of(run_dir / run.OUTPUTS[name], plan, [0])[0])
        for name in record["results"]
    }
    drawn = np.flatnonzero(plan.faces.present[plan.source])
    if len(drawn) == 0:
        return made
    chosen = [int(n) for n in np.unique(drawn[np.linspace(0, len(drawn) - 1, COLUMNS).astype(int)])]
    middle = chosen[len(chosen) // 2]
    strip = {"source": [next(source_pictures(plan, source, n, n + 1)) for n in chosen]}
    strip |= {
        name: run.frames_of(run_dir / run.OUTPUTS[name], plan, chosen) for name in record["results"]
    }
    view = run.preview(plan, source, engine, middle)
    if (plan.donors[0] >= 0).any():
        made["mouths"] = png(plots.own_mouths(plan, view, middle))
    return made | dict(
        timeline=png(plots.timeline(plan)),
        strip=png(plots.before_after(strip, chosen, plan)),
        flicker=png(plots.flicker(flicker_curves(run_dir), plan)),
        sound=png(plots.mel_windows(plan, chosen[1:5] or chosen)),
        network=png(plots.network_view(view, middle)),
        mask=png(plots.mask_view(view, plan, middle)),
    )


def png(figure: Figure) -> str:
    """A figure as a data URI. It is closed, so that a notebook does not show it as well."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI, facecolor="white")
    plt.close(figure)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def _poster(frame: np.ndarray) -> str:
    height, width = frame.shape[:2]
    scale = min(1.0, POSTER / width)
    small = cv2.resize(
        frame, (round(width * scale), max(1, round(height * scale))), interpolation=cv2.INTER_AREA
    )
    return (
        "data:image/jpeg;base64,"
        + base64.b64encode(cv2.imencode(".jpg", small[..., ::-1])[1]).decode()
    )


def _page(
    run_dir: Path,
    record: dict[str, Any],
    plan: Plan,
    p: Params,
    pictures: dict[str, str],
    rows: list[dict[str, Any]],
) -> str:
    video, sound = (html.escape(_name(record["inputs"][kind])) for kind in ("video", "audio"))
    made = max(result["made"] for result in record["results"].values())
    bodies = {
        name: f'<div class="wide"><img src="{picture}" alt="{SECTIONS[name][0]}"></div>'
        for name, picture in pictures.items()
        if name in SECTIONS
    }
    bodies |= dict(
        videos=_videos(run_dir, record, pictures), facts=_facts(record, plan, p), quality=_quality(rows),
        origin=_origin(record),
    )  # fmt: skip
    sections = (
        f'<section id="{name}">\n<h2>{title}</h2>\n{f"<p>{text}</p>" if text else ""}\n{bodies[name]}\n</section>\n'
        for name, (title, text) in SECTIONS.items()
        if name in bodies
    )
    title = f"Lip-sync report: {video}, {sound}"
    warning = REDRAWN if plan.redrawn.any() else PASSED
    header = f"""<h1>{video} speaks {sound}</h1>
<p class="quiet">Lip-sync report, {made[:16].replace("T", " ")} UTC.<br>{warning}</p>"""
    return document(title, header, "".join(sections))


def document(title: str, header: str, sections: str) -> str:
    """A whole HTML page from its parts, which are escaped already."""
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
{GENERATOR}
<title>{title}</title>
<style>{STYLE}</style>
</head>
<body>
<main>
<header>
{header}
</header>
{sections}
</main>
</body>
</html>
"""


def _definitions(pairs: list[tuple[str, str]]) -> str:
    return (
        "<dl>"
        + "".join(f"<dt>{html.escape(k)}</dt><dd>{html.escape(v)}</dd>" for k, v in pairs)
        + "</dl>"
    )


def _videos(run_dir: Path, record: dict[str, Any], pictures: dict[str, str]) -> str:
    """Source and results side by side. A source that browsers may not play is shown as its first frame."""
    facts = record["inputs"]["video"]
    name = html.escape(_name(facts))
    if facts["video_codec"] == "h264" and "mp4" in facts["container"]:
        link = os.path.relpath(facts["path"], run_dir)
        shown = _video(link, pictures["source"])
        caption = f"Source: {name}" + (
            "" if link == _name(facts) else " (not in this folder, linked from where it lies)"
        )
    else:
        shown = f'<img src="{pictures["source"]}" alt="first frame of the source">'
        why = (
            ""
            if facts["kind"] == "image"
            else ", first frame (a format that browsers may not play)"
        )
        caption = f"Source: {name}{why}"
    cells = [(shown, caption)]
    for kind, result in record["results"].items():
        file = run.OUTPUTS[kind]
        cells.append((_video(file, pictures[kind]), f"{file} ({_megabytes(result['bytes'])})"))
    figures = (f"<figure>{body}<figcaption>{text}</figcaption></figure>" for body, text in cells)
    return f'<div class="videos">{"".join(figures)}</div>'


def _video(link: str, poster: str) -> str:
    source = quote(Path(link).as_posix())
    return (
        f'<video controls playsinline preload="metadata" src="{source}" poster="{poster}"></video>'
    )


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.2f} MB"


def _facts(record: dict[str, Any], plan: Plan, p: Params) -> str:
    used = record["weights"]
    meaning = next(text for start, text in MEANINGS.items() if used["licence"].startswith(start))
    total = sum(step["all"] for step in record["seconds"].values())
    redrawn = int(plan.redrawn.sum())
    changed = [
        f"{name} = {value}"
        for name, value in record["parameters"].items()
        if name in params.FIELDS
        and name not in ("video", "audio", "run_dir")
        and value != params.FIELDS[name].default
    ]
    return _definitions([
        ("Frames", f"{plan.frames}: {redrawn} re-drawn, {plan.frames - redrawn} passed through"),
        ("Duration", f"{float(plan.duration):.2f} s"),
        ("Picture", f"{plan.size[0]} x {plan.size[1]} pixels, {float(plan.fps):g} frames a second"),
        ("Face", f"box given by hand: {p.box}" if p.box else f"found by {p.detector}"),
        ("Lip-sync weights", used["name"]),
        ("Their licence", f"{used['licence']}. {meaning}"),
        ("Restoration", _restoration(record)),
        ("Parameters changed", ", ".join(changed) or "none, all at their defaults"),
        ("Time taken", f"{total:.1f} s, {total / float(plan.duration):.1f} times the clip's duration"),
    ])  # fmt: skip


def _restoration(record: dict[str, Any]) -> str:
    result = record["results"].get("restored")
    if not result or result["restorer"] == "none":
        return "none"
    more = "".join(
        f", {name.replace('_', ' ')} {result[name]}"
        for name in ("region", "steady")
        if name in result
    )
    return f"{result['restorer']}, strength {result['strength']:g}{more}"


def _quality(rows: list[dict[str, Any]]) -> str:
    """The quality table turned on its side: a measure a row, so that it can be read and explained."""
    names = [
        name
        for name in dict.fromkeys([*EXPLAINED, *(k for row in rows for k in row)])
        if name != "video"
    ]
    turned = [
        {"measure": name.replace("_", " ")}
        | {row["video"]: row.get(name) for row in rows}
        | {"what it says": EXPLAINED.get(name, "")}
        for name in names
        if any(row.get(name) is not None for row in rows)
    ]
    return f'<div class="wide">{plots.table(turned).data}</div>'


def _origin(record: dict[str, Any]) -> str:
    facts = [
        (kind, f"{_name(f)}, {_megabytes(f['bytes'])}, SHA-256 {f['sha256']}")
        for kind, f in record["inputs"].items()
    ]
    facts += [
        (run.OUTPUTS[k], f"SHA-256 {result['sha256']}") for k, result in record["results"].items()
    ]
    facts.append(("weights", f"{record['weights']['name']}, SHA-256 {record['weights']['sha256']}"))
    facts.append(
        ("versions", ", ".join(f"{k} {os.path.basename(v)}" for k, v in record["versions"].items()))
    )
    return _definitions(facts)
