"""One SQLite file, safe for several processes and threads: a connection for each call, a write is one transaction."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from shared.errors import Unreachable

_PATIENCE = 30.0  # seconds that a call waits for the others' transactions


class SqliteFile:
    """The file and its tables, made where they are missing."""

    def __init__(self, path: Path, schema: str) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._reading() as db:
            _switch_to_wal(db)
            db.executescript(schema)

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(self._path, timeout=_PATIENCE, isolation_level=None)) as db:
                yield db
        except sqlite3.DatabaseError as error:
            raise Unreachable(f"the ledger {self._path}: {error}") from error

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._reading() as db:
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                db.execute("COMMIT")
            finally:
                if db.in_transaction:
                    db.execute("ROLLBACK")


def _switch_to_wal(db: sqlite3.Connection) -> None:
    """Make the journal a write-ahead log, however many others open the new file at the same moment.

    SQLite does not wait for this one lock (its busy handler is not called where two who read would both write:
    https://www.sqlite.org/c3ref/busy_handler.html), so whoever comes second asks again.
    """
    deadline = time.monotonic() + _PATIENCE
    while not _is_wal(db, last=time.monotonic() > deadline):
        time.sleep(0.01)


def _is_wal(db: sqlite3.Connection, *, last: bool) -> bool:
    try:
        db.execute("PRAGMA journal_mode=WAL")
    except sqlite3.OperationalError as error:
        if last or error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
            raise
        return False
    return True
