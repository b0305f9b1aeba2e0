"""How far the rows of a version are from those of another: measures, limits, and what follows when one is passed."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum
from typing import Self

from shared.domain.profile import COLUMNS, ColumnProfile, Kind, Profile
from shared.domain.quality import ExpectationOutcome
from shared.domain.verdict_changes import VerdictChange
from shared.domain.verdicts import Severity, Verdict

_LEAST = 1e-4
"""Stands for a share of nothing, which has no logarithm."""

_TENTHS = 10
KEPT = 40
"""So many findings of a comparison are kept, those beyond their limits first."""


class Measure(StrEnum):
    """What is compared. `psi` is the population stability index over tenths of the baseline, `ks` the largest distance
    between the two cumulative distributions, `null_rate` by how much the share of nulls rose, `new_categories` how many
    texts the baseline does not have, `rows_percent` by how many percent the number of rows changed, `verdicts_changed`
    how many expectations hold no more. `missing` has no limit: a column that has limits of its own is nowhere.
    """

    PSI = "psi"
    KS = "ks"
    NULL_RATE = "null_rate"
    NEW_CATEGORIES = "new_categories"
    ROWS = "rows_percent"
    VERDICTS = "verdicts_changed"
    MISSING = "missing"


class Then(StrEnum):
    """What follows from drift: it is recorded, the batch is stopped, or a training is asked for."""

    WARN = "warn"
    TRAIN = "train"
    STOP = "stop"


class Against(StrEnum):
    """The baseline: what the champion was trained on, or the version before. Without a champion the version before."""

    CHAMPION = "champion"
    LAST = "last"


class Drift(StrEnum):
    """What was found, the worst of it."""

    NONE = "none"
    WARNED = "warned"
    TRAIN = "train"
    STOPPED = "stopped"


_OUTCOMES = {Then.WARN: Drift.WARNED, Then.TRAIN: Drift.TRAIN, Then.STOP: Drift.STOPPED}


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How much is borne, and what follows beyond it. A measure without a limit is not compared."""

    at_most: Mapping[Measure, Decimal] = field(default_factory=dict)
    then: Then = Then.WARN


@dataclass(frozen=True, kw_only=True)
class DriftSpec:
    """A use case's `drift`. `limits` hold for every column but those that `columns` names and those ignored."""

    against: Against = Against.CHAMPION
    limits: Limits = field(default_factory=Limits)
    columns: Mapping[str, Limits] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()

    def of(self, column: str) -> Limits:
        """The limits of a column; its own before those of all."""
        own = self.columns.get(column)
        if own is None:
            return Limits() if column in self.ignored else self.limits
        general = {} if column in self.ignored else self.limits.at_most
        return Limits(at_most={**general, **own.at_most}, then=own.then)


@dataclass(frozen=True, kw_only=True)
class DriftFinding:
    """One measure of one column ("" for the table). `then` is what follows where it is beyond its limit."""

    column: str
    measure: Measure
    value: float
    limit: float
    then: Then
    detail: str = ""

    @property
    def exceeds(self) -> bool:
        """Is it beyond the limit?"""
        return self.value > self.limit

    @property
    def verdict(self) -> Verdict:
        """Of a column that is nowhere nobody can say how far it is: the limit names it wrongly."""
        if not self.exceeds:
            return Verdict.PASSED
        return Verdict.MISCONFIGURED if self.measure is Measure.MISSING else Verdict.FAILED

    @property
    def asked(self) -> str:
        """The limit in words."""
        return f"{_WORDS[self.measure].format(self.column or 'rows')} at most {self.limit:g}"

    @property
    def sentence(self) -> str:
        """What was asked and found."""
        return f"{self.asked}: it is {self.value:.3g}{f' ({self.detail})' if self.detail else ''}"

    def as_outcome(self) -> ExpectationOutcome:
        """As an expectation that the batch did not meet."""
        return ExpectationOutcome(
            expectation=f"drift_{self.measure}",
            column=self.column,
            severity=Severity.BLOCKING,
            verdict=self.verdict,
            asked=self.asked,
            detail=self.sentence.removeprefix(f"{self.asked}: "),
        )

    @classmethod
    def example(cls) -> Self:
        return cls(column="dep_delay", measure=Measure.PSI, value=0.31, limit=0.2, then=Then.TRAIN)


_OF_NO_COLUMN = {Measure.ROWS, Measure.VERDICTS, Measure.MISSING}

_WORDS = {
    Measure.PSI: "PSI of {} against the baseline",
    Measure.KS: "KS distance of {} from the baseline",
    Measure.NULL_RATE: "rise of the share of nulls in {}",
    Measure.NEW_CATEGORIES: "values of {} that the baseline does not have",
    Measure.ROWS: "change of the number of {} in percent",
    Measure.VERDICTS: "expectations that held for the baseline and do not any more",
    Measure.MISSING: "columns named {} that are missing",
}


def compare(
    baseline: Profile, current: Profile, spec: DriftSpec, verdicts: Sequence[VerdictChange] = ()
) -> tuple[DriftFinding, ...]:
    """Every measure that has a limit, those beyond theirs first; `current` was counted on the baseline's edges, and
    `verdicts` are the expectations whose verdict changed.
    """
    found = [*_of_table(baseline, current, spec), *_of_verdicts(verdicts, spec)]
    for before in baseline.columns:
        column = current.column(before.name)
        is_profiled = before.name in spec.columns or len(current.columns) < COLUMNS
        if column is None and is_profiled:
            column = replace(before, nulls=current.rows, distinct=0, categories={}, against=())
        if column is not None:
            found += _of_column(before, column, baseline.rows, current.rows, spec.of(before.name))
    found += _nowhere(baseline, current, spec)
    return tuple(sorted(found, key=_rank)[:KEPT])


def outcome(findings: Sequence[DriftFinding]) -> Drift:
    """The worst that follows."""
    found = {_OUTCOMES[one.then] for one in findings if one.exceeds}
    return next((each for each in (Drift.STOPPED, Drift.TRAIN, Drift.WARNED) if each in found), Drift.NONE)


def _rank(one: DriftFinding) -> tuple[bool, int, float]:
    """What is beyond its limit first, of that what stops, then what trains; and the furthest first."""
    over = one.value / one.limit if one.limit else one.value
    return not one.exceeds, -list(Then).index(one.then) if one.exceeds else 0, -over


def _nowhere(baseline: Profile, current: Profile, spec: DriftSpec) -> Iterator[DriftFinding]:
    """Limits of columns that are in neither would never bind."""
    for name, limits in spec.columns.items():
        if baseline.column(name) is None and current.column(name) is None:
            yield _finding(name, Measure.MISSING, (1.0, "no column of that name is there"), Decimal(0), limits.then)


def _of_table(baseline: Profile, current: Profile, spec: DriftSpec) -> Iterator[DriftFinding]:
    limit = spec.limits.at_most.get(Measure.ROWS)
    if limit is not None and baseline.rows:
        change = 100 * abs(current.rows - baseline.rows) / baseline.rows
        detail = f"{current.rows} after {baseline.rows}"
        yield _finding("", Measure.ROWS, (change, detail), limit, spec.limits.then)


def _of_verdicts(verdicts: Sequence[VerdictChange], spec: DriftSpec) -> Iterator[DriftFinding]:
    limit = spec.limits.at_most.get(Measure.VERDICTS)
    if limit is not None:
        worse = [one.asked for one in verdicts if one.is_worse]
        yield _finding("", Measure.VERDICTS, (float(len(worse)), "; ".join(worse[:3])), limit, spec.limits.then)


def _of_column(
    before: ColumnProfile, now: ColumnProfile, rows_before: int, rows_now: int, limits: Limits
) -> Iterator[DriftFinding]:
    for measure, limit in limits.at_most.items():
        measured = _measured(measure, before, now, rows_before, rows_now)
        if measured is not None:
            yield _finding(now.name, measure, measured, limit, limits.then)


def _measured(
    measure: Measure, before: ColumnProfile, now: ColumnProfile, rows_before: int, rows_now: int
) -> tuple[float, str] | None:
    if measure is Measure.NULL_RATE and rows_before and rows_now:
        rates = before.nulls / rows_before, now.nulls / rows_now
        return max(rates[1] - rates[0], 0.0), f"{rates[1]:.1%} after {rates[0]:.1%}"
    if measure in {*_OF_NO_COLUMN, Measure.NULL_RATE} or before.nulls == rows_before or now.nulls == rows_now:
        return None
    if before.kind is not now.kind:
        return _apart(measure, now), f"it is a {now.kind}, and was a {before.kind}"
    return _of_values(measure, before, now)


def _of_values(measure: Measure, before: ColumnProfile, now: ColumnProfile) -> tuple[float, str] | None:
    """Of two columns of one kind."""
    match measure, now.kind:
        case Measure.PSI, Kind.NUMBER if sum(now.against):
            return psi(*_tenths(before.counts, now.against)), ""
        case Measure.KS, Kind.NUMBER if sum(now.against):
            return ks(before.counts, now.against), ""
        case Measure.PSI | Measure.NEW_CATEGORIES, Kind.CATEGORY if before.categories and not now.categories:
            return _apart(measure, now), f"about {now.distinct}, and were {len(before.categories)}"
        case Measure.PSI, Kind.CATEGORY if before.categories:
            names = sorted({*before.categories, *now.categories})
            return psi([before.categories.get(n, 0) for n in names], [now.categories.get(n, 0) for n in names]), ""
        case Measure.NEW_CATEGORIES, Kind.CATEGORY if before.categories:
            new = sorted(set(now.categories) - set(before.categories))
            return float(len(new)), ", ".join(new[:3])
    return None


def _apart(measure: Measure, now: ColumnProfile) -> float:
    """The measure of values that have nothing to do with those of before, or are too many to be held beside them."""
    match measure:
        case Measure.PSI:
            return psi([1, 0], [0, 1])
        case Measure.KS:
            return 1.0
        case _:
            return float(now.distinct)


def psi(before: Sequence[int], now: Sequence[int]) -> float:
    """The population stability index of two counts over the same cells."""
    one, other = sum(before), sum(now)
    if not one or not other:
        return 0.0
    shares = [(max(b / one, _LEAST), max(n / other, _LEAST)) for b, n in zip(before, now, strict=True)]
    return sum((n - b) * math.log(n / b) for b, n in shares)


def ks(before: Sequence[int], now: Sequence[int]) -> float:
    """The largest distance between the two cumulative distributions, seen at the edges."""
    one, other = sum(before), sum(now)
    if not one or not other:
        return 0.0
    distance, seen_before, seen_now = 0.0, 0, 0
    for b, n in zip(before, now, strict=True):
        seen_before, seen_now = seen_before + b, seen_now + n
        distance = max(distance, abs(seen_before / one - seen_now / other))
    return distance


def _tenths(before: Sequence[int], now: Sequence[int]) -> tuple[list[int], list[int]]:
    """Cells put together until each holds a tenth of the baseline. A first one with nothing of it, which is below its
    least value, stays apart.
    """
    target, cells = sum(before) / _TENTHS, [[0, 0]]
    for at, (b, n) in enumerate(zip(before, now, strict=True)):
        if cells[-1][0] >= target or (at == 1 and not before[0]):
            cells.append([0, 0])
        cells[-1][0] += b
        cells[-1][1] += n
    return [cell[0] for cell in cells], [cell[1] for cell in cells]


def _finding(column: str, measure: Measure, measured: tuple[float, str], limit: Decimal, then: Then) -> DriftFinding:
    value, detail = measured
    return DriftFinding(
        column=column, measure=measure, value=round(value, 6), limit=float(limit), then=then, detail=detail
    )
