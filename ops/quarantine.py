"""Commands about the quarantine: what is in it, what is wrong with it, and letting it out."""

import argparse
import time
from datetime import UTC, datetime

from ops.acting import who
from ops.output import Output
from ops.source import NothingFound, ledger_of, settings_of
from shared import bootstrap, opened
from shared.domain import quarantine as domain
from shared.domain.quarantine import ReleaseAsked
from shared.ports import Ledger
from shared.views.finding import find_stories
from shared.views.quarantine import kept_document, kept_text, list_document, list_text, standings
from shared.views.records import Records
from shared.views.text import visible

WELL, WAITING = 0, 1
PATIENCE_SECONDS, PAUSE_SECONDS = 30.0, 0.2


def listed(options: argparse.Namespace, output: Output) -> int:
    """All that waits. Well means that nothing does."""
    found = standings(ledger_of(settings_of(options.settings)), all_of_them=options.all)
    output.show(list_text(found, output.terminal, now=datetime.now(UTC)), list_document(found))
    return WAITING if any(one.waits for one in found) else WELL


def show(options: argparse.Namespace, output: Output) -> int:
    """One batch: why, and some of its rows."""
    settings = settings_of(options.settings)
    ledger = ledger_of(settings)
    story = _story(ledger, options.which)
    found = standings(ledger, only=story)
    if not found:
        raise NothingFound(f"story {story} never had anything in quarantine")
    view = found[0]
    kept = opened.quarantine_of(settings).look(view.kept.location)
    where = opened.lake_of(settings).uri(view.kept.location)
    output.show(kept_text(view, kept, where, output.terminal), kept_document(view, kept, where))
    return WAITING if view.waits else WELL


def release(options: argparse.Namespace, output: Output) -> int:
    """Let it out, and wait until that is done."""
    settings = settings_of(options.settings)
    ledger = ledger_of(settings)
    story = _story(ledger, options.which)
    asked = ReleaseAsked(story=story, who=who(), why=options.because, check=options.check)
    kept = domain.refuse(ledger.story(story), asked)
    document = {"story": story, "generation": kept.generation + 1, "who": asked.who, "why": asked.why}
    if options.dry_run:
        text = f"story {story} would be released as generation {kept.generation + 1}; nothing was changed"
        output.show(text, {**document, "dry_run": True, "done": False})
        return WELL
    bootstrap.build(settings).release(asked)
    done = _is_done(ledger, story)
    look = output.terminal.typed(["story", story])
    then = f"it goes on: {look}" if done else f"but nobody went on with it yet; is the app up? {look}"
    output.show(f"story {story} released by {visible(asked.who)}, {then}", {**document, "dry_run": False, "done": done})
    return WELL if done else WAITING


def _story(ledger: Records, which: str) -> str:
    """The story that it leads to, of several one that has something in quarantine."""
    found = find_stories(ledger, which, ledger)
    if not found:
        raise NothingFound(f"'{visible(which)}' leads to no story")
    return next((each for each in found if domain.kept(ledger.story(each))), found[0])


def _is_done(ledger: Ledger, story: str) -> bool:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if domain.open_release(ledger.story(story)) is None:
            return True
        time.sleep(PAUSE_SECONDS)
    return False
