"""A lake and a landing area with all that checks what lands: real, but for the workspace, whose runs end at once."""

import json
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deltalake import DeltaTable

from shared.adapters.delta import DeltaLake
from shared.adapters.delta_quarantine import DeltaQuarantine
from shared.adapters.duckdb_profiler import DuckdbProfiler
from shared.adapters.failing_rows import RowSorter
from shared.adapters.fsspec_landing import FsspecLanding, etag_of
from shared.adapters.great_expectations import GreatExpectations
from shared.adapters.job_files import DeltaJobFiles
from shared.adapters.job_reads import LandedJobReads
from shared.adapters.lake_check_runs import LakeCheckRuns
from shared.adapters.lake_documents import LakeDocuments
from shared.adapters.lake_profiles import LakeProfiles
from shared.adapters.memory import MemoryLedger
from shared.adapters.sqlite import SqliteLedger
from shared.domain import facts as f
from shared.domain import identity
from shared.domain import story as stories
from shared.domain.commands import CheckBatch, FollowRun
from shared.domain.usecase import DataSpec, UseCase, UseCases
from shared.domain.verdicts import RunResult
from shared.steps.batch_ports import BatchPorts
from shared.steps.check_batch import check_batch
from shared.steps.follow_run import follow_run
from tests.contracts.test_quality import expect
from tests.ports import FakeClock, MemoryJobs

URL = "https://account.blob.core.windows.net/landing"
LIMIT = "500MB"
SUITE = [
    expect("column_to_exist", column="origin"),
    expect("column_values_to_not_be_null", column="x"),
    expect("column_values_to_be_between", column="x", min_value=0, max_value=100),
    expect("column_values_to_match_regex", column="name", regex="^[a-z]+$"),
    expect("column_values_to_be_unique", column="id"),
    expect("column_mean_to_be_between", severity="warning", column="x", min_value=0, max_value=1),
]
GOOD = 'id,origin,x,name,day\n1,JFK,1.5,a,2013-01-01\n2,"L ""G"" A",2,b,2013-01-02\n3,JFK,99,c,2013-01-03\n'
LINES = """{"id": 1, "origin": "JFK", "x": 1.5, "name": "a", "day": "2013-01-01"}
{"id": 2, "origin": "L G/A", "x": 2, "name": "b"}
"""
BAD = "id,origin,x,name,day\n1,JFK,-1,A,2013-01-01\n2,LGA,NaN,b,2013-01-02\n2,JFK,3,,\n4,JFK,4,d,2013-01-04\n"


def run_job(parameters: dict[str, str]) -> None:
    """The check job, in this process."""
    from sluice_ml import check
    from sluice_ml.parameters import CheckParameters

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a job of its own has its own
        check.check(CheckParameters.parse([f"--{name}={value}" for name, value in parameters.items()]))


@dataclass
class Site:
    """A lake and a landing area, and what looks after them."""

    folder: Path
    use_case: UseCase
    clock: FakeClock = field(default_factory=FakeClock)
    ledger: MemoryLedger | SqliteLedger = field(default_factory=MemoryLedger)

    def __post_init__(self) -> None:
        (self.folder / "landing/t").mkdir(parents=True, exist_ok=True)
        root = str(self.folder / "lake")
        self.lake, documents = DeltaLake(root, LIMIT), LakeDocuments(root)
        self.quarantine = DeltaQuarantine(self.lake, LIMIT)
        self.quality, self.documents = GreatExpectations(LIMIT), documents
        self.jobs = MemoryJobs("ws1", ["sluice-check"])
        self.jobs.on_success = lambda run: run_job(run.parameters)
        landing = FsspecLanding(URL, str(self.folder / "landing"))
        self.ports = BatchPorts(
            ledger=self.ledger,
            journals=self.ledger,
            landing=landing,
            quality=self.quality,
            sorting=RowSorter(LIMIT, self.quality.one_at_a_time),
            quarantine=self.quarantine,
            profiler=DuckdbProfiler(LIMIT, self.quality.one_at_a_time),
            profiles=LakeProfiles(root),
            approvals=self.ledger,
            lake=self.lake,
            documents=documents,
            runs=LakeCheckRuns(documents),
            reads=LandedJobReads(landing, self.lake),
            files=DeltaJobFiles(self.lake),
            jobs=self.jobs,
            clock=self.clock,
        )

    def land(self, name: str, content: bytes) -> str:
        """A file lands, and is checked to its end; the story."""
        return self.arrive(self.put(name, content))

    def put(self, name: str, content: bytes) -> Path:
        """A file is there, and nobody has said so."""
        file = self.folder / "landing/t" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        return file

    def arrive(self, file: Path, story: str = "") -> str:
        """A file that is there has arrived, and is checked to its end."""
        arrived = self.record(file, story)
        self.check(stories.check_of(arrived))
        return arrived.story

    def record(self, file: Path, story: str = "") -> f.DataArrived:
        """Its arrival is in the ledger."""
        name = str(file.relative_to(self.folder / "landing"))
        etag = etag_of({"name": str(file), "size": file.stat().st_size})
        arrived = f.DataArrived(
            story=story or identity.story_of_arrival(name, "the same on both sites"),
            at=self.clock.now(),
            use_case=self.use_case.name,
            file=f"landing/{name}",
            url=f"{URL}/{name}",
            etag=etag,
            size=file.stat().st_size,
        )
        self.ledger.record([arrived])
        return arrived

    def check(self, command: CheckBatch) -> None:
        """The message, and what follows from the runs that it starts."""
        use_cases = UseCases.of(self.use_case)
        check_batch(command, use_cases=use_cases, ports=self.ports)
        while running := self.jobs.running:
            self.jobs.end(running[0].job_run_id, RunResult.SUCCEEDED)
            follow = FollowRun(workspace="ws1", job_run_id=running[0].job_run_id)
            decision = follow_run(
                follow,
                use_cases=use_cases,
                ledger=self.ledger,
                journals=self.ledger,
                jobs=self.jobs,
                lake=self.lake,
                clock=self.clock,
            )
            for sent in decision.send:
                assert isinstance(sent, CheckBatch)
                check_batch(sent, use_cases=use_cases, ports=self.ports)

    def last[Kind: f.Fact](self, story: str, kind: type[Kind]) -> Kind:
        found = stories.last(self.ledger.story(story), kind)
        assert found is not None, [fact.kind for fact in self.ledger.story(story)]
        return found

    def silver(self) -> list[str]:
        return _rows(self.lake.uri(self.use_case.data.table))

    def kept(self, story: str) -> list[str]:
        return _rows(self.lake.uri(f"quarantine/{self.use_case.name}/{story}"))


def _rows(uri: str) -> list[str]:
    found = DeltaTable(uri).to_pyarrow_table().to_pylist()
    return sorted(json.dumps(dict(sorted(row.items())), default=str) for row in found)


def spec(**changed: Any) -> DataSpec:
    given: dict[str, Any] = {
        "arrives": "landing/t/*",
        "expectations": json.dumps({"expectations": SUITE}),
        "table": "silver/t",
        "partition_by": "origin",
        "columns": {"x": "DOUBLE"},
        "null_values": ("", "NA"),
    }
    return DataSpec(**{**given, **changed})
