"""A batch checked as if it landed: the very step that checks what lands, over ports that leave nothing behind; and
batches of the past checked by another suite.
"""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from shared.adapters.databricks_workspaces import DatabricksWorkspaces
from shared.adapters.delta_quarantine import DeltaQuarantine
from shared.adapters.duckdb_profiler import DuckdbProfiler
from shared.adapters.failing_rows import RowSorter
from shared.adapters.great_expectations import GreatExpectations
from shared.adapters.job_files import DeltaJobFiles
from shared.adapters.job_reads import LandedJobReads
from shared.adapters.lake_batches import LakeBatches
from shared.adapters.lake_check_runs import LakeCheckRuns
from shared.adapters.lake_documents import LakeDocuments
from shared.adapters.system import SystemClock
from shared.adapters.trial import Past, TrialLake, TrialLanding, TrialProfiles, TrialRecords
from shared.domain.facts import DataArrived
from shared.domain.quality import CheckReport
from shared.domain.story import check_of
from shared.domain.suite import PastBatch
from shared.domain.usecase import Format, UseCase, UseCases
from shared.errors import Refused
from shared.profiles import Profiles
from shared.quarantine import Quarantine
from shared.steps.batch_ports import BatchPorts
from shared.steps.check_batch import check_batch

STORY = "trial"
"""The story of what never landed."""


@dataclass(frozen=True, kw_only=True)
class Before:
    """What there was before: the columns of the use case's table, none where there is none; and the ledger with the
    profiles, where they can be reached.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    past: Past | None = None
    profiles: Profiles | None = None


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What the story `STORY` is read from, while it lasts."""

    records: TrialRecords
    profiles: Profiles
    quarantine: Quarantine


@contextmanager
def tried(file: Path, use_case: UseCase, before: Before, memory_limit: str) -> Iterator[Trial]:
    """Check a file, or a folder of files that are one batch, as the use case says; for as long as the context lasts.

    What is too large for here is an error of the check, as no job is asked. Raises Refused for a folder that is no
    batch.
    """
    data = replace(use_case.data, check_job="", ends_with="", manifest="", quiet=None)
    one = replace(use_case, data=data)
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        landing = TrialLanding(_batch(file, use_case, scratch / "batch"))
        quality = GreatExpectations(memory_limit)
        lake, records = TrialLake(scratch / "lake", memory_limit, before.columns), TrialRecords(before.past)
        documents, profiles = LakeDocuments(lake.uri("")), TrialProfiles(before.profiles)
        quarantine, clock = DeltaQuarantine(lake, memory_limit), SystemClock()
        ports = BatchPorts(
            ledger=records,
            journals=records,
            approvals=records,
            landing=landing,
            quality=quality,
            sorting=RowSorter(memory_limit, quality.one_at_a_time),
            quarantine=quarantine,
            profiler=DuckdbProfiler(memory_limit, quality.one_at_a_time),
            profiles=profiles,
            lake=lake,
            documents=documents,
            runs=LakeCheckRuns(documents),
            reads=LandedJobReads(landing, lake),
            files=DeltaJobFiles(lake),
            jobs=DatabricksWorkspaces({}, home=""),
            clock=clock,
        )
        arrived = DataArrived(
            story=STORY, at=clock.now(), use_case=one.name, file=str(file), url="", etag="", size=_size(file)
        )
        records.record([arrived])
        check_batch(check_of(arrived), use_cases=UseCases.of(one), ports=ports)
        yield Trial(records=records, profiles=profiles, quarantine=quarantine)


def check_again(
    past: Sequence[PastBatch],
    use_case: UseCase,
    *,
    batches: LakeBatches,
    quarantine: Quarantine,
    columns: Mapping[str, str],
    memory_limit: str,
) -> Iterator[CheckReport | None]:
    """What the use case's suite says of each now; None where its rows are not kept any more.

    A version's rows are those that its commit added, with those that were kept apart from it; they are as the table
    is. A batch in quarantine is the file that landed, beside the table's columns of now.
    """
    quality, landed = GreatExpectations(memory_limit), replace(use_case.data, check_job="")
    for one in past:
        if one.delta_version is None:
            with quarantine.file(one.apart) as file:
                if file:
                    yield quality.check(file, landed, columns)
                    continue
            with quarantine.rows(one.apart, landed.largest) as rows:  # what a job kept apart has no copy of the file
                yield quality.check(rows, landed, columns) if rows else None
            continue
        added = batches.added(one.table, one.delta_version, columns)
        with added as rows, _apart(one, quarantine, landed.largest) as bad:
            if rows is None or (one.apart and bad is None):
                yield None
                continue
            for each in sorted(bad.iterdir()) if bad else ():
                (rows / f"apart-{each.name}").symlink_to(each)
            yield quality.check(rows, replace(landed, format=Format.PARQUET))


@contextmanager
def _apart(one: PastBatch, quarantine: Quarantine, largest: int) -> Iterator[Path | None]:
    """The rows that were kept apart from a version; None where none were, or none are kept."""
    if not one.apart:
        yield None
        return
    with quarantine.rows(one.apart, largest) as bad:
        yield bad


def _batch(file: Path, use_case: UseCase, target: Path) -> Path:
    """The file; of a folder those of its files that the use case reads, under a folder of the same name."""
    if not file.is_dir():
        return file
    data = use_case.data
    if data.is_of_one_file and data.format is not Format.DELTA:
        raise Refused(f"{file} is a folder, but each file is a batch of its own ({data.arrives}): name one of them")
    pattern = "*.parquet" if data.format is Format.DELTA else PurePosixPath(data.arrives).name
    found = [each for each in sorted(file.rglob("*")) if each.is_file() and fnmatchcase(each.name, pattern)]
    if not found:
        raise Refused(f"{file} has no {pattern} in it, which is what {use_case.name} reads: name another folder")
    batch = target / file.resolve().name
    batch.mkdir(parents=True)
    for number, each in enumerate(found):
        (batch / f"{number:04}-{each.name}").symlink_to(each.resolve())
    return batch


def _size(file: Path) -> int:
    return file.stat().st_size if file.is_file() else 0
