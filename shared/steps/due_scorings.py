"""Scorings that nobody asked for: of new data, or by the clock. The sweep finds that one is due."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from shared.domain import identity
from shared.domain import story as stories
from shared.domain.commands import Command, PlanScoring
from shared.domain.facts import Fact, ScoringRequested
from shared.domain.fan_out import FanOut, fan_outs, plan_in
from shared.domain.prediction import scorings_of
from shared.domain.usecase import ScoringWhen, UseCase, UseCases
from shared.notes import Journals
from shared.ports import Approvals, Clock, Lake, Ledger


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


@dataclass(frozen=True, kw_only=True)
class DueScorings:
    """Looks whether one is due, and asks for it: one at a time for each gold table, so that none overtakes another."""

    ledger: Ledger
    approvals: Approvals
    journals: Journals
    lake: Lake
    clock: Clock

    def ask(self, use_case: UseCase, busy: Collection[str]) -> Sequence[Command]:
        """Record that it is asked for, once for each version of silver, and each period; the command that begins it."""
        scoring = use_case.scoring
        asks = scoring.when is not ScoringWhen.PROMOTION or scoring.every is not None
        if not scoring.job or not asks or scoring.table in busy:
            return ()
        approval = self.approvals.approved(use_case.training.model, use_case.gate.slot)
        if approval is None:
            return ()
        found = self._of_the_clock(use_case) or self._of_new_data(use_case, approval.version)
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
        return f"period {period} of {every}", f"it is scored every {every}", -1

    def _of_new_data(self, use_case: UseCase, version: str) -> tuple[str, str, int] | None:
        """What changed since the last scoring, where that was with the same version; else all of it."""
        scoring, table = use_case.scoring, use_case.data.table
        if scoring.when is not ScoringWhen.NEW_DATA:
            return None
        now = self.lake.rows(table, scoring.part_by, "").delta_version
        last = newest_scoring(scoring.table, ledger=self.ledger, journals=self.journals)
        since = last.plan.delta_version if last and last.plan.version == version else -1
        if now <= since or not self.lake.parts(table, now, scoring.part_by, since):
            return None
        return f"version {now} of {table}", f"version {now} of {table} is new", since
