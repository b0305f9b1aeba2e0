"""A run may have ended: read it, and record how."""

from collections.abc import Sequence
from dataclasses import replace

from shared.domain import identity
from shared.domain import story as stories
from shared.domain.commands import Command, FollowRun, ScorePart
from shared.domain.facts import (
    CheckRunFinished,
    CheckRunStarted,
    DataArrived,
    Fact,
    PartFailed,
    PartScored,
    PartStarted,
    ScoringPlanned,
    TrainingFinished,
    TrainingStarted,
)
from shared.domain.fan_out import plan_in
from shared.domain.prediction import JumpLimits, place_of
from shared.domain.story import MAX_GENERATIONS
from shared.domain.usecase import UseCases
from shared.domain.verdicts import RunResult
from shared.errors import Down, UnknownUseCase
from shared.notes import Journals
from shared.ports import Clock, Commit, Jobs, Lake, Ledger, Run
from shared.steps.close_fan_out import FanIn
from shared.steps.decision import Decision
from shared.steps.scoring_turns import next_turn


def follow_run(
    command: FollowRun,
    *,
    use_cases: UseCases,
    ledger: Ledger,
    journals: Journals,
    jobs: Jobs,
    lake: Lake,
    clock: Clock,
) -> Decision:
    """Record a run's end in its story; run again what was lost; close a fan-out whose last part this was.

    A notification names a run only: which story it belongs to is in the parameters it was started with.
    """
    try:
        run = jobs.run(command.workspace, command.job_run_id)
    except Down as error:
        return Decision(summary=f"run {command.job_run_id} is left to the sweep: {error}")
    named = identity.story_of_plan(run.parameters.get("story", ""), run.parameters.get("plan", ""))
    story = ledger.story(command.story or named)
    began = next(
        (
            fact
            for fact in story
            if isinstance(fact, TrainingStarted | PartStarted | CheckRunStarted)
            and (fact.workspace, fact.job_run_id) == (command.workspace, command.job_run_id)
        ),
        None,
    )
    if began is None:
        return Decision(summary=f"run {command.job_run_id} is none of ours, or its start is not recorded yet")
    if run.result is RunResult.RUNNING:
        return _still_runs(began, story, jobs)
    if isinstance(began, CheckRunStarted):
        return _check_ended(began, run, story, ledger=ledger, clock=clock)
    if isinstance(began, TrainingStarted):
        ended = _training_ended(began, run, use_case=stories.use_case_of(story), ledger=ledger, clock=clock)
        return replace(ended, story=began.story)
    plan = next(one for one in stories.of_kind(story, ScoringPlanned) if one.plan == began.plan)
    fan_in = FanIn(ledger=ledger, journals=journals, clock=clock, limits=_limits(use_cases, plan.use_case))
    ended = _part_ended(began, run, plan, stories.use_case_of(story), use_cases, fan_in=fan_in, lake=lake)
    return replace(ended, story=began.story)


def _still_runs(began: TrainingStarted | PartStarted | CheckRunStarted, story: Sequence[Fact], jobs: Jobs) -> Decision:
    """Where its scoring was ended, it is stopped: whoever ended it may not have reached the workspace."""
    fan_out = plan_in(story, began.plan) if isinstance(began, PartStarted) else None
    if fan_out is None or not fan_out.cancelled:
        return Decision(summary=f"run {began.job_run_id} still runs", story=began.story)
    try:
        jobs.cancel(began.workspace, began.job_run_id)
    except Down as error:
        return Decision(summary=f"run {began.job_run_id} is left to the sweep: {error}", story=began.story)
    return Decision(summary=f"run {began.job_run_id} is stopped: its scoring was ended", story=began.story)


def _limits(use_cases: UseCases, name: str) -> JumpLimits:
    """Of the use case; the usual ones where it is gone: its parts are counted in all the same."""
    try:
        return use_cases.named(name).scoring.jump
    except UnknownUseCase:
        return JumpLimits()


def _is_final(run: Run, generation: int) -> bool:
    return run.result is not RunResult.LOST or generation >= MAX_GENERATIONS


def _check_ended(began: CheckRunStarted, run: Run, story: Sequence[Fact], *, ledger: Ledger, clock: Clock) -> Decision:
    """What follows is decided by the check of the batch, which goes on where its run ended."""
    finished = CheckRunFinished(
        story=began.story,
        at=clock.now(),
        generation=began.generation,
        step=began.step,
        attempt=began.attempt,
        job_run_id=began.job_run_id,
        result=run.result,
        message=run.message,
        final=_is_final(run, began.attempt),
    )
    ledger.record([finished])
    arrived = stories.last(story, DataArrived)
    cause = f"run-{began.job_run_id}"
    send = (stories.check_of(arrived, cause=cause, generation=began.generation),) if arrived else ()
    return Decision(summary=f"{began.step} of the batch {run.result}", send=send, story=began.story)


def _training_ended(began: TrainingStarted, run: Run, *, use_case: str, ledger: Ledger, clock: Clock) -> Decision:
    finished = TrainingFinished(
        story=began.story,
        at=clock.now(),
        generation=began.generation,
        job_run_id=began.job_run_id,
        result=run.result,
        message=run.message,
        final=_is_final(run, began.generation),
    )
    ledger.record([finished])
    send: tuple[Command, ...] = () if finished.final else (stories.train_again(began, use_case),)
    return Decision(summary=f"training {began.generation} {run.result}", send=send)


def _part_ended(
    began: PartStarted,
    run: Run,
    plan: ScoringPlanned,
    use_case: str,
    use_cases: UseCases,
    *,
    fan_in: FanIn,
    lake: Lake,
) -> Decision:
    if run.result is not RunResult.SUCCEEDED:
        failed = PartFailed(
            story=began.story,
            at=fan_in.clock.now(),
            plan=began.plan,
            part=began.part,
            generation=began.generation,
            job_run_id=began.job_run_id,
            result=run.result,
            message=run.message,
            final=_is_final(run, began.generation),
        )
        fan_in.ledger.record([failed])
        again = ScorePart(
            story=began.story,
            use_case=use_case,
            plan=began.plan,
            part=began.part,
            generation=began.generation + 1,
        )
        if not failed.final:
            return Decision(summary=f"part {began.part} {run.result}", send=(again,))
        gold = lake.rows(plan.gold, plan.part_by, began.part)
        return _closed(f"part {began.part} {run.result}", plan, gold, fan_in, use_cases)
    gold = lake.rows(plan.gold, plan.part_by, began.part)
    scored = PartScored(
        story=began.story,
        at=fan_in.clock.now(),
        plan=began.plan,
        part=began.part,
        generation=began.generation,
        job_run_id=began.job_run_id,
        rows=gold.rows,
        summary=lake.summary(place_of(use_case, plan.plan, began.part)),
    )
    fan_in.ledger.record([scored])
    return _closed(f"part {began.part}: {gold.rows} rows in {plan.gold}", plan, gold, fan_in, use_cases)


def _closed(said: str, plan: ScoringPlanned, gold: Commit, fan_in: FanIn, use_cases: UseCases) -> Decision:
    """Read again after the record: of two last parts at once, at least one sees both. Whatever waited begins."""
    fan_out = plan_in(fan_in.ledger.story(plan.story), plan.plan)
    if fan_out is None or not (fan_out.is_over or fan_out.is_settled):
        return Decision(summary=said)
    closed = f"; {fan_in.close(fan_out, gold_version=gold.delta_version)}" if fan_out.is_over else ""
    return Decision(summary=f"{said}{closed}", send=next_turn(fan_out, use_cases, ledger=fan_in.ledger))
