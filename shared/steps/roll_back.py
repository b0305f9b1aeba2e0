"""An earlier production version is put back into its slot: a person asks for it, or bad live metrics do."""

from datetime import datetime

from shared.domain import identity, rollback, slots
from shared.domain import story as stories
from shared.domain.commands import PlanScoring, RollBack
from shared.domain.facts import (
    Fact,
    RollbackOvertaken,
    RollbackRequested,
    RollbackWithheld,
    ScoringPlanned,
    VersionRolledBack,
)
from shared.domain.live_metrics import WHO
from shared.domain.slots import RollbackAsked
from shared.domain.usecase import UseCases
from shared.errors import Refused, UnknownUseCase
from shared.ports import Approval, Approvals, Artefacts, Clock, Ledger, Registry
from shared.steps import update_endpoint
from shared.steps.decision import Decision
from shared.steps.telling import QUIET, Telling


def plan_rollback(
    asked: RollbackAsked, *, use_cases: UseCases, ledger: Ledger, approvals: Approvals, artefacts: Artefacts
) -> RollBack:
    """The command that would do it; nothing is changed. Raises UnknownUseCase, or Refused with why it cannot be."""
    use_case = use_cases.of_model(asked.model)
    if use_case is None:
        raise UnknownUseCase(f"no use case has the model {asked.model!r}")
    slot = use_case.gate.slot
    approval = approvals.approved(asked.model, slot)
    if approval is None:
        raise Refused(f"no version of {asked.model} is approved for {slot}: there is nothing to roll back")
    told = history(ledger, asked.model, slot)
    version = asked.version or slots.before(told, asked.model, slot, approval.version)
    were = slots.were_in_production(told, asked.model, slot)
    if not version:
        raise Refused(f"version {approval.version} of {asked.model} was the first in production: name one with --to")
    if version == approval.version:
        raise Refused(f"version {version} of {asked.model} is what is approved for {slot} now")
    if version not in were:
        listed = ", ".join(were) or "none"
        raise Refused(f"version {version} of {asked.model} never passed the gate into {slot}; these did: {listed}")
    if why_not := artefacts.why_not_loadable(asked.model, version):
        raise Refused(f"{asked.model} cannot go back to version {version}: {why_not}")
    return RollBack(
        story=identity.story_of_rollback(asked.model, slot, approval.etag, version),
        model=asked.model,
        slot=slot,
        version=version,
        previous=approval.version,
        etag=approval.etag,
        who=asked.who,
        why=asked.why,
    )


def history(ledger: Ledger, model: str, slot: str) -> list[Fact]:
    """Every fact of the stories in which the slot moved."""
    return [fact for story in ledger.find(identity.slot_history(model, slot)) for fact in ledger.story(story)]


def roll_back(
    command: RollBack,
    *,
    use_cases: UseCases,
    ledger: Ledger,
    approvals: Approvals,
    registry: Registry,
    artefacts: Artefacts,
    clock: Clock,
    telling: Telling = QUIET,
) -> Decision:
    """Replace the approval by its ETag, then move the slot, then record it; scoring follows, with a plan of its own.

    In a story of its own, so that the plan pins the newest data, not what the version was once trained on. Delivered
    again, it goes on where it stopped: the approval in force names the rollback's story. What a person asked for and
    cannot be is parked; where live metrics asked, why not is a fact, and they do not ask again.
    """
    use_case = use_cases.of_model(command.model)
    if use_case is None:
        raise UnknownUseCase(f"no use case has the model {command.model!r}")
    name = identity.model_at(command.model, command.slot)
    told = ledger.story(command.story)
    asked = rollback.requested(told)
    if any(isinstance(one, RollbackWithheld | RollbackOvertaken) for one in told):
        summary = f"{name} was not rolled back, as it is known"
        return Decision(summary=summary, send=telling.wishes(command.story, ledger=ledger))
    done = stories.last(told, VersionRolledBack)
    if done is None:
        approval = approvals.approved(command.model, command.slot)
        if approval is None or approval.story != command.story:
            if asked and (ended := _why_not(asked, approval, clock.now(), ledger=ledger, artefacts=artefacts)):
                telling.record([ended], ledger=ledger)
                summary = f"{name} is not rolled back: {ended.kind}"
                return Decision(summary=summary, send=telling.wishes(command.story, ledger=ledger))
            if approval is None or approval.etag != command.etag:
                raise Refused(f"{name} was approved anew since this rollback was asked for: look, and ask again")
            if not asked and (why_not := artefacts.why_not_loadable(command.model, command.version)):
                raise Refused(f"{name} cannot go back to version {command.version}: {why_not}")
            wanted = Approval(
                model=command.model, slot=command.slot, version=command.version, story=command.story, at=clock.now()
            )
            approvals.approve(wanted, replaces=approval)
        registry.point(command.model, command.slot, command.version)
        said = f"by {command.who}: {command.why}"
        for version, verdict, reason in (
            (command.previous, "rolled back", f"rolled back {said}"),
            (command.version, "promoted", f"rolled back to {said}"),
        ):
            telling.on_version_judged_before(command.model, version, verdict, reason, ledger=ledger, registry=registry)
        done = VersionRolledBack(
            story=command.story,
            at=clock.now(),
            use_case=use_case.name,
            model=command.model,
            version=command.version,
            slot=command.slot,
            previous=command.previous,
            who=command.who,
            reason=command.why,
        )
        telling.record([done], ledger=ledger)
    tell_others = telling.wishes(command.story, ledger=ledger)
    if stories.last(told, ScoringPlanned):
        return Decision(summary=f"{name} was rolled back to version {command.version} before", send=tell_others)
    plan = PlanScoring(story=command.story, use_case=use_case.name, model=command.model, version=command.version)
    serve = update_endpoint.wish(use_case, story=command.story, model=command.model, version=command.version)
    return Decision(
        summary=f"{name} rolled back to version {command.version}: {command.why}", send=(plan, *serve, *tell_others)
    )


def _why_not(
    asked: RollbackRequested, approval: Approval | None, now: datetime, *, ledger: Ledger, artefacts: Artefacts
) -> RollbackOvertaken | RollbackWithheld | None:
    """What keeps the version where it is, though its live metrics are bad. Whom somebody put back, knowing that they
    were, is not taken away from them again.
    """
    if approval is None or approval.etag != asked.etag:
        return rollback.overtaken(asked, approval.version if approval else "", now)
    back = stories.of_kind(history(ledger, asked.model, asked.slot), VersionRolledBack)
    reason = ""
    if any((one.previous, one.who, one.slot) == (asked.version, WHO, asked.slot) for one in back):
        reason = f"version {asked.version} was taken out for its live metrics before, and somebody put it back"
    elif not asked.target:
        reason = f"version {asked.version} was the first in production"
    elif why_not := artefacts.why_not_loadable(asked.model, asked.target):
        reason = f"it cannot go back to version {asked.target}: {why_not}"
    if not reason:
        return None
    return RollbackWithheld(
        story=asked.story, at=now, model=asked.model, slot=asked.slot, version=asked.version, reason=reason
    )
