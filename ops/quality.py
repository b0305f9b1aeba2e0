"""Commands about the quality of data: a table's over its versions, and the report of one check."""

import argparse
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from ops.output import Output
from ops.source import NothingFound, ledger_of, settings_of
from shared import opened, usecase
from shared.domain.drift import Drift
from shared.domain.quality import result_of
from shared.errors import Misconfigured
from shared.settings import Settings
from shared.views.finding import find_stories
from shared.views.quality import history, not_committed, quality_document, quality_text
from shared.views.report import ReportView, report_document, report_view
from shared.views.report_page import report_page
from shared.views.text import visible

WELL, DRIFTED, FAILED = 0, 1, 1


def quality(options: argparse.Namespace, output: Output) -> int:
    """The versions, newest first, and what was not committed. Well means that none of the versions drifted."""
    settings = settings_of(options.settings)
    ledger, (table, use_cases) = ledger_of(settings), _table(options.table, settings)
    found = history(ledger, opened.profiles_of(settings), table, options.limit)
    kept = not_committed(ledger, use_cases, found, options.limit)
    if not found and not kept:
        raise NothingFound(f"no version of '{visible(table)}' was committed by a story")
    text = quality_text(table, found, output.terminal, now=datetime.now(UTC), kept=kept)
    output.show(text, quality_document(table, found, kept))
    drifted = any(one.drift and one.drift.drift is not Drift.NONE for one in found)
    return DRIFTED if drifted else WELL


def report(options: argparse.Namespace, output: Output) -> int:
    """The report as a file. Well means that the check passed."""
    settings = settings_of(options.settings)
    ledger = ledger_of(settings)
    found = find_stories(ledger, options.which, ledger)
    views = (
        report_view(ledger, opened.profiles_of(settings), opened.quarantine_of(settings), story, options.generation)
        for story in found
    )
    view = next((one for one in views if one), None)
    if view is None:
        raise NothingFound(f"'{visible(options.which)}' leads to no check")
    target = options.output or Path(f"report-{view.story}.html")
    target.write_text(_data_docs(view, settings) if options.data_docs else report_page(view, None))
    output.show(f"{view.checked.verdict}: {target}", {**report_document(view), "file": str(target)})
    return WELL if view.checked.verdict.lets_pass else FAILED


def _data_docs(view: ReportView, settings: Settings) -> str:
    kept = opened.documents_of(settings).read(result_of(view.use_case, view.story, view.checked.generation))
    if kept is None:
        raise NothingFound("Great Expectations asked nothing of that batch, or its result is not kept any more")
    return opened.data_docs(kept)


def _table(name: str, settings: Settings) -> tuple[str, Sequence[str]]:
    """The table itself, or that of the use case of this name; and the use cases that commit to it."""
    try:
        known = usecase.load(Path(settings.use_cases)).all
    except Misconfigured:  # the ledger has the tables all the same
        return name, ()
    table = next((one.data.table for one in known if name in {one.name, one.data.table.rpartition("/")[2]}), name)
    return table, [one.name for one in known if one.data.table == table]
