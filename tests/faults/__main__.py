"""Kill, stop, starve and feed with garbage: ``PYTHONPATH=.:tests python -m faults --help``."""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from . import disk, garbled, kills, sources
from .child import import_shared
from .works import make_inputs

# name: how many by default, how many with --full
COUNTS = {
    "kills": (2, 50),
    "stops": (1, 24),
    "disk": (1, 9),
    "sources": (1, 8),
    "ffmpeg": (1, 10),
    "garbled": (6, 500),
}
SHOWN = 20  # faults


def main() -> int:
    args = parse()
    import_shared()
    with tempfile.TemporaryDirectory(prefix="faults-") as name:
        folder = Path(name)
        os.environ["XDG_CONFIG_HOME"] = str(folder / "config")  # of the certificate
        inputs = make_inputs(folder)
        wholes = kills.Wholes(folder, inputs)
        failed = 0
        for part in args.only:
            count = args.count or COUNTS[part][args.full]
            rng = random.Random(f"{args.seed} {part}")
            faults, note = work(part)(wholes, rng, count)
            failed += bool(faults)
            tell(part, count, args.seed, faults, note)

    return 1 if failed else 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m faults", description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--full", action="store_true", help="all of them: about an hour")
    parser.add_argument("--only", nargs="+", choices=COUNTS, default=list(COUNTS))
    parser.add_argument("--count", type=int, help="how many of each, in place of the usual")
    return parser.parse_args()


def work(part: str) -> Callable:
    return dict(
        kills=kills.kill_all,
        stops=kills.stop_all,
        disk=disk.fill_all,
        sources=sources.change_all,
        ffmpeg=sources.fell_all,
        garbled=garbled.feed_all,
    )[part]


def tell(part: str, count: int, seed: int, faults: list[str], note: str) -> None:
    """One line about a part, and one for each fault."""
    bad = len({fault.split(":")[0] for fault in faults})
    print(f"{part}: {count - bad} of {count}, seed {seed}; {note}", flush=True)
    for fault in faults[:SHOWN]:
        print(f"  {fault}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
