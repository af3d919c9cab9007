"""The executed copies of the notebooks in ``docs/notebooks``."""

import base64
import io
import re

import nbformat
import pytest
from PIL import Image

from helpers import params
from helpers.notebook import pages

ALL = [*params.NOTEBOOKS, params.TRAINING_NOTEBOOK]
LARGEST = 4_000_000  # bytes


@pytest.mark.parametrize("notebook", ALL)
def test_a_page_is_of_todays_notebook(notebook):
    text = (pages.PAGES / f"{notebook}.html").read_text(encoding="utf-8")
    current = pages.MARK.format(pages.made_from(notebook))
    assert current in text, "the notebook has changed since: run make pages"
    assert len(text.encode()) < LARGEST
    assert f"docs/notebooks/{notebook}.html" in (params.ROOT / "README.md").read_text()


@pytest.mark.parametrize("notebook", ALL)
def test_a_page_needs_nothing_else(notebook):
    text = (pages.PAGES / f"{notebook}.html").read_text(encoding="utf-8")
    assert "<script" not in text
    assert not re.findall(r'<(?:link|img|video|audio)[^>]*(?:src|href)="(?!data:)', text)
    assert str(params.ROOT) not in text and "/tmp/" not in text
    links = re.findall(r'href="(\.\./[^"#]*)', text)
    assert all((pages.PAGES / link).exists() for link in links)


def test_pictures_become_small_and_progress_bars_go(tmp_path):
    png = io.BytesIO()
    Image.new("RGB", (300, 200), "teal").save(png, "png")
    figure = nbformat.v4.new_output(
        "display_data", {"image/png": base64.b64encode(png.getvalue()).decode()}
    )
    bar = nbformat.v4.new_output(
        "display_data", {pages.WIDGET: {}, "text/plain": "lip-sync: 0frame [00:00, ?frame/s]"}
    )
    form = nbformat.v4.new_output("display_data", {pages.WIDGET: {}, "text/plain": "VBox(children"})
    cell = nbformat.v4.new_code_cell("plots", outputs=[figure, bar, form])
    hidden = nbformat.v4.new_code_cell("plumbing", metadata=dict(jupyter=dict(source_hidden=True)))
    nbformat.write(nbformat.v4.new_notebook(cells=[cell, hidden]), tmp_path / "01_setup.ipynb")

    text = pages.page(tmp_path / "01_setup.ipynb")
    (picture,) = re.findall(r"data:image/webp;base64,([^\"]+)", text)
    assert Image.open(io.BytesIO(base64.b64decode(picture))).size == (300, 200)
    assert "frame/s" not in text and text.count(pages.NO_WIDGET) == 1
    assert text.count('<details class="code">') == 1
