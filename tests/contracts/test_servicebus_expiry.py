"""Time to live: the message's, the queue's, the shorter of both; and where what has expired goes."""

from datetime import timedelta

import pytest
from azure.servicebus import ServiceBusMessage
from azure.servicebus.exceptions import ServiceBusError

from tests.contracts.servicebus_broker import (
    Bus,
    bus_fixture,  # noqa: F401 - a fixture
    eventually,
)

SHORT = timedelta(seconds=1)


def test_the_queues_time_to_live_ends_in_its_dead_letter_queue(bus: Bus) -> None:
    orders = bus.queue("short-life")
    orders.send(ServiceBusMessage("stale", time_to_live=timedelta(days=1)))  # the shorter one counts
    dead = orders.receive_dead()
    assert (str(dead), dead.dead_letter_reason) == ("stale", "TTLExpiredException")
    assert orders.bodies() == []
    orders.dead_letters.complete_message(dead)


def test_without_dead_lettering_it_is_gone(bus: Bus) -> None:
    orders = bus.queue("forgetful")
    orders.send("stale")
    eventually(lambda: orders.bodies() == [], what="the message has expired")
    assert orders.dead_bodies() == []


def test_the_messages_own_time_to_live(bus: Bus) -> None:
    orders = bus.queue("plain")
    orders.send(ServiceBusMessage("short", time_to_live=SHORT), ServiceBusMessage("long"))
    eventually(lambda: orders.bodies() == ["long"], what="the message has expired")
    orders.complete("long")


def test_the_time_to_live_is_told_to_the_consumer(bus: Bus) -> None:
    orders = bus.queue("plain")
    orders.send(ServiceBusMessage("timed", time_to_live=timedelta(hours=1)))
    message = orders.receive()
    assert message.time_to_live == timedelta(hours=1)
    assert message.expires_at_utc is not None
    assert message.enqueued_time_utc is not None
    assert message.expires_at_utc - message.enqueued_time_utc == timedelta(hours=1)
    orders.receiver.complete_message(message)


def test_who_holds_a_message_may_finish_it(bus: Bus) -> None:
    orders = bus.queue("short-life").open()
    orders.send("held")
    held = orders.receive()
    orders.send("clock")
    assert str(orders.receive_dead()) == "clock"  # so the held one, which is older, has expired too
    orders.receiver.complete_message(held)
    assert orders.bodies() == []
    assert orders.dead_bodies() == ["clock"]


def test_an_expired_message_that_is_given_back_goes(bus: Bus) -> None:
    orders = bus.queue("short-life").open()
    orders.send("held")
    held = orders.receive()
    orders.send("clock")
    orders.dead_letters.complete_message(orders.receive_dead())
    orders.receiver.abandon_message(held)
    dead = orders.receive_dead()
    assert (str(dead), dead.dead_letter_reason) == ("held", "TTLExpiredException")
    orders.dead_letters.complete_message(dead)


def test_a_scheduled_message_lives_from_when_it_is_enqueued(bus: Bus) -> None:
    orders = bus.queue("plain")
    number = orders.schedule(ServiceBusMessage("later", time_to_live=SHORT), 3600)
    orders.send(ServiceBusMessage("clock", time_to_live=SHORT))
    eventually(lambda: orders.bodies() == ["later"], what="the other message has expired")
    orders.sender.cancel_scheduled_messages(number)


def test_a_deferred_message_expires_when_somebody_asks_for_it(bus: Bus) -> None:
    orders = bus.queue("deferred-life").open()
    orders.send(ServiceBusMessage("aside", time_to_live=SHORT))
    message = orders.receive()
    orders.receiver.defer_message(message)
    orders.send(ServiceBusMessage("clock", time_to_live=SHORT))
    clock = orders.receive_dead()
    assert str(clock) == "clock"
    assert orders.bodies() == ["aside"]
    with bus.client.get_queue_receiver(orders.queue) as receiver, pytest.raises(ServiceBusError, match="deferred"):
        receiver.receive_deferred_messages(message.sequence_number or 0)
    dead = orders.receive_dead()
    assert (str(dead), dead.dead_letter_reason) == ("aside", "TTLExpiredException")
    for each in (clock, dead):
        orders.dead_letters.complete_message(each)


def test_nothing_expires_in_a_dead_letter_queue(bus: Bus) -> None:
    orders = bus.queue("short-life")
    orders.send("first")
    first = orders.receive_dead()
    orders.send("second")
    eventually(lambda: orders.dead_bodies() == ["first", "second"], what="both are dead letters")
    orders.dead_letters.abandon_message(first)
    for text in ("first", "second"):
        dead = orders.receive_dead()
        assert str(dead) == text
        orders.dead_letters.complete_message(dead)
