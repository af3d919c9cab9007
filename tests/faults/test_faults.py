"""A few of each kind of fault; all of them: ``python -m faults --full``."""

import os
import re
import subprocess
import sys

import pytest

from helpers import params

from .__main__ import COUNTS


@pytest.mark.slow
def test_a_few_faults_of_each_kind():
    paths = os.pathsep.join(map(str, (params.ROOT, params.ROOT / "tests")))
    done = subprocess.run(
        [sys.executable, "-m", "faults"],
        env=os.environ | dict(PYTHONPATH=paths),
        cwd=params.ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told = re.findall(r"^(\w+): (\d+) of \2, seed 0;", done.stdout, re.M)
    assert [name for name, _ in told] == list(COUNTS)
