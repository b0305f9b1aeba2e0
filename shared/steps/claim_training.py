"""A use case's retrain policy, asked once for each story: a place in its journal, or why there is none."""

from collections.abc import Sequence

from shared.domain import story as stories
from shared.domain.facts import Fact, LiveMetricsBad, TrainingRequested, TrainingSkipped, TrainingStarted
from shared.domain.retrain import Claim, claims_of, decide, not_asked, runs
from shared.domain.usecase import UseCase
from shared.notes import Entry, Journals
from shared.ports import Clock, Ledger
from shared.steps.live_values import live_values

LOOKED_AT = 500
"""So many trainings back the journal is read."""


def claim_training(
    story: str, use_case: UseCase, champion: str, *, ledger: Ledger, journals: Journals, clock: Clock
) -> TrainingSkipped | None:
    """None to train. The place is the number after the last one, which only one can take: whoever was slower reads
    again, and decides by what is there then. A story that has its place keeps it, however often this is asked.
    """
    spec, scope = use_case.retrain, claims_of(use_case.name)
    while spec is not None:
        told = ledger.story(story)
        if skipped := _skipped(told):
            return skipped
        entries = journals.noted(scope, LOOKED_AT)
        if any(entry.story == story for entry in entries):
            return None
        now, bad = clock.now(), stories.last(told, LiveMetricsBad)
        requested = stories.last(told, TrainingRequested)
        past = requested is not None and requested.past_cool_down
        found = not_asked(
            spec,
            told,
            champion=champion,
            values=live_values(use_case, champion, journals),
            data_story=ledger.story(bad.data_story) if bad else (),
        ) or decide(spec, claims_in(entries, ledger), now, past_cool_down=past)
        if found:
            fact = TrainingSkipped(story=story, at=now, reason=found.reason, detail=found.detail)
            ledger.record([fact])
            return _skipped(ledger.story(story)) or fact
        number = entries[0].number + 1 if entries else 1
        if journals.note(Entry(scope=scope, number=number, story=story, at=now)):
            return None
    return None


def claims_in(entries: Sequence[Entry], ledger: Ledger) -> Sequence[Claim]:
    """The trainings of a journal's entries, and which of them go on."""
    return [Claim(story=each.story, at=each.at, runs=runs(ledger.story(each.story))) for each in entries]


def _skipped(told: Sequence[Fact]) -> TrainingSkipped | None:
    return None if stories.last(told, TrainingStarted) else stories.last(told, TrainingSkipped)
