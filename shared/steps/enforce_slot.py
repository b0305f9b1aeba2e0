"""The slot points at what was approved, whoever moved it."""

from collections.abc import Sequence

from shared.domain import story as stories
from shared.domain.commands import EnforceSlot
from shared.domain.facts import Fact, PromotionReverted, VersionJudged, VersionRejected
from shared.domain.identity import story_of_version
from shared.domain.usecase import UseCases
from shared.errors import Conflict, Refused
from shared.ports import Approvals, Clock, Ledger, Registry
from shared.steps.decision import Decision
from shared.steps.judge_version import story_of


def enforce_slot(
    command: EnforceSlot,
    *,
    use_cases: UseCases,
    ledger: Ledger,
    approvals: Approvals,
    registry: Registry,
    clock: Clock,
) -> Decision:
    """Compare the alias with the approval in force and put it back; our own move, and the revert's echo, are equal.

    The fact is recorded before the alias moves: a crash between leaves the alias wrong, and the sweep finds that. A
    promotion under way is left alone: its approval stands, and its own message moves the alias. When the approved
    version is gone, nothing takes its place: the slot is emptied, and Refused raised for the empty slot.
    """
    use_case = use_cases.of_model(command.model)
    if use_case is None or use_case.gate.slot != command.slot:
        return Decision(summary=f"{command.model}@{command.slot} is no slot of ours")
    approval = approvals.approved(command.model, command.slot)
    approved = approval.version if approval else ""
    found = registry.slot(command.model, command.slot)
    if found == approved:
        return Decision(summary=f"{command.model}@{command.slot} is version {approved or '-'}, as approved")
    if approvals.approved(command.model, command.slot) != approval:
        raise Conflict(f"{command.model}@{command.slot} was approved anew while it was compared")
    if approval and _is_under_way(ledger.story(approval.story), approved):
        return Decision(summary=f"{command.model}@{command.slot} is being moved to version {approved}")
    restored = approved if approved and registry.version(command.model, approved) else ""
    if found == restored:
        raise Refused(f"{command.model}@{command.slot}: the approved version {approved} is gone: promote another one")
    version = registry.version(command.model, found) if found else None
    if version is not None:
        story = story_of(version, ledger)
    else:
        story = approval.story if approval else story_of_version(command.model, found)
    reason = _why(ledger.story(story), found, version is not None)
    reverted = PromotionReverted(
        story=story,
        at=clock.now(),
        model=command.model,
        slot=command.slot,
        found=found,
        restored=restored,
        reason=reason,
        cause=command.cause,
    )
    ledger.record([reverted])
    registry.point(command.model, command.slot, restored)
    return Decision(summary=f"{command.model}@{command.slot} put back to version {restored or '-'}: {reason}")


def _is_under_way(story: Sequence[Fact], version: str) -> bool:
    judged = any(one.version == version for one in stories.of_kind(story, VersionJudged))
    return judged and not stories.is_decided(story, version)


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
