"""Landed files as DuckDB relations: one way of reading them, for the check and for the commit."""

from pathlib import Path
from typing import TYPE_CHECKING

from shared.domain.usecase import DataSpec

if TYPE_CHECKING:
    import duckdb

VIEW = "batch"

PREPARED = ".prepared.parquet"
"""How the name of a file ends that was made here from a landed one, such as what is left without its bad rows."""


def quoted(text: str) -> str:
    """A text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """A name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def connect(memory_limit: str) -> "duckdb.DuckDBPyConnection":
    """An in-memory database that uses at most `memory_limit` (DuckDB's words: 1GB). Its time zone is UTC, by that very
    name: Delta takes no other.
    """
    import duckdb

    db = duckdb.connect(config={"memory_limit": memory_limit, "threads": 2, "preserve_insertion_order": False})
    db.execute("SET TimeZone = 'UTC'")
    return db


def to_parquet(db: "duckdb.DuckDBPyConnection", file: Path, spec: DataSpec, target: Path) -> None:
    """Write the landed CSV as Parquet, streaming, and show it as the view `batch`.

    Parquet because the check scans it some thirty times, and a CSV is parsed anew each time. Columns that the use
    case gives a type have that type; the others look as DuckDB finds them. Nothing else is left to its sniffer, which
    skips leading lines until the rest looks regular. Raises duckdb.Error for what is no CSV.
    """
    if file.name.endswith(PREPARED):
        db.execute(f"CREATE OR REPLACE VIEW {VIEW} AS FROM read_parquet({quoted(str(file))})")
        return
    nulls = ", ".join(quoted(value) for value in spec.null_values)
    options = (
        f"""header = true, skip = 0, delim = ',', quote = '"', escape = '"', sample_size = 50000, nullstr = [{nulls}]"""
    )
    source = quoted(str(file))
    found = db.sql(f"DESCRIBE SELECT * FROM read_csv({source}, all_varchar = true, {options})").fetchall()
    typed = {name: spec.columns[name] for name, *_ in found if name in spec.columns}
    types = ", ".join(f"{quoted(name)}: {quoted(kind)}" for name, kind in typed.items())
    with_types = f", types = {{{types}}}" if types else ""
    db.execute(
        f"COPY (SELECT * FROM read_csv({source}, {options}{with_types})) TO {quoted(str(target))} (FORMAT parquet)"
    )
    db.execute(f"CREATE OR REPLACE VIEW {VIEW} AS FROM read_parquet({quoted(str(target))})")
