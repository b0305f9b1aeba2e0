"""The rows that one commit added to a table of the lake, for who looks at them again."""

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from shared.adapters import delta_commit, tables
from shared.adapters.fsspec_landing import FsspecLanding
from shared.adapters.schema_changes import columns_of
from shared.adapters.sql import identifier, quoted
from shared.adapters.storage import LAPTOP, Storage, reachable
from shared.errors import Poison


class LakeBatches:
    """Batches of the lake at that root, read as commits are that land."""

    def __init__(self, root: str, storage: Storage = LAPTOP) -> None:
        self._root = root.rstrip("/")
        self._storage = storage
        self._log = FsspecLanding(self._root, self._root, storage)

    @contextmanager
    def added(self, table: str, delta_version: int, columns: Iterable[str]) -> Iterator[Path | None]:
        """A folder of local Parquet files with their columns in that order, while the context lasts; None where log or
        files are gone, or the commit is none that only adds rows.
        """
        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder) / "rows"
            target.mkdir()
            log = f"{table}/_delta_log/{delta_version:020}.json"
            yield target if self._copied(log, target, list(columns)) else None

    def _copied(self, log: str, target: Path, columns: Sequence[str]) -> bool:
        from deltalake.exceptions import DeltaError

        try:
            commit = self._log.commit(f"{self._root}/{quote(log)}", "")
        except (Poison, DeltaError):  # the log of so old a version may be gone in part
            return False
        if commit is None or not commit.added:
            return False
        filesystem, root = self._storage.filesystem(commit.address)
        copy, whole = target.parent / "copy.parquet", target.parent / "whole.parquet"
        for number, one in enumerate(commit.added):
            try:
                with reachable(str(one.path)):
                    filesystem.get_file(f"{root}/{one.path}", str(copy))
            except FileNotFoundError:
                return False
            delta_commit.with_partition(copy, one, commit.types, whole)
            _in_order(whole, columns, target / f"{number:04}.parquet")
        return True


def _in_order(file: Path, columns: Sequence[str], target: Path) -> None:
    """Partition columns stand where the table has them; those that it does not have come last."""
    with tables.connect("500MB") as db:
        source = f"read_parquet({quoted(str(file))})"
        names = columns_of(db, source)
        order = [*(name for name in columns if name in names), *(name for name in names if name not in columns)]
        rows = f"FROM {source} SELECT {', '.join(map(identifier, order))}"
        db.execute(f"COPY ({rows}) TO {quoted(str(target))} (FORMAT parquet)")
