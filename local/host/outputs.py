"""Service Bus output bindings: what a function wrote or returned is sent before the call counts as a success."""

import asyncio
import json
from collections.abc import Iterator, Mapping

from azure.servicebus import ServiceBusMessage
from azure.servicebus.aio import ServiceBusClient, ServiceBusSender
from azure.servicebus.exceptions import ServiceBusError

from local.host.functions import Function
from local.host.outcome import Outcome, OutputValue
from local.host.payloads import dotnet_text, looks_like_json
from local.host.settings import connection_string

TEXT, BINARY = "text/plain", "application/octet-stream"


class Outputs:
    """One long-lived sender per queue; each used by one call at a time."""

    def __init__(self, functions: Mapping[str, Function], settings: Mapping[str, str]) -> None:
        self._addresses = {
            (function.name, name): (connection_string(function, binding, settings), str(binding["queueName"]))
            for function in functions.values()
            for name, binding in function.outputs.items()
            if binding["type"] == "serviceBus"
        }
        self._clients: dict[str, ServiceBusClient] = {}
        self._senders: dict[tuple[str, str], ServiceBusSender] = {}
        self._turns: dict[tuple[str, str], asyncio.Lock] = {}

    async def send(self, outcome: Outcome) -> None:
        """Send every output value of a call.

        Raises:
            ServiceBusError: The broker did not take a message; some of the call's messages may have been sent.

        """
        for name, value in outcome.outputs.items():
            address = self._addresses[outcome.function.name, name]
            async with self._turns.setdefault(address, asyncio.Lock()):
                sender = self._sender(address)
                try:
                    for message in messages_of(value):
                        await sender.send_messages(message)
                except ServiceBusError:
                    self._senders.pop(address, None)
                    await sender.close()
                    raise

    async def close(self) -> None:
        """Close every sender."""
        await asyncio.gather(*(each.close() for each in self._senders.values()), return_exceptions=True)
        await asyncio.gather(*(each.close() for each in self._clients.values()), return_exceptions=True)

    def _sender(self, address: tuple[str, str]) -> ServiceBusSender:
        connection, queue = address
        if address not in self._senders:
            if connection not in self._clients:
                self._clients[connection] = ServiceBusClient.from_connection_string(
                    connection, retry_total=2, retry_backoff_factor=0.2
                )
            self._senders[address] = self._clients[connection].get_queue_sender(queue)
        return self._senders[address]


def messages_of(value: OutputValue) -> Iterator[ServiceBusMessage]:
    """Cut an output value into messages as the host does.

    A string that is JSON is read: an array becomes one message per element, and objects are written again, indented.
    Bytes are one message, untouched.
    """
    if isinstance(value, bytes):
        yield ServiceBusMessage(value, content_type=BINARY)
        return
    elements: list[object] = [value]
    if looks_like_json(value):
        parsed = json.loads(value)
        elements = parsed if isinstance(parsed, list) else [parsed]
    for element in elements:
        text = (
            json.dumps(element, indent=2, ensure_ascii=False)
            if isinstance(element, dict | list)
            else dotnet_text(element)
        )
        yield ServiceBusMessage(text, content_type=TEXT)
