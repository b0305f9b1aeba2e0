"""Approval by people: whom the gate asks, and where a request stands. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from shared.domain import facts as f
from shared.domain import story as stories


@dataclass(frozen=True, kw_only=True)
class Person:
    """Somebody whose name and roles were proven, by the platform or by the list of development users."""

    name: str
    roles: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ApprovalRule:
    """So many people of a role have to approve, within that time, and maybe not the one who asked for the version."""

    role: str
    quorum: int
    not_requester: bool
    expires_after: timedelta


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a person says about `model@version`, having seen what that policy made of that evidence."""

    model: str
    version: str
    person: Person
    approves: bool
    why: str
    policy: str
    evidence: str


class State(StrEnum):
    """Where a request stands."""

    WAITING = "waiting"
    GRANTED = "granted"
    REFUSED = "refused"
    EXPIRED = "expired"


@dataclass(frozen=True, kw_only=True)
class Standing:
    """A request, what was answered, whom it still waits for, and where that leaves it."""

    requested: f.ApprovalRequested
    given: tuple[f.ApprovalGiven, ...]
    refused: tuple[f.ApprovalRefused, ...]
    missing: tuple[str, ...]
    state: State
    reason: str


def asked(
    rules: Sequence[ApprovalRule], judged: f.VersionJudged, *, slot: str, requester: str, at: datetime
) -> f.ApprovalRequested:
    """The request that follows when a version passed the rules."""
    return f.ApprovalRequested(
        story=judged.story,
        at=at,
        model=judged.model,
        version=judged.version,
        slot=slot,
        policy=judged.policy,
        evidence=judged.evidence,
        champion_version=judged.champion_version,
        requester=requester,
        asked=tuple(
            f.AskedRole(
                role=one.role,
                quorum=one.quorum,
                not_requester=one.not_requester,
                expires_at=at + one.expires_after,
            )
            for one in rules
        ),
    )


def standing(story: Sequence[f.Fact], model: str, version: str, *, now: datetime) -> Standing | None:
    """Where the version's request stands; None when nobody was asked."""
    of_it = [one for one in story if (getattr(one, "model", ""), getattr(one, "version", "")) == (model, version)]
    requested = stories.last(of_it, f.ApprovalRequested)
    if requested is None:
        return None
    given = tuple(one for one in stories.of_kind(of_it, f.ApprovalGiven) if _is_bound(one, requested))
    refused = tuple(one for one in stories.of_kind(of_it, f.ApprovalRefused) if _is_bound(one, requested))
    missing = tuple(_missing(requested, given))
    late = [ask for ask in requested.asked if _lacks(ask, requested, given) and ask.expires_at <= now]
    if closed := stories.last(of_it, f.ApprovalClosed):
        state, reason = State(closed.outcome), closed.reason
    elif over := stories.last(of_it, f.ApprovalVoided):
        state, reason = State.REFUSED, over.reason
    elif refused:
        state, reason = State.REFUSED, f"refused by {refused[0].who}: {refused[0].reason}"
    elif ended := stories.last(of_it, f.ApprovalExpired):
        state, reason = State.EXPIRED, ended.reason
    elif not missing:
        state, reason = State.GRANTED, "approved by " + ", ".join(f"{one.who} ({one.reason})" for one in given)
    elif late:
        state, reason = State.EXPIRED, f"not approved in time: it lacked {', '.join(missing)}"
    else:
        state, reason = State.WAITING, f"waits for {', '.join(missing)}"
    return Standing(requested=requested, given=given, refused=refused, missing=missing, state=state, reason=reason)


def _is_bound(answer: f.ApprovalGiven | f.ApprovalRefused, requested: f.ApprovalRequested) -> bool:
    return (answer.policy, answer.evidence) == (requested.policy, requested.evidence)


def _lacks(ask: f.AskedRole, requested: f.ApprovalRequested, given: Sequence[f.ApprovalGiven]) -> int:
    counting = {one.who for one in given if counts(ask, requested, one.who, one.roles)}
    return max(ask.quorum - len(counting), 0)


def _missing(requested: f.ApprovalRequested, given: Sequence[f.ApprovalGiven]) -> Iterator[str]:
    for ask in requested.asked:
        if lacking := _lacks(ask, requested, given):
            yield f"{lacking} {ask.role}" + (f" other than {requested.requester}" if _bars(ask, requested) else "")


def _bars(ask: f.AskedRole, requested: f.ApprovalRequested) -> bool:
    return ask.not_requester and bool(requested.requester)


def counts(ask: f.AskedRole, requested: f.ApprovalRequested, who: str, roles: Sequence[str]) -> bool:
    """Does this person's approval count where this role is asked?"""
    asked_for_it = _bars(ask, requested) and who.casefold() == requested.requester.casefold()
    return ask.role in roles and not asked_for_it


def why_not(answer: Answer, found: Standing | None) -> str:
    """Why the answer cannot be taken, or ""."""
    name, who = f"{answer.model}@{answer.version}", answer.person.name
    if found is None:
        return f"nobody was asked to approve {name}"
    requested = found.requested
    roles = [ask.role for ask in requested.asked]
    counting = any(counts(ask, requested, who, answer.person.roles) for ask in requested.asked)
    faults = {
        f"{name} waits for nobody any more: {found.reason}": found.state is not State.WAITING,
        f"the policy or the evidence of {name} changed since you looked: look again": (
            (answer.policy, answer.evidence) != (requested.policy, requested.evidence)
        ),
        f"{who} has none of the roles that are asked: {', '.join(roles)}": not set(roles) & set(answer.person.roles),
        f"{who} has approved {name} already": any(one.who == who for one in found.given),
        f"{who} asked for {name}, so somebody else has to approve it": answer.approves and not counting,
        "say why: the reason is recorded": not answer.why.strip(),
    }
    return next((fault for fault, holds in faults.items() if holds), "")
