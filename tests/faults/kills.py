"""Works killed and stopped at random events: what is there is whole, what goes on is right."""

from __future__ import annotations

import random
import signal
from collections import Counter
from pathlib import Path

from .child import Ended, kill, orphans_left, run, send
from .works import Inputs, Kind, differences, kinds, stage, state

DELAYS = (0.0, 0.0, 0.02, 0.1, 0.3)  # s, from the event to the kill
TURNS = ("run", "restore", "batch", "train") * 3 + ("prepare",)
AGAIN = 0.3  # how often what goes on is killed, too
STATUS = {signal.SIGINT: 130, signal.SIGTERM: 143}


class Wholes:
    """The undisturbed works: their events and their results, each made once."""

    def __init__(self, folder: Path, inputs: Inputs, out: Path | None = None):
        self.folder = folder
        self.inputs = inputs
        self.out = out or folder / "out"
        self.kinds = kinds(inputs, folder, self.out)
        self.made: dict[str, tuple[list[str], dict]] = {}

    def of(self, kind: Kind) -> tuple[list[str], dict]:
        if kind.name not in self.made:
            kind.begin(self.out)
            ended = run(kind.work, self.folder)
            assert ended.status == 0, ended.text
            self.made[kind.name] = ended.events, state(self.out)

        return self.made[kind.name]


def kill_all(wholes: Wholes, rng: random.Random, count: int) -> tuple[list[str], str]:
    """``count`` kills over the works in turn; what went wrong, and where they fell."""
    faults: list[str] = []
    where: Counter[str] = Counter()
    done = 0
    while done < count:
        kind = wholes.kinds[TURNS[done % len(TURNS)]]
        events, whole = wholes.of(kind)
        kind.begin(wholes.out)
        going_on = True
        while going_on and done < count:
            at = _draw(rng, events)
            ended = run(kind.work, wholes.folder, at, kill(rng.choice(DELAYS)))
            done += 1
            place = f"{kind.name} {stage(ended.events[-1])}"
            where[place] += 1
            faults += [f"{place}, event {at}: {fault}" for fault in after(ended, wholes, whole)]
            going_on = rng.random() < AGAIN

        faults += [f"{kind.name} going on: {fault}" for fault in goes_on(kind, wholes, whole)]

    return faults, ", ".join(f"{name} {n}" for name, n in sorted(where.items()))


def stop_all(wholes: Wholes, rng: random.Random, count: int) -> tuple[list[str], str]:
    """SIGINT and SIGTERM in turn at random events of the runs; what went wrong."""
    faults = []
    for number in range(count):
        kind = wholes.kinds[("run", "restore", "batch")[number % 3]]
        sent = (signal.SIGTERM, signal.SIGINT)[number % 2]
        events, whole = wholes.of(kind)
        kind.begin(wholes.out)
        at = _draw(rng, events)
        ended = run(kind.work, wholes.folder, at, send(sent))

        place = f"{kind.name}, {sent.name}, event {at} ({ended.events[-1]})"
        said = [line for line in ended.text.splitlines() if line.startswith("stopped")]
        if ended.status != STATUS[sent] or len(said) != 1:
            faults.append(f"{place}: status {ended.status}, {ended.text[-300:]!r}")
        faults += [f"{place}: {fault}" for fault in after(ended, wholes, whole)]
        faults += [f"{place}, going on: {fault}" for fault in goes_on(kind, wholes, whole)]

    return faults, "SIGINT and SIGTERM in turn"


def _draw(rng: random.Random, events: list[str]) -> int:
    """An event's number: the stages are equally likely, however many events they have."""
    chosen = rng.choice(sorted({stage(event) for event in events}))
    return rng.choice([n for n, event in enumerate(events, 1) if stage(event) == chosen])


def after(ended: Ended, wholes: Wholes, whole: dict) -> list[str]:
    """What is wrong with a folder after a disturbance."""
    faults = ["a traceback"] if "Traceback" in ended.text else []
    faults += ["it hung"] if ended.hung else []
    try:
        faults += [f"half-written {name}" for name in differences(state(wholes.out), whole)]
    except Exception as error:
        faults.append(f"unreadable: {type(error).__name__}: {error}")

    return faults + [f"orphan {line}" for line in orphans_left(ended.pid)]


def goes_on(kind: Kind, wholes: Wholes, whole: dict) -> list[str]:
    """What is wrong with the work once it has gone on to its end."""
    ended = run(kind.work, wholes.folder)
    if ended.status:
        return [f"status {ended.status}, {ended.text[-300:]!r}"]

    found = state(wholes.out)
    faults = [f"{name} is another" for name in differences(found, whole)]
    return faults + [f"{name} is missing" for name in sorted(whole.keys() - found.keys())]
