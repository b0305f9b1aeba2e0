"""Commands that read: story, status, parked."""

import argparse
from datetime import UTC, datetime

from ops.output import Output
from ops.source import NothingFound, ledger_of, settings_of
from shared.views import table
from shared.views.document import parked_document, status_document, story_document
from shared.views.finding import WHAT_LEADS, find_stories
from shared.views.states import State
from shared.views.status import dropped_lately, status_view
from shared.views.story import story_view
from shared.views.text import visible

WELL, ATTENTION = 0, 1


def story(options: argparse.Namespace, output: Output) -> int:
    """Tell one story. Well means done."""
    settings = settings_of(options.settings)
    ledger, now = ledger_of(settings), datetime.now(UTC)
    found = find_stories(ledger, options.which, ledger)
    if not found:
        raise NothingFound(f"'{visible(options.which)}' leads to no story; what does: {WHAT_LEADS}")
    told, others = ledger.story(found[0]), found[1:]
    view = story_view(
        told, waiting=ledger.parked(), now=now, tracking_uri=settings.mlflow_tracking_uri, read=ledger.story
    )
    output.show(
        table.story_text(view, output.terminal, now=now, others=others),
        story_document(view, others=others),
    )
    return WELL if view.state is State.DONE else ATTENTION


def status(options: argparse.Namespace, output: Output) -> int:
    """Show everything at a glance. Well means that nothing needs attention."""
    settings = settings_of(options.settings)
    ledger, now = ledger_of(settings), datetime.now(UTC)
    view = status_view(
        ledger,
        ledger,
        ledger,
        now=now,
        limit=options.limit,
        dropped=dropped_lately(ledger, now),
        tracking_uri=settings.mlflow_tracking_uri,
    )
    output.show(table.status_text(view, output.terminal), status_document(view))
    return ATTENTION if view.needs_attention else WELL


def parked(options: argparse.Namespace, output: Output) -> int:
    """List the parked messages. Well means that there is none."""
    waiting = ledger_of(settings_of(options.settings)).parked()
    output.show(table.parked_text(waiting, output.terminal, now=datetime.now(UTC)), parked_document(waiting))
    return ATTENTION if waiting else WELL
