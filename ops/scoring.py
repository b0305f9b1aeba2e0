"""Commands about scoring: score with what is in production, how far it is, and what failed once more."""

import argparse
from datetime import UTC, datetime

from ops.acting import who
from ops.output import Output
from ops.source import NothingFound, ledger_of, settings_of
from shared import bootstrap
from shared.domain import identity
from shared.domain.commands import ScorePart
from shared.domain.facts import ScoringSkipped
from shared.domain.fan_out import fan_outs
from shared.domain.story import last, to_score
from shared.ports import Approvals, Ledger
from shared.views.document import progress_document
from shared.views.finding import WHAT_LEADS, find_stories
from shared.views.progress import progress_of, progress_text
from shared.views.text import visible

WELL, NOT_YET = 0, 1
SHOWN = 8


def run(options: argparse.Namespace, output: Output) -> int:
    """Ask the app for a scoring; say what it will be before it begins."""
    sluice = bootstrap.build(settings_of(options.settings))
    found = sluice.score(
        options.model, who=who(), why=options.because or "no reason given", full=options.full, dry_run=options.dry_run
    )
    one = found.requested
    named = ", ".join(found.parts[:SHOWN]) + (", ..." if len(found.parts) > SHOWN else "")
    what = (
        f"version {one.version} of {one.model} scores version {found.delta_version} of {found.table}"
        f"{f', what changed since version {one.since},' if one.since >= 0 else ''}"
        f" in {len(found.parts):,} parts: {named}"
    )
    follow = output.terminal.typed(["score", "status", one.story])
    document = {
        "story": one.story,
        "model": one.model,
        "version": one.version,
        "table": found.table,
        "delta_version": found.delta_version,
        "since": one.since,
        "parts": len(found.parts),
        "who": one.who,
        "why": one.reason,
        "dry_run": options.dry_run,
    }
    output.show(f"{visible(what)}; nothing was sent" if options.dry_run else f"{visible(what)}\n{follow}", document)
    return WELL


def status(options: argparse.Namespace, output: Output) -> int:
    """Say how far the newest scoring of a story has come. Well means that every part is in gold."""
    ledger = ledger_of(settings_of(options.settings))
    story = _scored_in(ledger, ledger, options.which)
    progress = progress_of(ledger.story(story), ledger.story, now=datetime.now(UTC))
    assert progress is not None  # noqa: S101 - the story was chosen by its plan, for the type checker
    output.show(f"story {story}: {progress_text(progress)}", {"story": story, **progress_document(progress)})
    return WELL if progress.done == progress.parts else NOT_YET


def retry(options: argparse.Namespace, output: Output) -> int:
    """Run the failed parts of a story's scoring once more; of one that was cancelled, all that is not in gold."""
    settings = settings_of(options.settings)
    ledger = ledger_of(settings)
    story = _scored_in(ledger, ledger, options.which)
    again = bootstrap.build(settings).score_again(story, who=who(), dry_run=options.dry_run)
    parts = [one.part if isinstance(one, ScorePart) else f"shard {one.shard}" for one in again.commands]
    named = ", ".join(parts[:SHOWN]) + (", ..." if len(parts) > SHOWN else "")
    how = "would run" if options.dry_run else "run"
    follow = output.terminal.typed(["score", "status", story])
    text = visible(f"{len(parts):,} of the parts of story {story} {how} again: {named}")
    resumed = bool(again.resumed)
    document = {"story": story, "parts": parts, "resumed": resumed, "dry_run": options.dry_run}
    output.show(f"{text}\n{follow}", document)
    return WELL


def cancel(options: argparse.Namespace, output: Output) -> int:
    """End a story's scoring: nothing of it is started any more, and what runs is stopped."""
    settings = settings_of(options.settings)
    ledger = ledger_of(settings)
    story = _scored_in(ledger, ledger, options.which, waiting=True)
    why = options.because or "no reason given"
    ended = bootstrap.build(settings).ask_scoring.cancel(story, who=who(), why=why)
    text = f"the scoring of story {story} is cancelled; {ended.stopped:,} runs were stopped"
    if ended.left:
        text += f", {ended.left:,} are left to the sweep, as their workspace does not answer"
    follow = output.terminal.typed(["score", "retry", story])
    document = {"story": story, "parts": ended.parts, "stopped": ended.stopped, "left": ended.left}
    output.show(f"{text}; what is in gold stays there, and this scores the rest\n{follow}", document)
    return WELL


def _scored_in(ledger: Ledger, approvals: Approvals, text: str, *, waiting: bool = False) -> str:
    """Of the stories that the text leads to the one that was scored last; where `waiting`, before it one that is to be.
    Raises NothingFound.
    """
    stories = dict.fromkeys(identity.whole_of(story) for story in find_stories(ledger, text, approvals))
    planned = {story: plans[-1].plan.at for story in stories if (plans := fan_outs(ledger.story(story)))}
    told = {story: ledger.story(story) for story in stories if waiting and story not in planned}
    if to_come := [story for story, facts in told.items() if to_score(facts) and not last(facts, ScoringSkipped)]:
        return to_come[0]
    if planned:
        return max(planned, key=lambda story: planned[story])
    raise NothingFound(f"'{visible(text)}' leads to no scoring; what leads to one: {WHAT_LEADS}")
