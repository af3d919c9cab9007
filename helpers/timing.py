"""Seconds that the stages of a step take."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager


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

    def rounded(self, whole: float) -> dict[str, float]:
        """The stages and, as "all", the ``whole``: seconds to the millisecond."""
        return {name: round(value, 3) for name, value in (*self.items(), ("all", whole))}
