"""The serving endpoint follows the slot."""

from collections.abc import Sequence

from shared.domain import identity, rollback
from shared.domain import story as stories
from shared.domain.commands import Command, UpdateEndpoint
from shared.domain.facts import (
    CanaryEnded,
    CanaryStarted,
    EndpointFact,
    EndpointFailed,
    EndpointRequested,
    EndpointUpdated,
    Fact,
)
from shared.domain.usecase import ServingSpec, UseCase, UseCases
from shared.notes import Journals
from shared.ports import Approval, Approvals, Clock, Ledger, Serving
from shared.steps.canary import Canary
from shared.steps.decision import Decision
from shared.steps.live_values import live_spec, values_in_production

_ENDED: tuple[type[EndpointFact], ...] = (EndpointUpdated, EndpointFailed)
_SAID: dict[type[EndpointFact], str] = {
    EndpointUpdated: "serves",
    EndpointFailed: "does not serve",
    CanaryStarted: "tries",
    CanaryEnded: "has tried",
}


def wish(use_case: UseCase, *, story: str, model: str, version: str) -> tuple[Command, ...]:
    """What a version that came into production wants of the endpoint, where the use case has one."""
    if use_case.serving is None:
        return ()
    return (UpdateEndpoint(story=story, use_case=use_case.name, model=model, version=version),)


def update_endpoint(
    command: UpdateEndpoint,
    *,
    use_cases: UseCases,
    ledger: Ledger,
    journals: Journals,
    approvals: Approvals,
    serving: Serving,
    clock: Clock,
) -> Decision:
    """Ask once, then look: an update takes minutes, so the sweep looks again until the version serves or failed to.

    A version that is not the approved one any more is not served, however late the message comes.
    """
    use_case = use_cases.named(command.use_case)
    if use_case.serving is None:
        return Decision(summary=f"{use_case.name} has no endpoint any more")
    name, version = use_case.serving.endpoint, command.version
    told = ledger.story(command.story)
    if any(one.version == version for kind in _ENDED for one in stories.of_kind(told, kind)):
        return Decision(summary=f"endpoint {name} was brought to version {version} before")
    asked = EndpointRequested(
        story=command.story,
        at=clock.now(),
        use_case=command.use_case,
        endpoint=name,
        model=command.model,
        version=version,
    )
    approval = approvals.approved(command.model, use_case.gate.slot)
    if approval is None or approval.version != version:
        message = f"version {approval.version if approval else '-'} is in production by now"
        found: tuple[EndpointFact, ...] = (asked.then(EndpointFailed, asked.at, message=message, superseded=True),)
    else:
        bad = _bad(use_case, approval, ledger=ledger, journals=journals) if use_case.serving.canary else ""
        found = _brought(asked, use_case.serving, told, bad, serving=serving)
    ledger.record(found)
    said = _SAID.get(type(found[-1]), "is being brought to")
    return Decision(summary=f"endpoint {name} {said} version {version}")


def _brought(
    asked: EndpointRequested, spec: ServingSpec, told: Sequence[Fact], bad: str, *, serving: Serving
) -> tuple[EndpointFact, ...]:
    """Whether it serves, or failed to; else it is asked for, unless it, or another one before it, is on its way."""
    present, now = serving.endpoint(spec.endpoint), asked.at
    if present and not present.pending and present.version == asked.version and not present.canary:
        return asked, asked.then(EndpointUpdated, now)
    canary = Canary(asked=asked, spec=spec, told=told, present=present, serving=serving, bad=bad)
    found = canary.step()
    if found is not None:
        return found
    if present and present.pending:
        return (asked,)
    was_asked = bool(stories.of_kind(told, EndpointRequested))
    if present and was_asked and present.failed and present.failed_version in {"", asked.version}:
        canary.end()
        return (asked.then(EndpointFailed, now, message=present.failed),)
    serving.serve(spec, asked.model, asked.version)
    return (asked,)


def _bad(use_case: UseCase, approval: Approval, *, ledger: Ledger, journals: Journals) -> str:
    """How the version is so by its live metrics, or "". What is about to be rolled back ends by that."""
    live = live_spec(use_case)
    values = values_in_production(use_case, approval, journals)
    story = identity.story_of_live_rollback(approval.model, approval.slot, approval.etag)
    if live is None or not live.is_bad(values) or rollback.to_come(ledger.story(story)):
        return ""
    return live.words(values)
