"""What outlives the broker: messages and the ids that duplicate detection has seen, in SQLite.

Writes gather in one transaction; `commit` comes before anything is acknowledged on the wire. Locks are not written:
a broker that dies gives its locked messages back with their delivery count unchanged.
"""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

_SCHEMA = """
CREATE TABLE IF NOT EXISTS messages (
    queue TEXT, sequence INTEGER, state INTEGER, delivery_count INTEGER, scheduled_ms INTEGER, enqueued_ms INTEGER,
    source TEXT, raw BLOB, PRIMARY KEY (queue, sequence)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS seen (queue TEXT, message_id TEXT, until_ms INTEGER, PRIMARY KEY (queue, message_id))
    WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sequences (queue TEXT PRIMARY KEY, next INTEGER) WITHOUT ROWID;
"""
DEAD_LETTER_SUFFIX = "/$deadletterqueue"


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


class Store:
    """One file, one writer: the broker's own thread."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")  # safe against kill -9; a power cut may lose the last commits
        self._db.executescript(_SCHEMA)
        self._open = False

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
        """Commit, and close the file."""
        self.commit()
        self._db.close()

    def insert(self, row: Row) -> None:
        """Store a message, in the place of one with the same number."""
        self._write(
            "INSERT OR REPLACE INTO messages VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                row.queue,
                row.sequence,
                row.state,
                row.delivery_count,
                row.scheduled_ms,
                row.enqueued_ms,
                row.source,
                row.raw,
            ),
        )

    def update(self, queue: str, sequence: int, *, state: State, delivery_count: int, enqueued_ms: int) -> None:
        """Change what changes in a message's life."""
        self._write(
            "UPDATE messages SET state = ?, delivery_count = ?, enqueued_ms = ? WHERE queue = ? AND sequence = ?",
            (state, delivery_count, enqueued_ms, queue, sequence),
        )

    def delete(self, queue: str, sequence: int) -> None:
        """Forget a message."""
        self._write("DELETE FROM messages WHERE queue = ? AND sequence = ?", (queue, sequence))

    def remember(self, queue: str, message_id: str, until_ms: int) -> None:
        """Remember an id for duplicate detection."""
        self._write("INSERT OR REPLACE INTO seen VALUES (?, ?, ?)", (queue, message_id, until_ms))

    def forget(self, queue: str, before_ms: int) -> None:
        """Forget ids whose window is over."""
        self._write("DELETE FROM seen WHERE queue = ? AND until_ms < ?", (queue, before_ms))

    def remember_sequence(self, queue: str, following: int) -> None:
        """A sequence number is never given twice, also when its message is gone."""
        self._write("INSERT OR REPLACE INTO sequences VALUES (?, ?)", (queue, following))

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

    def seen(self, queue: str) -> Iterator[tuple[str, int]]:
        """A queue's remembered ids, the oldest first."""
        yield from self._db.execute("SELECT message_id, until_ms FROM seen WHERE queue = ? ORDER BY until_ms", (queue,))

    def next_sequence(self, queue: str) -> int:
        """The number for the queue's next message."""
        found = self._db.execute("SELECT next FROM sequences WHERE queue = ?", (queue,)).fetchone()
        return int(found[0]) if found else 1

    def queues(self) -> set[str]:
        """The queues that have messages here, dead-letter queues under the name of their queue."""
        rows = self._db.execute("SELECT DISTINCT queue FROM messages").fetchall()
        return {str(name).removesuffix(DEAD_LETTER_SUFFIX) for (name,) in rows}


def queue_counts(path: Path) -> dict[str, dict[str, int]]:
    """For each queue with messages: how many are active, deferred, scheduled, and dead-lettered; read-only."""
    counts: dict[str, dict[str, int]] = {}
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        rows = db.execute("SELECT queue, state, count(*) FROM messages GROUP BY queue, state ORDER BY queue").fetchall()
    finally:
        db.close()
    for queue, state, count in rows:
        name = str(queue).removesuffix(DEAD_LETTER_SUFFIX)
        kind = "dead-lettered" if name != queue else State(state).name.lower()
        of_queue = counts.setdefault(name, {})
        of_queue[kind] = of_queue.get(kind, 0) + int(count)
    return counts
