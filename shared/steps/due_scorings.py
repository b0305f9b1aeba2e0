"""Scorings that nobody asked for: of new data, or by the clock. The sweep finds that one is due."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.domain import identity
from shared.domain import story as stories
from shared.domain.commands import Command, PlanScoring
from shared.domain.facts import (
    Fact,
    Parked,
    ScoringPlanned,
    ScoringRequested,
    TrainingFinished,
    TrainingSkipped,
    TrainingStarted,
    VersionJudged,
)
from shared.domain.fan_out import FanOut, fan_outs, plan_in
from shared.domain.prediction import plans_of, scorings_of
from shared.domain.silence import number_of
from shared.domain.usecase import ScoringWhen, UseCase, UseCases
from shared.domain.verdicts import RunResult
from shared.notes import Entry, Journals
from shared.ports import Approvals, Clock, Lake, Ledger

LOOKED_AT = 50
"""So many scorings back one that ended is looked for."""


def under_way(story: Sequence[Fact], use_cases: UseCases) -> Iterator[str]:
    """The gold tables that the story scores into, or is about to."""
    plans = fan_outs(story)
    yield from (one.plan.gold for one in plans if not one.is_settled)
    reason = stories.to_score(story)
    if reason and not plans and (use_case := use_cases.of_model(reason.model)):
        yield use_case.scoring.table


def newest_scoring(gold: str, *, ledger: Ledger, journals: Journals) -> FanOut | None:
    """The scoring that was the last to write the table, if every part of it is in gold."""
    for entry in journals.noted(scorings_of(gold), 1):
        found = plan_in(ledger.story(entry.story), entry.text)
        return found if found and found.finished else None
    return None


def note_begin(plan: ScoringPlanned, at: datetime, journals: Journals) -> None:
    """It writes its gold table from then on."""
    entry = Entry(
        scope=plans_of(plan.gold),
        number=number_of(at),
        name=plan.plan,
        story=plan.story,
        at=at,
        text=plan.plan,
    )
    journals.note(entry)


def scored_until(gold: str, model_version: str, *, ledger: Ledger, journals: Journals) -> int:
    """Up to which version of silver the gold table has the predictions of that model version, all of them; -1 where
    another version wrote since, or that is not known.
    """
    for entry in journals.noted(plans_of(gold), LOOKED_AT):
        found = plan_in(ledger.story(entry.story), entry.text)
        if found is None or found.plan.version != model_version:
            return -1
        if found.finished:
            return found.plan.delta_version
    return -1


def is_open(story: Sequence[Fact]) -> bool:
    """May a version of its own still score the data of a batch? While one waits for people, the data does not wait."""
    started, finished = stories.last(story, TrainingStarted), stories.newest(story, TrainingFinished)
    ended = finished is not None and finished.final and finished.result is not RunResult.SUCCEEDED
    skipped = started is None and stories.last(story, TrainingSkipped) is not None
    decided = ended or skipped or stories.last(story, VersionJudged) or stories.last(story, Parked)
    return stories.trained_on(story) is not None and not decided


@dataclass(frozen=True, kw_only=True)
class DueScorings:
    """Looks whether one is due, and asks for it: one at a time for each gold table, so that none overtakes another."""

    ledger: Ledger
    approvals: Approvals
    journals: Journals
    lake: Lake
    clock: Clock

    def ask(self, use_case: UseCase, busy: Collection[str], trained_on: Collection[str]) -> Sequence[Command]:
        """Record that it is asked for, once for each version of silver, and each period; the command that begins it.

        `busy` are the gold tables that are written, `trained_on` the silver tables with data that may get a version of
        its own: that is waited for.
        """
        scoring = use_case.scoring
        asks = scoring.when is not ScoringWhen.PROMOTION or scoring.every is not None
        if not scoring.job or not asks or scoring.table in busy:
            return ()
        approval = self.approvals.approved(use_case.training.model, use_case.gate.slot)
        if approval is None:
            return ()
        found = self._of_the_clock(use_case)
        if found is None and use_case.data.table not in trained_on:
            found = self._of_new_data(use_case, approval.version)
        if found is None:
            return ()
        key, why, since = found
        requested = ScoringRequested(
            story=identity.story_of_scoring(approval.model, approval.version, key),
            at=self.clock.now(),
            use_case=use_case.name,
            model=approval.model,
            version=approval.version,
            who="the sweep",
            reason=why,
            since=since,
        )
        (first,) = self.ledger.record([requested])
        if not first:
            return ()
        return (
            PlanScoring(
                story=requested.story, use_case=use_case.name, model=requested.model, version=requested.version
            ),
        )

    def _of_the_clock(self, use_case: UseCase) -> tuple[str, str, int] | None:
        """All of it, once in each period since 1970, unless something scored in it already."""
        every = use_case.scoring.every
        if every is None:
            return None
        last = newest_scoring(use_case.scoring.table, ledger=self.ledger, journals=self.journals)
        period = int(self.clock.now().timestamp() // every.total_seconds())
        if last and last.finished and last.finished.at.timestamp() // every.total_seconds() >= period:
            return None
        return f"period {period} of {every}", f"all of it is scored every {_words(every)}", -1

    def _of_new_data(self, use_case: UseCase, version: str) -> tuple[str, str, int] | None:
        """What changed since the last scoring, where that was with the same version; else all of it."""
        scoring, table = use_case.scoring, use_case.data.table
        if scoring.when is not ScoringWhen.NEW_DATA:
            return None
        now = self.lake.rows(table, scoring.part_by, "").delta_version
        since = scored_until(scoring.table, version, ledger=self.ledger, journals=self.journals)
        if now <= since or not self.lake.parts(table, now, scoring.part_by, since, rows=scoring.rows_per_part):
            return None
        return f"version {now} of {table}", f"version {now} of {table} is new", since


def _words(span: timedelta) -> str:
    """As the use case says it, in its largest unit."""
    for unit in ("week", "day", "hour"):
        count, rest = divmod(span, timedelta(**{f"{unit}s": 1}))
        if count and not rest:
            return unit if count == 1 else f"{count} {unit}s"
    return f"{span // timedelta(minutes=1)} minutes"
