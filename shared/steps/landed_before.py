"""A file that landed before and is written again appends: the check says that its rows would be in the table twice."""

from collections.abc import Iterator, Sequence

from shared.domain import story as stories
from shared.domain.commands import CheckBatch
from shared.domain.facts import BatchAssembled, DataArrived, DataCommitted, Fact, QuarantineReleased
from shared.domain.quality import ExpectationOutcome
from shared.domain.usecase import DataSpec, LandedAgain, UseCase
from shared.domain.verdicts import Severity, Verdict
from shared.ports import Ledger
from shared.steps.batch_ports import BatchPorts

_BACK = 20
"""So many stories of a file are looked at, the newest first."""


def landed_before(command: CheckBatch, use_case: UseCase, ports: BatchPorts) -> ExpectationOutcome | None:
    """What stops the batch, or is recorded, as `data.again` says; None where no file of it is in the table already.

    A file is known by its path. Once a person let the batch out of quarantine, it stops nothing any more.
    """
    spec = use_case.data
    if spec.again is LandedAgain.APPEND:
        return None
    told = ports.ledger.story(command.story)
    found = [said for file in _files(command, told) if (said := _before(file, command.story, spec, ports.ledger))]
    if not found:
        return None
    let_out = any(one.generation == command.generation for one in stories.of_kind(told, QuarantineReleased))
    more = f", as are {len(found) - 1} more of its files" if len(found) > 1 else ""
    return ExpectationOutcome(
        expectation="landed_before",
        column="",
        severity=Severity.BLOCKING if spec.again is LandedAgain.REFUSE and not let_out else Severity.WARNING,
        verdict=Verdict.FAILED,
        asked="no file of it landed before",
        detail=f"{found[0]}{more}: its rows would be there twice",
    )


def _files(command: CheckBatch, told: Sequence[Fact]) -> Sequence[str]:
    """What arrived, and of the files of a batch those by which its story is found."""
    assembled = stories.last(told, BatchAssembled)
    return tuple(dict.fromkeys([command.file, *(assembled.subjects if assembled else ())]))


def _before(file: str, own: str, spec: DataSpec, ledger: Ledger) -> str:
    """In which version of the table another story put it, and when; "" where none did."""
    for story in ledger.find(file)[:_BACK]:
        told = ledger.story(story)
        committed = stories.last(told, DataCommitted)
        is_there = committed and committed.table == spec.table and file in _landed(told)
        if committed and is_there and story != own:
            where = f"version {committed.delta_version} of {committed.table}"
            return f"{file} did, and is in {where} since {committed.at:%Y-%m-%d %H:%M} UTC (story {story})"
    return ""


def _landed(told: Sequence[Fact]) -> Iterator[str]:
    """The files of a story, in full."""
    for one in told:
        if isinstance(one, DataArrived):
            yield one.file
        elif isinstance(one, BatchAssembled):
            yield from (each.file for each in one.files)
