"""Reading a story: where it stands, and what has to happen next."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.domain import facts as f
from shared.domain.commands import CheckBatch, Command, FollowRun, PlanScoring, ScorePart, StartTraining
from shared.domain.verdicts import RunResult, Verdict

MAX_GENERATIONS = 3
"""How often work that was lost with its driver is run before a person has to look."""


def of_kind[Kind: f.Fact](story: Sequence[f.Fact], kind: type[Kind]) -> list[Kind]:
    """The facts of one kind, oldest first."""
    return [fact for fact in story if isinstance(fact, kind)]


def last[Kind: f.Fact](story: Sequence[f.Fact], kind: type[Kind]) -> Kind | None:
    """The newest fact of one kind."""
    found = of_kind(story, kind)
    return found[-1] if found else None


def is_settled(story: Sequence[f.Fact]) -> bool:
    """Is nothing left to do?"""
    settled = False
    for fact in story:
        says = fact.is_settled()
        settled = settled if says is None else says
    return settled


def is_decided(story: Sequence[f.Fact], version: str) -> bool:
    """Was the version promoted or rejected?"""
    return any(isinstance(fact, f.VersionPromoted | f.VersionRejected) and fact.version == version for fact in story)


def use_case_of(story: Sequence[f.Fact]) -> str:
    """The use case, where an arrival started the story, else ""."""
    arrived = last(story, f.DataArrived)
    return arrived.use_case if arrived else ""


@dataclass(frozen=True, kw_only=True)
class FanOut:
    """A scoring plan and how far its parts have come."""

    plan: f.ScoringPlanned
    started: dict[str, f.PartStarted]
    scored: dict[str, f.PartScored]
    failed: dict[str, f.PartFailed]

    @property
    def is_complete(self) -> bool:
        """Is every part in gold?"""
        return all(part in self.scored for part in self.plan.parts)

    @property
    def rows(self) -> int:
        """The rows of the parts that are in gold."""
        return sum(one.rows for one in self.scored.values())


def fan_outs(story: Sequence[f.Fact]) -> list[FanOut]:
    """Every plan of the story, oldest first; of each part the newest generation."""
    return [
        FanOut(
            plan=plan,
            started={one.part: one for one in of_kind(story, f.PartStarted) if one.plan == plan.plan},
            scored={one.part: one for one in of_kind(story, f.PartScored) if one.plan == plan.plan},
            failed={one.part: one for one in of_kind(story, f.PartFailed) if one.plan == plan.plan},
        )
        for plan in of_kind(story, f.ScoringPlanned)
    ]


def outstanding(story: Sequence[f.Fact], use_case: str, *, cause: str) -> list[Command]:
    """The commands that would carry a stalled story on; empty when it waits for nothing that a command could do.

    Sending one too many is harmless: every step reads the present state first.
    """
    if not story or is_settled(story):
        return []
    return list(_next(story, use_case, cause))


def _next(story: Sequence[f.Fact], use_case: str, cause: str) -> Iterator[Command]:
    if promoted := last(story, f.VersionPromoted):
        yield from _scoring(story, use_case, promoted, cause)
    elif last(story, f.VersionRegistered) or last(story, f.TrainingStarted):
        yield from _training(story, use_case, cause)
    elif committed := last(story, f.DataCommitted):
        yield StartTraining(
            story=committed.story,
            cause=cause,
            use_case=use_case,
            table=committed.table,
            delta_version=committed.delta_version,
        )
    elif arrived := last(story, f.DataArrived):
        yield check_of(arrived, cause=cause)


def check_of(arrived: f.DataArrived, *, cause: str = "") -> CheckBatch:
    """The command that follows an arrival."""
    return CheckBatch(
        story=arrived.story,
        cause=cause,
        use_case=arrived.use_case,
        file=arrived.file,
        url=arrived.url,
        etag=arrived.etag,
    )


def _training(story: Sequence[f.Fact], use_case: str, cause: str) -> Iterator[Command]:
    """A run that was not heard of again; a version that was registered but not judged is found by the sweep."""
    started, finished = last(story, f.TrainingStarted), last(story, f.TrainingFinished)
    if started is None:
        return
    if finished is None or finished.generation < started.generation:
        yield FollowRun(story=started.story, cause=cause, workspace=started.workspace, job_run_id=started.job_run_id)
    elif finished.result is RunResult.LOST:
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


def _scoring(story: Sequence[f.Fact], use_case: str, promoted: f.VersionPromoted, cause: str) -> Iterator[Command]:
    plans = fan_outs(story)
    if not plans:
        yield PlanScoring(
            story=promoted.story, cause=cause, use_case=use_case, model=promoted.model, version=promoted.version
        )
        return
    fan_out = plans[-1]
    for part in fan_out.plan.parts:
        if part in fan_out.scored:
            continue
        started, failed = fan_out.started.get(part), fan_out.failed.get(part)
        if started is None or (failed and not failed.final and failed.generation >= started.generation):
            yield ScorePart(
                story=promoted.story,
                cause=cause,
                use_case=use_case,
                plan=fan_out.plan.plan,
                part=part,
                generation=(failed.generation + 1) if failed else 1,
            )
        elif not failed or failed.generation < started.generation:
            yield FollowRun(
                story=promoted.story, cause=cause, workspace=started.workspace, job_run_id=started.job_run_id
            )
    if fan_out.is_complete and (one := next(iter(fan_out.started.values()), None)):
        yield FollowRun(story=promoted.story, cause=cause, workspace=one.workspace, job_run_id=one.job_run_id)


def idle_for(story: Sequence[f.Fact], now: datetime) -> timedelta:
    """How long nothing has been recorded."""
    return now - max(fact.at for fact in story)


def needs_attention(story: Sequence[f.Fact]) -> str:
    """Why a person has to look, or "": a message is parked, a training or a part failed for good."""
    reasons = [f"{one.queue}: {one.reason}" for one in of_kind(story, f.Parked)]
    reasons += [
        f"training {one.result}: {one.message}"
        for one in of_kind(story, f.TrainingFinished)
        if one.final and one.result is not RunResult.SUCCEEDED
    ]
    reasons += [f"part {one.part} {one.result}: {one.message}" for one in of_kind(story, f.PartFailed) if one.final]
    reasons += [
        "the check is misconfigured" for one in of_kind(story, f.BatchChecked) if one.verdict is Verdict.MISCONFIGURED
    ]
    return "; ".join(reasons)
