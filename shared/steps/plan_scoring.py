"""An approved version scores the lake: model version and data version are pinned, and the parts are cut."""

from shared.domain import identity
from shared.domain import story as stories
from shared.domain.commands import PlanScoring
from shared.domain.facts import ScoringPlanned, ScoringRequested, ScoringSkipped
from shared.domain.fan_out import SHARD_SIZE, groups_place, plan_in, refuse_too_many, shards, start_of
from shared.domain.usecase import UseCase, UseCases
from shared.ports import Clock, Lake, Ledger
from shared.steps.decision import Decision
from shared.steps.scoring_turns import Turns


def plan_scoring(
    command: PlanScoring,
    *,
    use_cases: UseCases,
    ledger: Ledger,
    turns: Turns,
    lake: Lake,
    clock: Clock,
) -> Decision:
    """Record the plan before anything is sent; a repeat sends the parts that have not been started. While another
    scoring writes the gold table, nothing begins.

    Of many parts, what is sent are shards. Raises Refused where there are too many.
    """
    use_case = use_cases.named(command.use_case)
    if not use_case.scoring.job:
        reason = f"{use_case.name} has no scoring.job"
        ledger.record([ScoringSkipped(story=command.story, at=clock.now(), reason=reason)])
        return Decision(summary=f"no scoring: {reason}")
    plan_id = identity.plan_id(command.story, command.model, command.version, command.generation)
    fan_out = plan_in(ledger.story(command.story), plan_id)
    if fan_out is None:
        if skipped := stories.last(ledger.story(command.story), ScoringSkipped):
            return Decision(summary=f"plan {plan_id} does not begin: {skipped.reason}")
        if reason := turns.wait(command, use_case):
            return Decision(summary=f"plan {plan_id} does not begin: {reason}")
        ledger.record([_plan(command, plan_id, use_case, ledger=ledger, lake=lake, clock=clock)])
        fan_out = plan_in(ledger.story(command.story), plan_id)
        assert fan_out is not None  # noqa: S101 - recorded above, for the type checker
    turns.begin(fan_out.plan)
    if fan_out.cancelled:
        return Decision(summary=f"plan {plan_id} was cancelled by {fan_out.cancelled.who}")
    waiting = [part for part in fan_out.plan.parts if part not in fan_out.started and part not in fan_out.scored]
    total, what = sum(fan_out.plan.counts), "shards" if fan_out.plan.shard_size else "of them"
    return Decision(
        summary=f"plan {plan_id}: {total} parts of {fan_out.plan.table}, {len(waiting)} {what} to send",
        send=tuple(start_of(fan_out, part, use_case.name) for part in waiting),
    )


def _plan(
    command: PlanScoring, plan_id: str, use_case: UseCase, *, ledger: Ledger, lake: Lake, clock: Clock
) -> ScoringPlanned:
    told = ledger.story(command.story)
    data, requested = stories.trained_on(told), stories.last(told, ScoringRequested)
    since = requested.since if requested else -1
    table, delta_version = use_case.data.table, data.delta_version if data else -1
    if delta_version < 0:  # a version that no arrival led to scores what is there now
        delta_version = lake.rows(table, use_case.scoring.part_by, "").delta_version
    scoring = use_case.scoring
    parts = lake.parts(table, delta_version, scoring.part_by, since, rows=scoring.rows_per_part)
    refuse_too_many(len(parts), table, scoring.part_by, by_rows=bool(scoring.rows_per_part))
    cut = shards(len(parts))
    plan = ScoringPlanned(
        story=command.story,
        at=clock.now(),
        plan=plan_id,
        model=command.model,
        version=command.version,
        table=table,
        delta_version=delta_version,
        gold=scoring.table,
        part_by=scoring.part_by,
        parts=cut or tuple(parts),
        use_case=use_case.name,
        shard_size=SHARD_SIZE if cut else 0,
        total=len(parts),
        since=since,
        rows_per_part=scoring.rows_per_part,
    )
    if place := groups_place(plan):  # before the plan is recorded: whoever finds the plan finds its groups
        lake.keep_groups(place, table, delta_version, scoring.rows_per_part)
    return plan
