"""Executed copies of the notebooks as HTML pages, for reading without running.

Pictures become WebP, videos small copies; a page names the code it was made from, so that a test
can tell a page that is out of date.
"""

from __future__ import annotations

import base64
import hashlib
import io
import re
import tempfile
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from ..params import NOTEBOOKS, ROOT, TRAINING_NOTEBOOK
from . import player
from .runner import FOLDER, execute

PAGES = ROOT / "docs" / "notebooks"
MADE_TAGS = {"badge", "setup", "parameters"}  # of cells that `make notebooks` writes
LEFT_OUT = {"badge", "injected-parameters"}  # of cells that a page does not show
VIDEO_BYTES = 350_000
QUALITY = 82  # of WebP
MARK = '<meta name="made-from" content="{}">'

WIDGET = "application/vnd.jupyter.widget-view+json"
PROGRESS = re.compile(r"\?.*/s\]|it/s|\d%\|")  # a bar's text
NO_WIDGET = "A live notebook shows controls here."
VIDEO = re.compile(r'src="data:video/mp4;base64,([^"]+)"')
SCRIPT = re.compile(r"<script\b.*?</script>", re.DOTALL)
FILE_LINE = re.compile(r"<div>The file: .*?</div>")

# code of cells that come collapsed is folded
TEMPLATE = """
{%- extends 'lab/index.html.j2' -%}
{%- block html_head_css -%}
{{ super() }}
<style>
  body { max-width: 1080px; margin: auto; padding: 1em; }
  details.code > summary { color: #777; cursor: pointer; font-family: sans-serif; }
</style>
{%- endblock -%}
{%- block input_group -%}
{%- if cell.metadata.get('jupyter', {}).get('source_hidden') -%}
<details class="code"><summary>code</summary>{{ super() }}</details>
{%- else -%}
{{ super() }}
{%- endif -%}
{%- endblock -%}
"""


def build() -> None:
    """Execute all notebooks on the bundled sample and write ``docs/notebooks/NAME.html``."""
    PAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        run_dir = Path(folder, "demo")
        run_dir.mkdir()
        for name in (*NOTEBOOKS, TRAINING_NOTEBOOK):
            executed = execute(name, run_dir, dict(run_dir=str(run_dir)))
            (PAGES / f"{name}.html").write_text(page(executed), encoding="utf-8")


def page(executed: Path) -> str:
    """An executed notebook as one HTML file that needs nothing else and runs nothing."""
    from nbconvert import HTMLExporter

    document = nbformat.read(executed, as_version=4)
    document.cells = [cell for cell in document.cells if not LEFT_OUT & _tags(cell)]
    for cell in document.cells:
        cell.source = cell.source.replace("](../", "](../../").replace("](../../docs/", "](../")
        for output in cell.get("outputs", []):
            _make_small(output)
        cell.outputs = [output for output in cell.get("outputs", []) if _is_shown(output)]

    exporter = HTMLExporter()
    exporter.raw_template = TEMPLATE
    html, _ = exporter.from_notebook_node(document, dict(metadata=dict(name=executed.stem)))
    html = SCRIPT.sub("", html)
    html = html.replace(str(executed.parent), "runs/demo").replace(str(ROOT), ".")
    return html.replace("<head>", "<head>" + MARK.format(made_from(executed.stem)), 1)


def made_from(notebook: str) -> str:
    """What a notebook's page is made from: a hash of its own cells, less those that are made."""
    document = nbformat.read(FOLDER / f"{notebook}.ipynb", as_version=4)
    own = [cell.source for cell in document.cells if not MADE_TAGS & _tags(cell)]
    return hashlib.sha256("\0".join(own).encode()).hexdigest()[:16]


def _tags(cell: NotebookNode) -> set[str]:
    return set(cell.metadata.get("tags", []))


def _is_shown(output: NotebookNode) -> bool:
    """Progress bars are left out."""
    if output.output_type == "stream":
        return output.name == "stdout"
    return bool(output.get("data", True))


def _make_small(output: NotebookNode) -> None:
    data = output.get("data", {})
    if WIDGET in data:
        is_bar = PROGRESS.search(data.get("text/plain", ""))
        data.clear()
        if not is_bar:
            data["text/html"] = f"<em>{NO_WIDGET}</em>"
    if "image/png" in data:
        data["text/html"] = _as_webp(data.pop("image/png"))
    if "text/html" in data:
        data["text/html"] = FILE_LINE.sub("", VIDEO.sub(_small_video, data["text/html"]))


def _as_webp(png: str) -> str:
    from PIL import Image

    webp = io.BytesIO()
    Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB").save(
        webp, "webp", quality=QUALITY, method=6
    )
    return f'<img src="data:image/webp;base64,{base64.b64encode(webp.getvalue()).decode()}">'


def _small_video(match: re.Match[str]) -> str:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "video.mp4")
        path.write_bytes(base64.b64decode(match[1]))
        small = base64.b64encode(player.playable(path, VIDEO_BYTES)).decode()
    return f'src="data:video/mp4;base64,{small}"'
