"""Journals and counts beside the ledger's facts, on SQLite."""

from collections.abc import Sequence
from datetime import date, datetime

from shared.adapters.sqlite_file import SqliteFile
from shared.notes import Dropped, Entry

SCHEMA = """
CREATE TABLE IF NOT EXISTS journals (
    scope TEXT, number INTEGER, name TEXT, story TEXT NOT NULL, at TEXT NOT NULL, text TEXT NOT NULL,
    PRIMARY KEY (scope, number, name)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS dropped (
    day TEXT, reason TEXT, count INTEGER NOT NULL, newest TEXT NOT NULL, at TEXT NOT NULL,
    PRIMARY KEY (day, reason)) WITHOUT ROWID;
"""


class SqliteNotes(SqliteFile):
    """Journals and Tally."""

    def note(self, entry: Entry) -> bool:
        row = (entry.scope, entry.number, entry.name, entry.story, entry.at.isoformat(), entry.text)
        with self._writing() as db:
            return db.execute("INSERT OR IGNORE INTO journals VALUES (?, ?, ?, ?, ?, ?)", row).rowcount == 1

    def noted(self, scope: str, limit: int) -> Sequence[Entry]:
        with self._reading() as db:
            rows = db.execute(
                "SELECT number, name, story, at, text FROM journals WHERE scope = ? ORDER BY number DESC, name LIMIT ?",
                (scope, limit),
            ).fetchall()
        return [
            Entry(scope=scope, number=number, name=name, story=story, at=datetime.fromisoformat(at), text=text)
            for number, name, story, at, text in rows
        ]

    def count_dropped(self, reason: str, what: str, at: datetime) -> None:
        with self._writing() as db:
            db.execute(
                "INSERT INTO dropped VALUES (?, ?, 1, ?, ?) ON CONFLICT (day, reason)"
                " DO UPDATE SET count = count + 1, newest = excluded.newest, at = excluded.at",
                (at.date().isoformat(), reason, what, at.isoformat()),
            )

    def dropped(self, since: date) -> Sequence[Dropped]:
        with self._reading() as db:
            rows = db.execute(
                "SELECT day, reason, count, newest, at FROM dropped WHERE day >= ? ORDER BY day DESC, reason",
                (since.isoformat(),),
            ).fetchall()
        return [
            Dropped(
                day=date.fromisoformat(day),
                reason=reason,
                count=count,
                newest=newest,
                at=datetime.fromisoformat(at),
            )
            for day, reason, count, newest, at in rows
        ]
