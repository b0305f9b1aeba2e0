"""Duplicate detection: by message id, within the window, and in nobody's way otherwise."""

import uuid

from azure.servicebus import ServiceBusMessage

from local.servicebus import frames as fr
from local.servicebus.messages import DATA, PROPERTIES, section
from tests.contracts.servicebus_broker import (
    Bus,
    Wire,
    bus_fixture,  # noqa: F401 - a fixture
    eventually,
)


def with_id(message_id: str, body: str = "same") -> ServiceBusMessage:
    """A message with that id."""
    return ServiceBusMessage(body, message_id=message_id)


def test_the_same_id_is_accepted_and_dropped(bus: Bus) -> None:
    orders, one = bus.queue("once"), uuid.uuid4().hex
    orders.send(with_id(one, "first"))
    orders.send(with_id(one, "second"))
    assert orders.bodies() == ["first"]
    orders.complete("first")
    orders.send(with_id(one, "third"))  # also when the first is gone
    assert orders.bodies() == []


def test_within_a_batch_too(bus: Bus) -> None:
    orders, one, two = bus.queue("once"), uuid.uuid4().hex, uuid.uuid4().hex
    orders.send(with_id(one, "1"), with_id(two, "2"), with_id(one, "3"), with_id(two, "4"))
    orders.complete("1", "2")
    assert orders.bodies() == []


def test_a_scheduled_message_counts_from_when_it_is_sent(bus: Bus) -> None:
    orders, one = bus.queue("once"), uuid.uuid4().hex
    number = orders.schedule(with_id(one, "scheduled"), 3600)
    orders.send(with_id(one, "now"))
    assert orders.bodies() == ["scheduled"]
    orders.sender.cancel_scheduled_messages(number)


def test_after_the_window_the_id_is_new(bus: Bus) -> None:
    orders, one = bus.queue("once-a-second"), uuid.uuid4().hex
    orders.send(with_id(one))

    def comes_again() -> bool:
        orders.send(with_id(one))
        return len(orders.bodies()) == 2

    assert not comes_again()
    eventually(comes_again, what="the window is over")
    orders.complete("same", "same")


def test_the_window_is_not_prolonged_by_repeats(bus: Bus) -> None:
    orders, one = bus.queue("once-a-second"), uuid.uuid4().hex

    def taken() -> int:
        orders.send(with_id(one))
        return len(orders.bodies())

    eventually(lambda: taken() == 2, what="repeats every moment do not keep the window open", within=10)
    orders.complete("same", "same")


def test_without_ids_nothing_is_a_duplicate(bus: Bus) -> None:
    orders = bus.queue("once")
    orders.send(*("same" for _ in range(3)))
    orders.complete("same", "same", "same")


def test_another_queue_has_its_own_history(bus: Bus) -> None:
    one = uuid.uuid4().hex
    orders, others, careless = bus.queue("once"), bus.queue("once"), bus.queue("plain")
    orders.send(with_id(one))
    others.send(with_id(one))
    careless.send(with_id(one))
    careless.send(with_id(one))
    orders.complete("same")
    others.complete("same")
    careless.complete("same", "same")


def test_an_id_has_128_characters_at_most(bus: Bus) -> None:
    orders = bus.queue("once")
    longest = uuid.uuid4().hex * 4
    orders.send(with_id(longest, "taken"))
    with Wire(bus.broker.port).open() as wire:  # the SDK would refuse it itself
        wire.attach_sender(orders.queue)
        wire.transfer(0, 0, section(PROPERTIES, [longest + "x"]) + section(DATA, b"too long"))
        state = wire.expect(fr.DISPOSITION).value(4)
        assert state.descriptor == fr.REJECTED
        assert state.value[0].value[0] == "com.microsoft:argument-error"
    orders.complete("taken")
    assert orders.bodies() == []
