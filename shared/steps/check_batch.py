"""A batch is judged by its expectation suite, and committed to silver or quarantined."""

from pathlib import Path

from shared.domain import story as stories
from shared.domain.commands import CheckBatch, StartTraining
from shared.domain.facts import BatchChecked, DataCommitted, DataQuarantined, DataSuperseded, TrainingStarted
from shared.domain.quality import CheckReport
from shared.domain.usecase import UseCase, UseCases
from shared.domain.verdicts import Verdict
from shared.ports import Clock, Lake, Landing, Ledger, Quality
from shared.steps.decision import Decision


def check_batch(
    command: CheckBatch,
    *,
    use_cases: UseCases,
    ledger: Ledger,
    landing: Landing,
    quality: Quality,
    lake: Lake,
    clock: Clock,
) -> Decision:
    """Check, then commit exactly once or quarantine; a verdict that is not `passed` trains nothing."""
    use_case = use_cases.named(command.use_case)
    story = ledger.story(command.story)
    if (committed := stories.last(story, DataCommitted)) and committed.generation >= command.generation:
        return _train(committed, use_case, trained=stories.last(story, TrainingStarted) is not None)
    quarantined = stories.last(story, DataQuarantined)
    if (quarantined and quarantined.generation >= command.generation) or stories.last(story, DataSuperseded):
        return Decision(summary=f"{command.file} was checked before")
    with landing.fetch(command.url, command.etag) as file:
        if file is None:
            reason = f"{command.file} is not there any more at ETag {command.etag}"
            ledger.record([DataSuperseded(story=command.story, at=clock.now(), reason=reason)])
            return Decision(summary=reason)
        return _judge(command, file, use_case, ledger=ledger, quality=quality, lake=lake, clock=clock)


def _judge(
    command: CheckBatch, file: Path, use_case: UseCase, *, ledger: Ledger, quality: Quality, lake: Lake, clock: Clock
) -> Decision:
    report = _report(command, file, use_case, ledger=ledger, quality=quality, clock=clock)
    if report.verdict is not Verdict.PASSED:
        location = lake.quarantine(file, command.story, report.reasons)
        quarantined = DataQuarantined(
            story=command.story,
            at=clock.now(),
            generation=command.generation,
            location=location,
            reasons=report.reasons,
        )
        ledger.record([quarantined])
        return Decision(summary=f"{command.file} {report.verdict}, quarantined: " + "; ".join(report.reasons))
    commit = lake.commit(file, use_case.data, command.story, command.generation)
    committed = DataCommitted(
        story=command.story,
        at=clock.now(),
        generation=command.generation,
        table=commit.table,
        delta_version=commit.delta_version,
        rows=commit.rows,
    )
    ledger.record([committed])
    return _train(committed, use_case, trained=False)


def _report(
    command: CheckBatch, file: Path, use_case: UseCase, *, ledger: Ledger, quality: Quality, clock: Clock
) -> CheckReport:
    """What was found, judged once: of two that judge at once, or again after a crash, the first counts."""
    checked = _checked(command, ledger)
    if checked is None:
        report = quality.check(file, use_case.data)
        first = BatchChecked(
            story=command.story,
            at=clock.now(),
            generation=command.generation,
            verdict=report.verdict,
            suite=report.suite,
            rows=report.rows,
            expectations=report.expectations,
        )
        ledger.record([first])
        checked = _checked(command, ledger) or first
    return CheckReport(suite=checked.suite, rows=checked.rows, expectations=checked.expectations)


def _checked(command: CheckBatch, ledger: Ledger) -> BatchChecked | None:
    found = stories.of_kind(ledger.story(command.story), BatchChecked)
    return next((one for one in found if one.generation == command.generation), None)


def _train(committed: DataCommitted, use_case: UseCase, *, trained: bool) -> Decision:
    summary = f"{committed.rows} rows are version {committed.delta_version} of {committed.table}"
    if trained:
        return Decision(summary=f"{summary}, since before")
    command = StartTraining(
        story=committed.story,
        use_case=use_case.name,
        table=committed.table,
        delta_version=committed.delta_version,
    )
    return Decision(summary=summary, send=(command,))
