"""A batch is judged by its expectation suite, and committed to silver or quarantined."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from shared.domain import story as stories
from shared.domain.commands import CheckBatch
from shared.domain.drift import Drift
from shared.domain.facts import (
    BatchChecked,
    DataCommitted,
    DataQuarantined,
    DataSuperseded,
    Fact,
    QuarantineReleased,
    TrainingSkipped,
    TrainingStarted,
)
from shared.domain.profile import versions_of
from shared.domain.usecase import Format, UseCase, UseCases
from shared.errors import Refused
from shared.notes import Entry, Journals
from shared.ports import Approvals, Clock, Commit, Lake, Landing, Ledger, Quality
from shared.profiles import Profiler, Profiles
from shared.quarantine import Quarantine, Sorting
from shared.steps.batch_ports import BatchPorts
from shared.steps.commit_notes import notes_of
from shared.steps.decision import Decision
from shared.steps.fetch_batch import fetch_batch
from shared.steps.keep_apart import keep_apart
from shared.steps.watch_drift import keep_profile, watch_drift


def check_batch(
    command: CheckBatch,
    *,
    use_cases: UseCases,
    ledger: Ledger,
    journals: Journals,
    landing: Landing,
    quality: Quality,
    sorting: Sorting,
    quarantine: Quarantine,
    profiler: Profiler,
    profiles: Profiles,
    approvals: Approvals,
    lake: Lake,
    clock: Clock,
) -> Decision:
    """Check, then commit exactly once or quarantine; a verdict that does not let pass trains nothing.

    A generation that a person released from quarantine goes on unchecked, or is checked once more, as was asked.
    """
    ports = BatchPorts(
        ledger=ledger,
        journals=journals,
        landing=landing,
        quality=quality,
        sorting=sorting,
        quarantine=quarantine,
        profiler=profiler,
        profiles=profiles,
        approvals=approvals,
        lake=lake,
        clock=clock,
    )
    use_case = use_cases.named(command.use_case)
    story = ledger.story(command.story)
    if (committed := stories.last(story, DataCommitted)) and committed.generation >= command.generation:
        return _train(committed, story, use_case)
    quarantined = stories.last(story, DataQuarantined)
    if (quarantined and quarantined.generation >= command.generation) or stories.last(story, DataSuperseded):
        return Decision(summary=f"{command.file} was checked before")
    released = _released(command, story)
    if released and not released.check:
        return _release(command, released, use_case, ports)
    with _file(command, released, use_case, ports) as file:
        if file is None:
            reason = f"{command.file} is not there any more at ETag {command.etag}"
            if use_case.data.format is Format.DELTA:
                reason += ", or adds no rows"
            ledger.record([DataSuperseded(story=command.story, at=clock.now(), reason=reason)])
            return Decision(summary=reason)
        return _judge(command, file, use_case, ports)


def _released(command: CheckBatch, story: Sequence[Fact]) -> QuarantineReleased | None:
    found = stories.of_kind(story, QuarantineReleased)
    return next((one for one in found if one.generation == command.generation), None)


@contextmanager
def _file(
    command: CheckBatch, released: QuarantineReleased | None, use_case: UseCase, ports: BatchPorts
) -> Iterator[Path | None]:
    """What landed; of what was kept apart the copy there, as the landing area may have lost it."""
    if released:
        with ports.quarantine.file(released.location) as file:
            yield file
    else:
        with fetch_batch(command, use_case, ports) as file:
            yield file


def _judge(command: CheckBatch, file: Path, use_case: UseCase, ports: BatchPorts) -> Decision:
    checked = _check(command, file, use_case, ports)
    if checked.verdict.lets_pass:
        drift = watch_drift(command, file, use_case, ports)
        if drift is None or drift.drift is not Drift.STOPPED:
            notes = notes_of(command, use_case, ports)
            commit = ports.lake.commit(file, use_case.data, command.story, command.generation, notes)
            return _committed(command, commit, use_case, ports)
        report = drift.added_to(checked.report)
    else:
        report = checked.report
    commit_of_rest = keep_apart(command, file, use_case, checked.at, report, ports=ports)
    if commit_of_rest is not None:
        return _committed(command, commit_of_rest, use_case, ports)
    return Decision(summary=f"{command.file} {report.verdict}, quarantined: " + "; ".join(report.reasons))


def _release(command: CheckBatch, released: QuarantineReleased, use_case: UseCase, ports: BatchPorts) -> Decision:
    with ports.quarantine.rows(released.location) as rows:
        if rows is None:
            raise Refused(f"no rows are kept in {released.location}: land the file again")
        keep_profile(command, rows, use_case, ports)
        notes = notes_of(command, use_case, ports)
        commit = ports.lake.commit(rows, use_case.data, command.story, command.generation, notes)
        return _committed(command, commit, use_case, ports)


def _committed(command: CheckBatch, commit: Commit, use_case: UseCase, ports: BatchPorts) -> Decision:
    committed = DataCommitted(
        story=command.story,
        at=ports.clock.now(),
        generation=command.generation,
        table=commit.table,
        delta_version=commit.delta_version,
        rows=commit.rows,
    )
    entry = Entry(
        scope=versions_of(commit.table),
        number=commit.delta_version,
        story=command.story,
        at=committed.at,
        text=str(command.generation),
    )
    ports.journals.note(entry)
    ports.ledger.record([committed])
    return _train(committed, ports.ledger.story(command.story), use_case)


def _check(command: CheckBatch, file: Path, use_case: UseCase, ports: BatchPorts) -> BatchChecked:
    """What was found, judged once: of two that judge at once, or again after a crash, the first counts."""
    checked = _checked(command, ports.ledger)
    if checked is None:
        report = ports.quality.check(file, use_case.data, ports.lake.columns(use_case.data.table))
        first = BatchChecked(
            story=command.story,
            at=ports.clock.now(),
            generation=command.generation,
            verdict=report.verdict,
            suite=report.suite,
            rows=report.rows,
            expectations=report.expectations,
        )
        ports.ledger.record([first])
        checked = _checked(command, ports.ledger) or first
    return checked


def _checked(command: CheckBatch, ledger: Ledger) -> BatchChecked | None:
    found = stories.of_kind(ledger.story(command.story), BatchChecked)
    return next((one for one in found if one.generation == command.generation), None)


def _train(committed: DataCommitted, story: Sequence[Fact], use_case: UseCase) -> Decision:
    summary = f"{committed.rows} rows are version {committed.delta_version} of {committed.table}"
    if stories.last(story, TrainingStarted) or stories.last(story, TrainingSkipped):
        return Decision(summary=f"{summary}, since before")
    return Decision(summary=summary, send=(stories.train_on(committed, use_case.name),))
