"""The rows of landed files as a query of DuckDB's, each column of its type: one way of reading them, for all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from shared.adapters import column_names, times
from shared.adapters.sql import identifier, quoted
from shared.domain.usecase import DataSpec, Format
from shared.errors import Malformed
from shared.quarantine import REASONS

if TYPE_CHECKING:
    import duckdb

LOOKED_AT, ALL = 50_000, -1
"""So many lines of a CSV tell the types of its columns; all of them where one further down does not fit."""

_NOT_OF_DELTA = ("TIME", "TIME WITH TIME ZONE", "TIME_NS", "INTERVAL", "BIT")
_TYPES = ("BOOLEAN", "BIGINT", "DOUBLE", "DATE", "TIMESTAMP", "TIMESTAMPTZ", "VARCHAR")
"""What DuckDB may take a column of a CSV for, where the use case gives it no type: a time of day stays a text."""

_OBJECTS = "format = 'newline_delimited'"
_JSON_LINES = (
    "format = 'newline_delimited', records = true, sample_size = -1, map_inference_threshold = -1,"
    " field_appearance_threshold = 0, union_by_name = true"
)


@dataclass(frozen=True, kw_only=True)
class Landed:
    """Files as a query whose columns are as they are shown; `rows` is one in which those in `texts` are texts still,
    which become the type that is said of each.
    """

    select: str
    rows: str
    texts: Mapping[str, str]

    def may_be_told_by(self, error: Exception) -> bool:
        """May it be the value of a type that broke?"""
        import duckdb

        kinds = (duckdb.ConversionException, *((duckdb.InvalidInputException,) if self.texts else ()))
        return isinstance(error, kinds)

    def said_of(self, db: "duckdb.DuckDBPyConnection", error: Exception, spec: DataSpec) -> Exception:
        """The error that is to be raised: where values are no dates or times, which."""
        import duckdb

        if not self.may_be_told_by(error):
            return error
        try:
            found = times.misfits(db, self.rows, self.texts, spec, ALL)
        except duckdb.Error:
            return error
        return Malformed(times.told(found, self.texts, spec)) if found else error


def landed(
    db: "duckdb.DuckDBPyConnection", files: Sequence[Path], spec: DataSpec, *, looked_at: int = LOOKED_AT
) -> Landed:
    """The files, neither packed nor in another encoding. Raises Malformed for a column that no table can have."""
    source, asked = listed(files), _asked(db, spec)
    if spec.format is Format.CSV:
        rows, kinds, types = _csv(db, source, spec, asked, looked_at)
    elif spec.format is Format.JSON_LINES:
        rows, kinds, types = _json_lines(db, source, spec, asked)
    else:
        rows = f"SELECT * FROM read_parquet({source}, union_by_name = true)"
        types = kinds = _described(db, rows)
    wanted = {name: asked.get(name, types[name]) for name in kinds}
    column_names.demand_fields(db, files, kinds, f"read_json_objects({source}, {_OBJECTS})", spec)
    for name, kind in wanted.items():
        if name.lower() == REASONS:
            raise Malformed(f"it has a column {name}, which is the quarantine's own: give it another name")
        if kind in _NOT_OF_DELTA:
            raise Malformed(f"column {name} is {kind}, which a Delta table cannot be: another type in data.columns")
    texts = {name: kind for name, kind in wanted.items() if times.is_time(kind) and kinds[name] == "VARCHAR"}
    columns = ", ".join(_column(name, kind, wanted[name], spec) for name, kind in kinds.items())
    return Landed(select=f"SELECT {columns} FROM ({rows})", rows=rows, texts=texts)


def _described(db: "duckdb.DuckDBPyConnection", rows: str) -> dict[str, str]:
    return {str(name): str(kind) for name, kind, *_ in db.sql(f"DESCRIBE {rows}").fetchall()}


def _asked(db: "duckdb.DuckDBPyConnection", spec: DataSpec) -> dict[str, str]:
    """The use case's types, by DuckDB's first name of each."""
    columns = ", ".join(f"NULL::{kind} AS {identifier(name)}" for name, kind in spec.columns.items())
    return dict(zip(spec.columns, _described(db, f"SELECT {columns}").values(), strict=True)) if columns else {}


def listed(files: Sequence[Path]) -> str:
    """The files as SQL lists them."""
    return f"[{', '.join(quoted(str(file)) for file in files)}]"


def _csv(
    db: "duckdb.DuckDBPyConnection", source: str, spec: DataSpec, asked: Mapping[str, str], looked_at: int
) -> tuple[str, Mapping[str, str], Mapping[str, str]]:
    """The rows, the types that their columns have, and those that they look like.

    Nothing but types is left to DuckDB's sniffer, which skips leading lines until the rest looks regular, and lines
    that begin with # as comments.
    """
    nulls = ", ".join(quoted(value) for value in spec.null_values)
    options = (
        f"header = true, skip = 0, delim = {quoted(spec.delimiter)}, quote = '\"', escape = '\"',"
        f" comment = '', sample_size = {looked_at}, nullstr = [{nulls}], union_by_name = true,"
        f" auto_type_candidates = [{', '.join(map(quoted, _TYPES))}]{times.sniffing(spec)}"
    )

    def read(kinds: Mapping[str, str]) -> str:
        return f"SELECT * FROM read_csv({source}, {options}{_typed('types', kinds)})"

    names = _described(db, f"SELECT * FROM read_csv({source}, all_varchar = true, {options})")
    given = {name: _as_read(asked[name]) for name in names if name in asked}
    found = _described(db, read(given))
    guessed = {name: kind for name, kind in found.items() if times.is_time(kind)}
    texts = dict.fromkeys(guessed, "VARCHAR")
    rows = read(given | texts)
    none = times.misfits(db, rows, guessed, spec, looked_at)
    return rows, found | texts, found | dict.fromkeys(none, "VARCHAR")


def _json_lines(
    db: "duckdb.DuckDBPyConnection", source: str, spec: DataSpec, asked: Mapping[str, str]
) -> tuple[str, Mapping[str, str], Mapping[str, str]]:
    """The rows, the types that their columns have, and those that they look like."""
    import duckdb

    rows = f"SELECT * FROM read_json({source}, {_JSON_LINES}{times.sniffing(spec)})"
    try:
        found = _described(db, rows)
    except duckdb.InvalidInputException as error:
        if "maximum_object_size" in str(error):
            raise Malformed("a line is longer than is read, 16 MB: write smaller objects, or Parquet") from error
        raise
    kinds = {
        name: _as_read(asked[name] if times.is_time(asked.get(name, "")) else kind) for name, kind in found.items()
    }
    if kinds == found:
        return rows, found, found
    options = f"{_OBJECTS}, records = true{times.sniffing(spec)}{_typed('columns', kinds)}"
    rows = f"SELECT * FROM read_json({source}, {options})"
    guessed = {name: kind for name, kind in found.items() if times.is_time(kind) and name not in asked}
    none = times.misfits(db, rows, guessed, spec, ALL)
    return rows, kinds, found | {name: "VARCHAR" for name, kind in found.items() if name in none or kind == "TIME"}


def _as_read(kind: str) -> str:
    """The type that DuckDB reads a column as: dates and times as the texts that they are."""
    return "VARCHAR" if times.is_time(kind) or kind == "TIME" else kind


def _typed(option: str, kinds: Mapping[str, str]) -> str:
    each = ", ".join(f"{quoted(name)}: {quoted(kind)}" for name, kind in kinds.items())
    return f", {option} = {{{each}}}" if each else ""


def _column(name: str, kind: str, wanted: str, spec: DataSpec) -> str:
    """A column as it is shown: of the wanted type, and without what is no number, or no time there ever is."""
    value = column = identifier(name)
    if times.is_time(wanted) and kind == "VARCHAR":
        return f"{times.of_text(column, wanted, spec)} AS {column}"
    if wanted != kind:
        value = f"CAST({value} AS {wanted})"
    if wanted in {"FLOAT", "DOUBLE"}:
        value = f"CASE WHEN NOT isnan({value}) THEN {value} END"
    if times.is_time(wanted):
        value = f"CASE WHEN isfinite({value}) THEN {value} END"
    return column if value == column else f"{value} AS {column}"
