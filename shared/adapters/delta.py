"""The lake: Delta tables through deltalake, no Spark."""

import json
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from shared.adapters import schema_changes, tables
from shared.adapters.lake_documents import newest_in
from shared.adapters.storage import LAPTOP, Storage, reachable
from shared.domain import identity
from shared.domain.fan_out import file_groups
from shared.domain.prediction import Summary
from shared.domain.schema import SchemaChange
from shared.domain.usecase import DataSpec
from shared.errors import Conflict, Malformed, Poison, Unreachable
from shared.ports import Commit
from shared.wire.prediction import LARGEST, decode_summary

if TYPE_CHECKING:
    import duckdb
    from deltalake import DeltaTable, WriterProperties

FOLLOWED_SECONDS = 60.0
ROWS_OF_A_GROUP, LARGEST_DICTIONARY = 131_072, 128 << 10
STORY_KEY, GENERATION_KEY, ROWS_KEY = "sluice.story", "sluice.generation", "sluice.rows"
SCHEMA_KEY = "sluice.schema"


class DeltaLake:
    """Lake. `root` is a folder or an address that deltalake and fsspec know."""

    def __init__(
        self,
        root: str,
        memory_limit: str,
        storage: Storage = LAPTOP,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._monotonic = monotonic
        self._followed: dict[str, tuple[DeltaTable, float]] = {}
        self._following = threading.Lock()
        self._root = root.rstrip("/")
        self._storage = storage
        self._memory_limit = memory_limit

    def uri(self, table: str) -> str:
        return f"{self._root}/{table}"

    def commit(
        self, file: Path, spec: DataSpec, story: str, generation: int, notes: Mapping[str, str] | None = None
    ) -> Commit:
        """The story's transaction in the Delta log makes it once: whoever opened the table before somebody else
        committed the same story gets a conflict, and finds it done when it looks again.
        """
        import duckdb
        from arro3.core import RecordBatchReader
        from deltalake import CommitProperties, Transaction, write_deltalake
        from deltalake.exceptions import CommitFailedError, DeltaError

        application = identity.delta_application(story)
        failing = tables.failing_as(f"{file.name} for {spec.table}")
        with tempfile.TemporaryDirectory() as folder, tables.connect(self._memory_limit) as db, failing:
            prepared = tables.prepare(db, file, spec, Path(folder) / f"batch{tables.PREPARED}")
            schema = RecordBatchReader.from_stream(db.sql(f"FROM {tables.VIEW} LIMIT 0")).schema
            table = self.open_or_create(spec, schema)
            done = table.transaction_version(application)
            if done is not None and done >= generation:
                return self.committed_before(spec.table, story)
            rows = db.sql(f"SELECT count(*) FROM {tables.VIEW}").fetchone()
            counted = int(rows[0]) if rows else 0
            try:
                write_deltalake(
                    table,
                    tables.stream(db, _conformed(db, prepared, spec, table, Path(folder))),
                    mode="append",
                    writer_properties=written_as(),
                    schema_mode="merge" if SchemaChange.ADDED in spec.schema_changes else None,
                    commit_properties=CommitProperties(
                        app_transactions=[Transaction(application, generation)],
                        custom_metadata={
                            STORY_KEY: story,
                            GENERATION_KEY: str(generation),
                            ROWS_KEY: str(counted),
                            SCHEMA_KEY: json.dumps(schema_changes.columns_of(db)),
                            **{f"sluice.{name}": value for name, value in (notes or {}).items()},
                        },
                        max_commit_retries=20,
                    ),
                )
            except CommitFailedError as error:
                raise Conflict(f"{spec.table}: {error}") from error
            except duckdb.ConversionException as error:
                raise Poison(f"{spec.table}: the batch does not fit the table: {error}") from error
            except DeltaError as error:
                if "schema" in str(error).lower():
                    remedy = "let it pass with data.schema_changes, or mend the batch"
                    raise Poison(f"{spec.table}: the batch does not fit the table ({remedy}): {error}") from error
                raise Unreachable(f"{spec.table}: {error}") from error
            except OSError as error:  # of the object store
                raise Unreachable(f"{spec.table}: {error}") from error
            # Others may have appended since: which version is this story's is in the log, not in the newest number.
            return self.committed_before(spec.table, story)

    def committed(self, table: str, story: str, generation: int) -> Commit | None:
        opened = self.opened(table)
        done = opened.transaction_version(identity.delta_application(story)) if opened else None
        return self.committed_before(table, story) if done is not None and done >= generation else None

    def files(self, table: str) -> Sequence[str]:
        """The paths of the table's files now, below it; none where there is no table."""
        opened = self.opened(table)
        return [unquote(path) for path in _actions(opened).column("path").to_pylist()] if opened else []

    def opened(self, table: str) -> "DeltaTable | None":
        """The table's newest version; None where there is no table."""
        from deltalake.exceptions import TableNotFoundError

        try:
            return self._open(table)
        except TableNotFoundError:
            return None

    def columns(self, table: str) -> Mapping[str, str]:
        opened = self.opened(table)
        if opened is None:
            return {}
        with tables.connect(self._memory_limit) as db:
            return columns_of_table(db, opened)

    def _open(self, table: str, delta_version: int | None = None) -> "DeltaTable":
        from deltalake import DeltaTable

        uri = self.uri(table)
        with reachable(table):
            return DeltaTable(uri, version=delta_version, storage_options=self._storage.delta_options(uri))

    def open_or_create(self, spec: DataSpec, schema: Any) -> "DeltaTable":
        """The silver table. Raises Conflict while somebody else makes it, Poison for a type that Delta lacks."""
        return self.opened(spec.table) or self.create(spec.table, schema, spec.partition_by)

    def create(self, table: str, schema: Any, partition_by: str = "") -> "DeltaTable":
        """A table without rows, where there is none yet. Raises Conflict, Poison."""
        from deltalake import DeltaTable
        from deltalake.exceptions import DeltaError

        uri = self.uri(table)
        try:
            return DeltaTable.create(
                uri,
                schema=schema,
                mode="ignore",
                partition_by=[partition_by] if partition_by else None,
                storage_options=self._storage.delta_options(uri),
            )
        except DeltaError as error:
            raise Conflict(f"{table} is being created by somebody else: {error}") from error
        except Exception as error:  # what it says of a column's type is a bare Exception
            if "Schema error" not in str(error):
                raise
            raise Poison(f"{table}: {error}: give the column another type in data.columns") from error

    def committed_before(self, table: str, story: str) -> Commit:
        """The story's commit. `history` numbers what it finds downwards from a version that it read before: when others
        commit meanwhile its numbers are too low, so the transaction, exact at every version, has the last word.
        """
        application = identity.delta_application(story)
        for entry in self._open(table).history():
            if entry.get(STORY_KEY) != story:
                continue
            version, generation = max(int(entry["version"]), 0), int(entry[GENERATION_KEY])
            while (self._open(table, version).transaction_version(application) or 0) < generation:
                version += 1
            return Commit(table=table, delta_version=version, rows=int(entry[ROWS_KEY]))
        raise Conflict(f"{table}: story {story} is committed, but not in the log yet")

    def parts(self, table: str, delta_version: int, column: str, since: int = -1, *, rows: int = 0) -> Sequence[str]:
        now = self._files(table, delta_version, column, rows)
        before = self._files(table, since, column, rows) if since >= 0 else set()
        there = {value for value, _ in now}
        changed = {value for value, _ in now ^ before}
        if rows and changed - there:  # the last group also takes away what gold has of groups that are no more
            changed.add(max(there))
        return sorted(changed & there)

    def keep_groups(self, place: str, table: str, delta_version: int, rows: int) -> None:
        groups = _groups(_actions(self._open(table, delta_version)), rows)
        filesystem, path = self._storage.filesystem(self.uri(place))
        with reachable(place):
            filesystem.makedirs(path.rpartition("/")[0], exist_ok=True)
            filesystem.pipe_file(path, json.dumps(groups).encode())

    def _files(self, table: str, delta_version: int, column: str, rows: int) -> set[tuple[str, str]]:
        """Part and path of each; none of a version whose log is gone."""
        from deltalake.exceptions import DeltaError

        try:
            actions = _actions(self._open(table, delta_version))
        except DeltaError:
            if delta_version == self._open(table).version():
                raise
            return set()
        if rows:
            return {(group, path) for group, paths in _groups(actions, rows).items() for path in paths}
        values = map(str, actions.column(f"partition.{column}").to_pylist())
        return set(zip(values, actions.column("path").to_pylist(), strict=True))

    def rows(self, table: str, column: str, value: str) -> Commit:
        from deltalake.exceptions import TableNotFoundError

        try:
            version, actions = self._newest(table)
        except TableNotFoundError:
            return Commit(table=table, delta_version=-1, rows=0)
        if f"partition.{column}" not in actions.column_names:  # only its version can be asked for
            return Commit(table=table, delta_version=version, rows=0)
        pairs = zip(
            actions.column(f"partition.{column}").to_pylist(), actions.column("num_records").to_pylist(), strict=True
        )
        return Commit(
            table=table,
            delta_version=version,
            rows=sum(int(count or 0) for part, count in pairs if str(part) == value),
        )

    def summary(self, place: str) -> Summary | None:
        filesystem, path = self._storage.filesystem(self.uri(place))
        try:
            with reachable(place):
                newest = newest_in(filesystem, path)
                return decode_summary(filesystem.read_block(newest, 0, LARGEST + 1)) if newest else None
        except (FileNotFoundError, ValueError, Malformed):
            return None

    def _newest(self, table: str) -> tuple[int, Any]:
        """The table's newest version, and its files.

        Of thousands of parts each asks when it is done: what is open only reads the commits since. For a minute, as a
        table that was dropped and made anew cannot be told by that.
        """
        with self._following:
            followed, since = self._followed.pop(table, (None, 0.0))
            if followed is not None and self._monotonic() - since < FOLLOWED_SECONDS:
                with reachable(table):
                    followed.update_incremental()
            else:
                followed, since = self._open(table), self._monotonic()
            self._followed[table] = (followed, since)
            return followed.version(), _actions(followed)


def _conformed(
    db: "duckdb.DuckDBPyConnection", prepared: Path, spec: DataSpec, table: "DeltaTable", folder: Path
) -> Path:
    """The batch, which is shown from these slices, as the table takes it."""
    query = schema_changes.as_table(db, spec, columns_of_table(db, table))
    if query == f"FROM {tables.VIEW}":
        return prepared
    target = folder / f"conformed{tables.PREPARED}"
    tables.write(db, query, target)
    return target


def written_as() -> "WriterProperties":
    """Smaller groups of rows than deltalake's million, as a writer keeps one in memory for each partition; and smaller
    dictionaries, as each group would have one of its own of values that hardly come twice.
    """
    from deltalake import WriterProperties

    return WriterProperties(
        max_row_group_size=ROWS_OF_A_GROUP, dictionary_page_size_limit=LARGEST_DICTIONARY, compression="ZSTD"
    )


def columns_of_table(db: "duckdb.DuckDBPyConnection", table: "DeltaTable") -> Mapping[str, str]:
    """Its columns, in DuckDB's words."""
    from arro3.core import RecordBatchReader

    none = RecordBatchReader.from_batches(table.schema().to_arrow(), [])
    db.register("of_table", none)
    return schema_changes.columns_of(db, "of_table")


def _groups(actions: Any, rows: int) -> Mapping[str, Sequence[str]]:
    """The table's files in groups of about so many rows, oldest first."""
    names = ("modification_time", "path", "num_records")
    files = sorted(zip(*(actions.column(name).to_pylist() for name in names), strict=True), key=lambda one: one[:2])
    return file_groups([(path, int(count or 0)) for _, path, count in files], rows)


def _actions(table: "DeltaTable") -> Any:
    """The table's files, one a row: from the Delta log, no data is read."""
    return table.get_add_actions(flatten=True)
