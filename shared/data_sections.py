"""Sections of usecase.yml about what lands, and when it is trained on."""

import codecs
from datetime import timedelta
from decimal import Decimal
from pathlib import PurePosixPath
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, field_validator, model_validator

from shared.domain import column_types, time_format
from shared.domain.live_metrics import LiveSpec, LiveThen
from shared.domain.retrain import RetrainSpec, When
from shared.domain.schema import SchemaChange
from shared.domain.usecase import LARGEST, DataSpec, Format, LandedAgain, QuarantineKind
from shared.yaml_file import Section

Span = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{0,3} (minute|hour|day|week)s?$")]


def span_of(text: str) -> timedelta:
    """`6 hours` as a duration."""
    count, _, unit = text.partition(" ")
    return timedelta(**{f"{unit.removesuffix('s')}s": int(count)})


OFF = "off"
LookBack = Annotated[
    str,
    StringConstraints(pattern=rf"^({OFF}|[1-9][0-9]{{0,3}} (minute|hour|day|week)s?)$"),
    BeforeValidator(lambda given: OFF if given in (0, "0") else given),  # YAML takes off for false, which is 0
]
FileName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]+$")]
TablePath = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_][a-z0-9_/-]*$")]

_FORMATS = {
    ".csv": Format.CSV,
    ".tsv": Format.CSV,
    ".jsonl": Format.JSON_LINES,
    ".ndjson": Format.JSON_LINES,
    ".parquet": Format.PARQUET,
}


class BatchSection(Section):
    """`data.batch` of usecase.yml: what makes a batch of several files whole."""

    ends_with: FileName | None = None
    manifest: FileName | None = None
    quiet: Span | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> "BatchSection":
        if sum(one is not None for one in (self.ends_with, self.manifest, self.quiet)) != 1:
            raise ValueError("say one of ends_with (such as _SUCCESS), manifest (such as manifest.json) and quiet")
        return self


class DataSection(Section):
    """`data` of usecase.yml."""

    arrives: str = Field(min_length=1, description="pattern of container/path, such as landing/flights/*.csv")
    format: Format | None = None
    delimiter: str | None = Field(default=None, min_length=1, max_length=1)
    encoding: str = "utf-8"
    date_format: Annotated[str, AfterValidator(time_format.demand_date)] = ""
    timestamp_format: Annotated[str, AfterValidator(time_format.demand_timestamp)] = ""
    batch: BatchSection | None = None
    largest_mb: int = Field(default=LARGEST >> 20, ge=1)
    check_job: str | None = Field(default=None, min_length=1)
    schema_changes: list[SchemaChange] = Field(default_factory=list)
    again: LandedAgain = LandedAgain.WARN
    expectations: str | None = "expectations.json"
    table: TablePath
    partition_by: str | None = None
    columns: dict[str, Annotated[str, AfterValidator(column_types.demand)]] = Field(default_factory=dict)
    null_values: list[str] = Field(default=[""])
    quarantine: QuarantineKind = QuarantineKind.BATCH
    quarantine_at_most_percent: Decimal = Field(default=Decimal(10), gt=0, lt=100)
    every: Span | None = None
    grace: Span | None = None
    look_back: LookBack = "2 days"

    @field_validator("encoding")
    @classmethod
    def _known(cls, value: str) -> str:
        try:
            "".encode(value)
            return codecs.lookup(value).name
        except LookupError as error:
            raise ValueError(f"{error}: Python's name of a text encoding, such as utf-8 or latin-1") from error

    @model_validator(mode="after")
    def _batch_fits(self) -> "DataSection":
        is_log = self.arrives.endswith("/_delta_log/*.json")
        if (self.format is Format.DELTA) != is_log:
            raise ValueError(
                "a Delta table arrives by the files of its log: say format: delta and arrives: TABLE/_delta_log/*.json"
            )
        if self.batch and is_log:
            raise ValueError("batch: each commit of a Delta table is a batch: take batch away")
        if self.batch and "/" not in self.arrives:
            raise ValueError("arrives: a batch of several files lands in a folder: say CONTAINER/FOLDER/*.csv")
        return self

    def spec(self, suite: str) -> DataSpec:
        """As the core sees it, with the suite's text."""
        every = span_of(self.every) if self.every else None
        suffix = PurePosixPath(self.arrives.removesuffix(".gz")).suffix
        return DataSpec(
            arrives=self.arrives,
            format=self.format or _FORMATS.get(suffix, Format.CSV),
            delimiter=self.delimiter or ("\t" if suffix == ".tsv" else ","),
            encoding=self.encoding,
            date_format=self.date_format,
            timestamp_format=self.timestamp_format,
            ends_with=(self.batch and self.batch.ends_with) or "",
            manifest=(self.batch and self.batch.manifest) or "",
            quiet=span_of(self.batch.quiet) if self.batch and self.batch.quiet else None,
            largest=self.largest_mb << 20,
            check_job=self.check_job or "",
            schema_changes=frozenset(self.schema_changes),
            again=self.again,
            expectations=suite,
            table=self.table,
            partition_by=self.partition_by or "",
            columns=self.columns,
            null_values=tuple(self.null_values),
            quarantine=self.quarantine,
            quarantine_at_most_percent=self.quarantine_at_most_percent,
            every=every,
            grace=span_of(self.grace) if self.grace else (every or timedelta()) / 10,
            look_back=timedelta() if self.look_back == OFF else span_of(self.look_back),
        )


class LiveSection(Section):
    """`retrain.live` of usecase.yml."""

    metric: str = Field(min_length=1, max_length=250)
    at_most: Decimal | None = None
    at_least: Decimal | None = None
    bad: int = Field(ge=1, le=100)
    of: int = Field(ge=1, le=100)
    then: LiveThen = LiveThen.TRAIN

    @model_validator(mode="after")
    def _can_be_asked(self) -> "LiveSection":
        if (self.at_most is None) == (self.at_least is None):
            raise ValueError("say one of at_most (such as 20) and at_least (such as 0.8)")
        if self.bad > self.of:
            raise ValueError(f"{self.bad} of the last {self.of} are never bad: make bad at most as large as of")
        return self

    def spec(self) -> LiveSpec:
        """As the core sees it."""
        return LiveSpec(
            metric=self.metric,
            at_most=self.at_most,
            at_least=self.at_least,
            bad=self.bad,
            of=self.of,
            then=self.then,
        )


class RetrainSection(Section):
    """`retrain` of usecase.yml."""

    when: When = When.NEW_DATA
    cool_down: Span | None = None
    at_once: int | None = Field(default=None, ge=1, le=100)
    per_day: int | None = Field(default=None, ge=1, le=400)
    live: LiveSection | None = None

    @model_validator(mode="after")
    def _metrics_are_named(self) -> "RetrainSection":
        if self.when is When.LIVE_METRICS and self.live is None:
            raise ValueError("when: live_metrics needs live: say which metric, its bound, and how many of how many")
        return self

    def spec(self) -> RetrainSpec:
        """As the core sees it."""
        return RetrainSpec(
            when=self.when,
            cool_down=span_of(self.cool_down) if self.cool_down else None,
            at_once=self.at_once,
            per_day=self.per_day,
            live=self.live.spec() if self.live else None,
        )
