"""A batch is judged by its expectation suite, and committed to silver or quarantined."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shared.domain import story as stories
from shared.domain.commands import CheckBatch
from shared.domain.drift import Drift
from shared.domain.facts import DataCommitted, DataQuarantined, DataSuperseded, QuarantineReleased
from shared.domain.usecase import UseCase, UseCases
from shared.errors import Refused, TooLarge
from shared.steps.batch_ends import and_tell, check_so_far, committed, record_check, release_of, supersede, train
from shared.steps.batch_ports import BatchPorts
from shared.steps.check_by_job import go_on, hand_over
from shared.steps.commit_notes import notes_of
from shared.steps.decision import Decision
from shared.steps.fetch_batch import fetch_batch
from shared.steps.keep_apart import keep_apart
from shared.steps.watch_drift import keep_profile, watch_drift


def check_batch(command: CheckBatch, *, use_cases: UseCases, ports: BatchPorts) -> Decision:
    """Check, then commit exactly once or quarantine; a verdict that does not let pass trains nothing.

    A generation that a person released from quarantine goes on unchecked, or is checked once more, as was asked. What
    is too large for here goes to the use case's check job, where it has one.
    """
    return and_tell(_check_batch(command, use_cases.named(command.use_case), ports), command, ports)


def _check_batch(command: CheckBatch, use_case: UseCase, ports: BatchPorts) -> Decision:
    story = ports.ledger.story(command.story)
    if (done := stories.last(story, DataCommitted)) and done.generation >= command.generation:
        return train(done, story, use_case)
    quarantined = stories.last(story, DataQuarantined)
    if (quarantined and quarantined.generation >= command.generation) or stories.last(story, DataSuperseded):
        return Decision(summary=f"{command.file} was checked before")
    if stories.check_run(story, command.generation):
        return go_on(command, use_case, ports)
    try:
        return _check(command, release_of(command, story), use_case, ports)
    except TooLarge as error:
        if not use_case.data.check_job:
            raise
        return hand_over(command, use_case, str(error), ports)


def _check(command: CheckBatch, released: QuarantineReleased | None, use_case: UseCase, ports: BatchPorts) -> Decision:
    if released and not released.check:
        return _release(command, released, use_case, ports)
    with _file(command, released, use_case, ports) as file:
        if file is None:
            return supersede(command, use_case, ports)
        with ports.quality.prepared(file, use_case.data) as rows:
            return _judge(command, file, rows, use_case, ports)


@contextmanager
def _file(
    command: CheckBatch, released: QuarantineReleased | None, use_case: UseCase, ports: BatchPorts
) -> Iterator[Path | None]:
    """What landed; of what was kept apart the copy there, as the landing area may have lost it. What was too large to
    be copied is where it landed.
    """
    if released:
        with ports.quarantine.file(released.location) as file:
            if file is not None:
                yield file
                return
    with fetch_batch(command, use_case, ports) as file:
        yield file


def _judge(command: CheckBatch, file: Path, rows: Path, use_case: UseCase, ports: BatchPorts) -> Decision:
    """`rows` is the file as it is read here."""
    checked = check_so_far(command, ports.ledger)
    if checked is None:
        report = ports.quality.check(rows, use_case.data, ports.lake.columns(use_case.data.table))
        checked = record_check(command, report, use_case, ports)
    if checked.verdict.lets_pass:
        drift = watch_drift(command, rows, use_case, ports)
        if drift is None or drift.drift is not Drift.STOPPED:
            notes = notes_of(command, use_case, ports)
            commit = ports.lake.commit(rows, use_case.data, command.story, command.generation, notes)
            return committed(command, commit, use_case, ports)
        report = drift.added_to(checked.report)
    else:
        report = checked.report
    commit_of_rest = keep_apart(command, file, use_case, checked.at, report, read=rows, ports=ports)
    if commit_of_rest is not None:
        return committed(command, commit_of_rest, use_case, ports)
    return Decision(summary=f"{command.file} {report.verdict}, quarantined: " + "; ".join(report.reasons))


def _release(command: CheckBatch, released: QuarantineReleased, use_case: UseCase, ports: BatchPorts) -> Decision:
    with ports.quarantine.rows(released.location, use_case.data.largest) as rows:
        if rows is None:
            raise Refused(f"no rows are kept in {released.location}: land the file again")
        keep_profile(command, rows, use_case, ports)
        notes = notes_of(command, use_case, ports)
        commit = ports.lake.commit(rows, use_case.data, command.story, command.generation, notes)
        return committed(command, commit, use_case, ports)
