"""The ledger on Azure Table Storage.

| table | partition key | row key |
|---|---|---|
| facts | the story | the fact's key; `!head`, which every write to the story changes |
| stories | `recent` | the newest first: what lists show |
| stories | `unsettled` | the oldest first: stories in which something is left to do |
| subjects | a subject | each story that it leads to |
| approvals | the model | the slot |
| parked | `parked` | `once:...` for each message ever parked, `wait:...` while it waits |
| notes | see `table_notes` | |

One partition changes at once or not at all; several do not. A story's partition is the truth. What other partitions
say of it is written before it where it must not be missed (unsettled, subjects) and after it where it may lag (recent),
is checked against the truth when it is read, and mended by whoever records the same facts again.
"""

import itertools
import random
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from shared.adapters import table_entities as e
from shared.adapters.memory import head_of, one_story
from shared.adapters.table_approvals import TableApprovals
from shared.adapters.table_notes import TableNotes
from shared.adapters.table_service import RacedError, Tables, reachable, unchanged
from shared.domain import identity
from shared.domain import story as stories
from shared.domain.facts import Fact
from shared.errors import Conflict
from shared.ports import StoryHead

if TYPE_CHECKING:
    from azure.data.tables import TableServiceClient

NAMES = ("facts", "stories", "subjects", "approvals", "parked", "notes")
BATCH = 99  # operations in one transaction beside the head's; the service takes 100
ATTEMPTS = 30
ABANDONED_AFTER_NS = 60 * 10**9
"""A mark in `unsettled` without its story is that of a writer that died in between, when it is older than this."""


@dataclass(frozen=True)
class _Story:
    """A story's partition as it was read."""

    facts: tuple[Fact, ...]
    writers: dict[str, str]
    place: str
    etag: str

    @property
    def settled(self) -> bool:
        return stories.is_settled(self.facts)


class TableStorageLedger(TableApprovals, TableNotes):
    """Ledger, Approvals, Parking, Journals and Tally in one storage account; safe for many processes at once."""

    def __init__(self, connect: "Callable[[], TableServiceClient]", prefix: str = "sluice") -> None:
        tables = Tables(connect, {name: f"{prefix}{name}" for name in NAMES})
        TableApprovals.__init__(self, tables)
        TableNotes.__init__(self, tables)

    # ---- facts

    def record(self, facts: Sequence[Fact]) -> Sequence[bool]:
        story = one_story(facts)
        if not facts:
            return []
        writer = uuid.uuid4().hex
        with reachable():
            return _until_unraced(f"story {story}", lambda: self._record(story, facts, writer))

    def _record(self, story: str, facts: Sequence[Fact], writer: str) -> list[bool]:
        """One attempt. An earlier one may have written some, or all when only its answer was lost: they are its own."""
        before = self._read(story)
        fresh = {fact.key: fact for fact in reversed(facts) if fact.key not in before.writers}
        news = [fact for index, fact in enumerate(facts) if fresh.get(fact.key) is fact and _first(facts, index)]
        after = replace(before, facts=(*before.facts, *news))
        if news:
            for subject in {subject for fact in news for subject in fact.subjects}:
                row = {"PartitionKey": e.subject_key(subject), "RowKey": story, "place": after.place}
                self._tables.table("subjects").upsert_entity(row)
        if not after.settled:
            self._mark_unsettled(story, after.place)
        self._insert(before, news, writer)
        self._index(after)
        mine = {key for key, by in before.writers.items() if by == writer} | {fact.key for fact in news}
        return [fact.key in mine and _first(facts, index) for index, fact in enumerate(facts)]

    def _insert(self, before: _Story, news: Sequence[Fact], writer: str) -> None:
        from azure.data.tables import UpdateMode

        told, etag = list(before.facts), before.etag
        for some in itertools.batched(news, BATCH, strict=False):
            operations: list[Any] = [
                ("create", e.fact_entity(fact, number=len(told) + index, writer=writer))
                for index, fact in enumerate(some)
            ]
            told += some
            head = e.head_entity(head_of(told), place=before.place, count=len(told))
            if etag:
                operations.append(("update", head, {"mode": UpdateMode.REPLACE, **unchanged(etag)}))
            else:
                operations.append(("create", head))
            etag = self._tables.transact("facts", operations)[-1]["etag"]

    def _read(self, story: str) -> _Story:
        rows = list(self._tables.table("facts").query_entities("PartitionKey eq @story", parameters={"story": story}))
        heads = [row for row in rows if row["RowKey"] == e.HEAD]
        facts = sorted((row for row in rows if row["RowKey"] != e.HEAD), key=lambda row: int(row["number"]))
        return _Story(
            facts=tuple(e.fact_of(row) for row in facts),
            writers={row["RowKey"]: row["writer"] for row in facts},
            place=heads[0]["place"] if heads else self._places.next(),
            etag=str(heads[0].metadata["etag"]) if heads else "",
        )

    def _mark_unsettled(self, story: str, place: str) -> None:
        row = {"PartitionKey": "unsettled", "RowKey": f"{place}:{story}", "story": story}
        self._tables.table("stories").upsert_entity(row)

    def _index(self, after: _Story) -> None:
        """Bring lists up to the story; what is there of a later state stays."""
        head, count = head_of(after.facts), len(after.facts)
        row = e.recent_entity(head, place=after.place, count=count)
        if not identity.is_shard(head.story) and not self._replace_older(row):
            raise RacedError
        if not after.settled:
            self._mark_unsettled(head.story, after.place)
        else:
            self._unmark(head.story, after.place)

    def _replace_older(self, row: e.Entity) -> bool:
        """Insert the row, or put it in place of one with fewer facts; False if another writer was in between."""
        from azure.core.exceptions import ResourceExistsError, ResourceModifiedError, ResourceNotFoundError
        from azure.data.tables import UpdateMode

        table = self._tables.table("stories")
        try:
            there = table.get_entity(row["PartitionKey"], row["RowKey"])
            if there["count"] < row["count"]:
                table.update_entity(row, UpdateMode.REPLACE, **unchanged(there.metadata["etag"]))
        except ResourceNotFoundError:
            try:
                table.create_entity(row)
            except ResourceExistsError:
                return False
        except ResourceModifiedError:
            return False
        return True

    def _unmark(self, story: str, place: str) -> None:
        """Take the mark away, if the story is settled still and nobody sets the mark anew meanwhile."""
        from azure.core.exceptions import ResourceModifiedError, ResourceNotFoundError

        table, key = self._tables.table("stories"), f"{place}:{story}"
        try:
            mark = table.get_entity("unsettled", key)
            if self._tables.table("facts").get_entity(story, e.HEAD)["settled"]:
                table.delete_entity(mark, **unchanged(mark.metadata["etag"]))
        except (ResourceNotFoundError, ResourceModifiedError):
            return

    def story(self, story: str) -> Sequence[Fact]:
        with reachable():
            return list(self._read(story).facts)

    def recent(self, limit: int) -> Sequence[StoryHead]:
        with reachable():
            rows = self._tables.table("stories").query_entities(
                "PartitionKey eq 'recent'", results_per_page=min(limit, 1000) or 1
            )
            return [e.head_of(row) for row in itertools.islice(rows, limit)]

    def find(self, subject: str) -> Sequence[str]:
        if not subject:
            return []
        with reachable():
            key = e.subject_key(subject)
            rows = self._tables.table("subjects").query_entities("PartitionKey eq @key", parameters={"key": key})
            found = sorted(rows, key=lambda row: str(row["place"]), reverse=True)
            return [row["RowKey"] for row in found if self._head(row["RowKey"])]

    def unsettled(self) -> Sequence[str]:
        with reachable():
            marks = list(self._tables.table("stories").query_entities("PartitionKey eq 'unsettled'"))
            return [mark["story"] for mark in marks if self._is_unsettled(mark)]

    def _is_unsettled(self, mark: Any) -> bool:
        place, _, story = mark["RowKey"].partition(":")
        head = self._head(story)
        if head is not None and head["place"] == place:
            if head["settled"]:
                self._unmark(story, place)
            return not head["settled"]
        if time.time_ns() - int(place) > ABANDONED_AFTER_NS:
            self._tables.table("stories").delete_entity("unsettled", mark["RowKey"])
        return False

    def _head(self, story: str) -> Any | None:
        from azure.core.exceptions import ResourceNotFoundError

        try:
            return self._tables.table("facts").get_entity(story, e.HEAD)
        except ResourceNotFoundError:
            return None


def _first(facts: Sequence[Fact], index: int) -> bool:
    """Is it the first of its key among these?"""
    return all(fact.key != facts[index].key for fact in facts[:index])


def _until_unraced[Result](what: str, attempt: Callable[[], Result]) -> Result:
    for number in range(ATTEMPTS):
        try:
            return attempt()
        except RacedError:
            time.sleep(random.uniform(0, min(1.0, 0.01 * 2**number)))  # noqa: S311 - jitter, no secret
    raise Conflict(f"{what}: others changed it {ATTEMPTS} times in the meantime")
