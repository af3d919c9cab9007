"""What breaks first with many workers: a simulation over measured times. Prints Markdown tables.

    python docs/scaling/simulate.py --seed 0

A job is a clip or a film: it is planned by one worker, then its segments are drawn by any. One
scheduler hands out tasks, one after the other; all workers share a storage. Workers differ in
speed, some straggle, each dies now and then; a task whose worker died is tried once more.
"""

from __future__ import annotations

import argparse
import heapq
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

MEASURED = Path(__file__).with_name("measured.json")
WORKERS = (1, 10, 100, 1000)


@dataclass(frozen=True)
class Machine:
    """What the tasks run on; the first four come from ``measured.json``."""

    plan_s: float  # a frame
    draw_s: float  # a frame
    start_s: float  # a task: the clip opened, donors read
    frame_mb: float  # read and written, a frame
    hand_out_s: float = 0.001  # by the scheduler, a task
    link_mb_s: float = 120.0  # of a worker
    storage_mb_s: float = 2000.0  # of all together
    spread: float = 0.15  # of the logarithm of a worker's speed
    straggling: float = 0.02  # of the tasks
    straggle: float = 4.0  # times as long
    hours_between_deaths: float = 100.0  # of a worker
    segment: int = 128  # frames


@dataclass(frozen=True)
class Result:
    hours: float
    busy: float  # share of the workers' time in which they compute
    tried_again: int
    lost: int
    storage: float  # share of the busy time that is spent waiting for the storage
    scheduler: float  # share of the whole time in which the scheduler hands out


def simulate(jobs: Sequence[int], workers: int, machine: Machine, seed: int) -> Result:
    """Jobs of so many frames each, on so many workers."""
    random = np.random.default_rng(seed)
    speeds = random.lognormal(0, machine.spread, workers)
    free = [(0.0, worker) for worker in range(workers)]
    running: list[float] = []  # when each task in work ends
    waiting = [(0.0, job, -1, 0) for job in range(len(jobs))]  # ready at, job, segment, tries
    heapq.heapify(waiting)
    scheduler_free = now = busy = stored = handed = 0.0
    tried_again = lost = 0

    while waiting:
        ready, job, segment, tries = heapq.heappop(waiting)
        at, worker = heapq.heappop(free)
        begun = max(ready, at, scheduler_free)
        scheduler_free = begun + machine.hand_out_s
        handed += machine.hand_out_s

        frames = jobs[job]
        if segment >= 0:
            frames = min(machine.segment, frames - segment * machine.segment)

        each = machine.plan_s if segment < 0 else machine.draw_s
        computing = (machine.start_s + frames * each) / speeds[worker]
        computing *= machine.straggle if random.random() < machine.straggling else 1
        while running and running[0] <= begun:
            heapq.heappop(running)

        rate = min(machine.link_mb_s, machine.storage_mb_s / (len(running) + 1))
        moving = frames * machine.frame_mb / rate
        ended = scheduler_free + computing + moving
        dies = random.exponential(machine.hours_between_deaths * 3600) < computing

        if dies:
            ended -= random.random() * computing
            if tries:
                lost += 1
            else:
                tried_again += 1
                heapq.heappush(waiting, (ended, job, segment, tries + 1))
        elif segment < 0:
            for number in range(-(-jobs[job] // machine.segment)):
                heapq.heappush(waiting, (ended, job, number, 0))

        heapq.heappush(running, ended)
        busy += ended - scheduler_free
        stored += moving
        now = max(now, ended)
        heapq.heappush(free, (ended, worker))

    return Result(
        hours=now / 3600,
        busy=busy / (now * workers),
        tried_again=tried_again,
        lost=lost,
        storage=stored / busy,
        scheduler=handed / now,
    )


def table(title: str, jobs: Sequence[int], machine: Machine, seed: int) -> str:
    lines = [
        f"**{title}**",
        "",
        "| workers | hours | times one worker | busy | tried again | lost | waits for the storage "
        "| scheduler at work |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    results = {count: simulate(jobs, count, machine, seed) for count in WORKERS}
    for count, result in results.items():
        times = results[1].hours / result.hours
        lines.append(
            f"| {count:,} | {result.hours:.2f} | {times:.0f} | {result.busy:.0%} |"
            f" {result.tried_again} | {result.lost} | {result.storage:.0%} |"
            f" {result.scheduler:.0%} |"
        )

    return "\n".join([*lines, ""])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    machine = Machine(**json.loads(MEASURED.read_text())["machine"])

    hour = 25 * 3600
    clip = 25 * 30
    print(table("One film of two hours", [2 * hour], machine, seed))
    print(table("500 clips of 30 s", [clip] * 500, machine, seed))
    print(table("20,000 clips of 30 s", [clip] * 20_000, machine, seed))
    slow = replace(machine, storage_mb_s=200.0)
    print(table("20,000 clips of 30 s, a storage of 200 MB/s", [clip] * 20_000, slow, seed))


if __name__ == "__main__":
    main()
