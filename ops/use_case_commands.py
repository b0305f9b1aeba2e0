"""The command line about use cases: new, check."""

import argparse
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ops import checking, starting

type Command = Callable[..., argparse.ArgumentParser]


def add_use_case_commands(commands: Any, command: Command) -> None:
    """Add them to the others."""
    usecase = commands.add_parser("usecase", help="work on use cases", description="Work on use cases.")
    of_usecase = usecase.add_subparsers(dest="of_usecase", metavar="COMMAND", required=True)
    started = command(
        of_usecase,
        "new",
        description="start a use case from a file of its data: every file of its folder, to be made its own",
        well="0 it was written, and has no fault",
    )
    started.add_argument("name", type=_name, metavar="NAME", help="lower-case letters, digits, underscores")
    started.add_argument("--from", dest="file", type=Path, required=True, metavar="FILE", help="a CSV as it will land")
    started.add_argument(
        "--target", metavar="COLUMN", help="the number to predict; without it a use case of data alone"
    )
    started.add_argument("--time", metavar="COLUMN", help="with a target, a date or time: the newest rows judge")
    started.add_argument("--part", required=True, metavar="COLUMN", help="the table's partitions, parts of the scoring")
    started.add_argument("--key", required=True, type=_columns, metavar="COLUMN,...", help="what tells rows apart")
    started.add_argument("--into", type=Path, default=Path("usecases"), metavar="FOLDER", help="(usecases)")
    started.set_defaults(run=starting.new)
    check = command(
        of_usecase,
        "check",
        description="validate use cases: every fault with file, field and remedy, or what was read",
        well="0 no fault; 1 faults",
    )
    check.add_argument(
        "folders",
        nargs="*",
        type=Path,
        metavar="FOLDER",
        help="a use case's folder, or one that holds several (default: USE_CASES, else usecases)",
    )
    check.set_defaults(run=checking.check)


def _name(text: str) -> str:
    if not re.fullmatch("[a-z][a-z0-9_]*", text):
        raise argparse.ArgumentTypeError(f"{text!r}: a lower-case letter, then letters, digits and underscores")
    return text


def _columns(text: str) -> list[str]:
    return [each.strip() for each in text.split(",") if each.strip()]
