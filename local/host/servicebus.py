"""Service Bus triggers: peek-lock, one receiver per slot, on the unmodified azure-servicebus SDK.

A function that ends well completes its message; an exception abandons it at once, and the broker counts and, in the
end, dead-letters. While a function runs its lock is renewed at half of what is left of it. A broker that is away, or
restarts, is said once; every slot then comes back by itself.
"""

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from azure.servicebus import ServiceBusReceivedMessage, ServiceBusSubQueue
from azure.servicebus.aio import ServiceBusClient, ServiceBusReceiver
from azure.servicebus.exceptions import (
    MessageLockLostError,
    MessagingEntityNotFoundError,
    OperationTimeoutError,
    ServiceBusCommunicationError,
    ServiceBusConnectionError,
    ServiceBusError,
)

from local.host import payloads
from local.host.functions import Function
from local.host.invocations import Invocations
from local.host.logs import logger
from local.host.reachability import Reachability

DEAD_LETTER_SUFFIX = "/$deadletterqueue"
LONG_POLL = 60.0
RENEW_AT_LEAST_EVERY = 0.1


@dataclass(frozen=True, kw_only=True)
class Queue:
    """Where a function's messages come from."""

    connection: str
    name: str
    sub_queue: ServiceBusSubQueue | None = None

    def __str__(self) -> str:
        """Name the queue as the binding does."""
        return self.name + (DEAD_LETTER_SUFFIX if self.sub_queue else "")


def queue_of(connection: str, name: str) -> Queue:
    """Read a binding's queue name: ``orders/$deadletterqueue`` is the dead-letter queue of ``orders``."""
    if name.lower().endswith(DEAD_LETTER_SUFFIX):
        dead_letters = ServiceBusSubQueue.DEAD_LETTER
        return Queue(connection=connection, name=name[: -len(DEAD_LETTER_SUFFIX)], sub_queue=dead_letters)
    return Queue(connection=connection, name=name)


@dataclass(frozen=True, kw_only=True)
class Source:
    """A queue with the client that opens it; all slots of a function share it, all queues of a broker its reach."""

    queue: Queue
    client: ServiceBusClient
    broker: Reachability
    entity: Reachability


class Slot:
    """One receiver of one function, working on one message at a time."""

    def __init__(
        self, function: Function, source: Source, *, invocations: Invocations, lock_renewal: timedelta
    ) -> None:
        self._function = function
        self._source = source
        self._invocations = invocations
        self._lock_renewal = lock_renewal
        self._stopping = False
        self._working = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to receive."""
        self._task = asyncio.create_task(self._receive_for_ever())

    async def stop(self, grace: float) -> None:
        """Take no more messages; let a running function finish, but after `grace` seconds abandon its message."""
        self._stopping = True
        if self._task is None:
            return
        if self._working:
            await asyncio.wait({self._task}, timeout=grace)
        self._task.cancel()
        await asyncio.wait({self._task}, timeout=2)

    async def _receive_for_ever(self) -> None:
        while not self._stopping:
            await self._source.broker.wait_for_turn()
            await self._source.entity.wait_for_turn()
            try:
                await self._receive()
            except MessagingEntityNotFoundError:
                self._source.entity.lost("the broker has no such queue")
            except (ServiceBusConnectionError, ServiceBusCommunicationError, OperationTimeoutError, OSError) as error:
                self._source.broker.lost(_first_line(error))
            except Exception as error:  # noqa: BLE001  # whatever else a receiver raises, its slot must come back
                self._source.entity.lost(_first_line(error))

    async def _receive(self) -> None:
        """Open a receiver and work through messages until the broker is lost."""
        queue = self._source.queue
        async with self._source.client.get_queue_receiver(queue.name, sub_queue=queue.sub_queue) as receiver:
            self._source.broker.found()
            while not self._stopping:
                messages = await receiver.receive_messages(max_message_count=1, max_wait_time=LONG_POLL)
                self._source.entity.found()  # only now: a link to a missing queue opens, and is closed a moment later
                for message in messages:
                    self._working = True
                    try:
                        await self._deliver(receiver, message)
                    finally:
                        self._working = False

    async def _deliver(self, receiver: ServiceBusReceiver, message: ServiceBusReceivedMessage) -> None:
        call = asyncio.create_task(self._invocations.run(self._function, payload_of(message)))
        try:
            await self._renew_while_running(receiver, message, call)
            outcome = call.result()
        except asyncio.CancelledError:
            logger.warning("%s still runs at the end of the grace period: message released", self._function.name)
            await asyncio.wait_for(receiver.abandon_message(message), 1)
            raise
        settle = receiver.complete_message if outcome.succeeded else receiver.abandon_message
        try:
            await settle(message)
        except MessageLockLostError:
            logger.warning(
                "%s: message %s took longer than its lock and will come again", self._function.name, message.message_id
            )
        except (ServiceBusError, ValueError) as error:
            logger.warning(
                "%s: message %s was not settled and will come again: %s",
                self._function.name,
                message.message_id,
                _first_line(error),
            )
            raise

    async def _renew_while_running[T](
        self, receiver: ServiceBusReceiver, message: ServiceBusReceivedMessage, call: asyncio.Task[T]
    ) -> None:
        end = datetime.now(UTC) + self._lock_renewal
        while not call.done():
            locked_until = message.locked_until_utc or end
            left = (locked_until - datetime.now(UTC)).total_seconds()
            renewable = left > 0 and datetime.now(UTC) < end
            await asyncio.wait({call}, timeout=max(left / 2, RENEW_AT_LEAST_EVERY) if renewable else None)
            if call.done() or not renewable:
                continue
            try:
                await receiver.renew_message_lock(message)
            except (ServiceBusError, ValueError) as error:
                logger.warning("%s: lock not renewed: %s", self._function.name, _first_line(error))
                await asyncio.wait({call})


class Dispatcher:
    """All slots of all functions with a Service Bus trigger.

    The SDK cannot share a connection between receivers, so each slot has its own; a client only holds their settings.
    """

    def __init__(
        self, queues: Mapping[str, Queue], *, invocations: Invocations, slots: int, lock_renewal: timedelta
    ) -> None:
        tls = ssl.create_default_context()  # made once: the SDK would read all certificates for each connection
        connections = {each.connection for each in queues.values()}
        clients = {
            each: ServiceBusClient.from_connection_string(each, retry_total=0, ssl_context=tls) for each in connections
        }
        brokers = {each: Reachability(f"Service Bus {endpoint(each)}") for each in connections}
        self._slots: list[Slot] = []
        for name, queue in queues.items():
            source = Source(
                queue=queue,
                client=clients[queue.connection],
                broker=brokers[queue.connection],
                entity=Reachability(f"queue {queue}"),
            )
            function = invocations.functions[name]
            self._slots += [
                Slot(function, source, invocations=invocations, lock_renewal=lock_renewal) for _ in range(slots)
            ]

    def start(self) -> None:
        """Start every receiver, without waiting for the broker."""
        for slot in self._slots:
            slot.start()

    async def stop(self, grace: float) -> None:
        """Stop every slot, all at the same time."""
        await asyncio.gather(*(slot.stop(grace) for slot in self._slots))


def payload_of(message: ServiceBusReceivedMessage) -> payloads.Payload:
    """Translate a received message into what the host hands over; its delivery count starts at 1, the SDK's at 0."""
    properties = {_text(key): _plain(value) for key, value in (message.application_properties or {}).items()}
    return payloads.service_bus(
        b"".join(message.body),
        message_id=message.message_id,
        delivery_count=(message.delivery_count or 0) + 1,
        sequence_number=message.sequence_number or 0,
        lock_token=str(message.lock_token),
        correlation_id=message.correlation_id,
        subject=message.subject,
        content_type=message.content_type,
        session_id=message.session_id,
        partition_key=message.partition_key,
        to=message.to,
        reply_to=message.reply_to,
        reply_to_session_id=message.reply_to_session_id,
        application_properties=properties,
        enqueued_at=message.enqueued_time_utc,
        expires_at=message.expires_at_utc,
        dead_letter_source=message.dead_letter_source,
    )


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _plain(value: object) -> object:
    """The SDK leaves AMQP strings as bytes; .NET hands over text."""
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def endpoint(connection: str) -> str:
    """Take the address out of a connection string, which also holds a key."""
    fields = dict(part.split("=", 1) for part in connection.split(";") if "=" in part)
    return fields.get("Endpoint", "without an Endpoint")


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
