"""How many messages each queue has, by state: read from the broker's file, whether the broker runs or not."""

import sqlite3
import time
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from local.servicebus.store import DEAD_LETTER_SUFFIX, State, StoreError, unreadable


@dataclass(kw_only=True)
class QueueCounts:
    """A queue's messages. Each is counted once: a deferred message that somebody holds is locked."""

    active: int = 0
    scheduled: int = 0
    deferred: int = 0
    locked: int = 0
    dead_lettered: int = 0

    def as_json(self) -> dict[str, int]:
        """The counts by their names."""
        return asdict(self)


def queue_counts(db: Path) -> dict[str, QueueCounts]:
    """The counts of every queue that has, or ever had, a message. Raises StoreError."""
    if not db.is_file():
        raise StoreError(f"{db} does not exist: name the broker's file with --db")
    counts: dict[str, QueueCounts] = {}
    connection = sqlite3.connect(f"{db.resolve().as_uri()}?mode=ro", uri=True)
    try:
        for (name,) in connection.execute("SELECT queue FROM sequences ORDER BY queue"):
            counts.setdefault(str(name).removesuffix(DEAD_LETTER_SUFFIX), QueueCounts())
        rows = connection.execute(
            "SELECT queue, CASE WHEN until_ms > ? THEN 'locked' ELSE state END AS kind, count(*) FROM messages"
            " LEFT JOIN locks USING (queue, sequence) GROUP BY queue, kind",
            (time.time_ns() // 1_000_000,),
        ).fetchall()
    except sqlite3.Error as error:
        raise StoreError(unreadable(db, error)) from error
    finally:
        connection.close()
    for name, kind, count in rows:
        queue = str(name).removesuffix(DEAD_LETTER_SUFFIX)
        state = "locked" if kind == "locked" else State(kind).name.lower()
        field = "dead_lettered" if queue != name else state
        of_queue = counts.setdefault(queue, QueueCounts())
        setattr(of_queue, field, getattr(of_queue, field) + int(count))
    return counts


def table(counts: dict[str, QueueCounts]) -> str:
    """The counts for a person: a line for each queue."""
    if not counts:
        return "no queue has had a message yet"
    names = [field.name for field in fields(QueueCounts)]
    width = max(len("queue"), *map(len, counts))
    head = "  ".join(("queue".ljust(width), *(name.replace("_", "-") for name in names)))
    lines = [
        "  ".join((queue.ljust(width), *(str(getattr(each, name)).rjust(len(name)) for name in names)))
        for queue, each in counts.items()
    ]
    return "\n".join((head, *lines))
