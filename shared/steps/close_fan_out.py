"""The fan-in: when the last part is over, that is recorded; of a shard, first in the story of the whole."""

from shared.domain import identity
from shared.domain.facts import PartFact, PartFailed, PartScored, ScoringFinished
from shared.domain.fan_out import FanOut, plan_in
from shared.domain.verdicts import RunResult
from shared.ports import Clock, Ledger


def close(fan_out: FanOut, *, gold_version: int, ledger: Ledger, clock: Clock) -> str:
    """Record the end of a plan of which no part goes on; what was recorded, in words.

    A shard is counted in before it is closed, so that one that looks closed to the sweep has been counted. Whoever
    records an end reads the plan after that, so of two last ones at once, at least one sees both.
    """
    plan = fan_out.plan
    if not fan_out.is_over:
        return f"plan {plan.plan}: parts go on"
    said = ""
    if identity.is_shard(plan.story):
        said = _count_in(fan_out, gold_version=gold_version, ledger=ledger, clock=clock)
    if not fan_out.is_complete:
        return f"plan {plan.plan}: parts failed{said}"
    finished = ScoringFinished(
        story=plan.story,
        at=clock.now(),
        plan=plan.plan,
        gold=plan.gold,
        gold_version=gold_version,
        rows=fan_out.rows,
    )
    ledger.record([finished])
    return f"scoring finished: {fan_out.rows} rows in {plan.gold}{said}"


def _count_in(shard: FanOut, *, gold_version: int, ledger: Ledger, clock: Clock) -> str:
    story = identity.whole_of(shard.plan.story)
    plan, _, part = shard.plan.plan.rpartition(".")
    ledger.record([_end(shard, story, plan, part, clock)])
    whole = plan_in(ledger.story(story), plan)
    if whole is None or not whole.is_complete:
        return ""
    return f"; {close(whole, gold_version=gold_version, ledger=ledger, clock=clock)}"


def _end(shard: FanOut, story: str, plan: str, part: str, clock: Clock) -> PartFact:
    if shard.is_complete:
        return PartScored(
            story=story, at=clock.now(), plan=plan, part=part, generation=1, job_run_id=0, rows=shard.rows
        )
    failed = [name for name in shard.plan.parts if name not in shard.scored]
    message = f"{len(failed)} of {len(shard.plan.parts)} parts: {failed[0]}: {shard.failed[failed[0]].message}"
    return PartFailed(
        story=story,
        at=clock.now(),
        plan=plan,
        part=part,
        generation=1,
        job_run_id=0,
        result=RunResult.FAILED,
        message=message,
        final=True,
    )
