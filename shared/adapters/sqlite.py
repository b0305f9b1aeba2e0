"""The ledger on SQLite: a laptop's Table Storage. Safe for several processes and threads at once.

One table of facts (partition key: story; row key: the fact's key), one of heads, one of subjects, and the approvals
and parked messages beside them.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from shared.adapters.memory import one_story
from shared.adapters.sqlite_notes import SCHEMA, SqliteNotes
from shared.domain import story as stories
from shared.domain.facts import Fact
from shared.errors import Conflict
from shared.ports import Approval, ParkedMessage, StoryHead
from shared.wire.documents import decode_fact, encode_fact

_SCHEMA = """
CREATE TABLE IF NOT EXISTS facts (
    position INTEGER PRIMARY KEY, story TEXT NOT NULL, key TEXT NOT NULL, body BLOB NOT NULL, UNIQUE (story, key));
CREATE TABLE IF NOT EXISTS heads (
    story TEXT PRIMARY KEY, position INTEGER NOT NULL, subject TEXT NOT NULL, first_at TEXT NOT NULL,
    last_at TEXT NOT NULL, last_kind TEXT NOT NULL, settled INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS heads_by_position ON heads (position);
CREATE INDEX IF NOT EXISTS heads_unsettled ON heads (position) WHERE NOT settled;
CREATE TABLE IF NOT EXISTS subjects (subject TEXT, story TEXT, PRIMARY KEY (subject, story)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS approvals (
    model TEXT, slot TEXT, version TEXT NOT NULL, story TEXT NOT NULL, at TEXT NOT NULL, etag INTEGER NOT NULL,
    PRIMARY KEY (model, slot)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS parked (
    position INTEGER PRIMARY KEY, queue TEXT NOT NULL, message_id TEXT NOT NULL, reason TEXT NOT NULL,
    detail TEXT NOT NULL, body BLOB NOT NULL, correlation_id TEXT NOT NULL, at TEXT NOT NULL,
    outcome TEXT NOT NULL DEFAULT '', UNIQUE (queue, message_id));
"""


class SqliteLedger(SqliteNotes):
    """Ledger, Approvals, Parking, Journals and Tally in one file."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, _SCHEMA + SCHEMA)

    def record(self, facts: Sequence[Fact]) -> Sequence[bool]:
        one_story(facts)
        if not facts:
            return []
        with self._writing() as db:
            first = [self._insert(db, fact) for fact in facts]
            if any(first):
                story = facts[0].story
                settled = stories.is_settled(_facts(db, story))
                db.execute("UPDATE heads SET settled = ? WHERE story = ?", (settled, story))
            return first

    def _insert(self, db: sqlite3.Connection, fact: Fact) -> bool:
        inserted = db.execute(
            "INSERT OR IGNORE INTO facts (story, key, body) VALUES (?, ?, ?)", (fact.story, fact.key, encode_fact(fact))
        )
        if inserted.rowcount == 0:
            return False
        pairs = [(subject, fact.story) for subject in fact.subjects]
        db.executemany("INSERT OR IGNORE INTO subjects VALUES (?, ?)", pairs)
        db.execute(
            "INSERT INTO heads VALUES (:story, :position, :subject, :at, :at, :kind, 0)"
            " ON CONFLICT (story) DO UPDATE SET last_at = :at, last_kind = :kind,"
            " subject = iif(subject = '', :subject, subject)",
            {
                "story": fact.story,
                "position": inserted.lastrowid,
                "subject": next(iter(fact.subjects), ""),
                "at": fact.at.isoformat(),
                "kind": fact.kind,
            },
        )
        return True

    def story(self, story: str) -> Sequence[Fact]:
        with self._reading() as db:
            return _facts(db, story)

    def recent(self, limit: int) -> Sequence[StoryHead]:
        with self._reading() as db:
            rows = db.execute(
                "SELECT story, subject, first_at, last_at, last_kind, settled FROM heads"
                " WHERE instr(story, '.') = 0 ORDER BY position DESC LIMIT ?",
                (limit,),
            ).fetchall()
        return [
            StoryHead(
                story=story,
                subject=subject,
                first_at=datetime.fromisoformat(first_at),
                last_at=datetime.fromisoformat(last_at),
                last_kind=last_kind,
                settled=bool(settled),
            )
            for story, subject, first_at, last_at, last_kind, settled in rows
        ]

    def find(self, subject: str) -> Sequence[str]:
        with self._reading() as db:
            rows = db.execute(
                "SELECT story FROM subjects JOIN heads USING (story) WHERE subjects.subject = ?"
                " ORDER BY heads.position DESC",
                (subject,),
            ).fetchall()
        return [story for (story,) in rows]

    def unsettled(self) -> Sequence[str]:
        with self._reading() as db:
            rows = db.execute("SELECT story FROM heads WHERE NOT settled ORDER BY position").fetchall()
        return [story for (story,) in rows]

    def approved(self, model: str, slot: str) -> Approval | None:
        return next((one for one in self.slots() if (one.model, one.slot) == (model, slot)), None)

    def approve(self, approval: Approval, *, replaces: Approval | None) -> Approval:
        key = (approval.model, approval.slot)
        with self._writing() as db:
            row = db.execute("SELECT etag FROM approvals WHERE model = ? AND slot = ?", key).fetchone()
            in_force = str(row[0]) if row else None
            if in_force != (replaces.etag if replaces else None):
                raise Conflict(f"{approval.model}@{approval.slot} was approved anew in the meantime")
            etag = row[0] + 1 if row else 1
            db.execute(
                "INSERT OR REPLACE INTO approvals VALUES (?, ?, ?, ?, ?, ?)",
                (*key, approval.version, approval.story, approval.at.isoformat(), etag),
            )
        return replace(approval, etag=str(etag))

    def slots(self) -> Sequence[Approval]:
        with self._reading() as db:
            rows = db.execute(
                "SELECT model, slot, version, story, at, etag FROM approvals ORDER BY model, slot"
            ).fetchall()
        return [
            Approval(
                model=model,
                slot=slot,
                version=version,
                story=story,
                at=datetime.fromisoformat(at),
                etag=str(etag),
            )
            for model, slot, version, story, at, etag in rows
        ]

    def park(self, message: ParkedMessage) -> bool:
        with self._writing() as db:
            row = (
                message.queue,
                message.message_id,
                message.reason,
                message.detail,
                message.body,
                message.correlation_id,
                message.at.isoformat(),
            )
            inserted = db.execute(
                "INSERT OR IGNORE INTO parked (queue, message_id, reason, detail, body, correlation_id, at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                row,
            )
            return inserted.rowcount == 1

    def parked(self) -> Sequence[ParkedMessage]:
        with self._reading() as db:
            rows = db.execute(
                "SELECT queue, message_id, reason, detail, body, correlation_id, at FROM parked"
                " WHERE outcome = '' ORDER BY position"
            ).fetchall()
        return [
            ParkedMessage(
                queue=queue,
                message_id=message_id,
                reason=reason,
                detail=detail,
                body=body,
                correlation_id=correlation_id,
                at=datetime.fromisoformat(at),
            )
            for queue, message_id, reason, detail, body, correlation_id, at in rows
        ]

    def settle(self, queue: str, message_id: str, outcome: str) -> bool:
        with self._writing() as db:
            updated = db.execute(
                "UPDATE parked SET outcome = ? WHERE queue = ? AND message_id = ? AND outcome = ''",
                (outcome, queue, message_id),
            )
            return updated.rowcount == 1


def _facts(db: sqlite3.Connection, story: str) -> list[Fact]:
    rows = db.execute("SELECT body FROM facts WHERE story = ? ORDER BY position", (story,)).fetchall()
    return [decode_fact(body) for (body,) in rows]
