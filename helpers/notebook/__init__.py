"""What the notebooks show: figures, players, the form; the runner that executes them headless."""

from .start import begin, one_line_errors

__all__ = ["begin", "one_line_errors"]
