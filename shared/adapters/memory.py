"""The ports in memory: for tests, and for trying a step by hand. They keep the same promises as the real ones."""

import itertools
import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime

from shared.domain import identity
from shared.domain import story as stories
from shared.domain.commands import Command
from shared.domain.facts import Fact
from shared.errors import Conflict
from shared.notes import Dropped, Entry
from shared.ports import Approval, ParkedMessage, StoryHead


class MemoryNotes:
    """Journals and Tally."""

    def __init__(self) -> None:
        self._entries: dict[tuple[str, int, str], Entry] = {}
        self._drops: dict[tuple[date, str], Dropped] = {}
        self._noting = threading.Lock()

    def note(self, entry: Entry) -> bool:
        with self._noting:
            return self._entries.setdefault((entry.scope, entry.number, entry.name), entry) is entry

    def noted(self, scope: str, limit: int) -> Sequence[Entry]:
        with self._noting:
            found = [entry for entry in self._entries.values() if entry.scope == scope]
        return sorted(found, key=lambda entry: (-entry.number, entry.name))[:limit]

    def count_dropped(self, reason: str, what: str, at: datetime) -> None:
        with self._noting:
            before = self._drops.get((at.date(), reason))
            count = before.count + 1 if before else 1
            self._drops[at.date(), reason] = Dropped(day=at.date(), reason=reason, count=count, newest=what, at=at)

    def dropped(self, since: date) -> Sequence[Dropped]:
        with self._noting:
            found = [one for one in self._drops.values() if one.day >= since]
        return sorted(found, key=lambda one: (-one.day.toordinal(), one.reason))


class MemoryLedger(MemoryNotes):
    """Ledger, Approvals, Parking, Journals and Tally in one, as the SQLite one is."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._facts: dict[str, dict[str, Fact]] = {}
        self._subjects: dict[str, dict[str, None]] = {}
        self._approvals: dict[tuple[str, str], Approval] = {}
        self._parked: dict[tuple[str, str], ParkedMessage] = {}
        self._etags = itertools.count(1)

    def record(self, facts: Sequence[Fact]) -> Sequence[bool]:
        one_story(facts)
        with self._lock:
            return [self._insert(fact) for fact in facts]

    def _insert(self, fact: Fact) -> bool:
        story = self._facts.setdefault(fact.story, {})
        if fact.key in story:
            return False
        story[fact.key] = fact
        for subject in fact.subjects:
            self._subjects.setdefault(subject, {})[fact.story] = None
        return True

    def story(self, story: str) -> Sequence[Fact]:
        with self._lock:
            return list(self._facts.get(story, {}).values())

    def recent(self, limit: int) -> Sequence[StoryHead]:
        with self._lock:
            heads = [head_of(list(facts.values())) for key, facts in self._facts.items() if not identity.is_shard(key)]
        return list(reversed(heads))[:limit]

    def find(self, subject: str) -> Sequence[str]:
        with self._lock:
            order = list(self._facts)
            return sorted(self._subjects.get(subject, {}), key=order.index, reverse=True)

    def unsettled(self) -> Sequence[str]:
        with self._lock:
            return [story for story, facts in self._facts.items() if not stories.is_settled(list(facts.values()))]

    def approved(self, model: str, slot: str) -> Approval | None:
        with self._lock:
            return self._approvals.get((model, slot))

    def approve(self, approval: Approval, *, replaces: Approval | None) -> Approval:
        with self._lock:
            in_force = self._approvals.get((approval.model, approval.slot))
            if (in_force.etag if in_force else None) != (replaces.etag if replaces else None):
                raise Conflict(f"{approval.model}@{approval.slot} was approved anew in the meantime")
            stored = replace(approval, etag=str(next(self._etags)))
            self._approvals[approval.model, approval.slot] = stored
            return stored

    def slots(self) -> Sequence[Approval]:
        with self._lock:
            return [self._approvals[key] for key in sorted(self._approvals)]

    def park(self, message: ParkedMessage) -> bool:
        with self._lock:
            first = (message.queue, message.message_id) not in self._parked
            self._parked.setdefault((message.queue, message.message_id), message)
            return first

    def parked(self) -> Sequence[ParkedMessage]:
        with self._lock:
            return [message for message in self._parked.values() if not message.outcome]

    def settle(self, queue: str, message_id: str, outcome: str) -> bool:
        with self._lock:
            message = self._parked.get((queue, message_id))
            if message is None or message.outcome:
                return False
            self._parked[queue, message_id] = replace(message, outcome=outcome)
            return True


class MemoryOutbox:
    """Outbox; drops a message id that it has seen, as duplicate detection does."""

    def __init__(self) -> None:
        self.sent: list[Command] = []
        self._seen: set[str] = set()

    def send(self, commands: Sequence[Command]) -> None:
        for command in commands:
            if command.message_id not in self._seen:
                self._seen.add(command.message_id)
                self.sent.append(command)

    def resend(self, message: ParkedMessage, *, message_id: str) -> None:
        from shared.wire.documents import decode_command

        if message_id not in self._seen:
            self._seen.add(message_id)
            self.sent.append(decode_command(message.body))


def one_story(facts: Sequence[Fact]) -> str:
    """The story of all the facts, "" for none. Raises ValueError for several."""
    stories_ = {fact.story for fact in facts}
    if len(stories_) > 1:
        raise ValueError(f"facts of one story are recorded together, not of {sorted(stories_)}")
    return next(iter(stories_), "")


def head_of(story: Sequence[Fact]) -> StoryHead:
    """What a list of stories shows of one."""
    return StoryHead(
        story=story[0].story,
        subject=next((fact.subjects[0] for fact in story if fact.subjects), ""),
        first_at=story[0].at,
        last_at=story[-1].at,
        last_kind=story[-1].kind,
        settled=stories.is_settled(story),
    )
