"""Commands about training: train on what is in silver."""

import argparse

from ops.acting import who
from ops.output import Output
from ops.source import settings_of
from shared import bootstrap
from shared.views.text import visible

WELL = 0


def run(options: argparse.Namespace, output: Output) -> int:
    """Ask the app for a training; say what it will be, and where it is told how it goes."""
    found = bootstrap.build(settings_of(options.settings)).train(
        options.use_case,
        who=who(),
        why=options.because,
        past_cool_down=options.past_cool_down,
        dry_run=options.dry_run,
    )
    one = found.requested
    against = f"to beat version {found.champion}" if found.champion else "with no champion to beat"
    text = f"{one.use_case} trains on version {one.delta_version} of {one.table}, {against}"
    if not found.is_new:
        text += f", as {one.who} asked before: {one.reason}"
    document = {
        "story": one.story,
        "use_case": one.use_case,
        "table": one.table,
        "delta_version": one.delta_version,
        "champion": found.champion,
        "repeats": list(one.repeats),
        "past_cool_down": one.past_cool_down,
        "is_new": found.is_new,
        "who": one.who,
        "why": one.reason,
        "dry_run": options.dry_run,
    }
    follow = output.terminal.typed(["story", one.story])
    then = "nothing was sent" if options.dry_run else f"the gate judges what it makes\n{follow}"
    output.show(f"{visible(text)}; {then}", document)
    return WELL
