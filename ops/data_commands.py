"""The command line about data: arrivals, check, quarantine, quality, report."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ops import arrivals, quality, quarantine, trying
from ops.arguments import a_beginning, a_count

type Command = Callable[..., argparse.ArgumentParser]


def add_data_commands(commands: Any, command: Command) -> None:
    """Add them to the others."""
    _arrivals(commands, command)
    _of_files(commands, command)
    parent = commands.add_parser(
        "quarantine", help="work on data that failed its check", description="Work on data that failed its check."
    )
    of_quarantine = parent.add_subparsers(dest="of_quarantine", metavar="COMMAND", required=True)
    listed = command(
        of_quarantine,
        "list",
        description="list what is in quarantine",
        well="0 nothing waits there; 1 something does",
    )
    listed.add_argument("--all", action="store_true", help="also what was released")
    listed.set_defaults(run=quarantine.listed)
    show = command(
        of_quarantine,
        "show",
        description="show why a batch is in quarantine, and some of its rows with their reasons",
        well="0 it was released; 1 it waits",
    )
    show.add_argument("which", metavar="STORY|FILE", help="the story, or what leads to it")
    show.set_defaults(run=quarantine.show)
    release = command(
        of_quarantine,
        "release",
        description="let a batch out of quarantine: it is committed and trained on; the ledger keeps who and why",
        well="0 it goes on, or could (--dry-run); 1 it is asked for, but nobody went on with it yet",
    )
    release.add_argument("which", metavar="STORY|FILE", help="the story, or what leads to it")
    release.add_argument("--because", required=True, metavar="TEXT", help="why; the ledger keeps it")
    release.add_argument(
        "--check", action="store_true", help="check the file once more first, such as by a suite that was mended"
    )
    release.add_argument("--dry-run", action="store_true", help="only look whether it could be done")
    release.set_defaults(run=quarantine.release)
    told = command(
        commands,
        "quality",
        description="tell the quality of a table over its versions: rows, checks, drift, profiles",
        well="0 nothing drifted in the versions shown; 1 something did",
    )
    told.add_argument("table", metavar="TABLE", help="a silver table, such as silver/flight_delays, or its use case")
    told.add_argument("--limit", type=int, default=20, metavar="N", help="how many versions (default: %(default)s)")
    told.set_defaults(run=quality.quality)
    report = command(
        commands,
        "report",
        description="write the report of a check: one page that stands alone",
        well="0 the check passed; 1 it did not",
    )
    report.add_argument("which", metavar="STORY|FILE", help="the story, or what leads to it")
    report.add_argument("--generation", type=int, metavar="N", help="which check (default: the newest)")
    report.add_argument("--data-docs", action="store_true", help="Great Expectations' own page instead of ours")
    report.add_argument("--output", type=Path, metavar="FILE", help="default: report-STORY.html in this folder")
    report.set_defaults(run=quality.report)


def _arrivals(commands: Any, command: Command) -> None:
    """What no event told of."""
    parent = commands.add_parser(
        "arrivals", help="work on files that no event told of", description="Work on files that no event told of."
    )
    of_arrivals = parent.add_subparsers(dest="of_arrivals", metavar="COMMAND", required=True)
    find = command(
        of_arrivals,
        "find",
        description="find what lies in the landing area and has no story, each with why it would be no arrival",
        well="0 nothing that would be one; 1 something",
    )
    adopt = command(
        of_arrivals,
        "adopt",
        description="have what lies there without a story arrive, as if its event had come; who and why is recorded",
        well="0 it arrived, or would (--dry-run)",
    )
    since = "files written so long ago at most, such as 30d, 12h or 90min, or since a time, such as 2026-01-31T03:00Z"
    for one in (find, adopt):
        one.add_argument("use_case", metavar="USE_CASE", help="the use case, by its name")
    find.add_argument("--since", type=a_beginning, default="30d", metavar="SPAN|TIME", help=f"{since} (%(default)s)")
    find.set_defaults(run=arrivals.find)
    adopt.add_argument("--since", type=a_beginning, required=True, metavar="SPAN|TIME", help=since)
    adopt.add_argument("--because", required=True, metavar="TEXT", help="why; the ledger keeps it")
    adopt.add_argument(
        "--again", action="store_true", help="also what has the name and size of a file that arrived before"
    )
    adopt.add_argument("--dry-run", action="store_true", help="only say what would arrive")
    adopt.set_defaults(run=arrivals.adopt)


def _of_files(commands: Any, command: Command) -> None:
    """What tries a suite."""
    of_data = commands.add_parser(
        "data", help="try a suite on data", description="Try a suite on data; nothing is written to ledger or lake."
    ).add_subparsers(dest="of_data", metavar="COMMAND", required=True)
    check = command(
        of_data,
        "check",
        description="check a local file as it would be checked when it lands; it needs the use case's folder alone",
        well="0 it would be committed: passed or warned; 1 it would not, or not all of it",
    )
    check.add_argument("use_case", metavar="USE_CASE", help="its name, or its folder")
    check.add_argument(
        "file", type=Path, metavar="FILE", help="a file as it would land, or a folder of a batch's files"
    )
    check.add_argument("--suite", type=Path, metavar="FILE", help="another suite than the use case's")
    check.add_argument("--report", type=Path, metavar="FILE", help="also write the report, a page that stands alone")
    check.set_defaults(run=trying.check)
    simulate = command(
        of_data,
        "simulate",
        description="try a suite on batches that were checked before: those in silver, and those in quarantine",
        well="0 every verdict would be the same; 1 some would not",
    )
    simulate.add_argument("use_case", metavar="USE_CASE", help="its name, or its folder")
    simulate.add_argument("--suite", type=Path, required=True, metavar="FILE", help="a suite")
    simulate.add_argument("--last", type=a_count, default=10, metavar="N", help="how many batches (%(default)s)")
    simulate.set_defaults(run=trying.simulate)
