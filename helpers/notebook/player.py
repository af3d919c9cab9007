"""Video and progress shown inside a notebook."""

from __future__ import annotations

import os
from collections.abc import Callable

from IPython.display import Video
from tqdm.auto import tqdm

INLINE_BYTES = 8 << 20  # a larger file is linked, not embedded, so that notebooks stay small


def show_video(path: str | os.PathLike, width: int = 480) -> Video:
    """An inline player; small files travel inside the notebook."""
    return Video(os.fspath(path), embed=os.path.getsize(path) <= INLINE_BYTES, width=width)


def progress_bar(label: str, unit: str = "frame") -> Callable[[int, int], None]:
    """A progress callback (done, total) for ``run.lipsync``, ``run.restore`` and, in bytes ("B"), ``weights.fetch``."""
    bar = tqdm(desc=label, unit=unit, unit_scale=unit == "B")

    def update(done: int, total: int) -> None:
        bar.total = total
        bar.update(done - bar.n)
        if done == total:
            bar.close()

    return update
