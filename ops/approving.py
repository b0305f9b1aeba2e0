"""Commands with which people answer: approve and reject."""

import argparse
from datetime import UTC, datetime

from ops.output import Output
from ops.source import NothingFound, ledger_of, settings_of
from shared import bootstrap
from shared.domain.people import Answer
from shared.errors import Unauthenticated
from shared.views.approvals import request_document, request_view
from shared.views.text import visible

WELL = 0


def approve(options: argparse.Namespace, output: Output) -> int:
    """Say yes."""
    return _answer(options, output, approves=True)


def reject(options: argparse.Namespace, output: Output) -> int:
    """Say no."""
    return _answer(options, output, approves=False)


def _answer(options: argparse.Namespace, output: Output, *, approves: bool) -> int:
    settings = settings_of(options.settings)
    if settings.platform_authentication:
        raise Unauthenticated("a terminal cannot prove who you are to the platform: answer on the ops page")
    ledger = ledger_of(settings)
    view = request_view(ledger, options.which, now=datetime.now(UTC))
    if view is None:
        raise NothingFound(f"nobody was asked to approve '{visible(options.which)}'")
    asked = view.standing.requested
    answer = Answer(
        model=asked.model,
        version=asked.version,
        person=settings.user(options.who),
        approves=approves,
        why=options.because,
        policy=asked.policy,
        evidence=asked.evidence,
    )
    bootstrap.build(settings).answer(answer)
    then = request_view(ledger, options.which, now=datetime.now(UTC)) or view
    said = "approved" if approves else "rejected"
    text = f"{view.name} {said} by {answer.person.name}: {visible(options.because)}; {visible(then.standing.reason)}"
    output.show(text, request_document(then))
    return WELL
