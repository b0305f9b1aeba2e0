"""Commands about slots: what was in production, and back to what was there before."""

import argparse
import time
from datetime import UTC, datetime

from ops.acting import who
from ops.output import Output
from ops.source import NothingFound, ledger_of, settings_of
from shared import bootstrap
from shared.domain import story as stories
from shared.domain.commands import RollBack
from shared.domain.facts import VersionRolledBack
from shared.domain.slots import RollbackAsked
from shared.ports import Ledger
from shared.views.slots import slot_histories, slots_document, slots_text
from shared.views.text import visible

WELL, NOT_YET = 0, 1
PATIENCE_SECONDS, PAUSE_SECONDS = 30.0, 0.2


def slots(options: argparse.Namespace, output: Output) -> int:
    """Show how each slot moved, or what was in it at a time."""
    ledger = ledger_of(settings_of(options.settings))
    at = options.at or datetime.now(UTC)
    found = slot_histories(ledger, ledger, model=options.model or "", at=at)
    if options.model and not found:
        raise NothingFound(f"no version of '{visible(options.model)}' was ever approved for a slot")
    text = slots_text(found, output.terminal, at=at, asked=options.at is not None)
    output.show(text, slots_document(found, at=at))
    return WELL if found and all(one.then for one in found) else NOT_YET


def rollback(options: argparse.Namespace, output: Output) -> int:
    """Ask the app for it, and wait until it is done."""
    settings = settings_of(options.settings)
    ledger = ledger_of(settings)
    asked = RollbackAsked(
        model=options.model, version=options.to or "", who=who(), why=options.because or "no reason given"
    )
    command = bootstrap.build(settings).rollback(asked, dry_run=options.dry_run)
    name = visible(f"{command.model}@{command.slot}")
    moved = f"from version {command.previous} to {command.version}"
    if options.dry_run:
        text = f"{name} would go back {moved}: it exists, is READY, and its artefacts are there; nothing was changed"
        done = True
    elif done := _is_done(ledger, command):
        text = f"{name} rolled back {moved}; it scores again: {output.terminal.typed(['story', command.story])}"
    else:
        look = output.terminal.typed(["story", command.story])
        text = f"{name} is asked to go back {moved}, but nobody did it yet; is the app up? {look}"
    document = {
        "model": command.model,
        "slot": command.slot,
        "from": command.previous,
        "to": command.version,
        "who": command.who,
        "why": command.why,
        "story": command.story,
        "dry_run": options.dry_run,
        "done": done and not options.dry_run,
    }
    output.show(text, document)
    return WELL if done else NOT_YET


def _is_done(ledger: Ledger, command: RollBack) -> bool:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if stories.last(ledger.story(command.story), VersionRolledBack):
            return True
        time.sleep(PAUSE_SECONDS)
    return False
