"""Sending: alone, in batches, on a schedule, and up to the limits."""

import asyncio
from datetime import UTC, datetime

import pytest
from azure.servicebus import ServiceBusMessage, ServiceBusMessageState
from azure.servicebus.aio import ServiceBusClient as AsyncClient
from azure.servicebus.exceptions import (
    MessageSizeExceededError,
    MessagingEntityNotFoundError,
    ServiceBusConnectionError,
    ServiceBusError,
)

from tests.contracts.servicebus_broker import (
    DEADLINE,
    TLS,
    Bus,
    bus_fixture,  # noqa: F401 - a fixture
    receive_all,
)

LIMIT = 256 * 1024


def test_a_batch_arrives_in_order(bus: Bus) -> None:
    orders = bus.queue("plain")
    batch = orders.sender.create_message_batch()
    for n in range(100):
        batch.add_message(ServiceBusMessage(str(n)))
    orders.sender.send_messages(batch)
    received = receive_all(orders.receiver, 100)
    assert [str(each) for each in received] == [str(n) for n in range(100)]
    numbers = [each.sequence_number or 0 for each in received]
    assert numbers == sorted(set(numbers))
    for each in received:
        orders.receiver.complete_message(each)


def test_a_thousand_messages_there_and_back(bus: Bus) -> None:
    orders = bus.queue("plain")
    for start in range(0, 1000, 250):
        orders.send(*(str(n) for n in range(start, start + 250)))
    seen: list[str] = []
    while len(seen) < 1000:
        received = orders.receiver.receive_messages(max_message_count=250, max_wait_time=DEADLINE)
        assert received, f"only {len(seen)} messages came"
        for each in received:
            seen.append(str(each))
            orders.receiver.complete_message(each)
    assert seen == [str(n) for n in range(1000)]
    assert orders.bodies() == []


def test_a_message_says_when_it_was_enqueued(bus: Bus) -> None:
    orders = bus.queue("plain")
    before = datetime.now(UTC)
    orders.send("now")
    after = datetime.now(UTC)
    message = orders.receive()
    assert message.enqueued_time_utc is not None
    millisecond = 0.001
    assert (before - message.enqueued_time_utc).total_seconds() < millisecond
    assert message.enqueued_time_utc <= after
    assert message.state == ServiceBusMessageState.ACTIVE
    orders.receiver.complete_message(message)


def test_a_message_of_200_kb_is_fine(bus: Bus) -> None:
    orders = bus.queue("plain")
    body = bytes(range(256)) * 800
    orders.send(ServiceBusMessage(body))
    message = orders.receive()
    assert b"".join(message.body) == body
    orders.receiver.complete_message(message)


def test_a_message_above_256_kb_is_refused_and_the_link_goes_on(bus: Bus) -> None:
    orders = bus.queue("plain")
    with pytest.raises(MessageSizeExceededError):
        orders.sender.send_messages(ServiceBusMessage(b"x" * LIMIT))
    orders.send("after")
    orders.complete("after")


def test_a_batch_is_full_at_256_kb(bus: Bus) -> None:
    orders = bus.queue("plain")
    batch = orders.sender.create_message_batch()
    assert batch.max_size_in_bytes == LIMIT
    for _ in range(26):
        batch.add_message(ServiceBusMessage(b"x" * 10_000))
    with pytest.raises(MessageSizeExceededError):
        batch.add_message(ServiceBusMessage(b"x" * 10_000))
    orders.sender.send_messages(batch)
    received = receive_all(orders.receiver, 26)
    for each in received:
        orders.receiver.complete_message(each)


def test_scheduled_comes_when_it_is_due_and_goes_to_the_end(bus: Bus) -> None:
    orders = bus.queue("plain")
    scheduled = orders.schedule("later", 1)
    due = datetime.now(UTC).timestamp() + 1
    orders.send("sooner")
    peeked = orders.receiver.peek_messages(max_message_count=10, sequence_number=1)
    assert [(str(each), each.state) for each in peeked] == [
        ("later", ServiceBusMessageState.SCHEDULED),
        ("sooner", ServiceBusMessageState.ACTIVE),
    ]
    orders.complete("sooner")
    message = orders.receive()
    assert str(message) == "later"
    assert datetime.now(UTC).timestamp() >= due - 0.1
    assert message.state == ServiceBusMessageState.ACTIVE
    assert (message.sequence_number or 0) > scheduled + 1  # behind all that came before it was due
    assert message.enqueued_time_utc is not None
    assert message.enqueued_time_utc.timestamp() >= due - 0.1
    orders.receiver.complete_message(message)


def test_a_message_sent_with_a_time_is_scheduled_too(bus: Bus) -> None:
    orders = bus.queue("plain")
    orders.send(ServiceBusMessage("later", scheduled_enqueue_time_utc=datetime.fromtimestamp(4e9, UTC)))
    orders.send(ServiceBusMessage("past", scheduled_enqueue_time_utc=datetime.fromtimestamp(1e9, UTC)))
    [later, _] = orders.receiver.peek_messages(max_message_count=2, sequence_number=1)
    assert later.state == ServiceBusMessageState.SCHEDULED
    assert later.scheduled_enqueue_time_utc == datetime.fromtimestamp(4e9, UTC)
    orders.complete("past")
    assert later.sequence_number is not None
    orders.sender.cancel_scheduled_messages(later.sequence_number)
    assert orders.bodies() == []


def test_a_cancelled_message_never_comes_and_is_cancelled_once(bus: Bus) -> None:
    orders = bus.queue("plain")
    numbers = [orders.schedule(text, 3600) for text in ("one", "two", "three")]
    orders.sender.cancel_scheduled_messages(numbers[0])
    assert orders.bodies() == ["two", "three"]
    with pytest.raises(ServiceBusError, match="scheduled message"):
        orders.sender.cancel_scheduled_messages(numbers)  # all or none
    assert orders.bodies() == ["two", "three"]
    orders.sender.cancel_scheduled_messages(numbers[1:])
    assert orders.bodies() == []


def test_an_unknown_queue_is_not_found(bus: Bus) -> None:
    with bus.client.get_queue_receiver("nowhere") as receiver, pytest.raises(MessagingEntityNotFoundError):
        receiver.receive_messages(max_wait_time=DEADLINE)
    vague = (MessagingEntityNotFoundError, ServiceBusConnectionError)  # what the SDK says is up to chance
    with bus.client.get_queue_sender("nowhere") as sender, pytest.raises(vague):
        sender.send_messages(ServiceBusMessage("lost"))


def test_peeking_into_an_unknown_queue_fails(bus: Bus) -> None:
    with bus.client.get_queue_receiver("nowhere") as receiver, pytest.raises(ServiceBusError, match="nowhere"):
        receiver.peek_messages()


def test_a_session_is_refused(bus: Bus) -> None:
    orders = bus.queue("plain")
    receiver = bus.client.get_queue_receiver(orders.queue, session_id="one")
    with pytest.raises(ServiceBusError, match="session"), receiver:
        receiver.receive_messages(max_wait_time=DEADLINE)


def test_queue_names_are_the_same_in_any_case(bus: Bus) -> None:
    exact = bus.queue("Mixed.Case/Name")
    for name in (exact.queue.upper(), exact.queue.lower()):
        with bus.client.get_queue_sender(name) as sender:
            sender.send_messages(ServiceBusMessage(name))
    exact.complete(exact.queue.upper(), exact.queue.lower())


def test_asynchronously_too(bus: Bus) -> None:
    orders = bus.queue("plain")

    async def there_and_back() -> list[str]:
        connection = bus.broker.connection_string
        async with AsyncClient.from_connection_string(connection, ssl_context=TLS) as client:
            async with client.get_queue_sender(orders.queue) as sender:
                await sender.send_messages([ServiceBusMessage(text) for text in "abc"])
                [number] = await sender.schedule_messages(ServiceBusMessage("d"), datetime.now(UTC))
            async with client.get_queue_receiver(orders.queue) as receiver:
                seen: list[str] = []
                while len(seen) < 4:
                    for each in await receiver.receive_messages(max_message_count=4, max_wait_time=DEADLINE):
                        await receiver.renew_message_lock(each)
                        await receiver.complete_message(each)
                        seen.append(str(each))
                assert await receiver.peek_messages(sequence_number=number) == []
                return seen

    assert asyncio.run(there_and_back()) == ["a", "b", "c", "d"]
