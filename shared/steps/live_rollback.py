"""Bad live metrics ask for what was in production before, once for each time that a version is there."""

from collections.abc import Sequence

from shared.domain import identity, rollback, slots
from shared.domain.commands import RollBack
from shared.domain.facts import Fact, RollbackRequested
from shared.domain.live_metrics import LiveSpec
from shared.domain.usecase import UseCase
from shared.notes import Journals
from shared.ports import Approval, Approvals, Clock, Ledger
from shared.steps.live_values import values_in_production
from shared.steps.roll_back import history


def ask_back(
    use_case: UseCase, live: LiveSpec, approval: Approval, *, ledger: Ledger, journals: Journals, clock: Clock
) -> Sequence[RollBack]:
    """Record that the version in production is to be replaced; the command that follows, until it is done or known why
    not. A promotion under way is waited for: only its record says what was there before.
    """
    model, slot = approval.model, approval.slot
    story = identity.story_of_live_rollback(model, slot, approval.etag)
    if rollback.requested(ledger.story(story)) is None:
        values = values_in_production(use_case, approval, journals)
        told = history(ledger, model, slot) if live.is_bad(values) else ()
        if approval.version not in slots.were_in_production(told, model, slot):
            return ()
        asked = RollbackRequested(
            story=story,
            at=clock.now(),
            use_case=use_case.name,
            model=model,
            slot=slot,
            version=approval.version,
            target=slots.before(told, model, slot, approval.version),
            etag=approval.etag,
            metric=live.metric,
            values=tuple(values),
            reason=live.words(values),
        )
        ledger.record([asked])
    to_come = rollback.to_come(ledger.story(story))
    return (rollback.command_of(to_come),) if to_come else ()


def end_withheld(withheld: Sequence[Sequence[Fact]], *, ledger: Ledger, approvals: Approvals, clock: Clock) -> None:
    """Nobody is told any more that nothing was put back, once another approval is in force."""
    for told in withheld:
        if asked := rollback.requested(told):
            approval = approvals.approved(asked.model, asked.slot)
            if approval is None or approval.etag != asked.etag:
                approved = approval.version if approval else ""
                ledger.record([rollback.overtaken(asked, approved, clock.now())])
