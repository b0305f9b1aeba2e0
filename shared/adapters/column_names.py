"""The names of a landed file's columns: each stands there once, as DuckDB, Spark and Delta do not tell case apart.

What DuckDB shows is no help: of a name that comes again it makes another, `a_1`, that nobody wrote.
"""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from shared.domain.usecase import DataSpec, Format
from shared.errors import Malformed

if TYPE_CHECKING:
    import duckdb

LONGEST = 2 << 20
"""Bytes of a line of a CSV, at most, as DuckDB has it."""

_MADE_UP = re.compile(r"(.*)_\d+", re.DOTALL)


def demand_header(text: bytes, name: str, spec: DataSpec) -> None:
    """Raise Malformed where the CSV that begins with this text, which is UTF-8, has a column twice in its header."""
    if spec.format is not Format.CSV:
        return
    lines = io.StringIO(text[:LONGEST].decode(errors="replace").removeprefix("\ufeff"), newline="")
    try:
        header = next(csv.reader(lines, delimiter=spec.delimiter), [])
    except (csv.Error, TypeError, ValueError):  # DuckDB says why
        return
    _demand([column.strip() for column in header if column.strip()], f"the header of {name}")


def demand_fields(
    db: "duckdb.DuckDBPyConnection", files: Sequence[Path], shown: Iterable[str], json: str, spec: DataSpec
) -> None:
    """Raise Malformed where a Parquet file has a column twice, or lines of JSON have a key in two spellings. `shown` is
    how DuckDB calls the columns, and `json` how it reads lines as objects: looked at only where it may have made up a
    name.
    """
    names = {each.lower() for each in shown}
    if not any((base := _MADE_UP.fullmatch(each)) and base[1] in names for each in names):
        return
    if spec.format is Format.JSON_LINES:
        found = db.sql(f"FROM {json} SELECT DISTINCT unnest(json_keys(json)) AS key ORDER BY key").fetchall()
        _demand([str(key) for (key,) in found], "its lines")
        return
    for file in files if spec.format is not Format.CSV else ():
        _demand(_top_level(db, file), f"the schema of {file.name}")


def _top_level(db: "duckdb.DuckDBPyConnection", file: Path) -> Sequence[str]:
    """The columns of a Parquet file, whose schema DuckDB lists depth first, its root before all."""
    elements = db.execute("SELECT name, coalesce(num_children, 0) FROM parquet_schema(?)", [str(file)]).fetchall()
    found, left = [], 0
    for name, children in elements[1:]:
        if not left:
            found.append(str(name))
            left = 1
        left += children - 1
    return found


def _demand(names: Sequence[str], where: str) -> None:
    first: dict[str, str] = {}
    for name in names:
        if before := first.get(name.lower()):
            how = "twice" if before == name else f"twice, as {before} and {name}, which a table does not tell apart"
            raise Malformed(f"column {before} is there {how}, in {where}: give each column a name of its own")
        first[name.lower()] = name
