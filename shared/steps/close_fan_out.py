"""The fan-in: when the last part is over, that is recorded; of a shard, first in the story of the whole."""

from dataclasses import dataclass

from shared.domain import identity
from shared.domain.facts import PartFact, PartFailed, PartScored, PredictionsJumped, ScoringFinished
from shared.domain.fan_out import FanOut, plan_in
from shared.domain.prediction import JumpLimits, jumps, scorings_of
from shared.domain.verdicts import RunResult
from shared.notes import Entry, Journals
from shared.ports import Clock, Ledger

_BACK = 10
"""So many scorings back one is looked for whose predictions are known."""


@dataclass(frozen=True, kw_only=True)
class FanIn:
    """Where ends are recorded, and how far predictions may be from those before."""

    ledger: Ledger
    journals: Journals
    clock: Clock
    limits: JumpLimits

    def close(self, fan_out: FanOut, *, gold_version: int) -> str:
        """Record the end of a plan of which no part goes on; what was recorded, in words.

        A shard is counted in before it is closed, so that one that looks closed to the sweep has been counted. Whoever
        records an end reads the plan after that, so of two last ones at once, at least one sees both.
        """
        plan = fan_out.plan
        if not fan_out.is_over:
            return f"plan {plan.plan}: parts go on"
        said = self._count_in(fan_out, gold_version=gold_version) if identity.is_shard(plan.story) else ""
        if not fan_out.is_complete:
            return f"plan {plan.plan}: parts failed{said}"
        finished = ScoringFinished(
            story=plan.story,
            at=self.clock.now(),
            plan=plan.plan,
            gold=plan.gold,
            gold_version=gold_version,
            rows=fan_out.rows,
            summary=fan_out.summary,
        )
        jumped = self._jumped(fan_out, finished)
        self.ledger.record([jumped, finished] if jumped else [finished])
        return f"scoring finished: {fan_out.rows} rows in {plan.gold}{said}"

    def _count_in(self, shard: FanOut, *, gold_version: int) -> str:
        story = identity.whole_of(shard.plan.story)
        plan, _, part = shard.plan.plan.rpartition(".")
        self.ledger.record([self._end(shard, story, plan, part)])
        whole = plan_in(self.ledger.story(story), plan)
        if whole is None or not whole.is_complete:
            return ""
        return f"; {self.close(whole, gold_version=gold_version)}"

    def _end(self, shard: FanOut, story: str, plan: str, part: str) -> PartFact:
        if shard.is_complete:
            return PartScored(
                story=story,
                at=self.clock.now(),
                plan=plan,
                part=part,
                generation=1,
                job_run_id=0,
                rows=shard.rows,
                summary=shard.summary,
            )
        failed = [name for name in shard.plan.parts if name not in shard.scored]
        message = f"{len(failed)} of {len(shard.plan.parts)} parts: {failed[0]}: {shard.failed[failed[0]].message}"
        return PartFailed(
            story=story,
            at=self.clock.now(),
            plan=plan,
            part=part,
            generation=1,
            job_run_id=0,
            result=RunResult.FAILED,
            message=message,
            final=True,
        )

    def _jumped(self, fan_out: FanOut, finished: ScoringFinished) -> PredictionsJumped | None:
        """Whether its predictions are far from those of the scoring before into the same table. It is noted first: one
        that is noted and did not end is passed over by the next.
        """
        plan, now = fan_out.plan, finished.summary
        if identity.is_shard(plan.story):
            return None
        scope, number = scorings_of(plan.gold), finished.gold_version
        self.journals.note(
            Entry(scope=scope, number=number, name=plan.plan, story=plan.story, at=finished.at, text=plan.plan)
        )
        for entry in self.journals.noted(scope, _BACK) if now and plan.since < 0 else ():
            if entry.text == plan.plan or entry.number > number:
                continue
            before = plan_in(self.ledger.story(entry.story), entry.text)
            known = before.finished.summary if before and before.finished else None
            if known is None or (before and before.plan.since >= 0):  # of a part of the table only
                continue
            assert now is not None  # noqa: S101 - else nothing is noted to compare with, for the type checker
            reasons = jumps(known, now, self.limits)
            return (
                PredictionsJumped(
                    story=plan.story,
                    at=finished.at,
                    plan=plan.plan,
                    gold=plan.gold,
                    model=plan.model,
                    version=plan.version,
                    against=entry.story,
                    reasons=reasons,
                )
                if reasons
                else None
            )
        return None
