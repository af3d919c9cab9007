"""Work ahead in a thread."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator

STOP_CHECK = 0.1  # s, between looks at whether anyone still waits


def prefetch(items: Iterable, depth: int = 4) -> Iterator:
    """Run an iterator in a thread of its own, ``depth`` items ahead; its errors come out here."""
    ready: queue.Queue = queue.Queue(depth)
    stopped = threading.Event()
    threading.Thread(target=_work, args=(items, ready, stopped), daemon=True).start()

    try:
        while True:
            item, error = ready.get()
            if isinstance(error, StopIteration):
                return

            if error is not None:
                raise error

            yield item
    finally:
        stopped.set()


def _work(items: Iterable, ready: queue.Queue, stopped: threading.Event) -> None:
    def put(entry: tuple) -> None:
        while not stopped.is_set():
            try:
                return ready.put(entry, timeout=STOP_CHECK)
            except queue.Full:
                continue

    try:
        for item in items:
            put((item, None))
            if stopped.is_set():
                break

        put((None, StopIteration()))
    except BaseException as error:
        put((None, error))
    finally:
        if stopped.is_set() and hasattr(items, "close"):
            items.close()
