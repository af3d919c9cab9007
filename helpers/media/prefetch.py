"""Work ahead in threads."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

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


def map_ahead(
    work: Callable[[Item], Result], items: Iterable[Item], workers: int
) -> Generator[Result]:
    """``work`` on items in as many threads, which are that far ahead; results in order.

    Items are taken in the caller's thread. An error comes out in its result's place. Where the
    caller stops early, what is in work is waited for: a process must not end amid it.
    """
    tasks: queue.SimpleQueue = queue.SimpleQueue()
    crew = [
        threading.Thread(target=_serve, args=(work, tasks), daemon=True) for _ in range(workers)
    ]
    for worker in crew:
        worker.start()

    waiting: deque[Future] = deque()
    try:
        for item in items:
            if len(waiting) == workers:
                yield waiting.popleft().result()
            waiting.append(Future())
            tasks.put((item, waiting[-1]))

        while waiting:
            yield waiting.popleft().result()
    finally:
        for result in waiting:
            result.cancel()
        for _ in crew:
            tasks.put(None)
        for worker in crew:
            worker.join()


def _serve(work: Callable, tasks: queue.SimpleQueue) -> None:
    while task := tasks.get():
        item, result = task
        if result.set_running_or_notify_cancel():
            try:
                result.set_result(work(item))
            except BaseException as error:
                result.set_exception(error)
        del task, item, result  # frames, while it waits
