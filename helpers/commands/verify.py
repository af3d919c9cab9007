"""The command verify."""

from __future__ import annotations

import argparse

from .shared import Commands, add_command, print_table

CHANGED = 1  # exit status


def add_verify(commands: Commands) -> None:
    command = add_command(
        commands,
        "verify",
        verify,
        "read back what a result says of itself, and what was changed in it since",
        "runs/mine/lipsync.mp4",
    )
    command.add_argument("file", help="a result, or what became of it")
    command.add_argument(
        "--sidecar", default="", help="the file that was made beside it (default: FILE.json)"
    )
    command.add_argument(
        "--trust",
        default="",
        metavar="PEM",
        help="certificates whose signatures are trusted, such as the C2PA trust list",
    )


def verify(args: argparse.Namespace) -> int:
    from ..marking import verify

    verdict = verify.verify(args.file, args.sidecar, args.trust)
    print_table(verdict.rows, str.ljust)
    print()
    if not verdict.changes:
        print("as it was made")
        return 0

    print(f"not as it was made: {'; '.join(verdict.changes)}")
    return CHANGED
