"""The command line: what can be typed, and how a command ends."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from ops import acting, approving, gate, jobs, reading, slots, webhooks
from ops.arguments import a_count, a_time
from ops.data_commands import add_data_commands
from ops.metrics_commands import add_metrics_commands
from ops.output import Output
from ops.scoring_commands import add_scoring_commands
from ops.source import NothingFound
from ops.training_commands import add_training_commands
from ops.use_case_commands import add_use_case_commands
from shared.errors import SluiceError
from shared.views.finding import WHAT_LEADS
from shared.views.status import RECENT

ERROR = 2
_EXIT_CODES = "exit codes: {well}; 2 an error (bad arguments, an unreachable ledger, nothing found)"
_SETTINGS = """Settings come from --settings FILE; else from the environment and, below it, ./local.settings.json
or .sluice/local.settings.json, which a local stack writes."""


def main(arguments: Sequence[str]) -> int:
    """Run one command; the exit code. Faults that are to be expected are one message, never a traceback."""
    options = parser().parse_args(arguments)
    try:
        code: int = options.run(options, Output.of(options))
    except (SluiceError, NothingFound) as error:
        message = str(error)
    except BrokenPipeError:
        raise
    except OSError as error:
        message = f"{error.filename or 'ops'}: {error.strerror or error}"
    else:
        return code
    sys.stdout.flush()
    print(f"ops: {message}", file=sys.stderr)
    return ERROR


def parser() -> argparse.ArgumentParser:
    """Every command with its help."""
    root = argparse.ArgumentParser(
        prog="python -m ops",
        description="Read and mend what Sluice does: stories, slots, parked messages, use cases.",
        epilog=_SETTINGS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    root.add_argument("--settings", type=Path, metavar="FILE", help="a local.settings.json")
    everywhere = argparse.ArgumentParser(add_help=False)
    everywhere.add_argument(
        "--settings", type=Path, metavar="FILE", default=argparse.SUPPRESS, help="a local.settings.json"
    )
    everywhere.add_argument("--json", action="store_true", help="print one JSON document instead of text")
    commands = root.add_subparsers(dest="command", metavar="COMMAND", required=True)

    def command(group: _Group, name: str, **texts: str) -> _Parser:
        well = texts.pop("well")
        return group.add_parser(
            name,
            parents=[everywhere],
            help=texts["description"],
            epilog=_EXIT_CODES.format(well=well),
            description=texts["description"],
        )

    story = command(
        commands,
        "story",
        description="tell one story: its whole timeline, where it stands, what to do, where to read on",
        well="0 the story is done; 1 it is running, quarantined, rejected, or needs attention",
    )
    story.add_argument("which", metavar="ID|FILE|JOB_RUN_ID|MLFLOW_RUN_ID|MODEL@VERSION|MODEL@ALIAS", help=WHAT_LEADS)
    story.set_defaults(run=reading.story)

    status = command(
        commands,
        "status",
        description="show everything at a glance: what needs attention, slots, recent stories",
        well="0 nothing needs attention; 1 something does",
    )
    status.add_argument(
        "--limit", type=a_count, default=RECENT, metavar="N", help="how many recent stories (default: %(default)s)"
    )
    status.set_defaults(run=reading.status)

    parked = command(
        commands,
        "parked",
        description="list the messages that could not succeed and wait for a person",
        well="0 none; 1 some",
    )
    parked.set_defaults(run=reading.parked)

    replay = command(
        commands,
        "replay",
        description="send parked messages to their queues again, and take them off the list",
        well="0 all were sent; 1 some cannot be, and stay on the list",
    )
    which = replay.add_mutually_exclusive_group(required=True)
    which.add_argument("message", nargs="?", metavar="QUEUE/MESSAGE_ID", help="one message, as `parked` names it")
    which.add_argument("--all", action="store_true", help="every message of the list")
    replay.set_defaults(run=acting.replay)

    discard = command(
        commands,
        "discard",
        description="take a parked message off the list without sending it; the ledger keeps it, and why",
        well="0 it is off the list",
    )
    discard.add_argument("message", metavar="QUEUE/MESSAGE_ID", help="the message, as `parked` names it")
    discard.add_argument("--because", required=True, metavar="TEXT", help="why nobody needs it any more")
    discard.set_defaults(run=acting.discard)

    _slots(commands, command)
    _gate(commands, command)
    _webhooks(commands, command)
    _jobs(commands, command)
    add_data_commands(commands, command)
    add_training_commands(commands, command)
    add_scoring_commands(commands, command)
    add_metrics_commands(commands, command)

    add_use_case_commands(commands, command)
    return root


type _Parser = argparse.ArgumentParser
type _Group = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 - it has no other name


def _slots(commands: _Group, command: Callable[..., _Parser]) -> None:
    """What is in production, and who says so."""
    history = command(
        commands,
        "slots",
        description="show what was in production: who put it there, why, from, to, when",
        well="0 something was in every slot; 1 not in every slot, or in none",
    )
    history.add_argument("model", nargs="?", metavar="MODEL", help="only the slot of this registered model")
    history.add_argument("--at", type=a_time, metavar="TIME", help="what was in it then, such as 2026-01-31T03:00Z")
    history.set_defaults(run=slots.slots)

    rollback = command(
        commands,
        "rollback",
        description="put an earlier production version back into the slot; scoring follows",
        well="0 it is done, or could be (--dry-run); 1 it is asked for, but not done yet",
    )
    rollback.add_argument("model", metavar="MODEL", help="the registered model")
    rollback.add_argument("--to", metavar="VERSION", help="default: what was in production before the present version")
    rollback.add_argument("--because", metavar="TEXT", help="why; the ledger and the registry keep it")
    rollback.add_argument("--dry-run", action="store_true", help="only look whether it could be done")
    rollback.set_defaults(run=slots.rollback)

    for name, run, description in (
        ("approve", approving.approve, "approve a version that waits for people; the reason is recorded"),
        ("reject", approving.reject, "say no to a version that waits for people: it is rejected"),
    ):
        answer = command(commands, name, description=description, well="0 it is recorded")
        answer.add_argument("which", metavar="MODEL@VERSION", help="the version, as `status` names it")
        answer.add_argument("--as", dest="who", required=True, metavar="USER", help="one of DEVELOPMENT_USERS")
        answer.add_argument("--because", required=True, metavar="TEXT", help="why")
        answer.set_defaults(run=run)


def _gate(commands: _Group, command: Callable[..., _Parser]) -> None:
    """Questions to the gate."""
    of_gate = commands.add_parser(
        "gate", help="ask the gate: why, what if, is it one", description="Ask the gate."
    ).add_subparsers(dest="of_gate", metavar="COMMAND", required=True)
    explain = command(
        of_gate,
        "explain",
        description="tell why a model version was decided so: each rule with what it asked and saw",
        well="0 it passed; 1 it did not",
    )
    explain.add_argument("version", metavar="MODEL@VERSION", help="the model version")
    explain.set_defaults(run=gate.explain)
    simulate = command(
        of_gate,
        "simulate",
        description="try a policy on the evidence of versions that were judged before",
        well="0 nothing would be decided otherwise; 1 something would",
    )
    simulate.add_argument("--policy", type=Path, required=True, metavar="FILE", help="a gate.yml")
    simulate.add_argument("--model", metavar="MODEL", help="only the versions of this registered model")
    simulate.add_argument("--since", type=a_time, metavar="TIME", help="only what was judged then or later")
    simulate.set_defaults(run=gate.simulate)
    check_gate = command(
        of_gate,
        "check",
        description="validate a gate.yml: every fault with field and remedy",
        well="0 no fault; 1 faults",
    )
    check_gate.add_argument("file", type=Path, metavar="FILE", help="a gate.yml")
    check_gate.set_defaults(run=gate.check)


def _webhooks(commands: _Group, command: Callable[..., _Parser]) -> None:
    """The registry's registrations."""
    hooks = commands.add_parser(
        "webhooks", help="work on the registry's webhooks to us", description="Work on the registry's webhooks to us."
    )
    of_hooks = hooks.add_subparsers(dest="of_webhooks", metavar="COMMAND", required=True)
    ensure = command(
        of_hooks,
        "ensure",
        description="create the registry's webhook to us, or bring it to this address, secret and events",
        well="0 it is there",
    )
    ensure.add_argument("--url", required=True, metavar="URL", help="https://APP/api/registry-webhook/mlflow")
    ensure.set_defaults(run=webhooks.ensure)
    listed = command(
        of_hooks,
        "list",
        description="list the registry's webhooks, ours and others'",
        well="0 ours is there, active, and sent all that we need; 1 it is not",
    )
    listed.set_defaults(run=webhooks.listed)
    tested = command(
        of_hooks,
        "test",
        description="have the registry send us a test of each event",
        well="0 all were taken; 1 some were not",
    )
    tested.set_defaults(run=webhooks.test)


def _jobs(commands: _Group, command: Callable[..., _Parser]) -> None:
    """The jobs in the workspaces."""
    group = commands.add_parser(
        "jobs", help="work on the jobs in the workspaces", description="Work on the jobs in the workspaces."
    )
    of_jobs = group.add_subparsers(dest="of_jobs", metavar="COMMAND", required=True)
    connect = command(
        of_jobs,
        "connect",
        description="have the use cases' jobs, in every workspace, tell the app when a run ended",
        well="0 they do; 1 a job is missing",
    )
    connect.add_argument("--url", required=True, metavar="URL", help="https://APP/api/job-notification")
    connect.set_defaults(run=jobs.connect)
