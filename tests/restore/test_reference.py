"""The gfpgan package: optional, never online, and the same each time."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from helpers import checkpoints, params
from helpers.errors import ParameterError, WeightsError
from helpers.measure.bench_restorers import save_random_helpers
from helpers.restore.base import make_restorer
from helpers.restore.reference import enhance, load_reference

CPU = torch.device("cpu")
needs_gfpgan = pytest.mark.skipif(
    not importlib.util.find_spec("gfpgan"), reason="gfpgan is not installed"
)

WITHOUT_PACKAGES = """
import sys
sys.modules.update(dict.fromkeys(("gfpgan", "basicsr", "facexlib")))

import numpy as np
from helpers import params
from helpers.measure import table
from helpers.measure.pictures import naturalness
from helpers.restore.base import RESTORERS, make_restorer

make_restorer(params.build(restorer="compact"))
print(len(RESTORERS), naturalness([np.zeros((192, 192, 3), np.uint8)]))
"""


@pytest.mark.slow
def test_all_else_works_without_the_packages():
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_PACKAGES], capture_output=True, text=True, cwd=params.ROOT
    )
    assert done.stdout == "5 None\n", done.stderr


@pytest.mark.parametrize("package", ("gfpgan.utils", "basicsr"))
def test_without_a_package_the_other_way_is_named(package, seeded_gfpgan, monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] in ("gfpgan", "basicsr")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    p = params.build(restorer="gfpgan_reference", restorer_checkpoint=seeded_gfpgan)
    with pytest.raises(ParameterError, match="^restorer=gfpgan_reference: .*spandrel$") as caught:
        make_restorer(p)
    assert "make reference" in str(caught.value)
    assert "use restorer=gfpgan," in str(caught.value)


@needs_gfpgan
def test_the_reference_never_downloads(tmp_path, monkeypatch):
    checkpoints.entries()
    monkeypatch.setattr("helpers.checkpoints.registry.FOLDER", tmp_path)
    with pytest.raises(WeightsError, match="weights fetch gfpgan-detection"):
        load_reference(Path("any.pth"), CPU)


@needs_gfpgan
@pytest.mark.slow
def test_the_reference_repeats_its_own_pixels(seeded_gfpgan, sample_face, tmp_path):
    """Its noise hangs on the frame alone, whatever was drawn in between."""
    save_random_helpers(tmp_path)
    frame, points = sample_face
    tool = load_reference(seeded_gfpgan, CPU, tmp_path)
    first = enhance(tool, frame, 1.0, points)
    torch.randn(7)
    assert np.array_equal(first, enhance(tool, frame, 1.0, points))
    assert not np.array_equal(first, frame)
