"""A batch's profile by DuckDB: one look for ranges and quantiles, one for the counts between them."""

import tempfile
import threading
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shared.adapters import tables
from shared.adapters.sql import identifier
from shared.domain.profile import (
    CATEGORIES,
    QUANTILES,
    ColumnProfile,
    Kind,
    Profile,
    distinct_edges,
    even_edges,
    just_below,
    profiled,
    short,
)
from shared.domain.usecase import DataSpec

if TYPE_CHECKING:
    import duckdb

_NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT")
_FLOATS = ("FLOAT", "DOUBLE")
_TEXTS = ("VARCHAR", "BOOLEAN", "ENUM", "UUID")
_STEPS = [number / (QUANTILES + 1) for number in range(1, QUANTILES + 1)]


class DuckdbProfiler:
    """Profiler. `one_at_a_time` is the check's lock: the memory limit is one's."""

    def __init__(self, memory_limit: str, one_at_a_time: threading.Lock) -> None:
        self._memory_limit = memory_limit
        self._one_at_a_time = one_at_a_time

    def profile(self, file: Path, spec: DataSpec, baseline: Profile | None, first: Collection[str] = ()) -> Profile:
        with (
            self._one_at_a_time,
            tempfile.TemporaryDirectory() as folder,
            tables.connect(self._memory_limit) as db,
            tables.failing_as(f"{file.name} could not be profiled"),
        ):
            tables.to_parquet(db, file, spec, Path(folder) / f"batch{tables.PREPARED}")
            return _profile(db, baseline, first)


def _profile(db: "duckdb.DuckDBPyConnection", baseline: Profile | None, first: Collection[str]) -> Profile:
    kinds = {str(name): str(kind) for name, kind, *_ in db.sql(f"DESCRIBE {tables.VIEW}").fetchall()}
    columns = [(name, *_kind(kinds[name])) for name in profiled(list(kinds), first)]
    rows, looked = _look(db, [(name, kind, value) for name, kind, _, value in columns])
    edges: dict[str, tuple[float, ...]] = {name: () for name, *_ in columns}
    bars = dict(edges)
    for name, each in looked.items():
        if each["quantiles"]:
            quantiles = distinct_edges(each["quantiles"], each["minimum"])
            edges[name] = (*just_below(each["minimum"]), *quantiles)
            bars[name] = even_edges(quantiles[0], quantiles[-1])
    wanted: dict[tuple[str, str], str] = {}
    for name, kind, _, value in columns:
        before = baseline.column(name) if baseline else None
        if kind is Kind.NUMBER:
            on = {"counts": edges[name], "heights": bars[name]}
            if before is not None and before.kind is kind:
                on |= {"against": before.edges, "bars_against": before.bars}
            wanted |= {(name, what): _histogram(value, each) for what, each in on.items() if each}
        elif kind is Kind.CATEGORY and looked[name]["distinct"] <= 2 * CATEGORIES:  # an estimate
            wanted[name, "categories"] = f"histogram({value})"
    counted = _counted(db, wanted)
    return Profile(
        rows=rows,
        columns=tuple(
            _column(
                ColumnProfile(name=name, kind=kind, is_time=is_time, edges=edges[name], bars=bars[name]),
                looked[name],
                counted,
            )
            for name, kind, is_time, _ in columns
        ),
    )


def _kind(type_name: str) -> tuple[Kind, bool, str]:
    """How it is compared, whether it is a time, and its value as SQL with a place for the column."""
    base = type_name.partition("(")[0].upper()
    if base in _FLOATS:
        return Kind.NUMBER, False, "CASE WHEN isfinite({0}) THEN {0}::DOUBLE END"
    if base in _NUMBERS or base == "DECIMAL":
        return Kind.NUMBER, False, "{0}::DOUBLE"
    if base == "DATE" or base.startswith("TIMESTAMP"):
        return Kind.NUMBER, True, "CASE WHEN isfinite({0}) THEN epoch({0}) END"
    return (Kind.CATEGORY if base in _TEXTS else Kind.OTHER), False, "{0}::VARCHAR"


def _look(
    db: "duckdb.DuckDBPyConnection", columns: Sequence[tuple[str, Kind, str]]
) -> tuple[int, Mapping[str, dict[str, Any]]]:
    """Rows; and of each column nulls, distinct values, range, mean and quantiles."""
    asked = ["count(*)"]
    for name, kind, value in columns:
        of = value.format(identifier(name))
        asked += [f"count({of})", f"approx_count_distinct({of})"]
        asked += [f"min({of})", f"max({of})", f"avg({of})", f"approx_quantile({of}, {_STEPS})"] * (kind is Kind.NUMBER)
    answer = list(db.sql(f"FROM {tables.VIEW} SELECT {', '.join(asked)}").fetchone() or ())
    rows, found = int(answer.pop(0)), {}
    for name, kind, _ in columns:
        there, distinct = int(answer.pop(0)), int(answer.pop(0))
        numbers = [answer.pop(0) for _ in range(4)] if kind is Kind.NUMBER else [None] * 4
        found[name] = {
            "nulls": rows - there,
            "distinct": min(distinct, there),
            **dict(zip(("minimum", "maximum", "mean", "quantiles"), numbers, strict=True)),
        }
    return rows, found


def _histogram(value: str, edges: Sequence[float]) -> str:
    """As a text, of which each number is the nearest; a literal would be a decimal first."""
    return f"histogram({value}, '{list(edges)}'::DOUBLE[])"


def _counted(db: "duckdb.DuckDBPyConnection", wanted: Mapping[tuple[str, str], str]) -> Mapping[tuple[str, str], Any]:
    """Each histogram, in one scan."""
    if not wanted:
        return {}
    asked = ", ".join(sql.format(identifier(name)) for (name, _), sql in wanted.items())
    answer = db.sql(f"FROM {tables.VIEW} SELECT {asked}").fetchone() or ()
    return dict(zip(wanted, answer, strict=True))


def _column(bare: ColumnProfile, first: Mapping[str, Any], counted: Mapping[tuple[str, str], Any]) -> ColumnProfile:
    """The column with all that was found of it."""

    def counts(what: str) -> tuple[int, ...]:
        """By edge, and beyond the last: where nothing is beyond, DuckDB leaves that out."""
        found = counted.get((bare.name, what)) or {}
        within = [int(count) for edge, count in sorted(found.items()) if edge != float("inf")]
        return (*within, int(found.get(float("inf"), 0))) if found else ()

    categories = dict(counted.get((bare.name, "categories")) or {})
    minimum, maximum, mean = (
        None if first[key] is None else short(first[key]) for key in ("minimum", "maximum", "mean")
    )
    return replace(
        bare,
        nulls=first["nulls"],
        distinct=len(categories) or first["distinct"],
        minimum=minimum,
        maximum=maximum,
        mean=mean,
        counts=counts("counts"),
        against=counts("against"),
        heights=counts("heights"),
        bars_against=counts("bars_against"),
        categories=categories if len(categories) <= CATEGORIES else {},
    )
