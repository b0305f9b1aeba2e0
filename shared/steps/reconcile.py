"""The sweep: what was lost on the way is found in the state of things, and carried on."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from shared.domain import identity, people, rollback, slots
from shared.domain import story as stories
from shared.domain.commands import Command, EnforceSlot, JudgeVersion
from shared.domain.facts import DataMissing, Fact
from shared.domain.identity import model_at
from shared.domain.people import State
from shared.domain.story import MAX_GENERATIONS
from shared.domain.usecase import Enforcement, UseCase, UseCases
from shared.errors import DEAD_LETTERED, Poison, Transient
from shared.notes import Journals
from shared.ports import Approval, Approvals, Clock, Ledger, ParkedMessage, Parking, Registry
from shared.steps.close_batches import close_batches
from shared.steps.decision import Decision
from shared.steps.due_scorings import DueScorings, is_open, under_way
from shared.steps.enforce_slot import contest_of, is_told
from shared.steps.live_metrics import LiveMetrics
from shared.steps.lost_arrivals import LostArrivals
from shared.steps.telling import QUIET, Telling
from shared.steps.watch_arrivals import end_unknown, watch_arrivals

PARTS_AT_ONCE = 500
"""How many parts of shards one sweep carries on."""


def reconcile(
    *,
    use_cases: UseCases,
    ledger: Ledger,
    approvals: Approvals,
    parking: Parking,
    registry: Registry,
    journals: Journals,
    lost: LostArrivals,
    live: LiveMetrics,
    due: DueScorings,
    clock: Clock,
    after: timedelta,
    telling: Telling = QUIET,
) -> Decision:
    """Send what carries on each story that was idle for `after`, each version nobody decided, each slot that moved;
    have arrive what no event told of; record where data is missing, or live metrics are bad.

    Every sweep has its time in its message ids, so that the broker does not take it for the one before. A registry or a
    landing area that does not answer, or refuses, keeps nothing else from being swept. What waits in the parked list is
    not sent again: it would be parked again, at every sweep.
    """
    now = clock.now()
    cause = f"sweep-{now:%Y%m%dT%H%M%S}"
    send: list[Command] = []
    parts: list[Command] = []
    silences: list[Sequence[Fact]] = []
    withheld: list[Sequence[Fact]] = []
    busy: set[str] = set()
    trained_on: set[str] = set()
    for story_id in ledger.unsettled():
        story = ledger.story(story_id)
        busy |= set(under_way(story, use_cases))
        if (data := stories.trained_on(story)) and is_open(story):
            trained_on.add(data.table)
        if rollback.open_withheld(story):
            withheld.append(story)
        if stories.last(story, DataMissing):
            silences.append(story)
        if story and stories.idle_for(story, now) >= after:
            carry_on = stories.outstanding(story, stories.use_case_of(story), cause=cause)
            (parts if identity.is_shard(story_id) else send).extend(carry_on)
    send += _turn(parts, now)
    live.end_withheld(withheld)
    trouble = ""
    for use_case in use_cases.all:
        try:
            found = lost.find(use_case)
        except (Transient, Poison) as error:
            trouble += f"; the landing area of {use_case.name} was not listed: {error}"
        else:
            send += [command for one in found for command in one.send]
            trouble += f"; {len(found)} files of {use_case.name} found that no event told of" if found else ""
    for use_case in use_cases.all:
        send += live.look(use_case)
        send += close_batches(use_case, ledger=ledger, journals=journals, now=now)
        send += due.ask(use_case, busy, trained_on)
    missing = sum(
        watch_arrivals(each, silences, ledger=ledger, journals=journals, now=now, telling=telling)
        for each in use_cases.all
    )
    end_unknown(silences, {each.name for each in use_cases.all}, ledger=ledger, now=now, telling=telling)
    trouble += f"; data is missing, {missing} periods more" if missing else ""
    for use_case in (each for each in use_cases.all if each.training.model):
        try:
            send += _registry(use_case, ledger=ledger, approvals=approvals, registry=registry, cause=cause, now=now)
        except (Transient, Poison) as error:
            trouble += f"; the registry did not answer: {error}"
    waiting = parking.parked()
    carried_on = tuple(command for command in send if not _waits_for_a_person(command, waiting))
    parked = f", {len(send) - len(carried_on)} wait in the parked list" if len(carried_on) < len(send) else ""
    return Decision(summary=f"sent {len(carried_on)} to carry on{parked}{trouble}", send=carried_on)


def _turn(parts: Sequence[Command], now: datetime) -> Sequence[Command]:
    """Of very many parts some, other ones at each sweep: most wait in their queue still, and none is kept waiting by
    others that cannot be carried on.
    """
    start = int(now.timestamp()) * 7919 % len(parts) if len(parts) > PARTS_AT_ONCE else 0
    return [*parts[start:], *parts[:start]][:PARTS_AT_ONCE]


def _waits_for_a_person(command: Command, waiting: Sequence[ParkedMessage]) -> bool:
    """Is the same wish in the parked list? One that the broker gave up may only have met an outage: it is tried again,
    a few times.
    """
    wish = replace(command, cause="").message_id
    reasons = [message.reason for message in waiting if f"/{wish}/" in f"/{message.message_id}/"]
    return any(reason != DEAD_LETTERED for reason in reasons) or len(reasons) >= MAX_GENERATIONS


def _registry(
    use_case: UseCase, *, ledger: Ledger, approvals: Approvals, registry: Registry, cause: str, now: datetime
) -> list[Command]:
    model, slot = use_case.training.model, use_case.gate.slot
    versions = registry.versions(model)
    approval = approvals.approved(model, slot)
    send: list[Command] = []
    for version in versions:
        told = [ledger.story(story) for story in ledger.find(model_at(model, version))]
        decided = any(stories.is_decided(story, version) for story in told)
        if not decided and not any(_waits_for_people(story, version, use_case, approval, now) for story in told):
            send.append(JudgeVersion(model=model, version=version, cause=cause))
    if versions and _is_to_be_enforced(use_case, ledger=ledger, approvals=approvals, registry=registry):
        send.append(EnforceSlot(model=model, slot=slot, cause=cause))
    return send


def _waits_for_people(
    story: Sequence[Fact], version: str, use_case: UseCase, approval: Approval | None, now: datetime
) -> bool:
    """Was its approval asked for, and does what people were asked about still hold?"""
    found = people.standing(story, use_case.training.model, version, now=now)
    if found is None or found.state is not State.WAITING:
        return False
    champion = approval.version if approval else ""
    asked = found.requested
    return (asked.policy, asked.champion_version) == (use_case.gate.policy.fingerprint, champion)


def _is_to_be_enforced(use_case: UseCase, *, ledger: Ledger, approvals: Approvals, registry: Registry) -> bool:
    """Is the slot another version than approved, or as approved again, and nobody was told?"""
    model, slot = use_case.training.model, use_case.gate.slot
    if use_case.gate.enforcement is Enforcement.OFF:
        return False
    approval, found = approvals.approved(model, slot), registry.slot(model, slot)
    approved, contest = approval.version if approval else "", contest_of(ledger, model, slot)
    if found == approved:
        return any(slots.open_withheld(story) for story in contest)
    return not is_told(contest, found, approved)
