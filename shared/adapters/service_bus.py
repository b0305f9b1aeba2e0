"""The queues, through azure-servicebus. A sender a queue, made once: closing one takes up to a second."""

import threading
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from shared.adapters import entra
from shared.domain.commands import Command, Queue
from shared.domain.trace import traceparent
from shared.errors import Poison, Unreachable
from shared.ports import ParkedMessage
from shared.wire.documents import encode_command

if TYPE_CHECKING:
    from azure.servicebus import ServiceBusClient, ServiceBusMessage, ServiceBusSender

CONTENT_TYPE = "application/json"


class ServiceBusOutbox:
    """Outbox. The client is not thread-safe, so one send at a time; a client that failed is thrown away."""

    def __init__(self, connect: "Callable[[], ServiceBusClient]", queue_name: Callable[[Queue], str]) -> None:
        self._connect = connect
        self._queue_name = queue_name
        self._lock = threading.Lock()
        self._client: ServiceBusClient | None = None
        self._senders: dict[Queue, ServiceBusSender] = {}

    def send(self, commands: Sequence[Command]) -> None:
        from azure.servicebus import ServiceBusMessage

        for queue, group in groupby(sorted(commands, key=lambda each: each.queue), key=lambda each: each.queue):
            messages = [
                ServiceBusMessage(
                    encode_command(command),
                    message_id=command.message_id,
                    correlation_id=command.story or None,
                    content_type=CONTENT_TYPE,
                    subject=command.kind,
                    application_properties=_context(command.story),
                )
                for command in group
            ]
            self._send(queue, messages)

    def resend(self, message: ParkedMessage, *, message_id: str) -> None:
        from azure.servicebus import ServiceBusMessage

        try:
            queue = Queue(message.queue)
        except ValueError:
            raise Poison(f"{message.queue} is no queue of ours: send the event again at its source") from None
        again = ServiceBusMessage(
            message.body,
            message_id=message_id,
            correlation_id=message.correlation_id or None,
            content_type=CONTENT_TYPE,
            application_properties=_context(message.correlation_id),
        )
        self._send(queue, [again])

    def _send(self, queue: Queue, messages: "Sequence[ServiceBusMessage]") -> None:
        from azure.servicebus.exceptions import MessageSizeExceededError, ServiceBusError

        with self._lock:
            try:
                sender = self._sender(queue)
                batch = sender.create_message_batch()
                for message in messages:
                    try:
                        batch.add_message(message)
                    except MessageSizeExceededError:  # full: a list that exceeds one batch would be refused whole
                        sender.send_messages(batch)
                        batch = sender.create_message_batch()
                        batch.add_message(message)
                sender.send_messages(batch)
            except MessageSizeExceededError as error:
                raise Poison(f"a message for {queue} is larger than the queue takes: {error}") from error
            except (ServiceBusError, OSError, ValueError) as error:
                self._throw_away()
                raise Unreachable(f"queue {self._queue_name(queue)} of the Service Bus: {error}") from error

    def _sender(self, queue: Queue) -> "ServiceBusSender":
        if self._client is None:
            self._client = self._connect()
        if queue not in self._senders:
            self._senders[queue] = self._client.get_queue_sender(self._queue_name(queue))
        return self._senders[queue]

    def _throw_away(self) -> None:
        client, self._client = self._client, None
        self._senders = {}
        if client is not None:
            threading.Thread(target=client.close, daemon=True).start()


def _context(story: str) -> dict[str | bytes, Any] | None:
    """W3C Trace Context, under the names that the Functions host and the Azure SDKs read: the story is the parent of
    what a message brings about.
    """
    return {"Diagnostic-Id": traceparent(story), "traceparent": traceparent(story)} if story else None


def from_connection_string(connection_string: str) -> "ServiceBusClient":
    """A client for the local broker, or for a namespace with keys."""
    from azure.servicebus import ServiceBusClient

    return ServiceBusClient.from_connection_string(
        connection_string, retry_total=2, retry_backoff_factor=0.2, retry_backoff_max=1
    )


def from_namespace(namespace: str) -> "ServiceBusClient":
    """A client for a namespace in Azure, with the managed identity."""
    from azure.servicebus import ServiceBusClient

    return ServiceBusClient(namespace, entra.credential(), retry_total=2)
