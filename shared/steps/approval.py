"""A version that passed the rules waits for people, where the gate asks for them."""

from dataclasses import replace

from shared.domain import people
from shared.domain import story as stories
from shared.domain.commands import JudgeVersion
from shared.domain.facts import (
    ApprovalClosed,
    ApprovalExpired,
    ApprovalGiven,
    ApprovalRefused,
    ApprovalVoided,
    VersionJudged,
)
from shared.domain.identity import model_at
from shared.domain.people import Answer, Standing, State
from shared.domain.usecase import UseCase
from shared.errors import Refused
from shared.ports import Clock, Ledger
from shared.steps.decision import Decision
from shared.steps.telling import QUIET, Telling


def ask_people(
    judged: VersionJudged,
    afresh: VersionJudged,
    use_case: UseCase,
    *,
    requester: str,
    ledger: Ledger,
    clock: Clock,
    telling: Telling = QUIET,
) -> Standing:
    """Ask once, and say where the request stands. `afresh` is what the gate would say now: an approval holds for the
    policy and the evidence that people saw, so it is void when either is another one. The evidence must therefore
    hold nothing that changes by time alone.
    """
    asked = people.asked(use_case.gate.approvals, judged, slot=use_case.gate.slot, requester=requester, at=clock.now())
    telling.record([asked], ledger=ledger)
    now = clock.now()
    found = people.standing(ledger.story(judged.story), judged.model, judged.version, now=now)
    assert found is not None  # noqa: S101 - recorded above, for the type checker
    if stories.last(ledger.story(judged.story), ApprovalClosed):
        return found
    changed = [
        what
        for what, before, after in (
            ("policy", judged.policy, afresh.policy),
            ("evidence", judged.evidence, afresh.evidence),
        )
        if before != after
    ]
    if changed and found.state in (State.WAITING, State.GRANTED):
        reason = f"void: the {' and the '.join(changed)} changed after people were asked"
        found = replace(found, state=State.REFUSED, reason=reason)
        _close(judged, found, ApprovalVoided, ledger=ledger, clock=clock)
    elif found.state is State.EXPIRED:
        _close(judged, found, ApprovalExpired, ledger=ledger, clock=clock)
    elif found.state is not State.WAITING:
        _close(judged, found, None, ledger=ledger, clock=clock)
    ended = people.standing(ledger.story(judged.story), judged.model, judged.version, now=now)
    return ended or found


def _close(
    judged: VersionJudged,
    found: Standing,
    why: type[ApprovalVoided | ApprovalExpired] | None,
    *,
    ledger: Ledger,
    clock: Clock,
) -> None:
    """Of two that see it end differently (a last approval and a refusal at once), the first to record it counts."""
    closed = ApprovalClosed(
        story=judged.story,
        at=clock.now(),
        model=judged.model,
        version=judged.version,
        outcome=str(found.state),
        reason=found.reason,
    )
    (first,) = ledger.record([closed])
    if first and why:
        said = why(story=judged.story, at=clock.now(), model=judged.model, version=judged.version, reason=found.reason)
        ledger.record([said])


def decide_approval(answer: Answer, *, ledger: Ledger, clock: Clock) -> Decision:
    """Record what a person says, and have the version looked at again. Raises Refused with why it cannot be taken."""
    name = model_at(answer.model, answer.version)
    story, found = request_of(answer.model, answer.version, ledger=ledger, clock=clock)
    if why_not := people.why_not(answer, found):
        raise Refused(why_not)
    kind = ApprovalGiven if answer.approves else ApprovalRefused
    said = kind(
        story=story,
        at=clock.now(),
        model=answer.model,
        version=answer.version,
        who=answer.person.name,
        roles=answer.person.roles,
        reason=answer.why.strip(),
        policy=answer.policy,
        evidence=answer.evidence,
    )
    ledger.record([said])
    again = JudgeVersion(model=answer.model, version=answer.version, cause=f"{kind.__name__}-{answer.person.name}")
    return Decision(summary=f"{name}: {kind.__name__} by {answer.person.name}", send=(again,))


def request_of(model: str, version: str, *, ledger: Ledger, clock: Clock) -> tuple[str, Standing | None]:
    """The story in which people were asked about the version, and where that stands; "" and None when they were not."""
    now = clock.now()
    for story in ledger.find(model_at(model, version)):
        told = ledger.story(story)
        found = people.standing(told, model, version, now=now)
        if found:
            if found.state is State.GRANTED and not stories.is_decided(told, version):
                found = replace(found, reason=f"{found.reason}; its promotion follows")
            return story, found
    return "", None
