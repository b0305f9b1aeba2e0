"""The serving endpoint follows the slot."""

from shared.domain import story as stories
from shared.domain.commands import Command, UpdateEndpoint
from shared.domain.facts import EndpointFact, EndpointFailed, EndpointRequested, EndpointUpdated
from shared.domain.usecase import ServingSpec, UseCase, UseCases
from shared.ports import Approvals, Clock, Ledger, Serving
from shared.steps.decision import Decision

_ENDED: tuple[type[EndpointFact], ...] = (EndpointUpdated, EndpointFailed)


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
    approval = approvals.approved(command.model, use_case.gate.slot)
    approved = approval.version if approval else ""
    if approved != version:
        message = f"version {approved or '-'} is in production by now"
        found: tuple[EndpointFact, ...] = (_failed(command, name, message, clock, superseded=True),)
    else:
        was_asked = bool(stories.of_kind(told, EndpointRequested))
        found = _brought(command, use_case.serving, was_asked=was_asked, serving=serving, clock=clock)
    ledger.record(found)
    words = {EndpointRequested: "is being brought to", EndpointUpdated: "serves", EndpointFailed: "does not serve"}
    return Decision(summary=f"endpoint {name} {words[type(found[-1])]} version {version}")


def _brought(
    command: UpdateEndpoint, spec: ServingSpec, *, was_asked: bool, serving: Serving, clock: Clock
) -> tuple[EndpointFact, ...]:
    """Whether it serves, or failed to; else it is asked for, unless it, or another one before it, is on its way."""
    name, version = spec.endpoint, command.version
    asked = EndpointRequested(
        story=command.story,
        at=clock.now(),
        use_case=command.use_case,
        endpoint=name,
        model=command.model,
        version=version,
    )
    present = serving.endpoint(name)
    if present and not present.pending:
        if present.version == version:
            served = EndpointUpdated(
                story=command.story,
                at=clock.now(),
                use_case=command.use_case,
                endpoint=name,
                model=command.model,
                version=version,
            )
            return asked, served
        if was_asked and present.failed and present.failed_version in ("", version):
            return (_failed(command, name, present.failed, clock, superseded=False),)
    if present is None or not present.pending:
        serving.serve(spec, command.model, version)
    return (asked,)


def _failed(command: UpdateEndpoint, name: str, message: str, clock: Clock, *, superseded: bool) -> EndpointFailed:
    return EndpointFailed(
        story=command.story,
        at=clock.now(),
        use_case=command.use_case,
        endpoint=name,
        model=command.model,
        version=command.version,
        message=message,
        superseded=superseded,
    )
