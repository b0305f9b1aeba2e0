"""What a batch's columns look like, in numbers that stay small: enough to compare the next batch with.

| field of a column | is |
|---|---|
| kind, is_time | number (of a time its seconds since 1970), category (texts, truth values) or other |
| nulls, distinct, minimum, maximum, mean | over all rows, distinct as an estimate; an infinity counts as null |
| edges | one just below the least value, up to which nothing is, and 99 quantiles, out of at most 100,000 rows |
| bars | 24 of equal width between the first quantile and the last |
| counts, heights | rows up to and with each of the edges, or bars, and beyond the last: one more than these; exact |
| against, bars_against | the same on the edges and bars of the request's baseline |
| categories | how often each value is there, if there are at most 100 |
"""

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as f
from pyspark.sql.types import BooleanType, DataType, DateType, NumericType, StringType, TimestampNTZType, TimestampType

from sluice_ml.frames import column

QUANTILES: Final = 99
BARS: Final = 24
CATEGORIES: Final = 100
COLUMNS: Final = 200
"""Of a wider table so many columns are profiled: those that are asked for, then the first."""
SAMPLE: Final = 100_000
TIMES = (DateType, TimestampType, TimestampNTZType)
SEED: Final = 2013
RANGE: Final = ("minimum", "maximum", "mean")

type Wanted = Mapping[tuple[int, str], Sequence[float] | None]
"""By a column's place and what is counted: the edges to count on; None: by value."""


def profile(
    rows: DataFrame, baseline: Mapping[str, Mapping[str, Sequence[float]]], first: Collection[str] = ()
) -> dict[str, Any]:
    """The rows' profile, in three looks at them: ranges, a sample for the edges, and what is between the edges. Columns
    named `first` are in it, however many there are.
    """
    kinds = _kinds(rows, first)
    columns = [_column(name, kind) for name, kind in kinds.items()]
    values = rows.select(*[_value(name, kind).alias(f"c{at}") for at, (name, kind) in enumerate(kinds.items())])
    total = _look(values, columns)
    _set_edges(values, columns, total)
    wanted: dict[tuple[int, str], Sequence[float] | None] = {}
    for at, each in enumerate(columns):
        before = baseline.get(each["name"], {})
        if each["kind"] == "number":
            on = {"counts": each["edges"], "heights": each["bars"]}
            on |= {"against": before.get("edges", ()), "bars_against": before.get("bars", ())}
            wanted |= {(at, what): edges for what, edges in on.items() if edges}
        elif each["kind"] == "category" and 0 < each["distinct"] <= 2 * CATEGORIES:  # an estimate
            wanted[at, "categories"] = None
    for (at, what), found in _counted(values, wanted).items():
        _set_counts(columns[at], what, found, wanted[at, what])
    for each in columns:
        each |= {name: _short(each[name]) for name in RANGE}
    return {"rows": total, "columns": columns}


def _kinds(rows: DataFrame, first: Collection[str]) -> dict[str, DataType]:
    """The columns that are profiled, in their order."""
    kinds = {each.name: each.dataType for each in rows.schema.fields}
    others = [name for name in kinds if name not in first]
    left_out = set(others[max(COLUMNS - len(kinds) + len(others), 0) :])
    return {name: kind for name, kind in kinds.items() if name not in left_out}


def _column(name: str, kind: DataType) -> dict[str, Any]:
    number, category = isinstance(kind, (NumericType, *TIMES)), isinstance(kind, StringType | BooleanType)
    empty: dict[str, list[float]] = {
        each: [] for each in ("edges", "counts", "against", "bars", "heights", "bars_against")
    }
    return {
        "name": name,
        "kind": "number" if number else "category" if category else "other",
        "is_time": isinstance(kind, TIMES),
        "nulls": 0,
        "distinct": 0,
        **dict.fromkeys(RANGE),
        **empty,
        "categories": {},
    }


def _value(name: str, kind: DataType) -> Column:
    """The value as it is counted: a finite number, or a text."""
    value = column(name)
    if isinstance(kind, TIMES):
        return value.cast("timestamp").cast("double")
    if isinstance(kind, NumericType):
        number = value.cast("double")
        return f.when(f.abs(number) < f.lit(float("inf")), number)  # NaN is larger than any number
    return value.cast("string")


def _look(values: DataFrame, columns: Sequence[dict[str, Any]]) -> int:
    """How many rows; and of each column nulls, distinct values, range and mean."""
    asked = [f.count(f.lit(1))]
    for at, each in enumerate(columns):
        value = f.col(f"c{at}")
        hashed = f.when(value.isNotNull(), f.xxhash64(value))  # Sail counts no different floats
        asked += [f.count(value), f.approx_count_distinct(hashed)]
        asked += [f.min(value), f.max(value), f.avg(value)] * (each["kind"] == "number")
    total, *answer = values.agg(*[each.alias(f"a{at}") for at, each in enumerate(asked)]).collect()[0]
    for each in columns:
        there, distinct = answer.pop(0), answer.pop(0)
        each |= {"nulls": total - there, "distinct": min(distinct, there)}
        if each["kind"] == "number":
            each |= {name: answer.pop(0) for name in RANGE}
    return int(total)


def _set_edges(values: DataFrame, columns: Sequence[dict[str, Any]], total: int) -> None:
    numbers = [f"c{at}" for at, each in enumerate(columns) if each["kind"] == "number"]
    if not numbers:
        return
    some = values.select(*numbers)
    if total > SAMPLE:
        some = some.sample(fraction=SAMPLE / total, seed=SEED)
    sample = some.limit(SAMPLE).toPandas()
    steps = np.arange(1, QUANTILES + 1) / (QUANTILES + 1)
    for name in numbers:
        found = sample[name].dropna().to_numpy(dtype=float)
        if len(found):
            each, quantiles = columns[int(name[1:])], np.quantile(found, steps, method="inverted_cdf")
            least = float(each["minimum"])
            edges = sorted({max(_rounded(one), least) for one in quantiles})
            each |= {"edges": [*_just_below(least), *edges], "bars": _even(edges[0], edges[-1])}


def _just_below(least: float) -> list[float]:
    """The edge before the quantiles."""
    below = math.nextafter(least, -math.inf)
    return [below] if math.isfinite(below) else []


def _even(low: float, high: float) -> list[float]:
    """The inner and outer edges of bars of equal width; of a single value just that."""
    return [_rounded(low + (high - low) * step / BARS) for step in range(BARS + 1)] if high > low else [low]


def _counted(values: DataFrame, wanted: Wanted) -> Mapping[tuple[int, str], Mapping[str, int]]:
    """What is counted: for numbers by the edge's place, for others by value."""
    if not wanted:
        return {}

    def count(chunks: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        """Where it runs it has nothing of this package: only what is written here."""
        for chunk in chunks:
            rows = []
            for (at, what), edges in wanted.items():
                there = chunk[f"c{at}"].dropna()
                if edges is None:
                    found = there.value_counts()
                    rows += [(at, what, str(value), int(number)) for value, number in found.items()]
                else:
                    cells = np.searchsorted(np.asarray(edges, dtype=float), there.to_numpy(dtype=float), side="left")
                    cell, number = np.unique(cells, return_counts=True)
                    rows += [(at, what, str(one), int(many)) for one, many in zip(cell, number, strict=True)]
            yield pd.DataFrame(rows, columns=["at", "what", "cell", "number"])

    needed = values.select(*sorted({f"c{at}" for at, _ in wanted}))
    counted = needed.mapInPandas(count, "at int, what string, cell string, number long")
    found: dict[tuple[int, str], dict[str, int]] = {}
    for row in counted.groupBy("at", "what", "cell").agg(f.sum("number").alias("number")).collect():
        found.setdefault((row["at"], row["what"]), {})[row["cell"]] = row["number"]
    return found


def _set_counts(each: dict[str, Any], what: str, found: Mapping[str, int], edges: Sequence[float] | None) -> None:
    if edges is not None:
        each[what] = [found.get(str(cell), 0) for cell in range(len(edges) + 1)]
        return
    each["distinct"] = len(found)
    if len(found) <= CATEGORIES:
        each["categories"] = dict(sorted(found.items()))


def _short(value: float | None) -> float | None:
    return None if value is None else _rounded(value)


def _rounded(value: float) -> float:
    """As many digits as matter."""
    return float(f"{value:.9g}")
