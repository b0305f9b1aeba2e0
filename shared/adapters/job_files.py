"""Files that a job wrote become part of a Delta table: by a line each in its log, in one transaction, and no data is
read but the files' footers, which say how many rows they have.
"""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING
from urllib.parse import unquote

from shared.adapters import tables
from shared.adapters.delta import GENERATION_KEY, ROWS_KEY, SCHEMA_KEY, STORY_KEY, DeltaLake
from shared.adapters.delta_quarantine import LANDED, SAMPLE, TOLD
from shared.adapters.delta_types import types_of
from shared.adapters.schema_changes import unfit
from shared.adapters.sql import quoted
from shared.adapters.storage import AZURE, LAPTOP, Storage, reachable
from shared.domain import identity
from shared.domain.usecase import DataSpec
from shared.errors import Conflict, Poison, Refused, Unreachable
from shared.handover import Document, Written
from shared.ports import Commit
from shared.quarantine import Kept

if TYPE_CHECKING:
    from deltalake import DeltaTable, Schema

_NO_VALUE = ("__HIVE_DEFAULT_PARTITION__", "")
"""What Spark, and Sail, call the folder of rows without a value in the partition column."""


class DeltaJobFiles:
    """JobFiles."""

    def __init__(self, lake: DeltaLake, storage: Storage = LAPTOP) -> None:
        self._lake = lake
        self._storage = storage

    def schema(self, table: str) -> Document | None:
        opened = self._lake.opened(table)
        return json.loads(opened.schema().to_json()) if opened else None

    def commit(self, written: Written, spec: DataSpec, story: str, generation: int, notes: Mapping[str, str]) -> Commit:
        application = identity.delta_application(story)
        table = self._lake.open_or_create(spec, _schema(written.schema))
        done = table.transaction_version(application)
        if done is not None and done >= generation:
            return self._lake.committed_before(spec.table, story)
        table = self._fitted(table, written, spec)
        metadata = {
            STORY_KEY: story,
            GENERATION_KEY: str(generation),
            ROWS_KEY: str(written.rows),
            SCHEMA_KEY: json.dumps(self._columns(written)),
            **{f"sluice.{name}": value for name, value in notes.items()},
        }
        self._add(table, spec.table, written, (application, generation), metadata)
        return self._lake.committed_before(spec.table, story)

    def keep(
        self, written: Written, sample: Kept, *, location: str, story: str, generation: int, told: Document
    ) -> int:
        application = identity.delta_application(story)
        filesystem, folder = self._storage.filesystem(f"{self._lake.uri(location)}/{LANDED}")
        with reachable(location):
            filesystem.makedirs(folder, exist_ok=True)
            filesystem.pipe_file(f"{folder}/{TOLD}", json.dumps({"story": story, **told}, indent=2).encode())
            filesystem.pipe_file(f"{folder}/{SAMPLE}", json.dumps(asdict(sample)).encode())
        table = self._lake.opened(location)
        done = table.transaction_version(application) if table else None
        if done is None or done < generation:
            table = table or self._lake.create(location, _schema(written.schema))
            self._add(table, location, written, (application, generation), {STORY_KEY: story}, mode="overwrite")
        return written.rows

    def _fitted(self, table: "DeltaTable", written: Written, spec: DataSpec) -> "DeltaTable":
        """The table, with the columns that the use case lets it get. Raises Poison where the files do not fit it."""
        known = json.loads(table.schema().to_json())
        before = {each["name"]: each["type"] for each in (written.known or written.schema)["fields"]}
        now = {each["name"]: each["type"] for each in known["fields"]}
        if moved := [name for name, kind in now.items() if before.get(name, kind) != kind]:
            raise Poison(f"{spec.table}: the type of {moved[0]} changed while the batch was read: land it again")
        with tables.connect("500MB") as db:
            found, types = types_of(db, written.schema), types_of(db, known)
            if why := unfit(found, types, {name: _counts(one) for name, one in written.changed.items()}, spec):
                raise Poison(
                    f"{spec.table}: the batch does not fit the table (let it pass with data.schema_changes, or mend the"
                    f" batch): {why}"
                )
        added = [each for each in _schema(written.schema).fields if each.name not in types]
        if not added:
            return table
        table.alter.add_columns(added)
        return self._lake.opened(spec.table) or table

    @staticmethod
    def _columns(written: Written) -> Mapping[str, str]:
        with tables.connect("500MB") as db:
            return types_of(db, written.schema)

    def _add(
        self,
        table: "DeltaTable",
        name: str,
        written: Written,
        transaction: tuple[str, int],
        metadata: Mapping[str, str],
        *,
        mode: str = "append",
    ) -> None:
        from deltalake import CommitProperties, Transaction
        from deltalake.exceptions import CommitFailedError, DeltaError
        from deltalake.transaction import AddAction, RemoveAction

        place = written.folder.removeprefix(f"{self._lake.uri(name)}/")
        actions: list[AddAction | RemoveAction] = [
            AddAction(
                path=f"{place}/{file}",
                size=size,
                partition_values=_partition(file, table.metadata().partition_columns),
                modification_time=int(time.time() * 1000),
                data_change=True,
                stats=json.dumps({"numRecords": rows}),
            )
            for file, size, rows in self._looked_at(written)
        ]
        try:
            with _as_ours(name):
                table.create_write_transaction(
                    actions,
                    mode=mode,
                    schema=_schema(written.schema) if mode == "overwrite" else table.schema(),
                    partition_by=table.metadata().partition_columns,
                    commit_properties=CommitProperties(
                        app_transactions=[Transaction(*transaction)],
                        custom_metadata=dict(metadata),
                        max_commit_retries=20,
                    ),
                )
        except CommitFailedError as error:
            raise Conflict(f"{name}: {error}") from error
        except DeltaError as error:
            raise Unreachable(f"{name}: {error}") from error

    def _looked_at(self, written: Written) -> Sequence[tuple[str, int, int]]:
        """Each file with its bytes and rows. Raises Refused where they are not as many rows as the job counted: a file
        is missing, or one is there that a task which failed left behind.
        """
        found: list[tuple[str, int, int]] = []
        filesystem, root = self._storage.filesystem(written.folder)
        with reachable(written.folder), tables.connect("500MB") as db:
            at = f"{filesystem.protocol[0]}://" if written.folder.startswith(AZURE) else ""
            if at:
                db.register_filesystem(filesystem)
            for file in written.files:
                path = f"{root}/{file}"
                footer = f"parquet_file_metadata([{quoted(at + path)}])"
                counted = db.sql(f"SELECT num_rows FROM {footer}").fetchone()
                found.append((file, int(filesystem.size(path)), int(counted[0]) if counted else 0))
        if (rows := sum(each[2] for each in found)) != written.rows:
            raise Refused(f"{written.folder} has {rows:,} rows where the job counted {written.rows:,}: check it again")
        return found


@contextmanager
def _as_ours(name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:  # of the object store
        raise Unreachable(f"{name}: {error}") from error


def _schema(document: Document) -> "Schema":
    from deltalake import Schema

    return Schema.from_json(json.dumps(document))


def _counts(changed: Mapping[str, int]) -> tuple[int, int]:
    return changed["values"], changed["lost"]


def _partition(file: str, columns: Sequence[str]) -> dict[str, str | None]:
    """The values in a path as Spark writes it: `day=2013-01-01/part-0.parquet`, each %-encoded."""
    pairs = (folder.partition("=") for folder in file.split("/")[:-1])
    values = {unquote(name): unquote(value) for name, _, value in pairs}
    return {name: None if values[name] in _NO_VALUE else values[name] for name in columns}
