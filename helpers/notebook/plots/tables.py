"""Tables as HTML."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

from IPython.display import HTML

from ... import media
from ..verdicts import changes, quality_rows, text_of


def table(rows: Sequence[dict[str, Any]]) -> HTML:
    """Rows of dicts as an HTML table; missing values stay empty."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    lines = [_line("td", [row.get(column) for column in columns]) for row in rows]
    head = _line("th", columns)
    return HTML(f"<table><thead>{head}</thead><tbody>{''.join(lines)}</tbody></table>")


def _line(tag: str, values: Sequence[Any]) -> str:
    cells = (f"<{tag}>{html.escape(text_of(value))}</{tag}>" for value in values)
    return f"<tr>{''.join(cells)}</tr>"


def quality_table(rows: Sequence[dict[str, Any]]) -> HTML:
    """``measure_run``'s rows turned on their side: a measure a row, with a verdict."""
    lines = [
        {"measure": row["name"]}
        | row["figures"]
        | {"good is": row["good"], "verdict": row["verdict"], "what it says": row["meaning"]}
        for row in quality_rows(rows)
    ]
    return table(lines)


def changes_table(before: Mapping[str, float], after: Mapping[str, float]) -> HTML:
    """Figures of ``training.evaluate`` before and after a training, with what is good of each."""
    rows = changes(before, after)
    return table([{name.replace("_", " "): value for name, value in row.items()} for row in rows])


def probe_table(*infos: media.MediaInfo) -> HTML:
    """What each input file holds."""
    return table([_probe_row(info) for info in infos])


def _probe_row(info: media.MediaInfo) -> dict[str, Any]:
    rate = f"{float(info.fps):.3f}" if info.fps else ""
    if info.variable:
        rate += " (variable)"

    sound = ""
    if info.has_audio:
        sound = f"{info.audio_codec} {info.sample_rate} Hz {info.channels}"

    return dict(
        file=info.path.rpartition("/")[2],
        kind=info.kind,
        picture=f"{info.width}x{info.height}" if info.width else "",
        rate=rate,
        frames=info.frames or "",
        seconds=round(info.duration, 3),
        video=info.video_codec,
        rotation=info.rotation or "",
        sound=sound,
    )
