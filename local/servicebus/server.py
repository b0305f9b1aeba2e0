"""The broker: its queues, its connections, and the order of things: change, deliver, commit, and only then write."""

import asyncio
import sqlite3
import time
from collections.abc import Sequence

from local.servicebus.connection import Connection
from local.servicebus.errors import QueueError
from local.servicebus.links import Link
from local.servicebus.properties import QueueProperties
from local.servicebus.queue import Queue
from local.servicebus.store import DEAD_LETTER_SUFFIX, Store

LONGEST_SLEEP = 30.0  # seconds; a laptop that slept, or whose clock was set, finds what is due this long after at most


def now_ms() -> int:
    """Milliseconds since 1970-01-01 UTC."""
    return time.time_ns() // 1_000_000


class Broker:
    """All queues of one namespace. Everything happens on one event loop, the one it is made on."""

    def __init__(self, queues: Sequence[QueueProperties], store: Store) -> None:
        self.connections: set[Connection] = set()
        self.speaking: set[Connection] = set()
        """Those that have something to send."""
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done when the broker is asked to stop; with the error, when it cannot go on."""
        self._store = store
        self._queues = {each.name: Queue(each, store, now_ms) for each in queues}
        self._consumers: dict[Queue, list[Link]] = {}
        self._touched: set[Queue] = set()
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_ms = 0
        self._failed = False
        self._store.commit()

    def find(self, path: str) -> Queue:
        """The queue, or dead-letter queue, of that path. Raises QueueError."""
        name = path.lower().strip("/")
        queue = self._queues.get(name.removesuffix(DEAD_LETTER_SUFFIX))
        if queue is not None and name.endswith(DEAD_LETTER_SUFFIX):
            queue = queue.dead_letters
        if queue is None:
            raise QueueError("amqp:not-found", f"The messaging entity '{path:.300}' could not be found.", 404)
        return queue

    def consume(self, queue: Queue, link: Link) -> None:
        """Deliver the queue's messages to the link, as it gives credit."""
        self._consumers.setdefault(queue, []).append(link)

    def leave(self, queue: Queue, link: Link) -> None:
        """Deliver no more to the link."""
        if link in self._consumers.get(queue, []):
            self._consumers[queue].remove(link)

    def touched(self, queue: Queue) -> None:
        """Something changed: perhaps there is something to deliver."""
        self._touched.add(queue)
        if queue.dead_letters is not None:
            self._touched.add(queue.dead_letters)

    def flush(self) -> None:
        """Gather acknowledgements, deliver, commit all that was changed, and only then write."""
        if self._failed:
            return
        try:
            for connection in self.speaking:
                connection.acknowledge()
            while self._touched:
                self.pump(self._touched.pop())
            self._store.commit()
        except sqlite3.Error as error:
            self.fail(error)
            return
        speaking, self.speaking = self.speaking, set()
        for connection in speaking:
            connection.write()
        self._set_alarm()

    def pump(self, queue: Queue) -> None:
        """Deliver while there are messages, and consumers that take them; one message each, in turn."""
        consumers = self._consumers.get(queue, [])
        while queue.has_ready:
            able = [link for link in consumers if link.takes]
            if not able:
                return
            for link in able:
                message = queue.take(lock=not link.presettled)
                if message is None:
                    return
                consumers.remove(link)
                consumers.append(link)
                link.session.deliver(link, message)

    def _set_alarm(self) -> None:
        due = [at for at in (queue.next_due() for queue in self._queues.values()) if at is not None]
        at = min(due, default=0)
        if at == self._alarm_ms:
            return
        self._alarm_ms = at
        if self._alarm is not None:
            self._alarm.cancel()
        if at:
            seconds = min(max(0.0, (at - now_ms()) / 1000) + 0.001, LONGEST_SLEEP)
            self._alarm = asyncio.get_running_loop().call_later(seconds, self._tick)

    def _tick(self) -> None:
        self._alarm_ms = 0
        try:
            for queue in self._queues.values():
                queue.tick()
                self.touched(queue)
        except sqlite3.Error as error:
            self.fail(error)
            return
        self.flush()

    async def serve(self, port: int) -> asyncio.Server:
        """Listen on 127.0.0.1."""
        server = await asyncio.get_running_loop().create_server(lambda: Connection(self), "127.0.0.1", port)
        self._tick()
        return server

    def stop(self) -> None:
        """End as asked."""
        if not self.ended.done():
            self.ended.set_result(None)

    def fail(self, error: Exception) -> None:
        """End at once: what could not be written is acknowledged to nobody, as if the broker had been killed."""
        self._failed = True
        if not self.ended.done():
            self.ended.set_exception(error)
        for connection in list(self.connections):
            connection.abort()

    def close(self) -> None:
        """Tell every connection that the broker stops, as the service does, and close the file."""
        for connection in list(self.connections):
            connection.refuse("amqp:connection:forced", "The broker stops.")
        self.flush()
        if self._alarm is not None:
            self._alarm.cancel()
        self._store.close()
