"""What the stages of a step take, and how far they are."""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

Item = TypeVar("Item")
# Told of a stage ("sound", "faces", "donors", "draw", "finish"), how much is done, how much there
# is: the same at its end.
Progress = Callable[[str, int, int], None]

TOLD_EVERY = 0.2  # s
WHOLE = 1000  # of a stage that has several parts
LINE_EVERY = 15.0  # s, between lines in a log


class StageTimes(defaultdict):
    """Seconds by stage: ``with times.stage("decode"): ...`` adds to them."""

    def __init__(self):
        super().__init__(float)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """What is timed inside by stages of its own does not count twice."""
        started = time.perf_counter()
        inside = sum(self.values())
        try:
            yield
        finally:
            taken = time.perf_counter() - started
            self[name] += taken - (sum(self.values()) - inside)

    def share_out(self, name: str, work: Mapping[str, float]) -> None:
        """Tell a stage, the wait for another thread, as the stages of its ``work``, by share."""
        waited = self.pop(name)
        whole = sum(work.values())
        for stage, seconds in work.items():
            self[stage] += waited * seconds / whole

    def rounded(self, whole: float) -> dict[str, float]:
        """The stages and, as "all", the ``whole``: seconds to the millisecond."""
        return {name: round(value, 3) for name, value in (*self.items(), ("all", whole))}


def silent(stage: str, done: int, total: int) -> None:
    """No progress is shown."""


def counted(items: Iterable[Item], progress: Progress, stage: str, total: int) -> Iterator[Item]:
    """The items of a stage; told are the first, the last, and about five a second in between."""
    progress(stage, 0, total)
    last = time.perf_counter()
    for done, item in enumerate(items, 1):
        yield item
        now = time.perf_counter()
        if done < total and now - last >= TOLD_EVERY:
            progress(stage, done, total)
            last = now
    progress(stage, total, total)


def share_of(progress: Progress, first: float, end: float) -> Progress:
    """A callback for a part of a stage, from one share of it, 0 to 1, to another."""

    def tell(stage: str, done: int, total: int) -> None:
        share = first + (end - first) * done / max(1, total)
        progress(stage, round(WHOLE * share), WHOLE)

    return tell


@contextmanager
def stage_bars(**options: Any) -> Iterator[Progress]:
    """A bar a stage, with the seconds left, on a terminal or in a notebook; ``options`` of tqdm."""
    from tqdm.auto import tqdm

    bar: Any = None
    shown = ""

    def show(stage: str, done: int, total: int) -> None:
        nonlocal bar, shown
        if bar is None or stage != shown or done < bar.n:
            if bar is not None:
                bar.close()
            bar = tqdm(desc=stage, total=total, **options)
            shown = stage
        bar.update(done - bar.n)

    try:
        yield show
    finally:
        if bar is not None:
            bar.close()


def stage_lines(every: float = LINE_EVERY) -> Progress:
    """A line with the seconds left on stderr now and then; none of what takes less."""
    shown = ""
    started = last = time.perf_counter()

    def show(stage: str, done: int, total: int) -> None:
        nonlocal shown, started, last
        now = time.perf_counter()
        if stage != shown or not done:
            shown = stage
            started = now
        if done and now - last >= every:
            left = (now - started) * (total - done) / done
            print(f"{stage}: {done} of {total}, about {left:.0f} s left", file=sys.stderr)
            last = now

    return show
