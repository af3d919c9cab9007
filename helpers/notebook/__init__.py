"""What the notebooks show: figures, players, and the runner that executes them headless."""

from __future__ import annotations

from ..errors import LipSyncError


def one_line_errors() -> None:
    """Show the helpers' own errors in this notebook as one line, without a stack of calls. The cell still fails."""
    from IPython import get_ipython

    def show(shell, kind, error, trace, tb_offset=None):
        line = f"{kind.__name__}: {error}"
        shell._showtraceback(kind, error, [line])
        return [line]

    get_ipython().set_custom_exc((LipSyncError,), show)
