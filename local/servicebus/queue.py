"""What a Service Bus queue does: peek-lock, delivery counts, schedule, time to live, duplicates, dead letters.

Knows nothing of AMQP connections. One thread; times in milliseconds, given by the caller.
"""

import heapq
import uuid
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from local.servicebus.codec import Int, Timestamp
from local.servicebus.messages import (
    DEAD_LETTER_SOURCE,
    ENQUEUED_TIME,
    LOCKED_UNTIL,
    MESSAGE_STATE,
    SCHEDULED_TIME,
    SEQUENCE_NUMBER,
    Content,
    compose,
    parse,
    with_dead_letter_properties,
)
from local.servicebus.properties import QueueProperties
from local.servicebus.store import DEAD_LETTER_SUFFIX, Row, State, Store

LOCK_LOST = "com.microsoft:message-lock-lost"
NOT_FOUND = "com.microsoft:message-not-found"


class QueueError(Exception):
    """Refused by the queue: an AMQP error condition, a description, and the status of a management answer."""

    def __init__(self, condition: str, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.condition, self.description, self.status = condition, description, status


@dataclass
class Message:
    """A message in a queue. `lock_token` is set while somebody holds it."""

    sequence: int
    content: Content
    enqueued_ms: int
    state: State = State.ACTIVE
    delivery_count: int = 0
    scheduled_ms: int | None = None
    expires_ms: int | None = None
    source: str = ""
    lock_token: bytes | None = None
    locked_until_ms: int = 0

    def encoded(self, *, with_token: bool = False) -> bytes:
        """As it is delivered or peeked."""
        annotations: dict[Any, Any] = {
            ENQUEUED_TIME: Timestamp(self.enqueued_ms),
            SEQUENCE_NUMBER: self.sequence,
            MESSAGE_STATE: Int(self.state),
        }
        if self.lock_token:
            annotations[LOCKED_UNTIL] = Timestamp(self.locked_until_ms)
        if self.source:
            annotations[DEAD_LETTER_SOURCE] = self.source
        token = self.lock_token if with_token else None
        return compose(self.content, delivery_count=self.delivery_count, annotations=annotations, lock_token=token)


class Queue:
    """One queue, and its dead-letter queue, which is a queue without limits of its own."""

    def __init__(
        self, properties: QueueProperties, store: Store, now: Callable[[], int], *, dead_letters_of: str = ""
    ) -> None:
        self.properties = properties
        self.name = properties.name + (DEAD_LETTER_SUFFIX if dead_letters_of else "")
        self._store = store
        self._now = now
        self._messages: dict[int, Message] = {}
        self._ready: list[int] = []
        self._locked: dict[bytes, Message] = {}
        self._lock_ends: list[tuple[int, bytes]] = []
        self._scheduled: list[tuple[int, int]] = []
        self._expiring: list[tuple[int, int]] = []
        self._seen: OrderedDict[str, int] = OrderedDict()
        self.dead_letters = None if dead_letters_of else Queue(properties, store, now, dead_letters_of=properties.name)
        self._next = store.next_sequence(self.name)
        self._load()

    def _load(self) -> None:
        for row in self._store.messages(self.name):
            content = parse(row.raw)
            message = Message(
                row.sequence, content, row.enqueued_ms, row.state, row.delivery_count, row.scheduled_ms,
                self._expiry(content, row.enqueued_ms), row.source,
            )  # fmt: skip
            self._place(message)
            self._next = max(self._next, row.sequence + 1)
        self._seen.update(self._store.seen(self.name))

    # ---- in

    def put(self, raw: bytes) -> Message | None:
        """Take a message; None for a duplicate, which is accepted and dropped. Raises DecodeError."""
        content, now = parse(raw), self._now()
        if self._is_duplicate(content.message_id, now):
            return None
        scheduled = content.scheduled_ms
        if scheduled is not None and scheduled <= now:
            scheduled = None
        state = State.ACTIVE if scheduled is None else State.SCHEDULED
        if state is State.ACTIVE:
            content.annotations.pop(SCHEDULED_TIME, None)
        message = Message(self._next, content, now, state, scheduled_ms=scheduled)
        message.expires_ms = self._expiry(content, scheduled or now)
        self._add(message)
        return message

    def _add(self, message: Message) -> None:
        self._next = max(self._next, message.sequence) + 1
        self._store.remember_sequence(self.name, self._next)
        row = Row(
            queue=self.name,
            sequence=message.sequence,
            state=message.state,
            delivery_count=message.delivery_count,
            scheduled_ms=message.scheduled_ms,
            enqueued_ms=message.enqueued_ms,
            source=message.source,
            raw=compose(message.content, delivery_count=0, annotations={}, lock_token=None),
        )
        self._store.insert(row)
        self._place(message)

    def _place(self, message: Message) -> None:
        self._messages[message.sequence] = message
        if message.state is State.ACTIVE:
            heapq.heappush(self._ready, message.sequence)
        elif message.state is State.SCHEDULED and message.scheduled_ms is not None:
            heapq.heappush(self._scheduled, (message.scheduled_ms, message.sequence))
        if message.expires_ms is not None:
            heapq.heappush(self._expiring, (message.expires_ms, message.sequence))

    def _expiry(self, content: Content, enqueued_ms: int) -> int | None:
        if self.dead_letters is None:
            return None  # nothing expires in a dead-letter queue
        limits = [limit for limit in (content.ttl_ms, self.properties.ttl_ms) if limit is not None]
        return enqueued_ms + min(limits) if limits else None

    def _is_duplicate(self, message_id: str, now: int) -> bool:
        window = self.properties.duplicate_window_ms
        if not window or self.dead_letters is None:
            return False
        over = 0
        while self._seen and next(iter(self._seen.values())) < now:
            self._seen.popitem(last=False)
            over += 1
        if over:
            self._store.forget(self.name, now)
        if message_id in self._seen:
            return True
        self._seen[message_id] = now + window
        self._store.remember(self.name, message_id, now + window)
        return False

    # ---- out

    @property
    def has_ready(self) -> bool:
        """Might there be a message to deliver?"""
        return bool(self._ready)

    def take(self, *, lock: bool) -> Message | None:
        """The next message: locked for the taker, or, without a lock, deleted."""
        now = self._now()
        while self._ready:
            message = self._messages.get(heapq.heappop(self._ready))
            if message is None or message.state is not State.ACTIVE or message.lock_token:
                continue
            if message.expires_ms is not None and message.expires_ms <= now:
                self._expire(message)
                continue
            if lock:
                self._lock(message, now)
            else:
                self._delete(message)
            return message
        return None

    def take_deferred(self, sequence: int, *, lock: bool) -> Message:
        """A deferred message by its number. Raises QueueError."""
        message = self._messages.get(sequence)
        if message is None or message.state is not State.DEFERRED or message.lock_token:
            raise QueueError(NOT_FOUND, f"there is no deferred message {sequence}", 404)
        if lock:
            self._lock(message, self._now())
        else:
            self._delete(message)
        return message

    def peek(self, sequence: int, count: int) -> Iterator[Message]:
        """Up to `count` messages from that number on, whatever their state."""
        for number in sorted(each for each in self._messages if each >= sequence)[:count]:
            yield self._messages[number]

    def _lock(self, message: Message, now: int) -> None:
        message.lock_token = uuid.uuid4().bytes_le
        self._locked[message.lock_token] = message
        self._set_lock_end(message, now)

    def _set_lock_end(self, message: Message, now: int) -> None:
        assert message.lock_token is not None  # noqa: S101 - both callers hold a lock, for the type checker
        message.locked_until_ms = now + self.properties.lock_ms
        heapq.heappush(self._lock_ends, (message.locked_until_ms, message.lock_token))

    # ---- settling

    def complete(self, token: bytes) -> None:
        """Done: the message is gone. This and the next four raise QueueError when the lock is lost."""
        self._delete(self._unlock(token))

    def abandon(self, token: bytes) -> None:
        """Failed: one more delivery counted, and back."""
        message = self._unlock(token)
        message.delivery_count += 1
        self._back(message)

    def release(self, token: bytes) -> None:
        """Never looked at: back, with nothing counted."""
        self._back(self._unlock(token))

    def defer(self, token: bytes) -> None:
        """Put aside, until somebody asks for its number."""
        message = self._unlock(token)
        message.state = State.DEFERRED
        self._back(message)

    def dead_letter(self, token: bytes, reason: str | None, description: str | None) -> None:
        """Into the dead-letter queue, for the holder's reason."""
        self._to_dead_letters(self._unlock(token), reason, description)

    def renew(self, token: bytes) -> int:
        """Hold the lock for another whole duration; until when. Raises QueueError."""
        message = self._locked.get(token)
        if message is None:
            raise _lock_lost()
        self._set_lock_end(message, self._now())
        return message.locked_until_ms

    def cancel(self, sequence: int) -> None:
        """Take back a scheduled message. Raises QueueError."""
        message = self._messages.get(sequence)
        if message is None or message.state is not State.SCHEDULED:
            raise QueueError(NOT_FOUND, f"there is no scheduled message {sequence}", 404)
        self._delete(message)

    def _unlock(self, token: bytes) -> Message:
        message = self._locked.pop(token, None)
        if message is None:
            raise _lock_lost()
        message.lock_token = None
        return message

    def _back(self, message: Message) -> None:
        limit = self.properties.max_delivery_count
        if self.dead_letters is not None and message.delivery_count >= limit:
            text = f"Message could not be consumed after {limit} delivery attempts."
            self._to_dead_letters(message, "MaxDeliveryCountExceeded", text)
            return
        self._update(message)
        if message.state is State.ACTIVE:
            heapq.heappush(self._ready, message.sequence)

    def _update(self, message: Message) -> None:
        self._store.update(
            self.name,
            message.sequence,
            state=message.state,
            delivery_count=message.delivery_count,
            enqueued_ms=message.enqueued_ms,
        )

    def _delete(self, message: Message) -> None:
        del self._messages[message.sequence]
        self._store.delete(self.name, message.sequence)

    def _expire(self, message: Message) -> None:
        if self.properties.dead_letter_expired:
            text = "The message expired and was dead lettered."
            self._to_dead_letters(message, "TTLExpiredException", text)
        else:
            self._delete(message)

    def _to_dead_letters(self, message: Message, reason: str | None, description: str | None) -> None:
        self._delete(message)
        target = self.dead_letters or self  # dead-lettered again: it stays where it is, with the new reason
        content = message.content
        content.bare = with_dead_letter_properties(content.bare, reason, description)
        moved = Message(
            target._next,  # noqa: SLF001 - a queue and its dead-letter queue are one thing
            content,
            self._now(),
            delivery_count=message.delivery_count,
            source=self.properties.name,
        )
        target._add(moved)  # noqa: SLF001 - as above

    # ---- time

    def tick(self) -> None:
        """Do what is due: locks that ran out, schedules that came, messages that expired."""
        now = self._now()
        while self._lock_ends and self._lock_ends[0][0] <= now:
            _, token = heapq.heappop(self._lock_ends)
            held = self._locked.get(token)
            if held is not None and held.locked_until_ms <= now:
                self.abandon(token)
        while self._scheduled and self._scheduled[0][0] <= now:
            _, sequence = heapq.heappop(self._scheduled)
            message = self._messages.get(sequence)
            if message is not None and message.state is State.SCHEDULED:
                message.state, message.enqueued_ms = State.ACTIVE, now
                self._update(message)
                heapq.heappush(self._ready, sequence)
        while self._expiring and self._expiring[0][0] <= now:
            _, sequence = heapq.heappop(self._expiring)
            message = self._messages.get(sequence)
            if message is not None and not message.lock_token and (message.expires_ms or 0) <= now:
                self._expire(message)
        if self.dead_letters is not None:
            self.dead_letters.tick()

    def next_due(self) -> int | None:
        """When `tick` has something to do."""
        due = [heap[0][0] for heap in (self._lock_ends, self._scheduled, self._expiring) if heap]
        if self.dead_letters is not None and (theirs := self.dead_letters.next_due()) is not None:
            due.append(theirs)
        return min(due, default=None)


def _lock_lost() -> QueueError:
    text = "The lock supplied is invalid. Either the lock expired, or the message has already been removed."
    return QueueError(LOCK_LOST, text, 410)
