"""A batch's profile is kept, and compared with that of the version the champion was trained on, or the one before."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from shared.domain import quarantine
from shared.domain import story as stories
from shared.domain.commands import CheckBatch
from shared.domain.drift import Against, compare, outcome
from shared.domain.facts import BatchChecked, DataCommitted, DriftMeasured, VersionRegistered
from shared.domain.identity import model_at
from shared.domain.profile import Profile, name_of, versions_of
from shared.domain.usecase import UseCase
from shared.domain.verdict_changes import VerdictChange, verdict_changes
from shared.ports import Approval, Ledger
from shared.steps.batch_ports import BatchPorts

_BACK = 10
"""So many versions back a baseline is looked for, where the last ones have no profile."""


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """What is compared with."""

    committed: DataCommitted
    profile: Profile


def keep_profile(command: CheckBatch, file: Path, use_case: UseCase, ports: BatchPorts) -> None:
    """Keep the profile of rows that go on whatever they look like."""
    keep(command, _profile(file, use_case, baseline_of(command.story, use_case, ports), ports), use_case, ports)


def keep(command: CheckBatch, profile: Profile, use_case: UseCase, ports: BatchPorts) -> None:
    """Keep a profile under the name of its commit."""
    ports.profiles.save(name_of(use_case.name, command.story, command.generation), profile)


def watch_drift(command: CheckBatch, file: Path, use_case: UseCase, ports: BatchPorts) -> DriftMeasured | None:
    """Keep the profile, and record once how far it is from the baseline; None where there is nothing to compare."""
    if known := measured(command, ports.ledger):
        return known
    baseline = baseline_of(command.story, use_case, ports)
    return measure_drift(command, _profile(file, use_case, baseline, ports), baseline, use_case, ports)


def measure_drift(
    command: CheckBatch, profile: Profile, baseline: Baseline | None, use_case: UseCase, ports: BatchPorts
) -> DriftMeasured | None:
    """The same for a profile that was counted on that baseline's edges."""
    if known := measured(command, ports.ledger):
        return known
    keep(command, profile, use_case, ports)
    if baseline is None or use_case.drift is None:
        return None
    verdicts = _verdicts(command, baseline, ports.ledger)
    findings = compare(baseline.profile, profile, use_case.drift, verdicts)
    found = DriftMeasured(
        story=command.story,
        at=ports.clock.now(),
        generation=command.generation,
        drift=outcome(findings),
        against=baseline.committed.story,
        against_version=baseline.committed.delta_version,
        findings=findings,
        verdicts=verdicts,
    )
    ports.telling.record([found], ledger=ports.ledger)
    return measured(command, ports.ledger) or found


def baseline_of(story: str, use_case: UseCase, ports: BatchPorts) -> Baseline | None:
    """The commit to compare with, and its profile; None where there is none yet. Rows that were let out of quarantine
    after their batch are like no batch: it stands for them.
    """
    for candidate in _candidates(use_case, ports):
        batch = quarantine.batch_of(ports.ledger.story(candidate)) or candidate
        if batch != story and (found := baseline_at(batch, use_case, ports)):
            return found
    return None


def _candidates(use_case: UseCase, ports: BatchPorts) -> Iterator[str]:
    """Stories whose commit may be compared with, the first ones rather."""
    if use_case.training.model and (use_case.drift is None or use_case.drift.against is Against.CHAMPION):
        approval = ports.approvals.approved(use_case.training.model, use_case.gate.slot)
        yield from _data_of(approval, ports.ledger) if approval else ()
    yield from (entry.story for entry in ports.journals.noted(versions_of(use_case.data.table), _BACK))


def _data_of(approval: Approval, ledger: Ledger) -> Iterator[str]:
    """The stories that may have committed what the version was trained on."""
    for led in ledger.find(model_at(approval.model, approval.version)):
        told = ledger.story(led)
        made = any(one.version == approval.version for one in stories.of_kind(told, VersionRegistered))
        asked = stories.asks_to_train(told)
        yield asked.data_story if asked and made else led


def baseline_at(story: str, use_case: UseCase, ports: BatchPorts) -> Baseline | None:
    """The commit of that story, and its profile."""
    committed = stories.last(ports.ledger.story(story), DataCommitted)
    if committed is None:
        return None
    profile = ports.profiles.load(name_of(use_case.name, committed.story, committed.generation))
    return Baseline(committed=committed, profile=profile) if profile else None


def measured(command: CheckBatch, ledger: Ledger) -> DriftMeasured | None:
    """The drift of this generation, if it was measured."""
    found = stories.of_kind(ledger.story(command.story), DriftMeasured)
    return next((one for one in found if one.generation == command.generation), None)


def _verdicts(command: CheckBatch, baseline: Baseline, ledger: Ledger) -> tuple[VerdictChange, ...]:
    """Of the batch's check beside that of the baseline; none where one of them was let out unchecked."""
    committed = baseline.committed
    before, now = (
        next((one for one in stories.of_kind(ledger.story(story), BatchChecked) if one.generation == generation), None)
        for story, generation in ((committed.story, committed.generation), (command.story, command.generation))
    )
    return verdict_changes(before.expectations, now.expectations) if before and now else ()


def _profile(file: Path, use_case: UseCase, baseline: Baseline | None, ports: BatchPorts) -> Profile:
    first = use_case.drift.columns if use_case.drift else ()
    return ports.profiler.profile(file, use_case.data, baseline.profile if baseline else None, first)
