"""A use case as the core sees it: one machine-learning application, its data, training, gate and scoring."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Self

from shared.domain import identity
from shared.domain.drift import DriftSpec
from shared.domain.people import ApprovalRule
from shared.domain.policy import Policy
from shared.domain.prediction import JumpLimits
from shared.domain.retrain import RetrainSpec
from shared.domain.schema import SchemaChange
from shared.errors import UnknownUseCase

LARGEST = 10 << 30
"""Bytes of the largest file that is read, where the use case says nothing."""

LOOK_BACK = timedelta(days=2)
"""How far back the sweep looks for what no event told of, where the use case says nothing."""


class QuarantineKind(StrEnum):
    """What is kept apart of a batch that failed: all of it, or only its bad rows where single rows failed."""

    BATCH = "batch"
    ROWS = "rows"


class Format(StrEnum):
    """How what lands is written; a file may be packed with gzip. `delta` is the commit of a Delta table."""

    CSV = "csv"
    JSON_LINES = "json_lines"
    PARQUET = "parquet"
    DELTA = "delta"


class LandedAgain(StrEnum):
    """What becomes of a file that landed before and is in the table: it is let in, with a warning, or kept apart."""

    APPEND = "append"
    WARN = "warn"
    REFUSE = "refuse"


@dataclass(frozen=True, kw_only=True)
class DataSpec:
    """What lands, how it is read, what it must be like, and where it goes.

    `arrives` is a pattern of container/path; `columns` gives the type of a column where the file's own look would not
    do; `delimiter` and `encoding` are a CSV's, `date_format` and `timestamp_format` strptime's of texts that are not
    ISO's ("": they are); a file of more bytes than `largest`, as it landed or unpacked, is not
    read. `schema_changes` are those that pass. `expectations` is the text of the suite ("": none); `table` is relative
    to the lake, `partition_by` "" for one without partitions. Where more than `quarantine_at_most_percent` of the rows
    are bad, the whole batch is. `every` says how often data is expected, and `grace` how late it may be. A batch is one
    file; or all in a folder, when the file `ends_with` lands there; or what the file `manifest` there names; or what
    lands until nothing did for `quiet`. What is too large for here is checked by the `check_job` ("": by nobody).
    `again` says what becomes of a file that landed before.
    lands until nothing did for `quiet`. What is too large for here is checked by the `check_job` ("": by nobody). The
    sweep looks for what landed within `look_back` and no event told of; for nothing, where that is zero.
    """

    arrives: str
    expectations: str
    table: str
    partition_by: str
    columns: Mapping[str, str]
    null_values: Sequence[str] = ("",)
    format: Format = Format.CSV
    delimiter: str = ","
    encoding: str = "utf-8"
    date_format: str = ""
    timestamp_format: str = ""
    largest: int = LARGEST
    check_job: str = ""
    schema_changes: frozenset[SchemaChange] = frozenset()
    quarantine: QuarantineKind = QuarantineKind.BATCH
    quarantine_at_most_percent: Decimal = Decimal(10)
    every: timedelta | None = None
    grace: timedelta = timedelta()
    ends_with: str = ""
    manifest: str = ""
    quiet: timedelta | None = None
    again: LandedAgain = LandedAgain.WARN
    look_back: timedelta = LOOK_BACK

    @property
    def fingerprint(self) -> str:
        """Of all that a check depends on: the suite, and how the batch is read and compared with its table."""
        depends_on = {
            "expectations": self.expectations,
            "format": self.format,
            "delimiter": self.delimiter,
            "encoding": self.encoding,
            "columns": dict(self.columns),
            "null_values": list(self.null_values),
            "schema_changes": sorted(self.schema_changes),
            "again": self.again,
        }
        times = {"date_format": self.date_format, "timestamp_format": self.timestamp_format}
        depends_on |= {name: text for name, text in times.items() if text}
        return identity.fingerprint(json.dumps(depends_on, sort_keys=True))

    @property
    def is_of_one_file(self) -> bool:
        """Is each file that lands a batch of its own?"""
        return not self.ends_with and not self.manifest and self.quiet is None

    @property
    def announced_by(self) -> str:
        """The pattern of what has landed when a batch is whole."""
        folder, name = self.arrives.rpartition("/")[0], self.ends_with or self.manifest
        return f"{folder}/{name}" if name else self.arrives

    @property
    def prefix(self) -> str:
        """What the names of all that lands for it begin with."""
        literal = re.split(r"[*?[]", self.arrives)[0]
        return literal if self.announced_by == self.arrives else literal[: literal.rfind("/") + 1]


@dataclass(frozen=True, kw_only=True)
class TrainingSpec:
    """The job that trains ("": the model comes from elsewhere), and the registered model that it makes ("": none; the
    use case is one of data alone).
    """

    job: str = ""
    model: str = ""


class SlotKind(StrEnum):
    """What the registry calls the slot."""

    ALIAS = "alias"
    STAGE = "stage"


class Enforcement(StrEnum):
    """What follows when somebody moves the slot around the gate: put back, told only, or nothing."""

    ENFORCE = "enforce"
    WARN = "warn"
    OFF = "off"


@dataclass(frozen=True, kw_only=True)
class GateSpec:
    """The policy, and the slot that means production: an alias or a stage.

    Where there are `approvals`, a version that passed the policy waits for people. After `max_reverts` within
    `reverts_within` the slot is left as it is found, and people are told.
    """

    policy: Policy
    slot: str
    slot_kind: SlotKind = SlotKind.ALIAS
    enforcement: Enforcement = Enforcement.ENFORCE
    max_reverts: int = 3
    reverts_within: timedelta = timedelta(hours=1)
    approvals: tuple[ApprovalRule, ...] = ()


NO_GATE = GateSpec(policy=Policy(rules=(), fingerprint=""), slot="", enforcement=Enforcement.OFF)
"""Of a use case without a model."""


class ScoringWhen(StrEnum):
    """What is scored beside what is asked for: every promotion, or new data as well."""

    PROMOTION = "promotion"
    NEW_DATA = "new_data"


class WhenDemoted(StrEnum):
    """What becomes of a scoring whose version is not in production any more."""

    FINISH = "finish"
    STOP = "stop"


@dataclass(frozen=True, kw_only=True)
class ScoringSpec:
    """The job that scores ("": nothing is scored), the gold table (relative to the lake), and the column whose values
    are the parts; or, with `rows_per_part`, the column that gold has for the number of a group of silver's files.

    `workspaces` names the parts that are scored elsewhere than at home, by workspace; `jump` how far the
    predictions may be from those before. `every` says how often all of it is scored whatever happened, `when_demoted`
    what becomes of a scoring whose version left production.
    """

    job: str
    table: str
    part_by: str
    rows_per_part: int = 0
    workspaces: Mapping[str, Sequence[str]] = field(default_factory=dict)
    jump: JumpLimits = field(default_factory=JumpLimits)
    when: ScoringWhen = ScoringWhen.PROMOTION
    every: timedelta | None = None
    when_demoted: WhenDemoted = WhenDemoted.FINISH

    def workspace_of(self, part: str) -> str:
        """Where a part is scored; "" for home."""
        return next((name for name, parts in self.workspaces.items() if part in parts), "")


@dataclass(frozen=True, kw_only=True)
class CanarySpec:
    """How many requests of a hundred a new version answers at first, and for how long."""

    percent: int
    lasts: timedelta


@dataclass(frozen=True, kw_only=True)
class ServingSpec:
    """The endpoint that serves whatever is in production, and how large: Databricks' workload sizes. With a `canary` a
    version that comes into production first answers some of the requests.
    """

    endpoint: str
    workload_size: str = "Small"
    scale_to_zero: bool = True
    canary: CanarySpec | None = None


@dataclass(frozen=True, kw_only=True)
class UseCase:
    """One machine-learning application. `folder` is where its files are, as the jobs read them."""

    name: str
    folder: str
    data: DataSpec
    training: TrainingSpec
    gate: GateSpec
    scoring: ScoringSpec
    drift: DriftSpec | None = None
    retrain: RetrainSpec | None = None
    serving: ServingSpec | None = None

    @property
    def jobs(self) -> tuple[str, ...]:
        """The Databricks jobs that it has."""
        return tuple(job for job in (self.data.check_job, self.training.job, self.scoring.job) if job)


@dataclass(frozen=True)
class UseCases:
    """All use cases, found by what the messages know of them."""

    all: tuple[UseCase, ...]

    def named(self, name: str) -> UseCase:
        """The use case of that name. Raises UnknownUseCase."""
        for one in self.all:
            if one.name == name:
                return one
        known = ", ".join(sorted(each.name for each in self.all)) or "none"
        raise UnknownUseCase(f"there is no use case {name!r} (there are: {known}): its folder was renamed or removed")

    def of_file(self, file: str) -> UseCase | None:
        """The use case that owns a landed file which makes a batch whole, if any."""
        return next((one for one in self.all if fnmatchcase(file, one.data.announced_by)), None)

    def waiting_for(self, file: str) -> UseCase | None:
        """The use case that owns a landed file whose batch another makes whole, if any."""
        return next((one for one in self.all if fnmatchcase(file, one.data.arrives)), None)

    def of_model(self, model: str) -> UseCase | None:
        """The use case that owns a registered model, if any."""
        return next((one for one in self.all if model and one.training.model == model), None)

    @classmethod
    def of(cls, *all_: UseCase) -> Self:
        """For a handful written out."""
        return cls(all_)
