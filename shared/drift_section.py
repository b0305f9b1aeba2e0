"""The section `drift` of usecase.yml."""

from decimal import Decimal

from pydantic import Field

from shared.domain.drift import Against, DriftSpec, Limits, Measure, Then
from shared.yaml_file import Section


class LimitsSection(Section):
    """How much is borne."""

    psi: Decimal | None = Field(default=None, gt=0)
    ks: Decimal | None = Field(default=None, gt=0, le=1)
    null_rate: Decimal | None = Field(default=None, ge=0, le=1)
    new_categories: Decimal | None = Field(default=None, ge=0)
    then: Then = Then.WARN

    def limits(self) -> Limits:
        """As the core sees it."""
        given = {measure: getattr(self, measure, None) for measure in Measure}
        return Limits(at_most={measure: limit for measure, limit in given.items() if limit is not None}, then=self.then)


class AllSection(LimitsSection):
    """The limits of every column, and of the table."""

    rows_percent: Decimal | None = Field(default=None, gt=0)
    verdicts_changed: Decimal | None = Field(default=None, ge=0)


class DriftSection(Section):
    """`drift` of usecase.yml."""

    against: Against = Against.CHAMPION
    limits: AllSection = AllSection()
    columns: dict[str, LimitsSection] = Field(default_factory=dict)
    ignore: list[str] = Field(default_factory=list)

    def spec(self) -> DriftSpec:
        """As the core sees it."""
        return DriftSpec(
            against=self.against,
            limits=self.limits.limits(),
            columns={name: one.limits() for name, one in self.columns.items()},
            ignored=tuple(self.ignore),
        )
