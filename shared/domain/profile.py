"""What the rows of one version look like, in numbers that stay small: enough to compare the next version with."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

QUANTILES = 99
"""Edges of a number's quantiles: KS is read at these, and at one just below the least value."""

BARS = 24
"""Bars of equal width between the first and the last of them: what a plot shows."""

CATEGORIES = 100
"""A column with more different texts than these has no categories."""

COLUMNS = 200
"""Of a wider table so many columns are profiled: those with limits of their own, then the first."""


class Kind(StrEnum):
    """How a column is compared. A time is the number of its seconds."""

    NUMBER = "number"
    CATEGORY = "category"
    OTHER = "other"


@dataclass(frozen=True, kw_only=True)
class ColumnProfile:
    """A column. Counts on edges are one more than the edges: up to and with each, and beyond the last.

    `against` and `bars_against` are counted on the edges and bars of the baseline's column.
    """

    name: str
    kind: Kind
    is_time: bool = False
    nulls: int = 0
    distinct: int = 0
    minimum: float | None = None
    maximum: float | None = None
    mean: float | None = None
    edges: tuple[float, ...] = ()
    counts: tuple[int, ...] = ()
    against: tuple[int, ...] = ()
    bars: tuple[float, ...] = ()
    heights: tuple[int, ...] = ()
    bars_against: tuple[int, ...] = ()
    categories: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Profile:
    """The rows that a version added."""

    rows: int
    columns: tuple[ColumnProfile, ...]

    def column(self, name: str) -> ColumnProfile | None:
        """The column of that name."""
        return next((one for one in self.columns if one.name == name), None)


def name_of(use_case: str, story: str, generation: int) -> str:
    """Where the profile of a commit is kept, below the lake."""
    return f"profiles/{use_case}/{story}-{generation}.json"


def versions_of(table: str) -> str:
    """The journal of a table's versions: number is the Delta version, text the generation."""
    return f"versions/{table}"


def even_edges(low: float, high: float, count: int = BARS) -> tuple[float, ...]:
    """The inner and outer edges of bars of equal width; of a single value just that."""
    if high <= low:
        return (low,)
    return tuple(short(low + (high - low) * step / count) for step in range(count + 1))


def profiled(names: Sequence[str], first: Collection[str]) -> tuple[str, ...]:
    """The columns that are profiled, in their order: all of `first`, and of the others the first ones."""
    others = [name for name in names if name not in first]
    left_out = set(others[max(COLUMNS - len(names) + len(others), 0) :])
    return tuple(name for name in names if name not in left_out)


def short(value: float) -> float:
    """As many digits as matter."""
    return float(f"{value:.9g}")


def distinct_edges(values: Sequence[float], least: float) -> tuple[float, ...]:
    """Quantiles as edges: each once, in order; none is shortened to below the least value."""
    return tuple(sorted({max(short(value), least) for value in values}))


def just_below(least: float) -> tuple[float, ...]:
    """The edge before those: nothing is up to it, so that what is less than the least value is told apart."""
    below = math.nextafter(least, -math.inf)
    return (below,) if math.isfinite(below) else ()
