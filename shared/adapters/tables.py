"""Landed files as DuckDB relations: one way of reading them, for the check and for the commit."""

import ctypes
import sys
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from shared.adapters import landed_file
from shared.domain.usecase import DataSpec, Format
from shared.errors import Malformed
from shared.quarantine import REASONS

if TYPE_CHECKING:
    import duckdb
    from arro3.core import RecordBatch, RecordBatchReader

VIEW = "batch"
_MMAP_THRESHOLD = -3
"""Its name in malloc.h."""

PREPARED = ".prepared.parquet"
"""How the name of a folder ends that was made here from a landed file: its rows in slices, each a Parquet file."""

LOOKED_AT, ALL = 50_000, -1
"""So many lines of a CSV tell the types of its columns; all of them where one further down does not fit."""

SLICE = "FORMAT parquet, ROW_GROUPS_PER_FILE 1, ROW_GROUP_SIZE 61_440, ROW_GROUP_SIZE_BYTES '8MB', OVERWRITE true"
"""About so many rows, of about so many bytes, are read at once for a writer."""

AT_ONCE = 8_192
"""So many rows are handed to it at once: deltalake keeps ten such batches waiting, and more that it works on."""

_NOT_OF_DELTA = ("TIME", "TIME WITH TIME ZONE", "TIME_NS", "INTERVAL", "BIT")
_TYPES = ("BOOLEAN", "BIGINT", "DOUBLE", "DATE", "TIMESTAMP", "TIMESTAMPTZ", "VARCHAR")
"""What DuckDB may take a column of a CSV for, where the use case gives it no type: a time of day stays a text."""

_JSON_LINES = (
    "format = 'newline_delimited', records = true, sample_size = -1, map_inference_threshold = -1,"
    " field_appearance_threshold = 0, union_by_name = true"
)


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

    _give_back()
    db = duckdb.connect(
        config={
            "memory_limit": memory_limit,
            "threads": 2,
            "preserve_insertion_order": False,
            "temp_directory": f"{tempfile.gettempdir()}/duckdb-{uuid.uuid4().hex}",  # one's own, made when it is needed
            "autoinstall_known_extensions": False,
            "enable_external_file_cache": False,  # the files are local: the system caches them, outside the limit
        }
    )
    db.execute("SET TimeZone = 'UTC'; SET enable_progress_bar = false")
    return db


@cache
def _give_back() -> None:
    """Whatever has 128 KiB or more shall be the system's again as soon as it is freed. glibc would raise that size with
    what is freed, to 32 MiB, and keep hundreds of megabytes that DuckDB's threads do not use any more.
    """
    if sys.platform == "linux":
        with suppress(AttributeError):  # another libc
            ctypes.CDLL(None).mallopt(_MMAP_THRESHOLD, 128 << 10)


def to_parquet(db: "duckdb.DuckDBPyConnection", file: Path, spec: DataSpec, target: Path) -> None:
    """Show the landed file, or all in a folder, as the view `batch`; what is no Parquet yet becomes slices, streaming.

    Parquet because the check scans it some thirty times, and a CSV is parsed anew each time. Columns that the use
    case gives a type have that type; the others look as DuckDB finds them. A number that is none (NaN) is no value: it
    is missing, as pandas has it. Raises duckdb.Error for what is not in the format, Malformed for what cannot be
    unpacked or no table can have, TooLarge for more than is read.
    """
    import duckdb

    if is_prepared(file):
        show(db, file)
        return
    files = landed_file.plain(file, spec, target.parent)
    select = selected(db, files, spec)
    if spec.format not in {Format.CSV, Format.JSON_LINES}:
        db.execute(f"CREATE OR REPLACE VIEW {VIEW} AS {select}")
        return
    try:
        write(db, select, target)
    except duckdb.ConversionException:
        if spec.format is not Format.CSV:
            raise
        write(db, selected(db, files, spec, looked_at=ALL), target)  # what breaks a type came late
    show(db, target)


def prepare(db: "duckdb.DuckDBPyConnection", file: Path, spec: DataSpec, target: Path) -> Path:
    """Show the landed file in the same way, from slices in the folder `target`, or in its own where it has them."""
    to_parquet(db, file, spec, target)
    if is_prepared(file):
        return file
    if not target.exists():
        write(db, f"FROM {VIEW}", target)
        show(db, target)
    return target


def shut_in(db: "duckdb.DuckDBPyConnection", *folders: Path) -> None:
    """From here on nothing but these folders can be read and written, and what does not fit in memory: a suite may be
    SQL of its own.
    """
    (spilled,) = db.sql("SELECT current_setting('temp_directory')").fetchone() or ("",)
    allowed = ", ".join(quoted(each) for each in (*map(str, folders), str(spilled)) if each)
    db.execute(f"SET allowed_directories = [{allowed}]; SET enable_external_access = false")


def is_of_our_disk(error: Exception) -> bool:
    """Is it the disk here that failed, and not the file? What is read is a copy, so whatever else DuckDB calls an IO
    error is in the file: it is cut off, or no gzip as its name says.
    """
    import duckdb

    text = str(error).lower()
    return isinstance(error, duckdb.IOException) and any(each in text for each in ("space left", "to write", "writing"))


def is_prepared(file: Path) -> bool:
    """Are these the slices of a file?"""
    return file.name.endswith(PREPARED) and file.is_dir()


def write(db: "duckdb.DuckDBPyConnection", query: str, target: Path) -> None:
    """Write the query's rows in slices, as they come; one without rows where there are none."""
    db.execute(f"COPY ({query}) TO {quoted(str(target))} ({SLICE})")


def show(db: "duckdb.DuckDBPyConnection", prepared: Path) -> None:
    """Show the slices as the view `batch`."""
    db.execute(f"CREATE OR REPLACE VIEW {VIEW} AS {_rows(sorted(prepared.iterdir()))}")


def stream(db: "duckdb.DuckDBPyConnection", prepared: Path) -> "RecordBatchReader":
    """The rows for a writer, one slice after another. Of all of them together DuckDB would give a million rows at once,
    which take a gigabyte while they are written.
    """
    from arro3.core import RecordBatchReader

    files = sorted(prepared.iterdir())

    def slices() -> "Iterator[RecordBatch]":
        for one in files:
            for rows in RecordBatchReader.from_stream(db.sql(_rows([one]))):
                for start in range(0, rows.num_rows, AT_ONCE):
                    yield rows.slice(start, min(AT_ONCE, rows.num_rows - start))

    none = RecordBatchReader.from_stream(db.sql(f"{_rows(files)} LIMIT 0"))
    return RecordBatchReader.from_batches(none.schema, slices())


def selected(
    db: "duckdb.DuckDBPyConnection", files: Sequence[Path], spec: DataSpec, *, looked_at: int = LOOKED_AT
) -> str:
    """The files, neither packed nor in another encoding, as a query whose columns are as they are shown. Raises
    Malformed for a column that no table can have.
    """
    source = _listed(files)
    if spec.format is Format.CSV:
        rows = _csv(db, source, spec, looked_at=looked_at)
    elif spec.format is Format.JSON_LINES:
        rows = f"SELECT * FROM read_json({source}, {_JSON_LINES})"
    else:
        rows = f"SELECT * FROM read_parquet({source}, union_by_name = true)"
    kinds = {str(name): str(kind) for name, kind, *_ in db.sql(f"DESCRIBE {rows}").fetchall()}
    for name, kind in kinds.items():
        if name.lower() == REASONS:
            raise Malformed(f"it has a column {name}, which is the quarantine's own: give it another name")
        if spec.columns.get(name, kind).upper() in _NOT_OF_DELTA:
            raise Malformed(f"column {name} is {kind}, which a Delta table cannot be: another type in data.columns")
    columns = ", ".join(_column(name, kind, spec) for name, kind in kinds.items())
    return f"SELECT {columns} FROM ({rows})"


def _rows(files: Sequence[Path]) -> str:
    return f"FROM read_parquet({_listed(files)})"


def _listed(files: Sequence[Path]) -> str:
    return f"[{', '.join(quoted(str(file)) for file in files)}]"


def _csv(db: "duckdb.DuckDBPyConnection", source: str, spec: DataSpec, *, looked_at: int) -> str:
    """Nothing but types is left to DuckDB's sniffer, which skips leading lines until the rest looks regular, and lines
    that begin with # as comments.
    """
    nulls = ", ".join(quoted(value) for value in spec.null_values)
    options = (
        f"header = true, skip = 0, delim = {quoted(spec.delimiter)}, quote = '\"', escape = '\"',"
        f" comment = '', sample_size = {looked_at}, nullstr = [{nulls}], union_by_name = true,"
        f" auto_type_candidates = [{', '.join(map(quoted, _TYPES))}]"
    )
    found = db.sql(f"DESCRIBE SELECT * FROM read_csv({source}, all_varchar = true, {options})").fetchall()
    typed = {name: spec.columns[name] for name, *_ in found if name in spec.columns}
    types = ", ".join(f"{quoted(name)}: {quoted(kind)}" for name, kind in typed.items())
    with_types = f", types = {{{types}}}" if types else ""
    return f"SELECT * FROM read_csv({source}, {options}{with_types})"


def _column(name: str, kind: str, spec: DataSpec) -> str:
    """A column as it is shown: of the use case's type, and without what is no number."""
    value = column = identifier(name)
    wanted = spec.columns.get(name, kind) if spec.format is not Format.CSV else kind
    if wanted != kind:
        value = f"CAST({value} AS {wanted})"
    if wanted.upper() in {"FLOAT", "DOUBLE"}:
        value = f"CASE WHEN NOT isnan({value}) THEN {value} END"
    return column if value == column else f"{value} AS {column}"
