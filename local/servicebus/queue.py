"""What a Service Bus queue does: peek-lock, delivery counts, schedule, time to live, duplicates, dead letters.

Knows nothing of AMQP connections. One thread; times in milliseconds, given by the caller. The delivery count is the
number of deliveries that failed: abandoned, with a lock that ran out, or held when the broker ended. The service counts
a lock that is lost for whatever reason; a message that takes its consumer and the broker down with it must reach the
dead-letter queue in the end.
"""

import heapq
import itertools
import uuid
from collections.abc import Callable, Iterator, Sequence

from local.servicebus.deadlines import Deadlines
from local.servicebus.duplicates import DuplicateHistory
from local.servicebus.errors import BAD_ARGUMENT, LOCK_LOST, LONGEST_ID, NOT_ALLOWED, NOT_FOUND, QueueError
from local.servicebus.messages import Content, Message, compose, parse, with_dead_letter_properties
from local.servicebus.properties import QueueProperties
from local.servicebus.store import DEAD_LETTER_SUFFIX, Row, State, Store


class Queue:
    """One queue, and its dead-letter queue, which is a queue without limits of its own."""

    def __init__(
        self, properties: QueueProperties, store: Store, now: Callable[[], int], *, of_dead_letters: bool = False
    ) -> None:
        self.properties = properties
        self.name = properties.name + (DEAD_LETTER_SUFFIX if of_dead_letters else "")
        self._store = store
        self._now = now
        self._messages: dict[int, Message] = {}  # in the order of their numbers
        self._ready: list[int] = []
        self._held: dict[bytes, Message] = {}
        self._lock_ends: Deadlines[bytes] = Deadlines()
        self._scheduled: Deadlines[int] = Deadlines()
        self._expiring: Deadlines[int] = Deadlines()
        self.dead_letters = None if of_dead_letters else Queue(properties, store, now, of_dead_letters=True)
        self._history = DuplicateHistory(self.name, 0 if of_dead_letters else properties.duplicate_window_ms, store)
        self._next = store.next_sequence(self.name)
        self._load()

    def _load(self) -> None:
        held = self._store.locked(self.name)
        for row in self._store.messages(self.name):
            message = Message(
                row.sequence, parse(row.raw), row.enqueued_ms, row.state, row.delivery_count, row.scheduled_ms,
                source=row.source,
            )  # fmt: skip
            self._place(message)
        for sequence in held:
            self._store.unlock(self.name, sequence)
            if sequence in self._messages:
                self._failed(self._messages[sequence])

    # ---- in

    def put(self, contents: Sequence[Content]) -> list[Message | None]:
        """Take all messages or none; a duplicate is accepted and dropped (None). Raises QueueError."""
        for content in contents:
            if len(content.message_id) > LONGEST_ID:
                text = f"A message id has {LONGEST_ID} characters at most, and not {len(content.message_id)}."
                raise QueueError(BAD_ARGUMENT, text)
        return [self._put(content) for content in contents]

    def _put(self, content: Content) -> Message | None:
        now = self._now()
        if self._history.is_repeated(content.message_id, now):
            return None
        message = Message(self._next, content, now)
        if content.scheduled_ms is not None and content.scheduled_ms > now:
            message.state, message.scheduled_ms = State.SCHEDULED, content.scheduled_ms
        self._add(message)
        return message

    def _add(self, message: Message) -> None:
        self._next = message.sequence + 1
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
        """Have the message here, with all that is due for it; its time to live begins when it is enqueued."""
        self._messages[message.sequence] = message
        begins = message.enqueued_ms
        if message.state is State.SCHEDULED and message.scheduled_ms is not None:
            begins = message.scheduled_ms
            self._scheduled.set(message.sequence, message.scheduled_ms)
        elif message.state is State.ACTIVE:
            heapq.heappush(self._ready, message.sequence)
        limits = [limit for limit in (message.content.ttl_ms, self.properties.ttl_ms) if limit is not None]
        if limits and self.dead_letters is not None:  # nothing expires in a dead-letter queue
            message.expires_ms = begins + min(limits)
            self._expiring.set(message.sequence, message.expires_ms)

    # ---- out

    @property
    def has_ready(self) -> bool:
        """Might there be a message to deliver?"""
        return bool(self._ready)

    def take(self, *, lock: bool) -> Message | None:
        """The next message: locked for the taker, or, without a lock, deleted."""
        while self._ready:
            message = self._messages.get(heapq.heappop(self._ready))
            if message is None or message.state is not State.ACTIVE or message.lock_token:
                continue
            if self._is_over(message):
                self._expire(message)
                continue
            return self._give(message, lock=lock)
        return None

    def take_deferred(self, sequences: Sequence[int], *, lock: bool) -> list[Message]:
        """Deferred messages by their numbers, all or none; they expire here and nowhere else. Raises QueueError."""
        for sequence in dict.fromkeys(sequences):
            message = self._numbered(sequence, State.DEFERRED)
            if self._is_over(message):
                self._expire(message)
        found = [self._numbered(sequence, State.DEFERRED) for sequence in dict.fromkeys(sequences)]
        return [self._give(message, lock=lock) for message in found]

    def peek(self, sequence: int, count: int) -> Iterator[Message]:
        """Up to `count` messages from that number on, whatever their state."""
        return itertools.islice((each for number, each in self._messages.items() if number >= sequence), count)

    def _give(self, message: Message, *, lock: bool) -> Message:
        if lock:
            message.lock_token = uuid.uuid4().bytes_le
            self._held[message.lock_token] = message
            self._set_lock_end(message, message.lock_token)
        else:
            self._delete(message)
        return message

    def _set_lock_end(self, message: Message, token: bytes) -> None:
        message.locked_until_ms = self._now() + self.properties.lock_ms
        self._lock_ends.set(token, message.locked_until_ms)
        self._store.lock(self.name, message.sequence, message.locked_until_ms)

    def _numbered(self, sequence: int, state: State) -> Message:
        message = self._messages.get(sequence)
        if message is None or message.state is not state or message.lock_token:
            raise QueueError(NOT_FOUND, f"There is no {state.name.lower()} message {sequence} to be had.", 404)
        return message

    # ---- settling

    def complete(self, token: bytes) -> None:
        """Done: the message is gone. This and the next five raise QueueError when the lock is lost."""
        self._delete(self._unlock(token))

    def abandon(self, token: bytes) -> None:
        """Failed: one more delivery counted, and back."""
        self._failed(self._unlock(token))

    def release(self, token: bytes) -> None:
        """Never looked at: back, with nothing counted."""
        self._back(self._unlock(token))

    def defer(self, token: bytes) -> None:
        """Put aside, until somebody asks for its number."""
        message = self._unlock(token)
        message.state = State.DEFERRED
        self._back(message)

    def dead_letter(self, token: bytes, reason: str | None, description: str | None) -> None:
        """Into the dead-letter queue, for the holder's reason; from there, as from the service's, no further."""
        if self.dead_letters is None:
            raise QueueError(NOT_ALLOWED, "A message of a dead-letter queue cannot be dead-lettered: complete it.")
        self._to_dead_letters(self._unlock(token), reason, description)

    def renew(self, token: bytes) -> int:
        """Hold the lock for another whole duration; until when."""
        message = self._holding(token)
        self._set_lock_end(message, token)
        return message.locked_until_ms

    def cancel(self, sequences: Sequence[int]) -> None:
        """Take back scheduled messages, all or none. Raises QueueError."""
        for message in [self._numbered(sequence, State.SCHEDULED) for sequence in dict.fromkeys(sequences)]:
            self._delete(message)

    def _holding(self, token: bytes) -> Message:
        message = self._held.get(token)
        if message is None or message.locked_until_ms <= self._now():
            text = "The lock supplied is invalid. Either the lock expired, or the message has already been removed."
            raise QueueError(LOCK_LOST, text, 410)
        return message

    def _unlock(self, token: bytes) -> Message:
        message = self._holding(token)
        self._forget_lock(token, message)
        return message

    def _forget_lock(self, token: bytes, message: Message) -> None:
        del self._held[token]
        self._lock_ends.drop(token)
        self._store.unlock(self.name, message.sequence)
        message.lock_token = None

    def _failed(self, message: Message) -> None:
        message.delivery_count += 1
        limit = self.properties.max_delivery_count
        if self.dead_letters is not None and message.delivery_count >= limit:
            text = f"Message could not be consumed after {limit} delivery attempts."
            self._to_dead_letters(message, "MaxDeliveryCountExceeded", text)
        else:
            self._back(message)

    def _back(self, message: Message) -> None:
        if self._is_over(message) and message.state is State.ACTIVE:
            self._expire(message)
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
        self._scheduled.drop(message.sequence)
        self._expiring.drop(message.sequence)
        self._store.delete(self.name, message.sequence)

    def _is_over(self, message: Message) -> bool:
        return message.expires_ms is not None and message.expires_ms <= self._now()

    def _expire(self, message: Message) -> None:
        if self.properties.dead_letter_expired:
            self._to_dead_letters(message, "TTLExpiredException", "The message expired and was dead lettered.")
        else:
            self._delete(message)

    def _to_dead_letters(self, message: Message, reason: str | None, description: str | None) -> None:
        content = message.content
        content.bare = with_dead_letter_properties(content.bare, reason, description)
        self._delete(message)
        assert self.dead_letters is not None  # noqa: S101 - nothing in a dead-letter queue fails for good, or expires
        self.dead_letters._accept(message)  # noqa: SLF001 - a queue and its dead-letter queue are one thing

    def _accept(self, message: Message) -> None:
        count, source = message.delivery_count, self.properties.name
        self._add(Message(self._next, message.content, self._now(), delivery_count=count, source=source))

    # ---- time

    def tick(self) -> None:
        """Do what is due: locks that ran out, schedules that came, messages that expired."""
        now = self._now()
        for token in self._lock_ends.due(now):
            message = self._held[token]
            self._forget_lock(token, message)
            self._failed(message)
        for sequence in self._scheduled.due(now):
            message = self._messages[sequence]
            self._delete(message)  # it goes to the end of the queue, under a new number
            self._add(Message(self._next, message.content, now))
        for sequence in self._expiring.due(now):
            message = self._messages[sequence]
            if message.state is State.ACTIVE and not message.lock_token:  # one that is held expires when it comes back
                self._expire(message)
        if self.dead_letters is not None:
            self.dead_letters.tick()

    def next_due(self) -> int | None:
        """When `tick` has something to do."""
        due = [each.next() for each in (self._lock_ends, self._scheduled, self._expiring)]
        if self.dead_letters is not None:
            due.append(self.dead_letters.next_due())
        return min((at for at in due if at is not None), default=None)
