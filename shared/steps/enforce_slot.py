"""The slot points at what was approved, whoever moved it."""

from collections.abc import Sequence

from shared.domain import identity, rollback, slots
from shared.domain import story as stories
from shared.domain.commands import EnforceSlot
from shared.domain.facts import Fact, PromotionReverted, RevertWithheld, SlotRestored, VersionJudged, VersionRejected
from shared.domain.usecase import Enforcement, GateSpec, UseCases
from shared.errors import Conflict, Refused
from shared.ports import Approval, Approvals, Clock, Ledger, Registry
from shared.steps.decision import Decision
from shared.steps.judge_version import story_of
from shared.steps.telling import QUIET, Telling


def enforce_slot(
    command: EnforceSlot,
    *,
    use_cases: UseCases,
    ledger: Ledger,
    approvals: Approvals,
    registry: Registry,
    clock: Clock,
    telling: Telling = QUIET,
) -> Decision:
    """Compare the slot with the approval in force and put it back; our own move, and the revert's echo, are equal.

    The fact is recorded before the slot moves: a crash between leaves it wrong, and the sweep finds that. A promotion
    under way is left alone: its approval stands, and its own message moves the slot. When the approved version is
    gone, nothing takes its place: the slot is emptied, and Refused raised for the empty slot. A person who moves it
    again and again is not fought: after so many reverts it is left, and people are told.
    """
    use_case = use_cases.of_model(command.model)
    name = identity.model_at(command.model, command.slot)
    if use_case is None or use_case.gate.slot != command.slot:
        return Decision(summary=f"{name} is no slot of ours")
    gate = use_case.gate
    if gate.enforcement is Enforcement.OFF:
        return Decision(summary=f"{name} is not enforced")
    approval = approvals.approved(command.model, command.slot)
    approved = approval.version if approval else ""
    found = registry.slot(command.model, command.slot)
    contest = contest_of(ledger, command.model, command.slot)
    if found == approved:
        return _as_approved(command, approved, contest, ledger=ledger, clock=clock)
    if approvals.approved(command.model, command.slot) != approval:
        raise Conflict(f"{name} was approved anew while it was compared")
    if approval and _is_under_way(ledger.story(approval.story), approved):
        return Decision(summary=f"{name} is being moved to version {approved}")
    story, reason = _told(command, found, approval, ledger=ledger, registry=registry)
    count = _recent_reverts(contest, gate, clock)
    if gate.enforcement is Enforcement.WARN or count >= gate.max_reverts or _is_contested(contest):
        contested = gate.enforcement is not Enforcement.WARN
        insisted = f"; it was put back {count} times within {gate.reverts_within}, and moved again"
        withheld = RevertWithheld(
            story=story,
            at=clock.now(),
            model=command.model,
            slot=command.slot,
            found=found,
            approved=approved,
            contested=contested,
            reason=reason + (insisted if contested and count else ""),
            cause=command.cause,
        )
        if not is_told(contest, found, approved):
            telling.record([withheld], ledger=ledger)
        said = f"{name} is version {found or '-'}, not {approved or '-'}, and is left so: {reason}"
        return Decision(summary=said, send=telling.wishes(story, ledger=ledger))
    restored = approved if approved and registry.version(command.model, approved) else ""
    if found == restored:
        raise Refused(f"{name}: the approved version {approved} is gone: ops rollback {command.model}")
    if registry.slot(command.model, command.slot) != found:
        raise Conflict(f"{name} was moved while it was compared")
    reverted = PromotionReverted(
        story=story,
        at=clock.now(),
        model=command.model,
        slot=command.slot,
        found=found,
        restored=restored,
        reason=reason,
        cause=command.cause,
        number=_number(contest, command, found),
    )
    telling.record([reverted], ledger=ledger)
    registry.point(command.model, command.slot, restored)
    now = approvals.approved(command.model, command.slot)
    if now and now != approval:  # approved while it was put back: that approval's own move may have come before ours
        registry.point(command.model, command.slot, now.version)
    return Decision(
        summary=f"{name} put back to version {restored or '-'}: {reason}", send=telling.wishes(story, ledger=ledger)
    )


def contest_of(ledger: Ledger, model: str, slot: str) -> list[Sequence[Fact]]:
    """The stories in which somebody moved the slot around the gate."""
    return [ledger.story(story) for story in ledger.find(identity.slot_contest(model, slot))]


def is_told(contest: Sequence[Sequence[Fact]], found: str, approved: str) -> bool:
    """Do people know already that the slot is left at what was found?"""
    open_ = [one for story in contest if (one := slots.open_withheld(story))]
    return any((one.found, one.approved) == (found, approved) for one in open_)


def _as_approved(
    command: EnforceSlot, approved: str, contest: Sequence[Sequence[Fact]], *, ledger: Ledger, clock: Clock
) -> Decision:
    """Nothing to do, but to say so where people were told that it is not."""
    for story in contest:
        if withheld := slots.open_withheld(story):
            restored = SlotRestored(
                story=withheld.story,
                at=clock.now(),
                model=command.model,
                slot=command.slot,
                version=approved,
                cause=f"{command.cause} {withheld.cause}",
            )
            ledger.record([restored])
    return Decision(summary=f"{command.model}@{command.slot} is version {approved or '-'}, as approved")


def _recent_reverts(contest: Sequence[Sequence[Fact]], gate: GateSpec, clock: Clock) -> int:
    since = clock.now() - gate.reverts_within
    every = [one for story in contest for one in story]
    return sum(one.at > since for one in slots.reverts(every))


def _is_contested(contest: Sequence[Sequence[Fact]]) -> bool:
    return any(one.contested for story in contest if (one := slots.open_withheld(story)))


def _number(contest: Sequence[Sequence[Fact]], command: EnforceSlot, found: str) -> int:
    """One more than the reverts before; the same again for the same delivery. Two that see one move give one number."""
    every = [one for story in contest for one in story if isinstance(one, PromotionReverted)]
    before = [one for one in every if (one.model, one.slot) == (command.model, command.slot)]
    again = [one.number for one in before if one.cause == command.cause and one.found == found]
    return again[-1] if again else len(before) + 1


def _told(
    command: EnforceSlot, found: str, approval: Approval | None, *, ledger: Ledger, registry: Registry
) -> tuple[str, str]:
    """The story that the move belongs to, and what is wrong with it."""
    others = [one for one in found.split(",") if one and one != (approval.version if approval else "")]
    newest = others[-1] if others else ""
    version = registry.version(command.model, newest) if newest else None
    if version is not None:
        story = story_of(version, ledger)
    else:
        story = approval.story if approval else identity.story_of_version(command.model, newest)
    return story, _why(ledger.story(story), newest, version is not None)


def _is_under_way(story: Sequence[Fact], version: str) -> bool:
    """Was it approved, and not recorded yet that it is in the slot? A rollback's story begins with that record, or with
    what live metrics asked for.
    """
    if rollback.to_come(story):
        return True
    judged = any(one.version == version for one in stories.of_kind(story, VersionJudged))
    return not story or (judged and not stories.is_decided(story, version))


def _why(story: Sequence[Fact], found: str, exists: bool) -> str:
    if not found:
        return "the alias was taken away"
    if not exists:
        return f"version {found} does not exist"
    for fact in reversed(story):
        if isinstance(fact, VersionRejected) and fact.version == found:
            return f"version {found} was rejected by the gate: {fact.reason}"
        if isinstance(fact, VersionJudged) and fact.version == found:
            return f"version {found} is not the approved one, though it was judged {fact.verdict}"
    return f"version {found} was never judged by the gate"
