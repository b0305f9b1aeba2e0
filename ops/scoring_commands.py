"""The command line about scoring: run, status, retry, cancel."""

import argparse
from collections.abc import Callable
from typing import Any

from ops import scoring
from shared.views.finding import WHAT_LEADS

type Command = Callable[..., argparse.ArgumentParser]


def add_scoring_commands(commands: Any, command: Command) -> None:
    """Add them to the others."""
    parent = commands.add_parser("score", help="score the lake, and see how far it is", description="Score the lake.")
    of_score = parent.add_subparsers(dest="of_score", metavar="COMMAND", required=True)
    run = command(
        of_score,
        "run",
        description="score what changed in a model's silver table since the last time, with the version in production",
        well="0 it is asked for, or could be (--dry-run)",
    )
    run.add_argument("model", metavar="MODEL", help="the registered model")
    run.add_argument("--because", metavar="TEXT", help="why; the ledger keeps it")
    run.add_argument("--full", action="store_true", help="all of the table, also what did not change")
    run.add_argument("--dry-run", action="store_true", help="only say what would be scored")
    run.set_defaults(run=scoring.run)
    status = command(
        of_score,
        "status",
        description="say how far a scoring has come: parts done, running, failed, waiting",
        well="0 every part is in gold; 1 not yet, or some failed",
    )
    status.add_argument("which", metavar="STORY", help=WHAT_LEADS)
    status.set_defaults(run=scoring.status)
    retry = command(
        of_score,
        "retry",
        description="run the failed parts of a scoring once more, and no other; of one that was cancelled, the rest",
        well="0 they are sent, or could be (--dry-run)",
    )
    retry.add_argument("which", metavar="STORY", help=WHAT_LEADS)
    retry.add_argument("--dry-run", action="store_true", help="only say which parts")
    retry.set_defaults(run=scoring.retry)
    cancel = command(
        of_score,
        "cancel",
        description="end a scoring: nothing of it is started any more, what runs is stopped, what is in gold stays",
        well="0 it is ended",
    )
    cancel.add_argument("which", metavar="STORY", help=WHAT_LEADS)
    cancel.add_argument("--because", metavar="TEXT", help="why; the ledger keeps it")
    cancel.set_defaults(run=scoring.cancel)
