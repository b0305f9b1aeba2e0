"""The command line about training: run."""

import argparse
from collections.abc import Callable
from typing import Any

from ops import training

type Command = Callable[..., argparse.ArgumentParser]


def add_training_commands(commands: Any, command: Command) -> None:
    """Add them to the others."""
    parent = commands.add_parser("train", help="train on what is in silver", description="Train on what is in silver.")
    of_train = parent.add_subparsers(dest="of_train", metavar="COMMAND", required=True)
    run = command(
        of_train,
        "run",
        description="train on the newest version of a use case's silver table, such as when a training failed",
        well="0 it is asked for, now or before, or could be (--dry-run)",
    )
    run.add_argument("use_case", metavar="USE_CASE", help="the use case")
    run.add_argument("--because", required=True, metavar="TEXT", help="why; the ledger keeps it")
    run.add_argument(
        "--past-cool-down",
        action="store_true",
        help="whatever retrain.cool_down says; retrain.at_once and retrain.per_day hold all the same",
    )
    run.add_argument("--dry-run", action="store_true", help="only look whether it could be done")
    run.set_defaults(run=training.run)
