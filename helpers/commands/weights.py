"""The command weights: what is known and here, download, check."""

from __future__ import annotations

import argparse
import sys

from ..errors import WeightsError
from .shared import Commands, add_command, print_table, progress_bar


def add_weights(commands: Commands) -> None:
    command = commands.add_parser(
        "weights", help="say what weights are known and here, download them, check them"
    )
    actions = command.add_subparsers(dest="action", required=True, metavar="ACTION")
    add_command(actions, "list", list_weights, "print a table of all known weights", "")

    fetch = add_command(
        actions, "fetch", fetch_weights, "download weights into weights/", "wav2lip_gan --yes"
    )
    fetch.add_argument("name", nargs="+", help="a name from 'weights list'")
    fetch.add_argument("--yes", action="store_true", help="accept the licence without being asked")

    verify = add_command(
        actions, "verify", verify_weights, "check size and SHA-256 of what is here", "compact"
    )
    verify.add_argument("name", nargs="?", help="one of them only")


def list_weights(args: argparse.Namespace) -> None:
    from .. import checkpoints

    rows = []
    for name, entry in checkpoints.entries().items():
        path = checkpoints.path_of(name)
        size = entry.get("bytes") or (path.stat().st_size if path.is_file() else 0)
        state = {"": "yes", "not here": "no"}.get(checkpoints.fault(name), "damaged")
        row = dict(
            name=name,
            job=entry["job"],
            file=entry["file"],
            MB=round(size / 1e6, 1),
            here=state,
            licence=entry["licence"],
        )
        rows.append(row)

    print_table(rows, str.ljust)


def fetch_weights(args: argparse.Namespace) -> None:
    from .. import checkpoints

    for name in args.name:
        accepted = _accept_licence(name, args.yes)

        with progress_bar(name, unit="B", unit_scale=True) as show:
            path = checkpoints.fetch(name, accepted, progress=show)

        print(path)


def _accept_licence(name: str, accepted: bool) -> bool:
    """Show the licence of weights to be downloaded, and ask if it is not ``accepted`` yet.

    Where nobody can answer it is not.
    """
    from .. import checkpoints

    entry = checkpoints.entry_of(name)
    nobody_to_ask = not accepted and not sys.stdin.isatty()
    if nobody_to_ask or "urls" not in entry or not checkpoints.fault(name):
        return accepted

    print(f"{name}: licence: {entry['licence']}", file=sys.stderr)
    if accepted:
        return True

    print("Do you accept it? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def verify_weights(args: argparse.Namespace) -> None:
    from .. import checkpoints

    names = [args.name] if args.name else list(checkpoints.entries())
    faults = {name: checkpoints.fault(name) for name in names}
    if not args.name:
        faults = {name: fault for name, fault in faults.items() if fault != "not here"}

    for name, fault in faults.items():
        print(f"{name}: {checkpoints.path_of(name)}: {fault or 'right'}")

    wrong = [name for name, fault in faults.items() if fault]
    if wrong:
        ways = ", ".join(checkpoints.way_to_get(name) for name in wrong)
        raise WeightsError(
            f"{len(wrong)} of {len(faults)} files missing or damaged; get them by: {ways}"
        )
