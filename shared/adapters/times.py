"""Dates and times that a file has as texts: read as ISO writes them, or as the use case says, and never by a guess.

DuckDB's own reading of them is not asked: it takes `infinity` for the year 1900 where there is a format, and what is
none for no value where the type has a time zone.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from shared.adapters.sql import identifier, quoted
from shared.domain.usecase import DataSpec, Format

if TYPE_CHECKING:
    import duckdb

ISO_DATE = "%Y-%m-%d"
TOLD = 3
"""Of the columns with values that are none so many are named."""

_INFINITE = "lower(trim({0})) IN ('infinity', '-infinity', 'inf', '-inf')"


def is_time(kind: str) -> bool:
    """Is this one of DuckDB's types of dates and timestamps?"""
    return kind == "DATE" or kind.startswith("TIMESTAMP")


def sniffing(spec: DataSpec) -> str:
    """Options with which DuckDB takes no other texts for a date, and few others for a time."""
    timestamps = f", timestampformat = {quoted(spec.timestamp_format)}" if spec.timestamp_format else ""
    return f", dateformat = {quoted(spec.date_format or ISO_DATE)}{timestamps}"


def of_text(text: str, kind: str, spec: DataSpec) -> str:
    """An SQL expression of a text as that type; an infinite one is missing, and what is none an error."""
    value, is_written, is_common = _value(text, kind, spec)
    return (
        f"CASE WHEN {is_common} THEN {value} WHEN {_INFINITE.format(text)} THEN NULL WHEN {is_written} THEN {value}"
        f" WHEN {text} IS NOT NULL THEN CAST('no {kind}: ' || {text} AS {kind}) END"
    )


def misfits(
    db: "duckdb.DuckDBPyConnection", rows: str, columns: Mapping[str, str], spec: DataSpec, looked_at: int
) -> Mapping[str, tuple[int, str]]:
    """Of these columns, which the rows have as texts, how many values are none of the type, and one of them, in the
    first so many rows (-1: in all).
    """
    if not columns:
        return {}
    asked = []
    for name, kind in columns.items():
        text = identifier(name)
        value, is_written, _ = _value(text, kind, spec, "TRY_")
        no = f"{text} IS NOT NULL AND NOT {_INFINITE.format(text)} AND ({value} IS NULL OR NOT {is_written})"
        asked += [f"count(*) FILTER ({no})", f"min({text}) FILTER ({no})"]
    limit = f" LIMIT {looked_at}" if looked_at >= 0 else ""
    found = db.sql(f"FROM (FROM ({rows}){limit}) SELECT {', '.join(asked)}").fetchone() or ()
    return {
        name: (int(count), str(one)) for name, count, one in zip(columns, found[::2], found[1::2], strict=True) if count
    }


def told(found: Mapping[str, tuple[int, str]], columns: Mapping[str, str], spec: DataSpec) -> str:
    """What those values are not, and what to do about it."""
    said = [
        f"column {name}: {count:,} {'value is' if count == 1 else 'values are'} no {columns[name]}"
        f" {_as_written(columns[name], spec)}, such as {one!r}"
        for name, (count, one) in list(found.items())[:TOLD]
    ]
    return "; ".join(said)


def _value(text: str, kind: str, spec: DataSpec, tried: str = "") -> tuple[str, str, str]:
    """The value as SQL; whether the text looks like one; and whether it plainly does, which is quickly seen. What a
    line of JSON writes with an offset is a time in UTC, as DuckDB has it there.
    """
    if written := _format(kind, spec):
        return (
            f"CAST({tried}strptime({text}, {quoted(written)}) AS {kind})",
            f"regexp_matches({text}, '[0-9]')",
            f"{text}[1] BETWEEN '0' AND '9'",
        )
    in_utc = spec.format is Format.JSON_LINES and kind.startswith("TIMESTAMP")
    value = f"{tried}CAST({text} AS TIMESTAMPTZ)" if in_utc else text
    return f"{tried}CAST({value} AS {kind})", f"trim({text}) LIKE '____-%'", f"{text}[5] = '-'"


def _format(kind: str, spec: DataSpec) -> str:
    return spec.date_format if kind == "DATE" else spec.timestamp_format


def _as_written(kind: str, spec: DataSpec) -> str:
    field = "data.date_format" if kind == "DATE" else "data.timestamp_format"
    if written := _format(kind, spec):
        return f"as {field} says ({written})"
    return f"as ISO writes it (another way is said in {field})"
