"""The cells that all notebooks have, and where a kernel stands after the first one."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from helpers import params
from helpers.notebook import cells, colab, runner, start

# as in a Python where the project is not installed
NOT_INSTALLED = """
import sys
sys.meta_path = [f for f in sys.meta_path if "Editable" not in getattr(f, "__name__", "")]
"""
WHERE = "\nimport helpers, os; print(helpers.__file__); print(os.getcwd())"


def first_cell(folder: Path, **more: str) -> subprocess.CompletedProcess:
    """The first cell, executed in a folder, and where it found the helpers and stands then."""
    code = NOT_INSTALLED + cells.first_cell() + WHERE
    environment = {name: v for name, v in os.environ.items() if name != "PYTHONPATH"} | more
    return subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True
    )


@pytest.mark.parametrize("folder", ["", "docs"])
def test_helpers_are_found_in_the_folders_above(folder):
    done = first_cell(params.ROOT / folder)
    assert done.returncode == 0, done.stderr
    found = str(params.ROOT / "helpers" / "__init__.py")
    assert done.stdout.splitlines()[-2:] == [found, str(params.ROOT / folder)]


def test_a_notebooks_relative_paths_are_the_repositorys():
    done = first_cell(params.ROOT / "notebooks")
    assert done.stdout.splitlines()[-1] == str(params.ROOT)


def test_elsewhere_relative_paths_are_the_callers(tmp_path):
    done = first_cell(tmp_path, PYTHONPATH=str(params.ROOT))
    assert done.stdout.splitlines()[-1] == str(tmp_path)


def test_links_are_read_from_where_the_kernel_started(tmp_path, monkeypatch):
    notebooks = tmp_path / "notebooks"
    notebooks.mkdir()
    monkeypatch.setattr(start, "ROOT", tmp_path)
    monkeypatch.setattr(start, "NOTEBOOKS_FOLDER", notebooks)
    monkeypatch.setattr(start, "_folders", [])
    monkeypatch.chdir(notebooks)
    start.begin()
    assert (Path.cwd(), start.folder()) == (tmp_path, notebooks)


def test_without_helpers_and_address_one_line_says_so(tmp_path):
    done = first_cell(tmp_path)
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.splitlines() == [
        "no helpers here, none from https://github.com/OWNER/NAME:"
        " set REPOSITORY above to owner/name"
    ]


@pytest.fixture
def published(tmp_path, monkeypatch) -> dict[str, str]:
    """The helpers as a repository; returns what makes git fetch it in place of GitHub's."""
    folder = tmp_path / "published"
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(params.ROOT / "helpers", folder / "helpers", ignore=ignore)
    git = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@b"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "all"]):
        subprocess.run([*git, *command], check=True, capture_output=True)
    monkeypatch.setattr(colab, "REPOSITORY", "someone/lipsync")
    return dict(
        GIT_CONFIG_COUNT="1",
        GIT_CONFIG_KEY_0=f"url.file://{folder}.insteadOf",
        GIT_CONFIG_VALUE_0="https://github.com/someone/lipsync",
    )


def test_helpers_are_fetched_where_they_are_missing(tmp_path, published):
    (tmp_path / "content").mkdir()
    for _ in range(2):  # the second time they are there
        done = first_cell(tmp_path / "content", **published)
        assert done.returncode == 0, done.stderr
        found = tmp_path / "content" / "lipsync" / "helpers" / "__init__.py"
        assert done.stdout.splitlines()[-2] == str(found)


def test_an_address_that_has_nothing_is_told(tmp_path, published):
    shutil.rmtree(tmp_path / "published")
    (tmp_path / "content").mkdir()
    done = first_cell(tmp_path / "content", **published)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith("no helpers here, none from https://github.com/")


def test_another_package_of_the_name_is_passed_over(tmp_path, published):
    content = tmp_path / "content"
    content.mkdir()
    (content / "helpers.py").write_text("mine = True")
    assert first_cell(content, **published).returncode == 0


def test_badges_and_first_cells_name_one_repository():
    texts = [(params.ROOT / "README.md").read_text()]
    for notebook in (params.APP_NOTEBOOK, *params.NOTEBOOKS, params.TRAINING_NOTEBOOK):
        texts.append((runner.FOLDER / f"{notebook}.ipynb").read_text())
        sources = [cell.source for cell in nbformat.reads(texts[-1], 4).cells]
        assert cells.first_cell() in sources and cells.badge(notebook) in sources

    address = r"research\.google\.com/github/([^/]+/[^/]+)/blob"
    assert {name for text in texts for name in re.findall(address, text)} == {colab.REPOSITORY}


@pytest.mark.parametrize(
    "notebook", [params.APP_NOTEBOOK, *params.NOTEBOOKS, params.TRAINING_NOTEBOOK]
)
def test_colab_makes_a_form_of_the_parameters(notebook):
    lines = cells.parameter_cell(notebook).splitlines()
    assert max(map(len, lines)) <= 100
    assigned = [line for line in lines if not line.startswith("# @markdown ")]
    fields = params.shown_in(notebook)
    assert [line.partition(" = ")[0] for line in assigned] == list(fields)

    for line, field in zip(assigned, fields.values(), strict=True):
        control = line.partition("  # @param ")[2]
        if field.metadata["choices"]:
            assert json.loads(control) == list(field.metadata["choices"])
            continue
        kind = re.match(r'{type:"(\w+)"', control)[1]
        number = "integer" if isinstance(field.default, int) else "number"
        wanted = {bool: {"boolean"}, str: {"string"}}.get(type(field.default), {number, "slider"})
        assert kind in wanted, line


def test_a_slider_covers_the_values_that_are_allowed():
    lines = cells.parameter_cell("03_restore").splitlines()
    assert 'strength = 1.0  # @param {type:"slider", min:0, max:1, step:0.01}' in lines
    assert 'steps = 50  # @param {type:"integer"}' in cells.parameter_cell("04_train").splitlines()


def test_the_app_can_be_given_its_files():
    document = nbformat.read(runner.FOLDER / "00_app.ipynb", as_version=4)
    nbformat.validate(document)
    code = [cell for cell in document.cells if cell.cell_type == "code"]
    assert len(code) == 3 and not any(c.outputs or c.execution_count for c in code)


def test_refreshing_writes_the_made_cells_and_nothing_else(tmp_path):
    path = tmp_path / "02_lipsync.ipynb"
    shutil.copy(runner.FOLDER / "02_lipsync.ipynb", path)
    before = path.read_text()
    document = json.loads(before)
    for cell in document["cells"]:
        if cell["metadata"].get("tags"):
            cell["source"] = ["old"]
    path.write_text(json.dumps(document))
    cells.refresh_notebook(path)
    assert path.read_text() == before


def test_before_packages_are_installed_the_standard_library_is_enough():
    command = [sys.executable, "-S", "-c", "from helpers import notebook"]
    done = subprocess.run(command, cwd=params.ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
