"""Reading a story: where it stands, and what has to happen next."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from shared.domain import announcing, identity, quarantine, rollback, silence
from shared.domain import facts as f
from shared.domain.commands import CheckBatch, Command, FollowRun, PlanScoring, StartTraining, UpdateEndpoint
from shared.domain.fan_out import fan_outs, parts_outstanding, plan_in
from shared.domain.verdicts import RunResult, Verdict

_BEGIN_WITH_A_VERSION = (f.VersionRolledBack, f.ScoringRequested)
_HasScored = f.VersionPromoted | f.VersionRolledBack | f.ScoringRequested
_AsksToTrain = f.LiveMetricsBad | f.TrainingRequested
_TrainedOn = f.DataCommitted | _AsksToTrain
_OfGeneration = f.BatchChecked | f.TrainingStarted | f.TrainingFinished

MAX_GENERATIONS = 3
"""How often work that was lost with its driver is run before a person has to look."""


def of_kind[Kind: f.Fact](story: Sequence[f.Fact], kind: type[Kind]) -> list[Kind]:
    """The facts of one kind, oldest first."""
    return [fact for fact in story if isinstance(fact, kind)]


def last[Kind: f.Fact](story: Sequence[f.Fact], kind: type[Kind]) -> Kind | None:
    """The newest fact of one kind."""
    found = of_kind(story, kind)
    return found[-1] if found else None


def newest[Kind: _OfGeneration](story: Sequence[f.Fact], kind: type[Kind]) -> Kind | None:
    """The fact of the highest generation, whichever was recorded last."""
    return max(of_kind(story, kind), key=lambda fact: fact.generation, default=None)


def is_settled(story: Sequence[f.Fact]) -> bool:
    """Is nothing left to do, and nobody left to be told? It depends on which facts are there, not on their order: a
    run's end is often told after its version was decided.
    """
    return not announcing.open_dues(story) and _is_done(story)


def _is_done(story: Sequence[f.Fact]) -> bool:
    undecided = any(not is_decided(story, one.version) for one in of_kind(story, f.VersionRegistered))
    waits = silence.open_silence(story) or rollback.to_come(story) or rollback.open_withheld(story)
    if undecided or waits or _is_training_open(story) or quarantine.open_release(story):
        return False
    if to_score(story) or _is_shard(story):
        plans = fan_outs(story)
        scored = plans[-1].is_settled if plans else last(story, f.ScoringSkipped) is not None
        return scored and endpoint_to_come(story) is None
    if finished := newest(story, f.TrainingFinished):
        decided = last(story, f.VersionRejected) is not None
        return decided or finished.result is not RunResult.SUCCEEDED  # succeeded: its version is still to come
    if last(story, f.TrainingSkipped) and not last(story, f.TrainingStarted):
        return True
    if asks_to_train(story):  # its training is still to come
        return False
    over = last(story, f.DataQuarantined) or last(story, f.DataSuperseded)
    return not last(story, f.DataCommitted) and bool(over or not last(story, f.DataArrived))


def _is_shard(story: Sequence[f.Fact]) -> bool:
    return bool(story) and identity.is_shard(story[0].story)


def _is_training_open(story: Sequence[f.Fact]) -> bool:
    """Is a run of it unheard of, or lost and to be run again?"""
    started, finished = newest(story, f.TrainingStarted), newest(story, f.TrainingFinished)
    if started is None:
        return False
    return finished is None or finished.generation < started.generation or not finished.final


def to_score(story: Sequence[f.Fact]) -> _HasScored | None:
    """Why the story scores, if it does: its version came into the slot, or a person asked."""
    return last(story, f.VersionPromoted) or last(story, f.VersionRolledBack) or last(story, f.ScoringRequested)


def endpoint_to_come(story: Sequence[f.Fact]) -> f.EndpointRequested | None:
    """The serving endpoint that was asked for and does not serve yet, unless that failed."""
    ended = {
        (one.endpoint, one.version) for kind in (f.EndpointUpdated, f.EndpointFailed) for one in of_kind(story, kind)
    }
    asked = of_kind(story, f.EndpointRequested)
    return next((one for one in asked if (one.endpoint, one.version) not in ended), None)


def is_decided(story: Sequence[f.Fact], version: str) -> bool:
    """Was the version promoted or rejected?"""
    return any(isinstance(fact, f.VersionPromoted | f.VersionRejected) and fact.version == version for fact in story)


def use_case_of(story: Sequence[f.Fact]) -> str:
    """The use case, where an arrival, a person, a silence or live metrics began the story, or its scoring is planned,
    else "".
    """
    arrived = last(story, f.DataArrived) or last(story, f.VersionRolledBack) or last(story, f.ScoringRequested)
    other = asks_to_train(story) or last(story, f.DataMissing) or last(story, f.ScoringPlanned)
    found = arrived or other or rollback.requested(story)
    return found.use_case if found else ""


def outstanding(story: Sequence[f.Fact], use_case: str, *, cause: str) -> list[Command]:
    """The commands that would carry a stalled story on; empty when it waits for nothing that a command could do.

    Sending one too many is harmless: every step reads the present state first.
    """
    if not story:
        return []
    return [*announcing.wishes(story, cause=cause), *(() if _is_done(story) else _next(story, use_case, cause))]


def _next(story: Sequence[f.Fact], use_case: str, cause: str) -> Iterator[Command]:
    if _is_shard(story):
        for shard in fan_outs(story):
            yield from parts_outstanding(shard, use_case, cause)
        return
    arrived = last(story, f.DataArrived)
    if asked_back := rollback.to_come(story):
        yield rollback.command_of(asked_back, cause=cause)
    elif arrived and (released := quarantine.open_release(story)):
        yield _check(story, arrived, cause, released.generation)
    elif any(last(story, kind) for kind in (f.VersionRegistered, f.TrainingStarted, *_BEGIN_WITH_A_VERSION)):
        yield from _training(story, use_case, cause)
        if reason := to_score(story):
            yield from _scoring(story, use_case, reason, cause)
        if asked := endpoint_to_come(story):
            yield UpdateEndpoint(
                story=asked.story, cause=cause, use_case=asked.use_case, model=asked.model, version=asked.version
            )
    elif data := trained_on(story):
        yield train_on(data, use_case, cause=cause)
    elif arrived and not last(story, f.DataQuarantined):
        yield _check(story, arrived, cause)


def trained_on(story: Sequence[f.Fact]) -> _TrainedOn | None:
    """What names the version of silver that a training of the story reads: its commit, or what asks to train."""
    return last(story, f.DataCommitted) or asks_to_train(story)


def asks_to_train(story: Sequence[f.Fact]) -> _AsksToTrain | None:
    """What asks for a training on the data of another story, if anything does: bad live metrics, or a person."""
    return last(story, f.LiveMetricsBad) or last(story, f.TrainingRequested)


def train_on(data: _TrainedOn, use_case: str, *, cause: str = "") -> StartTraining:
    """The command that follows a commit, bad live metrics, or a person's asking."""
    return StartTraining(
        story=data.story,
        cause=cause,
        use_case=use_case,
        table=data.table,
        delta_version=data.delta_version,
    )


def check_of(arrived: f.DataArrived, *, cause: str = "", generation: int = 1) -> CheckBatch:
    """The command that follows an arrival, or a release from quarantine."""
    return CheckBatch(
        story=arrived.story,
        cause=cause,
        use_case=arrived.use_case,
        file=arrived.file,
        url=arrived.url,
        etag=arrived.etag,
        generation=generation,
    )


def check_run(story: Sequence[f.Fact], generation: int) -> tuple[f.CheckRunStarted, f.CheckRunFinished | None] | None:
    """The newest run of the check job for that generation, and how it ended; None where no job was asked."""
    started = [one for one in of_kind(story, f.CheckRunStarted) if one.generation == generation]
    if not started:
        return None
    newest_ = started[-1]
    ended = [one for one in of_kind(story, f.CheckRunFinished) if one.job_run_id == newest_.job_run_id]
    return newest_, ended[-1] if ended else None


def _check(story: Sequence[f.Fact], arrived: f.DataArrived, cause: str, generation: int = 1) -> Command:
    """The check, or the run of the check job that nobody heard of again."""
    run = check_run(story, generation)
    if run and run[1] is None:
        return FollowRun(story=arrived.story, cause=cause, workspace=run[0].workspace, job_run_id=run[0].job_run_id)
    return check_of(arrived, cause=cause, generation=generation)


def _training(story: Sequence[f.Fact], use_case: str, cause: str) -> Iterator[Command]:
    """A run that was not heard of again; a version that was registered but not judged is found by the sweep."""
    started, finished = newest(story, f.TrainingStarted), newest(story, f.TrainingFinished)
    if started is None:
        return
    if finished is None or finished.generation < started.generation:
        yield FollowRun(story=started.story, cause=cause, workspace=started.workspace, job_run_id=started.job_run_id)
    elif not finished.final:
        yield train_again(started, use_case, cause=cause)


def train_again(started: f.TrainingStarted, use_case: str, *, cause: str = "") -> StartTraining:
    """The next generation of a training whose run was lost."""
    return StartTraining(
        story=started.story,
        cause=cause,
        use_case=use_case,
        table=started.table,
        delta_version=started.delta_version,
        generation=started.generation + 1,
    )


def _scoring(story: Sequence[f.Fact], use_case: str, reason: _HasScored, cause: str) -> Iterator[Command]:
    plans = fan_outs(story)
    if plans:
        yield from parts_outstanding(plans[-1], use_case, cause)
    elif not last(story, f.ScoringSkipped):
        yield PlanScoring(
            story=reason.story, cause=cause, use_case=use_case, model=reason.model, version=reason.version
        )


def idle_for(story: Sequence[f.Fact], now: datetime) -> timedelta:
    """How long nothing has been recorded."""
    return now - max(fact.at for fact in story)


def needs_attention(story: Sequence[f.Fact]) -> str:
    """Why a person has to look, or "": a message is parked; a check, a training or a part failed for good and was not
    run again since.
    """
    reasons = [f"{one.queue}: {one.reason}" for one in of_kind(story, f.Parked)]
    started, finished = newest(story, f.TrainingStarted), newest(story, f.TrainingFinished)
    runs_again = (started and finished and started.generation > finished.generation) or last(story, f.TrainingRepeated)
    if finished and finished.final and finished.result is not RunResult.SUCCEEDED and not runs_again:
        reasons.append(f"training {finished.result}: {finished.message}")
    reasons += [
        f"part {one.part} {one.result}: {one.message}"
        for one in of_kind(story, f.PartFailed)
        if one.final and not was_run_again(story, one) and not is_cancelled(story, one)
    ]
    reasons += [
        f"endpoint {one.endpoint} does not serve version {one.version}: {one.message}"
        for one in of_kind(story, f.EndpointFailed)
        if not one.superseded
    ]
    reasons += [f"predictions jumped: {'; '.join(one.reasons)}" for one in of_kind(story, f.PredictionsJumped)]
    checked = newest(story, f.BatchChecked)
    if checked and checked.verdict is Verdict.MISCONFIGURED:
        reasons.append("the check is misconfigured")
    if checked and checked.verdict is Verdict.ERROR:
        reasons.append("the batch could not be checked")
    return "; ".join(reasons)


def is_cancelled(story: Sequence[f.Fact], failed: f.PartFailed) -> bool:
    """Was the scoring that it is a part of ended?"""
    found = plan_in(story, failed.plan)
    return bool(found and found.cancelled)


def was_run_again(story: Sequence[f.Fact], failed: f.PartFailed) -> bool:
    """Is the part in gold after all, or did it begin once more since?"""
    of_part = [one for one in of_kind(story, f.PartFact) if (one.plan, one.part) == (failed.plan, failed.part)]
    return any(isinstance(one, f.PartScored) or one.generation > failed.generation for one in of_part)
