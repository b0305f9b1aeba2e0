"""The sweep: what was lost on the way is found in the state of things, and carried on."""

from datetime import timedelta

from shared.domain import story as stories
from shared.domain.commands import Command, EnforceSlot, JudgeVersion
from shared.domain.identity import model_at
from shared.domain.usecase import UseCase, UseCases
from shared.errors import Transient
from shared.ports import Approvals, Clock, Ledger, Registry
from shared.steps.decision import Decision


def reconcile(
    *,
    use_cases: UseCases,
    ledger: Ledger,
    approvals: Approvals,
    registry: Registry,
    clock: Clock,
    after: timedelta,
) -> Decision:
    """Send what carries on each story that was idle for `after`, each version nobody decided, each slot that moved.

    Every sweep has its time in its message ids, so that the broker does not take it for the one before. A registry
    that does not answer keeps nothing else from being swept.
    """
    now = clock.now()
    cause = f"sweep-{now:%Y%m%dT%H%M%S}"
    send: list[Command] = []
    for story_id in ledger.unsettled():
        story = ledger.story(story_id)
        if story and stories.idle_for(story, now) >= after:
            send += stories.outstanding(story, stories.use_case_of(story), cause=cause)
    trouble = ""
    for use_case in use_cases.all:
        try:
            send += _registry(use_case, ledger=ledger, approvals=approvals, registry=registry, cause=cause)
        except Transient as error:
            trouble = f"; the registry did not answer: {error}"
    return Decision(summary=f"sent {len(send)} to carry on{trouble}", send=tuple(send))


def _registry(
    use_case: UseCase, *, ledger: Ledger, approvals: Approvals, registry: Registry, cause: str
) -> list[Command]:
    model, slot = use_case.training.model, use_case.gate.slot
    versions = registry.versions(model)
    send: list[Command] = [
        JudgeVersion(model=model, version=version, cause=cause)
        for version in versions
        if not any(stories.is_decided(ledger.story(story), version) for story in ledger.find(model_at(model, version)))
    ]
    approval = approvals.approved(model, slot)
    if versions and registry.slot(model, slot) != (approval.version if approval else ""):
        send.append(EnforceSlot(model=model, slot=slot, cause=cause))
    return send
