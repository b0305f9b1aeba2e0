"""A batch's columns beside those of its table, column by column, and the batch as the table takes it."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING

from shared.adapters.sql import identifier
from shared.adapters.tables import VIEW
from shared.domain.quality import ExpectationOutcome
from shared.domain.schema import SchemaChange, fits
from shared.domain.usecase import DataSpec
from shared.domain.verdicts import Severity, Verdict

if TYPE_CHECKING:
    import duckdb


def columns_of(db: "duckdb.DuckDBPyConnection", relation: str = VIEW) -> dict[str, str]:
    """Names and types of its columns, in their order."""
    return {str(name): str(kind) for name, kind, *_ in db.sql(f"DESCRIBE FROM {relation}").fetchall()}


def changes(db: "duckdb.DuckDBPyConnection", spec: DataSpec, known: Mapping[str, str]) -> Iterator[ExpectationOutcome]:
    """Those of the view `batch`."""
    return changes_of(columns_of(db), spec, known, partial(_converted, db))


def changes_of(
    found: Mapping[str, str], spec: DataSpec, known: Mapping[str, str], converted: Callable[[str, str], tuple[int, int]]
) -> Iterator[ExpectationOutcome]:
    """Each column that is not as the table's, `known`, is: a warning where the use case lets that pass, else it stops
    the batch. A column without a value is of any type. None where there is no table yet.

    `converted` counts the values of a column, and those of them that are none of a type.
    """
    if not known:
        return
    for name in [each for each in found if each not in known]:
        detail = f"the batch has it, as {found[name]}"
        yield _outcome(SchemaChange.ADDED, name, f"{spec.table} has no column {name}", detail, spec)
    for name, kind in known.items():
        if name not in found:
            detail = "the batch has none"
            yield _outcome(SchemaChange.MISSING, name, f"column {name} is there, as in {spec.table}", detail, spec)
        elif not fits(found[name], kind):
            values, lost = converted(name, kind)
            if values:
                asked = f"column {name} is {kind}, as in {spec.table}"
                detail = f"it is {found[name]}" + (f"; {lost:,} of its values are no {kind}" if lost else "")
                yield _outcome(SchemaChange.TYPE_CHANGED, name, asked, detail, spec, lost=lost)


def as_table(db: "duckdb.DuckDBPyConnection", spec: DataSpec, known: Mapping[str, str]) -> str:
    """The view `batch` as a query that gives the table's columns and types, as far as that loses nothing or the use
    case lets it pass; what is left, Delta refuses.
    """
    found = columns_of(db)
    if not known or found == known:
        return f"FROM {VIEW}"
    allowed = spec.schema_changes
    converts = SchemaChange.TYPE_CHANGED in allowed
    selected = [
        f"CAST({identifier(name)} AS {known[name]}) AS {identifier(name)}"
        if name in known and known[name] != kind and (converts or fits(kind, known[name]) or not _values(db, name))
        else identifier(name)
        for name, kind in found.items()
    ]
    if SchemaChange.MISSING in allowed:
        selected += [f"NULL::{kind} AS {identifier(name)}" for name, kind in known.items() if name not in found]
    return f"FROM {VIEW} SELECT {', '.join(selected)}"


def unfit(
    found: Mapping[str, str], known: Mapping[str, str], counted: Mapping[str, tuple[int, int]], spec: DataSpec
) -> str:
    """Why a batch of these columns is no part of a table of those, "" where it is: what `as_table` leaves to Delta.

    `counted` says of columns of another type how many values they have, and how many of them are lost by it.
    """
    if missing := [name for name in known if name not in found and SchemaChange.MISSING not in spec.schema_changes]:
        return f"it has no column {missing[0]}"
    if added := [name for name in found if name not in known and SchemaChange.ADDED not in spec.schema_changes]:
        return f"it has a column {added[0]}"
    for name, (values, lost) in counted.items():
        passes = SchemaChange.TYPE_CHANGED in spec.schema_changes or fits(found[name], known[name]) or not values
        if not passes or lost:
            return f"{name} is {found[name]}, and not {known[name]}"
    return ""


def _converted(db: "duckdb.DuckDBPyConnection", name: str, kind: str) -> tuple[int, int]:
    """How many values the column has, and how many of them are none of that type."""
    column = identifier(name)
    lost = f"count(*) FILTER ({column} IS NOT NULL AND TRY_CAST({column} AS {kind}) IS NULL)"
    counted = db.sql(f"FROM {VIEW} SELECT count({column}), {lost}").fetchone() or (0, 0)
    return int(counted[0]), int(counted[1])


def _values(db: "duckdb.DuckDBPyConnection", name: str) -> int:
    counted = db.sql(f"FROM {VIEW} SELECT count({identifier(name)})").fetchone() or (0,)
    return int(counted[0])


def _outcome(
    change: SchemaChange, name: str, asked: str, detail: str, spec: DataSpec, *, lost: int = 0
) -> ExpectationOutcome:
    return ExpectationOutcome(
        expectation=f"schema_{change}",
        column=name,
        severity=Severity.WARNING if change in spec.schema_changes and not lost else Severity.BLOCKING,
        verdict=Verdict.FAILED,
        asked=asked,
        detail=detail,
    )
