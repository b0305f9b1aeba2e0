"""The sections `scoring` and `serving` of usecase.yml."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from shared.data_sections import Span, TablePath, span_of
from shared.domain.fan_out import FILE_GROUP, ROWS_PER_PART
from shared.domain.prediction import JumpLimits
from shared.domain.usecase import CanarySpec, ScoringSpec, ScoringWhen, ServingSpec, WhenDemoted
from shared.yaml_file import Name, Section


class JumpSection(Section):
    """`scoring.jump` of usecase.yml."""

    mean: float = Field(default=JumpLimits.mean, gt=0)
    null_rate: float = Field(default=JumpLimits.null_rate, ge=0, le=1)
    share: float = Field(default=JumpLimits.share, gt=0, le=1)


class ScoringSection(Section):
    """`scoring` of usecase.yml."""

    job: str
    table: TablePath
    part_by: str | None = None
    rows_per_part: int | None = Field(default=None, ge=1)
    when: ScoringWhen = ScoringWhen.PROMOTION
    every: Span | None = None
    when_demoted: WhenDemoted = WhenDemoted.FINISH
    workspaces: dict[Name, list[str]] = Field(default_factory=dict)
    jump: JumpSection = Field(default_factory=JumpSection)

    @model_validator(mode="after")
    def _parts_are_of_one_kind(self) -> "ScoringSection":
        if self.part_by and self.rows_per_part:
            raise ValueError("rows_per_part: with part_by, parts are partitions, however many rows: take one away")
        if self.workspaces and not self.part_by:
            raise ValueError("workspaces: parts have names only with part_by: give it, or take workspaces away")
        return self

    @model_validator(mode="after")
    def _each_part_in_one_workspace(self) -> "ScoringSection":
        parts = [part for named in self.workspaces.values() for part in named]
        if twice := sorted({part for part in parts if parts.count(part) > 1}):
            raise ValueError(f"workspaces: {', '.join(twice)} is in two of them: name each part once")
        return self

    def spec(self) -> ScoringSpec:
        """As the core sees it."""
        return ScoringSpec(
            job=self.job,
            table=self.table,
            part_by=self.part_by or FILE_GROUP,
            rows_per_part=0 if self.part_by else self.rows_per_part or ROWS_PER_PART,
            when=self.when,
            when_demoted=self.when_demoted,
            every=span_of(self.every) if self.every else None,
            workspaces=self.workspaces,
            jump=JumpLimits(**self.jump.model_dump()),
        )


class CanarySection(Section):
    """`serving.canary` of usecase.yml."""

    percent: int = Field(ge=1, le=50)
    lasts: Span = Field(alias="for")

    def spec(self) -> CanarySpec:
        """As the core sees it."""
        return CanarySpec(percent=self.percent, lasts=span_of(self.lasts))


class ServingSection(Section):
    """`serving` of usecase.yml."""

    endpoint: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$")]
    workload_size: Literal["Small", "Medium", "Large"] = "Small"
    scale_to_zero: bool = True
    canary: CanarySection | None = None

    def spec(self) -> ServingSpec:
        """As the core sees it."""
        return ServingSpec(
            endpoint=self.endpoint,
            workload_size=self.workload_size,
            scale_to_zero=self.scale_to_zero,
            canary=self.canary.spec() if self.canary else None,
        )
