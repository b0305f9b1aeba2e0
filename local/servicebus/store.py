"""What outlives the broker: messages, their locks, and the ids that duplicate detection has seen, in SQLite.

Writes gather in one transaction; `commit` comes before anything is acknowledged or delivered on the wire. Locks are
written so that a broker that died knows which messages somebody held: their deliveries count, see `Queue`.
"""

import fcntl
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

_SCHEMA = """
CREATE TABLE IF NOT EXISTS messages (
    queue TEXT, sequence INTEGER, state INTEGER, delivery_count INTEGER, scheduled_ms INTEGER, enqueued_ms INTEGER,
    source TEXT, raw BLOB, PRIMARY KEY (queue, sequence)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS locks (queue TEXT, sequence INTEGER, until_ms INTEGER, PRIMARY KEY (queue, sequence))
    WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS seen (queue TEXT, message_id TEXT, until_ms INTEGER, PRIMARY KEY (queue, message_id))
    WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sequences (queue TEXT PRIMARY KEY, next INTEGER) WITHOUT ROWID;
"""
DEAD_LETTER_SUFFIX = "/$deadletterqueue"


_TABLES = {"messages", "locks", "seen", "sequences"}


class StoreError(Exception):
    """The file cannot be the broker's: says why, and what to do."""


class StoreInUseError(StoreError):
    """Another broker has the file; two would give every message out twice."""


class State(IntEnum):
    """A message's state, by the service's own numbers (x-opt-message-state)."""

    ACTIVE = 0
    DEFERRED = 1
    SCHEDULED = 2


@dataclass(frozen=True, kw_only=True)
class Row:
    """A stored message."""

    queue: str
    sequence: int
    state: State
    delivery_count: int
    scheduled_ms: int | None
    enqueued_ms: int
    source: str
    raw: bytes


def unreadable(path: Path, error: Exception) -> str:
    """What to say of a file that is no database of the broker, or a damaged one."""
    return f"{path} is no database of the broker, or a damaged one: {error}: name another --db, or move it away"


class Store:
    """One file, one writer: the broker's own thread. Raises StoreError when the file cannot be had, or read."""

    def __init__(self, path: Path) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._owned = path.with_name(f"{path.name}.lock").open("w")
        except OSError as error:
            raise StoreError(f"{path}: {error.strerror}: name another --db") from error
        try:
            fcntl.flock(self._owned, fcntl.LOCK_EX | fcntl.LOCK_NB)  # the kernel gives it back, also after kill -9
        except BlockingIOError:
            self._owned.close()
            raise StoreInUseError(f"{path} is in use by another broker: stop that one, or name another --db") from None
        try:
            self._db = sqlite3.connect(path, isolation_level=None)
            self._must_be_ours()
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")  # safe against kill -9; a power cut may lose the last commits
            self._db.executescript(_SCHEMA)
        except sqlite3.Error as error:
            self._owned.close()
            raise StoreError(unreadable(path, error)) from error
        self._open = False

    def _must_be_ours(self) -> None:
        """Write nothing into a database of somebody else."""
        tables = {str(name) for (name,) in self._db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if tables and not tables >= _TABLES:
            raise sqlite3.DatabaseError(f"its tables are {', '.join(sorted(tables))}")

    def _write(self, sql: str, values: tuple[object, ...]) -> None:
        if not self._open:
            self._db.execute("BEGIN")
            self._open = True
        self._db.execute(sql, values)

    def commit(self) -> None:
        """Make durable what was written since the last commit."""
        if self._open:
            self._db.execute("COMMIT")
            self._open = False

    def close(self) -> None:
        """Close the file; what is not committed is gone."""
        self._db.close()
        self._owned.close()

    # ---- messages

    def insert(self, row: Row) -> None:
        """Store a message, in the place of one with the same number."""
        values = (row.queue, row.sequence, row.state, row.delivery_count, row.scheduled_ms, row.enqueued_ms)
        self._write("INSERT OR REPLACE INTO messages VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (*values, row.source, row.raw))

    def update(self, queue: str, sequence: int, *, state: State, delivery_count: int, enqueued_ms: int) -> None:
        """Change what changes in a message's life."""
        self._write(
            "UPDATE messages SET state = ?, delivery_count = ?, enqueued_ms = ? WHERE queue = ? AND sequence = ?",
            (state, delivery_count, enqueued_ms, queue, sequence),
        )

    def delete(self, queue: str, sequence: int) -> None:
        """Forget a message."""
        self._write("DELETE FROM messages WHERE queue = ? AND sequence = ?", (queue, sequence))

    def messages(self, queue: str) -> Iterator[Row]:
        """A queue's messages in order."""
        for each in self._db.execute("SELECT * FROM messages WHERE queue = ? ORDER BY sequence", (queue,)):
            name, sequence, state, delivery_count, scheduled_ms, enqueued_ms, source, raw = each
            yield Row(
                queue=name,
                sequence=sequence,
                state=State(state),
                delivery_count=delivery_count,
                scheduled_ms=scheduled_ms,
                enqueued_ms=enqueued_ms,
                source=source,
                raw=raw,
            )

    def kept(self) -> dict[str, int]:
        """How many messages each queue has here, those in its dead-letter queue among them."""
        kept: dict[str, int] = {}
        for name, count in self._db.execute("SELECT queue, count(*) FROM messages GROUP BY queue"):
            queue = str(name).removesuffix(DEAD_LETTER_SUFFIX)
            kept[queue] = kept.get(queue, 0) + int(count)
        return kept

    # ---- locks

    def lock(self, queue: str, sequence: int, until_ms: int) -> None:
        """Somebody holds the message until then."""
        self._write("INSERT OR REPLACE INTO locks VALUES (?, ?, ?)", (queue, sequence, until_ms))

    def unlock(self, queue: str, sequence: int) -> None:
        """Nobody holds the message any more."""
        self._write("DELETE FROM locks WHERE queue = ? AND sequence = ?", (queue, sequence))

    def locked(self, queue: str) -> list[int]:
        """The messages that somebody held when the last broker ended."""
        rows = self._db.execute("SELECT sequence FROM locks WHERE queue = ? ORDER BY sequence", (queue,)).fetchall()
        return [int(sequence) for (sequence,) in rows]

    # ---- numbers and ids

    def remember(self, queue: str, message_id: str, until_ms: int) -> None:
        """Remember an id for duplicate detection."""
        self._write("INSERT OR REPLACE INTO seen VALUES (?, ?, ?)", (queue, message_id, until_ms))

    def forget(self, queue: str, message_id: str) -> None:
        """Forget an id whose window is over."""
        self._write("DELETE FROM seen WHERE queue = ? AND message_id = ?", (queue, message_id))

    def seen(self, queue: str) -> Iterator[tuple[str, int]]:
        """A queue's remembered ids, the oldest first."""
        yield from self._db.execute("SELECT message_id, until_ms FROM seen WHERE queue = ? ORDER BY until_ms", (queue,))

    def remember_sequence(self, queue: str, following: int) -> None:
        """A sequence number is never given twice, also when its message is gone."""
        self._write("INSERT OR REPLACE INTO sequences VALUES (?, ?)", (queue, following))

    def next_sequence(self, queue: str) -> int:
        """The number for the queue's next message."""
        found = self._db.execute("SELECT next FROM sequences WHERE queue = ?", (queue,)).fetchone()
        return int(found[0]) if found else 1
