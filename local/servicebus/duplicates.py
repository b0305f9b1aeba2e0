"""Duplicate detection: the message ids that a queue has seen within its window."""

from collections import OrderedDict

from local.servicebus.store import Store


class DuplicateHistory:
    """The ids of one queue, in the order they came; durable with the messages they came with."""

    def __init__(self, queue: str, window_ms: int, store: Store) -> None:
        self._queue = queue
        self._window_ms = window_ms
        self._store = store
        self._until: OrderedDict[str, int] = OrderedDict(store.seen(queue) if window_ms else ())

    def is_repeated(self, message_id: str, now: int) -> bool:
        """Was the id seen within the window? If not, it is remembered from now on."""
        if not self._window_ms:
            return False
        self._forget(now)
        if self._until.get(message_id, 0) > now:
            return True
        self._until.pop(message_id, None)  # it goes to the end
        self._until[message_id] = now + self._window_ms
        self._store.remember(self._queue, message_id, now + self._window_ms)
        return False

    def _forget(self, now: int) -> None:
        while self._until and next(iter(self._until.values())) <= now:
            self._store.forget(self._queue, self._until.popitem(last=False)[0])
