"""The quarantine: a Delta table of rows with their reasons for each story, the landed file beside it.

    quarantine/flight_delays/0123456789abcdef/          the Delta table, when the rows could be read
    quarantine/flight_delays/0123456789abcdef/_landed/  the file as it landed, reasons.json, and sample.json: some rows

Delta passes over folders whose names begin with an underscore.
"""

import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from shared.adapters import tables
from shared.adapters.delta import STORY_KEY, DeltaLake, written_as
from shared.adapters.sql import identifier, quoted
from shared.adapters.storage import LAPTOP, Storage, reachable
from shared.domain import identity
from shared.errors import Conflict, TooLarge, Unreachable
from shared.quarantine import REASONS, Kept

if TYPE_CHECKING:
    import duckdb
    from deltalake import DeltaTable

LANDED = "_landed"
TOLD, SAMPLE = "reasons.json", "sample.json"
SAMPLED, ALIKE, WIDEST = 20, 8, 200
"""So many rows are shown to who looks, so many with the same reasons, and of a value so many characters."""


class DeltaQuarantine:
    """Quarantine."""

    def __init__(self, lake: DeltaLake, memory_limit: str, storage: Storage = LAPTOP) -> None:
        self._lake = lake
        self._storage = storage
        self._memory_limit = memory_limit

    def keep(
        self, file: Path, rows: Path | None, *, location: str, story: str, generation: int, reasons: Sequence[str]
    ) -> int:
        filesystem, folder = self._storage.filesystem(f"{self._lake.uri(location)}/{LANDED}")
        with reachable(location):
            filesystem.makedirs(folder, exist_ok=True)
            if not filesystem.exists(f"{folder}/{TOLD}"):
                for one in sorted(file.iterdir()) if file.is_dir() else [file]:
                    filesystem.makedirs(f"{folder}/{one.parent.relative_to(file.parent)}", exist_ok=True)
                    filesystem.put_file(str(one), f"{folder}/{one.relative_to(file.parent)}")
            with filesystem.open(f"{folder}/{TOLD}", "w") as target:
                json.dump({"story": story, "file": file.name, "reasons": list(reasons)}, target, indent=2)
        return self._write(rows, location, story, generation) if rows else 0

    def _write(self, rows: Path, location: str, story: str, generation: int) -> int:
        """Once for a generation: the table remembers its transaction."""
        from deltalake import CommitProperties, Transaction, write_deltalake
        from deltalake.exceptions import CommitFailedError, DeltaError

        application = identity.delta_application(story)
        table = self._open(location)
        done = table.transaction_version(application) if table else None
        if table and done is not None and done >= generation:
            return _rows(table)
        uri = self._lake.uri(location)
        options = self._storage.delta_options(uri)
        with tables.connect(self._memory_limit) as db:
            tables.show(db, rows)
            self._tell(location, _kept(db))
            try:
                write_deltalake(
                    table or uri,
                    tables.stream(db, rows),
                    mode="overwrite" if table else "error",
                    writer_properties=written_as(),
                    schema_mode="overwrite" if table else None,
                    storage_options=options,
                    commit_properties=CommitProperties(
                        app_transactions=[Transaction(application, generation)], custom_metadata={STORY_KEY: story}
                    ),
                )
            except CommitFailedError as error:
                raise Conflict(f"{location}: {error}") from error
            except (DeltaError, OSError) as error:
                if "already exists" in str(error):
                    raise Conflict(f"{location}: somebody else keeps it too: {error}") from error
                raise Unreachable(f"{location}: {error}") from error
        written = self._open(location)
        return _rows(written) if written else 0

    @contextmanager
    def rows(self, location: str, largest: int) -> Iterator[Path | None]:
        with self._rows_of(location, largest) as files, tempfile.TemporaryDirectory() as folder:
            target = Path(folder) / f"rows{tables.PREPARED}"
            if files:
                with tables.connect(self._memory_limit) as db:
                    source = f"FROM read_parquet({_listed(files)}) SELECT * EXCLUDE ({identifier(REASONS)})"
                    tables.write(db, source, target)
            yield target if files else None

    @contextmanager
    def file(self, location: str) -> Iterator[Path | None]:
        filesystem, folder = self._storage.filesystem(f"{self._lake.uri(location)}/{LANDED}")
        with tempfile.TemporaryDirectory() as here:
            try:
                with reachable(location):
                    with filesystem.open(f"{folder}/{TOLD}") as told:
                        name = str(json.load(told)["file"])
                    copy = Path(here) / Path(name).name
                    inside = filesystem.find(f"{folder}/{name}") if filesystem.isdir(f"{folder}/{name}") else []
                    if inside:
                        copy.mkdir()
                    for one in inside or [f"{folder}/{name}"]:
                        filesystem.get_file(one, str(copy / Path(one).name if inside else copy))
            except FileNotFoundError:
                yield None
                return
            yield copy

    def _tell(self, location: str, kept: Kept) -> None:
        filesystem, folder = self._storage.filesystem(f"{self._lake.uri(location)}/{LANDED}")
        with reachable(location):
            filesystem.pipe_file(f"{folder}/{SAMPLE}", json.dumps(asdict(kept)).encode())

    def look(self, location: str) -> Kept | None:
        filesystem, folder = self._storage.filesystem(f"{self._lake.uri(location)}/{LANDED}")
        try:
            with reachable(location):
                told = json.loads(filesystem.cat_file(f"{folder}/{SAMPLE}"))
        except (FileNotFoundError, ValueError):
            return None
        return Kept(**{**told, "columns": tuple(told["columns"])})

    @contextmanager
    def _rows_of(self, location: str, largest: int) -> Iterator[list[Path]]:
        """Local copies of the table's files: DuckDB reads no other storage without what it would have to download."""
        table = self._open(location)
        with tempfile.TemporaryDirectory() as folder:
            copies: list[Path] = []
            if table is not None:
                actions = table.get_add_actions(flatten=True)
                if sum(actions.column("size_bytes").to_pylist()) > largest:
                    raise TooLarge(f"{location} has more than {largest >> 20:,} MB (data.largest_mb)")
                filesystem, root = self._storage.filesystem(self._lake.uri(location))
                for number, path in enumerate(map(unquote, actions.column("path").to_pylist())):
                    copies.append(Path(folder) / f"{number}.parquet")
                    with reachable(location):
                        filesystem.get_file(f"{root}/{path}", str(copies[-1]))
            yield copies

    def _open(self, location: str) -> "DeltaTable | None":
        from deltalake import DeltaTable
        from deltalake.exceptions import TableNotFoundError

        uri = self._lake.uri(location)
        try:
            with reachable(location):
                return DeltaTable(uri, storage_options=self._storage.delta_options(uri))
        except TableNotFoundError:
            return None


def _rows(table: "DeltaTable") -> int:
    return sum(int(count or 0) for count in table.get_add_actions(flatten=True).column("num_records").to_pylist())


def _kept(db: "duckdb.DuckDBPyConnection") -> Kept:
    """Of the view `batch` how many rows, by which reason, and those with the most: what is looked at without reading
    the table.
    """
    source, reasons = tables.VIEW, identifier(REASONS)
    counted = db.sql(f"FROM {source} SELECT count(*)").fetchone()
    by_reason = db.sql(
        f"FROM (FROM {source} SELECT unnest({reasons}) AS reason) SELECT reason, count(*)"
        " GROUP BY reason ORDER BY count(*) DESC, reason"
    ).fetchall()
    sample = db.sql(
        f"FROM {source} SELECT {reasons}, * EXCLUDE ({reasons}) WHERE len({reasons}) > 0"
        f" QUALIFY row_number() OVER (PARTITION BY {reasons}) <= {ALIKE} ORDER BY len({reasons}) DESC"
    )
    return Kept(
        rows=int(counted[0]) if counted else 0,
        by_reason=dict(by_reason),
        columns=tuple(sample.columns),
        sample=[
            ["; ".join(row[0] or []), *("" if value is None else str(value)[:WIDEST] for value in row[1:])]
            for row in sample.limit(SAMPLED).fetchall()
        ],
    )


def _listed(files: Sequence[Path]) -> str:
    return f"[{', '.join(quoted(str(file)) for file in files)}]"
