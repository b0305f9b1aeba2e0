"""The broker: its queues, its connections, and the order of things: change, commit, acknowledge, deliver."""

import asyncio
import time
from collections.abc import Sequence

from local.servicebus.connection import Connection, Link
from local.servicebus.properties import QueueProperties
from local.servicebus.queue import Queue, QueueError
from local.servicebus.store import DEAD_LETTER_SUFFIX, Store


def now_ms() -> int:
    """Milliseconds since 1970-01-01 UTC."""
    return time.time_ns() // 1_000_000


class Broker:
    """All queues of one namespace. Everything happens on one event loop."""

    def __init__(self, queues: Sequence[QueueProperties], store: Store) -> None:
        self._store = store
        self._queues = {each.name: Queue(each, store, now_ms) for each in queues}
        self.connections: set[Connection] = set()
        self.consumers: dict[Queue, list[Link]] = {}
        for queue in self._queues.values():
            self.consumers[queue] = []
            if queue.dead_letters is not None:
                self.consumers[queue.dead_letters] = []
        self._touched: set[Queue] = set()
        self._alarm: asyncio.TimerHandle | None = None
        self._flushing = False

    def find(self, path: str) -> Queue:
        """The queue, or dead-letter queue, of that path. Raises QueueError."""
        name = path.lower().strip("/")
        queue = self._queues.get(name.removesuffix(DEAD_LETTER_SUFFIX))
        if queue is not None and name.endswith(DEAD_LETTER_SUFFIX):
            queue = queue.dead_letters
        if queue is None:
            text = f"The messaging entity '{path}' could not be found."
            raise QueueError("amqp:not-found", text, 404)
        return queue

    def touched(self, queue: Queue) -> None:
        """Something changed: perhaps there is something to deliver."""
        self._touched.add(queue)
        if queue.dead_letters is not None:
            self._touched.add(queue.dead_letters)

    def commit(self) -> None:
        """Make every change so far durable."""
        self._store.commit()

    def flush(self) -> None:
        """Commit, then acknowledge, then deliver, then write; and set the alarm for what is due next."""
        self.commit()
        for connection in self.connections:
            connection.acknowledge()
        while self._touched:
            self.pump(self._touched.pop())
        self.commit()  # what was received and deleted, or expired on the way out
        for connection in list(self.connections):
            connection.write()
        self._set_alarm()

    def pump(self, queue: Queue) -> None:
        """Deliver while there are messages, and consumers with credit; one message each, in turn."""
        consumers = self.consumers[queue]
        while queue.has_ready:
            able = [link for link in consumers if link.credit > 0 and link.session.remote_window > 0]
            if not able:
                return
            for link in able:
                message = queue.take(lock=not link.presettled)
                if message is None:
                    return
                consumers.remove(link)
                consumers.append(link)
                link.session.connection.deliver(link, message)

    def _set_alarm(self) -> None:
        due = [at for at in (queue.next_due() for queue in self._queues.values()) if at is not None]
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if due:
            delay = max(0.0, (min(due) - now_ms()) / 1000) + 0.001
            self._alarm = asyncio.get_running_loop().call_later(delay, self._tick)

    def _tick(self) -> None:
        self._alarm = None
        for queue in self._queues.values():
            queue.tick()
            self.touched(queue)
        self.flush()

    async def serve(self, port: int) -> asyncio.Server:
        """Listen on 127.0.0.1."""
        server = await asyncio.get_running_loop().create_server(lambda: Connection(self), "127.0.0.1", port)
        self._tick()
        return server

    def close(self) -> None:
        """Commit, and close every connection."""
        if self._alarm is not None:
            self._alarm.cancel()
        self.flush()
        if self._alarm is not None:
            self._alarm.cancel()
        self._store.close()
