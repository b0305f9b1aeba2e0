"""Commands about arrivals that no event told of: what lies in the landing area without a story, and giving it one."""

import argparse
from datetime import UTC, datetime

from ops.acting import who
from ops.output import Output
from ops.source import ledger_of, settings_of
from shared import bootstrap
from shared.domain.lost import Left
from shared.views.lost import lying_document, lying_text
from shared.views.sentences import many
from shared.views.text import visible

WELL, LOST = 0, 1


def find(options: argparse.Namespace, output: Output) -> int:
    """What lies there. Well means that no arrival is without a story."""
    settings = settings_of(options.settings)
    ledger_of(settings)  # it has to be there: without it everything would be lost
    lost = bootstrap.build(settings).lost
    use_case, now = lost.use_cases.named(options.use_case), datetime.now(UTC)
    found = list(lost.look(use_case, options.since))
    output.show(
        lying_text(found, use_case, output.terminal, since=options.since, now=now),
        lying_document(found, use_case, since=options.since),
    )
    return LOST if any(one.is_lost for one in found) else WELL


def adopt(options: argparse.Namespace, output: Output) -> int:
    """Have it arrive, as if its events had come. What arrived meanwhile, or before, is none of it."""
    settings = settings_of(options.settings)
    ledger_of(settings)
    sluice = bootstrap.build(settings)
    use_case = sluice.lost.use_cases.named(options.use_case)
    chosen = [
        one
        for one in sluice.lost.look(use_case, options.since)
        if one.is_lost or (options.again and one.reason == Left.ARRIVED_BEFORE)
    ]
    if not options.dry_run:
        sluice.adopt(chosen, who=who(), why=options.because)
    how = "would arrive; nothing was changed" if options.dry_run else f"arrived: {options.because}"
    if use_case.data.quiet is not None and not options.dry_run:
        how += "; their batch begins when nothing more lands"
    lines = [f"{many(len(chosen), 'file')} of {use_case.name} {how}", *(one.file.file for one in chosen)]
    output.show(
        "\n".join(visible(line) for line in lines),
        {
            **lying_document(chosen, use_case, since=options.since),
            "who": who(),
            "why": options.because,
            "dry_run": options.dry_run,
        },
    )
    return WELL
