"""A batch that failed its check goes to quarantine, whole or only its bad rows; what a person releases goes on."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path

from shared.domain import identity
from shared.domain import quarantine as domain
from shared.domain.commands import CheckBatch
from shared.domain.drift import Drift
from shared.domain.facts import (
    DataArrived,
    DataQuarantined,
    QuarantineReleased,
)
from shared.domain.quality import CheckReport
from shared.domain.quarantine import ReleaseAsked, location_of
from shared.domain.story import check_of, last
from shared.domain.usecase import QuarantineKind, UseCase
from shared.domain.verdicts import Verdict
from shared.errors import Refused
from shared.ports import Clock, Commit, Ledger
from shared.quarantine import Sorted
from shared.steps.batch_ends import list_kept, record_kept, record_rows_kept
from shared.steps.batch_ports import BatchPorts
from shared.steps.commit_notes import notes_of
from shared.steps.decision import Decision
from shared.steps.watch_drift import watch_drift


def keep_apart(
    command: CheckBatch,
    file: Path,
    use_case: UseCase,
    at: datetime,
    report: CheckReport,
    *,
    read: Path,
    ports: BatchPorts,
) -> Commit | None:
    """Keep the batch apart; or only its bad rows where the use case says so and only single rows failed, and commit the
    others. `read` is the file as it is read here, `at` when it was checked.

    Every part of it can be done again: the rows kept, the entry, the facts, the commit. The whole batch's fact ends the
    story, so it is recorded last; that of some rows does not, so it is recorded before the others are committed.
    """
    location = location_of(use_case.name, command.story)
    with ports.sorting.sort_out(read, use_case.data, report) as found:
        split = found if found is not None and _may_split(found, report, use_case) else None
        if split and (drift := watch_drift(command, split.good, use_case, ports)) and drift.drift is Drift.STOPPED:
            split, report = None, drift.added_to(report)
        rows = split.bad if split else found.rows if found else None
        count = ports.quarantine.keep(
            file,
            rows,
            location=location,
            story=command.story,
            generation=command.generation,
            reasons=report.reasons,
        )
        list_kept(command, at, ports)
        if split is None:
            bad = found.counted_bad if found else 0
            record_kept(command, report.reasons, use_case, ports, rows=count, bad_rows=bad)
            return None
        record_rows_kept(command, report.reasons, use_case, ports, rows=count)
        notes = notes_of(command, use_case, ports)
        return ports.lake.commit(split.good, use_case.data, command.story, command.generation, notes)


def _may_split(found: Sorted, report: CheckReport, use_case: UseCase) -> bool:
    data = use_case.data
    return (
        data.quarantine is QuarantineKind.ROWS
        and report.verdict is Verdict.FAILED
        and found.by_row
        and domain.may_split(found.counted_bad, found.counted, data.quarantine_at_most_percent)
    )


def release(asked: ReleaseAsked, *, ledger: Ledger, clock: Clock) -> Decision:
    """Record who let it out and why, once, and ask for what follows. Raises Refused.

    A whole batch goes on in its story. Of one that went on without its bad rows, these go on in a story of their own,
    as a story trains once; that story is recorded first, so that who dies in between leaves what can be asked again.
    """
    story = ledger.story(asked.story)
    found, arrived = domain.refuse(story, asked), last(story, DataArrived)
    if arrived is None:
        raise Refused(f"story {asked.story} began with no arrival")
    generation = found.generation + 1
    whole = isinstance(found, DataQuarantined)
    goes_on = asked.story if whole else identity.story_of_release(asked.story, generation)
    fact = QuarantineReleased(
        story=goes_on,
        at=clock.now(),
        generation=generation,
        who=asked.who,
        reason=asked.why,
        location=found.location,
        check=asked.check,
        continues=goes_on,
    )
    if not whole:
        ledger.record([replace(arrived, story=goes_on, at=clock.now()), fact])
        fact = domain.released(ledger.story(goes_on)) or fact  # of two that ask at once, the first counts
    ledger.record([replace(fact, story=asked.story)])
    said = domain.released(ledger.story(asked.story)) or fact
    if (said.who, said.reason) != (asked.who, asked.why):
        raise Refused(f"story {asked.story} was released at the same time by {said.who}: {said.reason}")
    return Decision(
        summary=f"{asked.story} released by {asked.who}: {asked.why}",
        send=(check_of(replace(arrived, story=goes_on), generation=generation),),
    )
