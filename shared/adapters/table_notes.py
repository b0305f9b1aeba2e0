"""Journals and counts in Azure Table Storage, in the table `notes`.

| partition key | row key |
|---|---|
| a journal's scope | the highest number first, and the name |
| `dropped` | the newest day first, the reason, and the process that counts: each has a row of its own to write |
"""

import itertools
import threading
import uuid
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

from shared.adapters.table_service import Tables, reachable
from shared.domain import identity
from shared.notes import Dropped, Entry

HIGHEST = 10**19 - 1
LAST_DAY = date.max.toordinal()


class TableNotes:
    """Journals and Tally."""

    def __init__(self, tables: Tables) -> None:
        self._notes = tables
        self._writer = uuid.uuid4().hex[:12]
        self._counted: Counter[tuple[date, str]] = Counter()
        self._one_at_a_time = threading.Lock()

    def note(self, entry: Entry) -> bool:
        from azure.core.exceptions import ResourceExistsError

        row = {
            "PartitionKey": _scope(entry.scope),
            "RowKey": identity.fact_key(f"{HIGHEST - entry.number:019}", entry.name),
            "number": str(entry.number),
            "name": entry.name,
            "story": entry.story,
            "noted_at": entry.at.isoformat(),
            "text": entry.text,
        }
        with reachable():
            try:
                self._notes.table("notes").create_entity(row)
            except ResourceExistsError:
                return False
        return True

    def noted(self, scope: str, limit: int) -> Sequence[Entry]:
        with reachable():
            rows = self._notes.table("notes").query_entities(
                "PartitionKey eq @scope", parameters={"scope": _scope(scope)}, results_per_page=min(limit, 1000) or 1
            )
            return [_entry(scope, row) for row in itertools.islice(rows, limit)]

    def count_dropped(self, reason: str, what: str, at: datetime) -> None:
        day = at.astimezone(UTC).date()
        with self._one_at_a_time, reachable():
            count = self._counted[day, reason] + 1
            row = {
                "PartitionKey": "dropped",
                "RowKey": f"{LAST_DAY - day.toordinal():07}:{identity.fact_key(reason, self._writer)}",
                "day": day.isoformat(),
                "reason": reason,
                "count": count,
                "newest": what,
                "counted_at": at.isoformat(),
            }
            self._notes.table("notes").upsert_entity(row)
            self._counted[day, reason] = count

    def dropped(self, since: date) -> Sequence[Dropped]:
        with reachable():
            rows = list(
                self._notes.table("notes").query_entities(
                    "PartitionKey eq 'dropped' and RowKey lt @until",
                    parameters={"until": f"{LAST_DAY - since.toordinal() + 1:07}"},
                )
            )
        told = sorted(rows, key=lambda row: (row["RowKey"].partition(":")[0], row["reason"]))
        groups = itertools.groupby(told, key=lambda row: (row["day"], row["reason"]))
        return [_together(date.fromisoformat(day), reason, list(rows)) for (day, reason), rows in groups]


def _scope(scope: str) -> str:
    return identity.fact_key("journal", scope)


def _entry(scope: str, row: Any) -> Entry:
    return Entry(
        scope=scope,
        number=int(row["number"]),
        name=row["name"],
        story=row["story"],
        at=datetime.fromisoformat(row["noted_at"]),
        text=row["text"],
    )


def _together(day: date, reason: str, rows: Sequence[Any]) -> Dropped:
    newest = max(rows, key=lambda row: datetime.fromisoformat(row["counted_at"]))
    return Dropped(
        day=day,
        reason=reason,
        count=sum(int(row["count"]) for row in rows),
        newest=newest["newest"],
        at=datetime.fromisoformat(newest["counted_at"]),
    )
