"""How a notebook tells an error."""

import IPython
import pytest
from IPython.core.interactiveshell import InteractiveShell

from helpers.notebook import start

RAISE = "from helpers import errors\nraise errors.InputError('no such file: a.mp4')"


@pytest.fixture
def shell(monkeypatch):
    made = InteractiveShell()
    monkeypatch.setattr(IPython, "get_ipython", lambda: made)
    start.one_line_errors()
    return made


@pytest.mark.parametrize(
    ("code", "line"),
    [
        (RAISE, "InputError: no such file: a.mp4"),
        ("raise KeyboardInterrupt", f"KeyboardInterrupt: {start.INTERRUPTED}"),
    ],
)
def test_an_error_is_one_line_and_the_cell_fails(shell, capsys, code, line):
    assert not shell.run_cell(code).success
    assert capsys.readouterr().out.splitlines() == [line]


def test_another_error_keeps_its_stack_of_calls(shell, capsys):
    shell.run_cell("1 / 0")
    assert "Traceback" in capsys.readouterr().out
