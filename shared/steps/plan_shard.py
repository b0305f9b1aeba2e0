"""One shard of a large plan: its parts are cut, in a story of its own, and sent."""

from dataclasses import replace

from shared.domain import identity
from shared.domain.commands import PlanShard, ScorePart
from shared.domain.facts import PartStarted, ScoringCancelled, ScoringPlanned
from shared.domain.fan_out import of_shard, plan_in
from shared.domain.usecase import UseCases
from shared.errors import Refused
from shared.notes import Journals
from shared.ports import Clock, Lake, Ledger
from shared.steps.close_fan_out import FanIn
from shared.steps.decision import Decision


def plan_shard(
    command: PlanShard, *, use_cases: UseCases, ledger: Ledger, journals: Journals, lake: Lake, clock: Clock
) -> Decision:
    """Record the shard's plan, then in the whole's story that it has begun; send its parts. Converges.

    The sweep asks this of a shard that has begun only so that a finished one is counted: it finds waiting parts in the
    shard's own story.
    """
    use_case = use_cases.named(command.use_case)
    whole = plan_in(ledger.story(command.story), command.plan)
    if whole is None or command.shard not in whole.plan.parts:
        raise Refused(f"story {command.story} has no plan {command.plan} with a shard {command.shard!r}")
    plan_id = identity.shard_plan(command.plan, command.shard)
    story = identity.story_of_plan(command.story, plan_id)
    shard = plan_in(ledger.story(story), plan_id)
    begins = shard is None or not command.cause
    if shard is None:
        ledger.record([_plan(whole.plan, plan_id, story, command.shard, lake=lake, clock=clock)])
        shard = plan_in(ledger.story(story), plan_id)
        assert shard is not None  # noqa: S101 - recorded above, for the type checker
    if command.shard not in whole.started:
        ledger.record([_begun(command, clock)])
    if shard.is_over:
        gold = lake.rows(shard.plan.gold, shard.plan.part_by, shard.plan.parts[0])
        fan_in = FanIn(ledger=ledger, journals=journals, clock=clock, limits=use_case.scoring.jump)
        return Decision(summary=fan_in.close(shard, gold_version=gold.delta_version))
    if cancelled := _cancelled(command, ledger):
        ledger.record([replace(cancelled, story=story, plan=plan_id)])
        return Decision(summary=f"plan {command.plan} was cancelled by {cancelled.who}")
    waiting = [part for part in shard.plan.parts if part not in shard.started and part not in shard.scored]
    return Decision(
        summary=f"plan {plan_id}: {len(shard.plan.parts)} parts, {len(waiting)} wait",
        send=tuple(
            ScorePart(story=story, cause=command.cause, use_case=use_case.name, plan=plan_id, part=part)
            for part in (waiting if begins else ())
        ),
    )


def _cancelled(command: PlanShard, ledger: Ledger) -> ScoringCancelled | None:
    """Looked at after the shard is recorded, as who cancels records that first and then looks for shards."""
    whole = plan_in(ledger.story(command.story), command.plan)
    return whole.cancelled if whole else None


def _plan(whole: ScoringPlanned, plan_id: str, story: str, shard: str, *, lake: Lake, clock: Clock) -> ScoringPlanned:
    """The same pinned versions, and the shard's share of the parts."""
    of_all = lake.parts(whole.table, whole.delta_version, whole.part_by, whole.since, rows=whole.rows_per_part)
    parts = of_shard(of_all, shard, whole.shard_size)
    return replace(whole, story=story, at=clock.now(), plan=plan_id, parts=parts, shard_size=0, total=len(parts))


def _begun(command: PlanShard, clock: Clock) -> PartStarted:
    return PartStarted(
        story=command.story,
        at=clock.now(),
        plan=command.plan,
        part=command.shard,
        generation=1,
        job_run_id=0,
        workspace="",
    )
