"""What needs a person, and what that person can do about it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.domain import announcing, identity, people, rollback, silence, slots
from shared.domain import facts as f
from shared.domain import story as stories
from shared.domain.commands import Queue
from shared.domain.identity import model_at
from shared.domain.verdicts import RunResult, Verdict
from shared.errors import DEAD_LETTERED, Malformed, Poison, Refused, TooLarge, UnknownUseCase
from shared.ports import ParkedMessage

_OF_PARKED = {
    Malformed.reason: "nobody can read it: mend what sent it, then take it off the list",
    TooLarge.reason: "name a job for it in data.check_job, or raise data.largest_mb, then send the message again",
    UnknownUseCase.reason: "bring the use case back or name it rightly, then send the message again",
    Refused.reason: "mend what was refused, then send the message again",
    Poison.reason: "mend its cause, then send the message again",
    DEAD_LETTERED: "it failed at every delivery: when what failed works again, send the message again",
}
_OF_RUN = {
    RunResult.CANCELLED: "somebody stopped run {run}: ask why",
    RunResult.LOST: "the platform lost run {run} and those before it: look at the workspace",
}

_OF_CHECK = {
    Verdict.MISCONFIGURED: "the suite is wrong, not the data: mend the suite, then have the file checked again",
    Verdict.ERROR: "read why: have it landed anew, or mend how it is read (`data` of usecase.yml), then check it again",
}

_BEFORE_A_ROLLBACK: dict[type[f.Fact], str] = {
    f.EndpointFailed: "the version before is served on: read the endpoint's events, mend it, or roll the version back",
    f.PredictionsJumped: "look at the rows in gold and at the data; if they are wrong, roll the version back",
}


@dataclass(frozen=True, kw_only=True)
class Remedy:
    """One thing that needs a person: why, since when, what to do, and what to type (the arguments of ops), if any."""

    why: str
    detail: str
    at: datetime
    advice: str
    command: tuple[str, ...] = ()


def remedies(story: Sequence[f.Fact], waiting: Sequence[ParkedMessage]) -> tuple[Remedy, ...]:
    """All that a story needs a person for. A parked message counts while it waits: once replayed, it is history."""
    return tuple(_remedies(story, waiting))


def of_parked(message: ParkedMessage) -> Remedy:
    """What to do about a parked message."""
    sendable = message.queue in set(Queue)
    advice = _OF_PARKED.get(message.reason, _OF_PARKED[Poison.reason])
    if not sendable:
        advice = "it came on no queue, so it cannot be sent again: land the file again, then take it off the list"
    name = f"{message.queue}/{message.message_id}"
    command = ("replay", name) if sendable and message.reason != Malformed.reason else ("discard", name)
    return Remedy(
        why=f"{message.queue}: {message.reason}", detail=message.detail, at=message.at, advice=advice, command=command
    )


def _remedies(story: Sequence[f.Fact], waiting: Sequence[ParkedMessage]) -> Iterator[Remedy]:
    for fact in story:
        why = "" if isinstance(fact, f.Parked) or _is_over(fact, story) else stories.needs_attention([fact])
        if why:
            advice, command = _advice(fact, story)
            yield Remedy(why=why, detail="", at=fact.at, advice=advice, command=command)
    for requested in stories.of_kind(story, f.ApprovalRequested):
        asked = people.standing(story, requested.model, requested.version, now=requested.at)
        if asked and asked.state is people.State.WAITING and not stories.is_decided(story, requested.version):
            yield _of_request(asked)
    if missing := silence.open_silence(story):
        yield _of_missing(missing)
    if withheld := slots.open_withheld(story):
        yield _of_withheld(withheld)
    if bad := rollback.open_withheld(story):
        yield _of_bad(bad)
    for delayed in announcing.open_delays(story):
        yield Remedy(
            why=f"{delayed.what} is not announced yet",
            detail=delayed.reason,
            at=delayed.at,
            advice="mend the Event Grid topic, its address or our rights there: the next sweep publishes it",
        )
    told = {(one.queue, one.message_id) for one in stories.of_kind(story, f.Parked)}
    for one in waiting:
        of = one.correlation_id
        if story and (story[0].story in {of, identity.whole_of(of)} or (one.queue, one.message_id) in told):
            yield of_parked(one)


def _is_over(fact: f.Fact, story: Sequence[f.Fact]) -> bool:
    """Was the batch checked again since, or let out unchecked; or the part that failed run again?"""
    if isinstance(fact, f.TrainingFinished):
        return stories.last(story, f.TrainingRepeated) is not None
    if isinstance(fact, f.PartFailed):
        return stories.is_cancelled(story, fact) or stories.was_run_again(story, fact)
    later = (f.BatchChecked, f.QuarantineReleased)
    return isinstance(fact, f.BatchChecked) and any(
        one.generation > fact.generation for one in story if isinstance(one, later)
    )


def _of_request(asked: people.Standing) -> Remedy:
    name = model_at(asked.requested.model, asked.requested.version)
    return Remedy(
        why=f"{name} {asked.reason}",
        detail="",
        at=asked.requested.at,
        advice="read what the gate saw, then approve or reject it, on its page or here, and say why",
        command=("approve", name, "--as", "USER", "--because", "TEXT"),
    )


def _of_missing(fact: f.DataMissing) -> Remedy:
    return Remedy(
        why=f"{fact.use_case}: no data since {fact.since:%Y-%m-%d %H:%M} UTC",
        detail=f"missed {fact.period} times",
        at=fact.at,
        advice="ask who sends it; what came and was no arrival is counted by reason at the end of status",
        command=("status",),
    )


def _of_withheld(fact: f.RevertWithheld) -> Remedy:
    moved = f"points at version {fact.found}" if fact.found else "is empty"
    return Remedy(
        why=f"{fact.slot} of {fact.model} {moved}, approved is {fact.approved or 'none'}",
        detail=fact.reason,
        at=fact.at,
        advice="ask who moved it, and move it back in the registry; or put into it what was there before",
        command=("slots", fact.model),
    )


def _of_bad(fact: f.RollbackWithheld) -> Remedy:
    return Remedy(
        why=f"version {fact.version} of {fact.model} is bad in production, and nothing was put back",
        detail=fact.reason,
        at=fact.at,
        advice="look what was there before, and put that back (`rollback --to`); or have a better one trained",
        command=("slots", fact.model),
    )


def _advice(fact: f.Fact, story: Sequence[f.Fact]) -> tuple[str, tuple[str, ...]]:
    match fact:
        case f.TrainingFinished():
            again = "then train again on what is in silver: landed again, its rows would be there twice"
            name = stories.use_case_of(story)
            command = ("train", "run", name, "--because", "TEXT") if name else ()
            return f"{_read(fact.job_run_id, fact.result)}, mend its cause, {again}", command
        case f.PartFailed(job_run_id=0):
            shard = identity.story_of_plan(fact.story, identity.shard_plan(fact.plan, fact.part))
            return "look at the story of the shard, which names the runs; then `score retry` this one", ("story", shard)
        case f.PartFailed():
            read = _read(fact.job_run_id, fact.result)
            return f"{read}, mend its cause, then have the failed parts scored again", ("score", "retry", fact.story)
        case f.EndpointFailed() | f.PredictionsJumped():
            return _BEFORE_A_ROLLBACK[type(fact)], ("rollback", fact.model, "--because", "TEXT")
        case f.BatchChecked():
            return _OF_CHECK[fact.verdict], ("quarantine", "release", fact.story, "--check", "--because", "TEXT")
        case _:
            return "look at the story", ("story", fact.story)


def _read(job_run_id: int, result: RunResult) -> str:
    return _OF_RUN.get(result, "read what run {run} wrote").format(run=job_run_id)
