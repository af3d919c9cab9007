"""Where tasks are worked on: here, one after the other, or by the workers of a Dask cluster."""

from __future__ import annotations

import functools
import os
import platform
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

from .errors import ParameterError, RunError

# (work, arguments of each task, last arguments of all) -> number and outcome of each task, in the
# order in which they end; an outcome's ``result()`` returns or raises
Pool = Callable[..., Iterator[tuple[int, Any]]]

LOST_WORKERS = 1  # workers that a task may lose before it counts as failed
GPU = "GPU"  # resource that a Dask worker names for each task that its GPU takes at once


def in_turn(
    work: Callable[..., Any], tasks: Sequence[tuple], *common: Any
) -> Iterator[tuple[int, Future]]:
    """Work on tasks in this process."""
    for number, task in enumerate(tasks):
        outcome: Future = Future()
        try:
            outcome.set_result(work(*task, *common))
        except Exception as error:
            outcome.set_exception(error)

        yield number, outcome


@contextmanager
def pool(workers: int = 0, scheduler: str = "") -> Iterator[Pool | None]:
    """Workers of this machine, or those of a scheduler; None where neither is asked for.

    Workers started for this take one task at a time. Raises ParameterError if
    both are given or ``distributed`` is not installed, RunError if the scheduler does not answer.
    """
    if workers and scheduler:
        raise ParameterError("give either --workers or --scheduler, not both")

    if not workers and not scheduler:
        yield None
        return

    with _client(workers, scheduler) as client:
        print(f"workers: {client.dashboard_link}", file=sys.stderr)

        yield functools.partial(_as_completed, client)


@contextmanager
def _client(workers: int, scheduler: str) -> Iterator[Any]:
    try:
        import dask
        from distributed import Client, LocalCluster
    except ImportError:
        raise ParameterError(
            "--workers and --scheduler need Dask: pip install 'lipsync-notebooks[scale]'"
        ) from None

    settings = {
        "distributed.scheduler.allowed-failures": LOST_WORKERS,
        "distributed.logging": {"distributed": "error"},
        "distributed.nanny.pre-spawn-environ.OMP_NUM_THREADS": 1,
    }
    with dask.config.set(settings):
        if scheduler:
            try:
                client = Client(scheduler, timeout="10s")
            except (OSError, ValueError) as error:
                raise RunError(f"no Dask scheduler answers at {scheduler} ({error})") from None

            with client:
                yield client
            return

        with (
            LocalCluster(
                n_workers=workers, threads_per_worker=1, dashboard_address="127.0.0.1:0"
            ) as cluster,
            Client(cluster) as client,
        ):
            yield client


def _as_completed(
    client: Any, work: Callable[..., Any], tasks: Sequence[tuple], *common: Any
) -> Iterator[tuple[int, Any]]:
    """Tasks on a client's workers; what is not finished when nobody asks on is cancelled."""
    from distributed import as_completed

    everywhere = [client.scatter(value, broadcast=True, hash=False) for value in common]

    options = dict(pure=False, resources={GPU: 1} if _has_gpus(client) else None)
    futures = {}
    for number, task in enumerate(tasks):
        future = client.submit(work, *task, *everywhere, priority=-number, **options)
        futures[future] = number

    try:
        for future in as_completed(list(futures)):
            yield futures[future], future
    finally:
        client.cancel(list(futures))


def _has_gpus(client: Any) -> bool:
    workers = client.scheduler_info(n_workers=-1)["workers"].values()
    return any(GPU in worker["resources"] for worker in workers)


def worker_lost(error: BaseException) -> bool:
    """Did a task fail because the process that worked on it ended?"""
    return type(error).__name__ == "KilledWorker"


def here() -> str:
    """Who works on a task: process and machine, for messages."""
    return f"process {os.getpid()} on {platform.node()}"
