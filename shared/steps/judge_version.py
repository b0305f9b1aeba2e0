"""A model version is judged by its owners' gate, and promoted or rejected."""

from collections.abc import Sequence
from dataclasses import replace

from shared.domain import identity, people
from shared.domain import story as stories
from shared.domain.commands import Command, JudgeVersion, PlanScoring
from shared.domain.facts import (
    Fact,
    ScoringPlanned,
    TrainingStarted,
    VersionJudged,
    VersionPromoted,
    VersionRegistered,
    VersionRejected,
)
from shared.domain.gate import judge
from shared.domain.people import Standing, State
from shared.domain.policy import Evidence
from shared.domain.usecase import UseCase, UseCases
from shared.domain.verdicts import Verdict
from shared.ports import Approval, Approvals, Artefacts, Clock, Ledger, ModelVersion, Registry
from shared.steps import update_endpoint
from shared.steps.approval import ask_people
from shared.steps.decision import Decision
from shared.steps.evidence import gather, with_its_data
from shared.steps.telling import QUIET, Telling


def judge_version(
    command: JudgeVersion,
    *,
    use_cases: UseCases,
    ledger: Ledger,
    approvals: Approvals,
    registry: Registry,
    artefacts: Artefacts,
    clock: Clock,
    telling: Telling = QUIET,
) -> Decision:
    """Judge once, record the decision, then make approval, alias and tags follow it, however often this runs."""
    use_case = use_cases.of_model(command.model)
    if use_case is None:
        return Decision(summary=f"{command.model} belongs to no use case")
    version = registry.version(command.model, command.version)
    if version is None:
        return Decision(summary=f"{command.model} has no version {command.version} any more")
    story = story_of(version, ledger)
    told = ledger.story(story)
    if stories.trained_on(told) and not stories.last(told, TrainingStarted):
        name = identity.model_at(version.model, version.version)
        return Decision(summary=f"{name} waits: the start of its training is not recorded yet")
    judged = _of_version(told, VersionJudged, version)
    if judged is None:
        registered = VersionRegistered(
            story=story,
            at=clock.now(),
            model=version.model,
            version=version.version,
            mlflow_run_id=version.mlflow_run_id,
        )
        approval = approvals.approved(version.model, use_case.gate.slot)
        trains, told = bool(use_case.training.job), with_its_data(told, ledger)
        evidence = gather(version, told, approval, trains=trains, artefacts=artefacts, now=clock.now())
        ledger.record([registered, _judge(version, use_case, evidence, story=story, clock=clock)])
        judged = _of_version(ledger.story(story), VersionJudged, version)  # of two that judge at once, the first counts
        assert judged is not None  # noqa: S101 - recorded above, for the type checker
    if judged.verdict is not Verdict.PASSED:
        reason = f"{judged.verdict}: {judged.reason}"
        return _reject(judged, reason, ledger=ledger, registry=registry, clock=clock, telling=telling)
    asked = _people(
        judged, version, use_case, ledger=ledger, approvals=approvals, artefacts=artefacts, clock=clock,
        telling=telling,
    )  # fmt: skip
    if asked is not None:
        if asked.state is not State.GRANTED:
            return _hold(judged, asked, ledger=ledger, registry=registry, clock=clock, telling=telling)
        judged = replace(judged, reason=f"{judged.reason}; {asked.reason}")
    return _promote(
        judged,
        use_case,
        ledger=ledger,
        approvals=approvals,
        registry=registry,
        clock=clock,
        telling=telling,
    )


def story_of(version: ModelVersion, ledger: Ledger) -> str:
    """The story that led to the version; one of its own for a version that somebody registered by hand, whose tags
    name no story of ours that has data to train on, or no run that trained on it.
    """
    tagged = version.tags.get("sluice.story", "")
    told = ledger.story(tagged) if tagged else ()
    if stories.trained_on(told) and _made_in(told, version):
        return tagged
    return identity.story_of_version(version.model, version.version)


def _made_in(told: Sequence[Fact], version: ModelVersion) -> bool:
    """Does it name a run that trained in this story, which registered no other version? A training registers one.

    Whoever may write to the registry can write tags: this finds the careless, permissions keep out the others.
    """
    runs = {str(one.job_run_id) for one in stories.of_kind(told, TrainingStarted)}
    others = {one.version for one in stories.of_kind(told, VersionRegistered)} - {version.version}
    return not runs or (version.tags.get("sluice.job_run_id", "") in runs and not others)


def _of_version[Kind: VersionJudged | VersionPromoted](
    story: Sequence[Fact], kind: type[Kind], version: ModelVersion | VersionJudged
) -> Kind | None:
    found = (
        one for one in stories.of_kind(story, kind) if (one.model, one.version) == (version.model, version.version)
    )
    return next(found, None)


def _judge(version: ModelVersion, use_case: UseCase, evidence: Evidence, *, story: str, clock: Clock) -> VersionJudged:
    judgement = judge(use_case.gate.policy, evidence)
    return VersionJudged(
        story=story,
        at=clock.now(),
        model=version.model,
        version=version.version,
        verdict=judgement.verdict,
        champion_version=evidence.approved_version,
        policy=use_case.gate.policy.fingerprint,
        evidence=identity.fingerprint(evidence.lasting().as_json()),
        reason=judgement.reason,
        rules=judgement.outcomes,
        seen=evidence.as_json(),
    )


def _people(
    judged: VersionJudged,
    version: ModelVersion,
    use_case: UseCase,
    *,
    ledger: Ledger,
    approvals: Approvals,
    artefacts: Artefacts,
    clock: Clock,
    telling: Telling,
) -> Standing | None:
    """Where the request to people stands; None when none is asked, or the version is decided."""
    approval, told = approvals.approved(version.model, use_case.gate.slot), ledger.story(judged.story)
    if not use_case.gate.approvals or stories.is_decided(told, version.version):
        return None
    if approval and approval.version == version.version:  # being promoted: if people said so, by their word still
        found = people.standing(told, version.model, version.version, now=clock.now())
        return found if found and found.state is State.GRANTED else None
    trains, told = bool(use_case.training.job), with_its_data(told, ledger)
    evidence = gather(version, told, approval, trains=trains, artefacts=artefacts, now=clock.now())
    afresh = _judge(version, use_case, evidence, story=judged.story, clock=clock)
    return ask_people(judged, afresh, use_case, requester=version.author, ledger=ledger, clock=clock, telling=telling)


def _hold(
    judged: VersionJudged,
    asked: Standing,
    *,
    ledger: Ledger,
    registry: Registry,
    clock: Clock,
    telling: Telling,
) -> Decision:
    if asked.state is not State.WAITING:
        return _reject(judged, asked.reason, ledger=ledger, registry=registry, clock=clock, telling=telling)
    telling.on_version(judged, str(Verdict.WAITING), asked.reason, registry=registry)
    name = identity.model_at(judged.model, judged.version)
    return Decision(summary=f"{name} {asked.reason}", send=telling.wishes(judged.story, ledger=ledger))


def _reject(
    judged: VersionJudged,
    reason: str,
    *,
    ledger: Ledger,
    registry: Registry,
    clock: Clock,
    telling: Telling,
) -> Decision:
    telling.on_version(judged, "rejected", reason, registry=registry)
    rejected = VersionRejected(
        story=judged.story, at=clock.now(), model=judged.model, version=judged.version, reason=reason
    )
    telling.record([rejected], ledger=ledger)
    return Decision(
        summary=f"{identity.model_at(judged.model, judged.version)} rejected: {reason}",
        send=telling.wishes(judged.story, ledger=ledger),
    )


def _promote(
    judged: VersionJudged,
    use_case: UseCase,
    *,
    ledger: Ledger,
    approvals: Approvals,
    registry: Registry,
    clock: Clock,
    telling: Telling,
) -> Decision:
    slot, name = use_case.gate.slot, identity.model_at(judged.model, judged.version)
    if _of_version(ledger.story(judged.story), VersionPromoted, judged) is None:
        approval = approvals.approved(judged.model, slot)
        approved = approval.version if approval else ""
        if approved not in (judged.version, judged.champion_version):
            reason = (
                f"the champion is version {approved} now; it was judged against {judged.champion_version or 'none'}"
            )
            return _reject(judged, reason, ledger=ledger, registry=registry, clock=clock, telling=telling)
        if approved != judged.version:
            wanted = Approval(model=judged.model, slot=slot, version=judged.version, story=judged.story, at=clock.now())
            approvals.approve(wanted, replaces=approval)
        # The approval stands before the alias moves: whoever compares the two now helps instead of reverting.
        registry.point(judged.model, slot, judged.version)
        telling.on_version(judged, "promoted", judged.reason, registry=registry)
        promoted = VersionPromoted(
            story=judged.story,
            at=clock.now(),
            model=judged.model,
            version=judged.version,
            slot=slot,
            previous=judged.champion_version,
            reason=judged.reason,
        )
        telling.record([promoted], ledger=ledger)
    tell_others = telling.wishes(judged.story, ledger=ledger)
    if stories.last(ledger.story(judged.story), ScoringPlanned):
        return Decision(summary=f"{name} is {slot}, since before", send=tell_others)
    plan: Command = PlanScoring(story=judged.story, use_case=use_case.name, model=judged.model, version=judged.version)
    serve = update_endpoint.wish(use_case, story=judged.story, model=judged.model, version=judged.version)
    return Decision(summary=f"{name} is {slot}: {judged.reason}", send=(plan, *serve, *tell_others))
