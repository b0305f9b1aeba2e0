"""How the check of a batch ends, whoever looked into it: recorded once, committed, superseded."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from shared.domain import story as stories
from shared.domain.commands import CheckBatch
from shared.domain.facts import (
    BatchChecked,
    DataCommitted,
    DataQuarantined,
    DataSuperseded,
    DriftMeasured,
    Fact,
    QuarantineReleased,
    RowsQuarantined,
    TrainingSkipped,
    TrainingStarted,
)
from shared.domain.profile import versions_of
from shared.domain.quality import CheckReport, result_of
from shared.domain.quarantine import ENTRIES, location_of
from shared.domain.usecase import Format, UseCase
from shared.domain.verdicts import Verdict
from shared.notes import Entry
from shared.ports import Commit, Ledger
from shared.steps.batch_ports import BatchPorts
from shared.steps.decision import Decision
from shared.steps.landed_before import landed_before


def check_so_far(command: CheckBatch, ledger: Ledger) -> BatchChecked | None:
    """The check of this generation, if there was one."""
    found = stories.of_kind(ledger.story(command.story), BatchChecked)
    return next((one for one in found if one.generation == command.generation), None)


def release_of(command: CheckBatch, story: Sequence[Fact]) -> QuarantineReleased | None:
    """The release that made this generation, if one did."""
    found = stories.of_kind(story, QuarantineReleased)
    return next((one for one in found if one.generation == command.generation), None)


def record_check(command: CheckBatch, report: CheckReport, use_case: UseCase, ports: BatchPorts) -> BatchChecked:
    """What was found, judged once: of two that judge at once, or again after a crash, the first counts. That a file of
    it landed before is part of it.

    Great Expectations' own result is kept before it is said that there is one.
    """
    before = landed_before(command, use_case, ports) if report.verdict is not Verdict.ERROR else None
    if before:
        report = replace(report, expectations=(*report.expectations, before))
    if report.document:
        ports.documents.leave(result_of(use_case.name, command.story, command.generation), report.document)
    first = BatchChecked(
        story=command.story,
        at=ports.clock.now(),
        generation=command.generation,
        verdict=report.verdict,
        suite=use_case.data.fingerprint,
        rows=report.rows,
        expectations=report.expectations,
    )
    ports.ledger.record([first])
    return check_so_far(command, ports.ledger) or first


def record_kept(
    command: CheckBatch, reasons: tuple[str, ...], use_case: UseCase, ports: BatchPorts, *, rows: int, bad_rows: int
) -> DataQuarantined:
    """The whole batch is kept apart, which ends its story."""
    whole = DataQuarantined(
        story=command.story,
        at=ports.clock.now(),
        generation=command.generation,
        location=location_of(use_case.name, command.story),
        reasons=reasons,
        rows=rows,
        bad_rows=bad_rows,
    )
    ports.telling.record([whole], ledger=ports.ledger)
    return whole


def record_rows_kept(
    command: CheckBatch, reasons: tuple[str, ...], use_case: UseCase, ports: BatchPorts, *, rows: int
) -> None:
    """Some rows are kept apart: recorded before the others are committed."""
    some = RowsQuarantined(
        story=command.story,
        at=ports.clock.now(),
        generation=command.generation,
        location=location_of(use_case.name, command.story),
        reasons=reasons,
        rows=rows,
    )
    ports.telling.record([some], ledger=ports.ledger)


def list_kept(command: CheckBatch, at: datetime, ports: BatchPorts) -> None:
    """Put the story on the list of what was ever kept apart, with its use case; `at` is when it was checked."""
    number = int(at.timestamp() * 1e6)
    ports.journals.note(Entry(scope=ENTRIES, number=number, story=command.story, at=at, text=command.use_case))


def supersede(command: CheckBatch, use_case: UseCase, ports: BatchPorts) -> Decision:
    """What replaced the batch before it was read has a story of its own. Who died after the commit, before it was
    recorded, finds it in the table.
    """
    if commit := ports.lake.committed(use_case.data.table, command.story, command.generation):
        return committed(command, commit, use_case, ports)
    reason = f"{command.file} is not there any more at ETag {command.etag}"
    if use_case.data.format is Format.DELTA:
        reason += ", or adds no rows"
    ports.ledger.record([DataSuperseded(story=command.story, at=ports.clock.now(), reason=reason)])
    return Decision(summary=reason)


def committed(command: CheckBatch, commit: Commit, use_case: UseCase, ports: BatchPorts) -> Decision:
    """Note the version, record it, and have it trained on."""
    fact = DataCommitted(
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
        at=fact.at,
        text=str(command.generation),
    )
    ports.journals.note(entry)
    ports.ledger.record([fact])
    return train(fact, ports.ledger.story(command.story), use_case)


def train(committed: DataCommitted, story: Sequence[Fact], use_case: UseCase) -> Decision:
    """Once for a story."""
    summary = f"{committed.rows} rows are version {committed.delta_version} of {committed.table}"
    if stories.last(story, TrainingStarted) or stories.last(story, TrainingSkipped):
        return Decision(summary=f"{summary}, since before")
    return Decision(summary=summary, send=(stories.train_on(committed, use_case.name),))


def and_tell(decision: Decision, command: CheckBatch, ports: BatchPorts) -> Decision:
    """Beside it, in the log: drift and rows kept apart, which the alerts look for; and what others are to hear."""
    story = [one for one in ports.ledger.story(command.story) if isinstance(one, DriftMeasured | RowsQuarantined)]
    said = [
        f"drift {one.drift}: {'; '.join(each.sentence for each in one.exceeding)}"
        if isinstance(one, DriftMeasured)
        else f"{one.rows} rows kept apart: {'; '.join(one.reasons)}"
        for one in story
        if one.generation == command.generation and (isinstance(one, RowsQuarantined) or one.exceeding)
    ]
    wishes = ports.telling.wishes(command.story, ledger=ports.ledger)
    return replace(decision, summary="; ".join([decision.summary, *said]), send=(*decision.send, *wishes))
