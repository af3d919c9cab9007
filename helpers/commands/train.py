"""The command train: the sync expert, the generator, its ear or the restorer."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ..errors import ParameterError
from ..params import TRAINING_PARTS
from .shared import Commands, add_command, amount, count, print_json

LEAST_WIDTH = 0.1  # of a generator, as a multiple of the bundled one's
GREATEST_WIDTH = 4.0


def add_train(commands: Commands) -> None:
    command = add_command(
        commands,
        "train",
        train,
        "train the sync expert, the generator, its ear or the restorer on a folder of clips",
        "expert --data clips --out training --minutes 30",
    )
    command.add_argument("what", choices=("expert", "generator", "ear", "restorer"))
    command.add_argument(
        "--data",
        required=True,
        help="folder of clips, with a training.csv (file,speaker,split) or without",
    )
    command.add_argument(
        "--out", required=True, help="folder for prepared data, checkpoints, logs and weights"
    )
    command.add_argument(
        "--steps", type=count, default=20000, help="length of the training (default: %(default)s)"
    )
    command.add_argument(
        "--minutes",
        type=amount,
        help="end by the clock, with the learning rate's schedule fitted to it",
    )
    command.add_argument(
        "--every",
        type=count,
        default=500,
        help="steps between validations and checkpoints (default: %(default)s)",
    )
    command.add_argument(
        "--start", help="weights to go on from (a generator with a fifth of the learning rate)"
    )
    _add_generator_arguments(command)


def _add_generator_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--expert", help="weights of a trained expert (generator only; default: that in --out)"
    )
    command.add_argument(
        "--width", type=float, default=1.0, help="of a new generator (1: the bundled one's)"
    )
    command.add_argument(
        "--without",
        nargs="+",
        default=(),
        choices=TRAINING_PARTS,
        help="train the generator without some of its parts",
    )
    command.add_argument(
        "--new-weights",
        type=float,
        default=1.0,
        help="their share in the generator, the rest being those of --start (default: all)",
    )


def check_arguments(args: argparse.Namespace) -> None:
    """Raises ParameterError for values that do not go together, before anything is read."""
    if not LEAST_WIDTH <= args.width <= GREATEST_WIDTH:
        raise ParameterError(
            f"--width {args.width:g} is outside {LEAST_WIDTH:g} to {GREATEST_WIDTH:g};"
            " 1 is the bundled generator's"
        )

    if not 0 < args.new_weights <= 1:
        raise ParameterError(
            f"--new-weights {args.new_weights:g} is outside 0 to 1; 1 leaves nothing of --start"
        )

    keeps_some = args.new_weights < 1 or "encoders" in args.without
    if keeps_some and not args.start:
        raise ParameterError(
            "--new-weights and --without encoders keep something of other weights;"
            " give these as --start"
        )


def train(args: argparse.Namespace) -> None:
    check_arguments(args)
    works = dict(
        expert=_train_expert, generator=_train_generator, ear=_train_ear, restorer=_train_restorer
    )
    path = works[args.what](args, Path(args.out))
    print_json(dict(weights=str(path)))


def _length(args: argparse.Namespace) -> dict[str, Any]:
    """What all trainings are given."""
    start = Path(args.start) if args.start else None
    return dict(steps=args.steps, minutes=args.minutes, every=args.every, start=start)


def _prepared(args: argparse.Namespace, out: Path) -> Path:
    from ..training.prepare import prepare

    prepare(args.data, out / "prepared")
    return out / "prepared"


def _train_expert(args: argparse.Namespace, out: Path) -> Path:
    from ..training import expert
    from ..training.config import TrainConfig

    config = TrainConfig(**_length(args))
    expert.check(out, config)
    return expert.train(_prepared(args, out), out, config)


def _train_generator(args: argparse.Namespace, out: Path) -> Path:
    from ..training import generator
    from ..training.config import GeneratorConfig

    config = GeneratorConfig(
        **_length(args),
        expert=Path(args.expert) if args.expert else None,
        width=args.width,
        without=args.without,
        new_weights=args.new_weights,
    )
    generator.check(out, config)
    return generator.train(_prepared(args, out), out, config)


def _train_ear(args: argparse.Namespace, out: Path) -> Path:
    from .. import checkpoints
    from ..training import ear
    from ..training.weights import weights_path

    start = Path(args.start) if args.start else checkpoints.locate("compact").path
    weights_path(out, "ear", start)
    return ear.train(_prepared(args, out), out, start)


def _train_restorer(args: argparse.Namespace, out: Path) -> Path:
    from ..training import restorer
    from ..training.config import TrainConfig
    from ..training.faces import collect

    config = TrainConfig(**_length(args))
    restorer.check(out, config)
    collect(Path(args.data), out / "faces")
    return restorer.train(out / "faces", out, config)
