"""Peek-lock and receive-and-delete: what becomes of a message by how it is settled, or is not."""

from datetime import UTC, datetime, timedelta

import pytest
from azure.servicebus import ServiceBusMessage, ServiceBusReceiveMode
from azure.servicebus.exceptions import MessageLockLostError, ServiceBusError

from local.servicebus import frames as fr
from local.servicebus.amqp_types import UInt
from tests.contracts.servicebus_broker import (
    DEAD_LETTER,
    DEADLINE,
    Bus,
    Wire,
    bus_fixture,  # noqa: F401 - a fixture
    eventually,
    receive_all,
    receive_one,
)


def test_completed_is_gone(bus: Bus) -> None:
    orders = bus.queue("plain")
    orders.send("first", "second")
    orders.complete("first", "second")
    assert orders.bodies() == []


def test_locked_is_given_to_nobody_else(bus: Bus) -> None:
    orders = bus.queue("plain")
    orders.send("held", "free")
    held = orders.receive()
    with bus.client.get_queue_receiver(orders.queue) as other:
        message = receive_one(other)
        assert str(message) == "free"
        assert other.receive_messages(max_wait_time=0.3) == []
        other.complete_message(message)
    orders.receiver.complete_message(held)


def test_abandoned_comes_again_at_once_in_its_old_place(bus: Bus) -> None:
    orders = bus.queue("plain")
    orders.send("first", "second")
    message = orders.receive()
    assert message.delivery_count == 0
    orders.receiver.abandon_message(message)
    again = orders.receive()
    assert (str(again), again.delivery_count, again.sequence_number) == ("first", 1, message.sequence_number)
    orders.receiver.complete_message(again)
    orders.complete("second")


def test_deferred_is_received_by_its_number_only(bus: Bus) -> None:
    orders = bus.queue("plain")
    orders.send("aside", "next")
    message = orders.receive()
    number = message.sequence_number
    assert number is not None
    orders.receiver.defer_message(message)
    orders.complete("next")
    [deferred] = orders.receiver.receive_deferred_messages(number)
    assert (str(deferred), deferred.sequence_number) == ("aside", number)
    with pytest.raises(ServiceBusError, match=r"no deferred message"):
        orders.receiver.receive_deferred_messages(number)  # it is locked now
    orders.receiver.complete_message(deferred)
    assert orders.bodies() == []


def test_a_deferred_message_that_is_abandoned_stays_deferred(bus: Bus) -> None:
    orders = bus.queue("plain")
    orders.send("aside")
    message = orders.receive()
    orders.receiver.defer_message(message)
    [deferred] = orders.receiver.receive_deferred_messages(message.sequence_number)  # type: ignore[arg-type]  # it has one
    orders.receiver.abandon_message(deferred)
    [again] = orders.receiver.receive_deferred_messages(message.sequence_number)  # type: ignore[arg-type]  # it has one
    assert again.delivery_count == 1
    orders.receiver.complete_message(again)


def test_dead_lettered_with_reason_description_and_source(bus: Bus) -> None:
    orders = bus.queue("plain")
    orders.send(ServiceBusMessage("bad", application_properties={"kept": 7}, message_id="the-id"))
    orders.receiver.dead_letter_message(orders.receive(), reason="Unreadable", error_description="no JSON: é")
    dead = orders.receive_dead()
    assert (str(dead), dead.message_id) == ("bad", "the-id")
    assert (dead.dead_letter_reason, dead.dead_letter_error_description) == ("Unreadable", "no JSON: é")
    assert dead.dead_letter_source == orders.queue
    assert dead.application_properties is not None
    assert dead.application_properties[b"kept"] == 7
    assert orders.bodies() == []
    orders.dead_letters.complete_message(dead)
    assert orders.dead_bodies() == []


def test_dead_lettered_without_a_reason(bus: Bus) -> None:
    orders = bus.queue("plain")
    orders.send("bad")
    orders.receiver.dead_letter_message(orders.receive())
    dead = orders.receive_dead()
    assert (dead.dead_letter_reason, dead.dead_letter_error_description) == (None, None)
    orders.dead_letters.complete_message(dead)


def test_a_dead_letter_is_not_counted_out(bus: Bus) -> None:
    orders = bus.queue("three-tries")
    orders.send("bad")
    orders.receiver.dead_letter_message(orders.receive())
    for _ in range(4):
        orders.dead_letters.abandon_message(orders.receive_dead())
    dead = orders.receive_dead()
    assert dead.delivery_count == 4
    orders.dead_letters.renew_message_lock(dead)
    orders.dead_letters.complete_message(dead)


def test_a_dead_letter_is_not_dead_lettered_again(bus: Bus) -> None:
    orders = bus.queue("short-lock")
    orders.send("bad")
    orders.receiver.dead_letter_message(orders.receive(), reason="first")
    with bus.client.get_queue_receiver(orders.queue, sub_queue=DEAD_LETTER) as receiver:
        dead = receive_one(receiver)
        with pytest.raises(ServiceBusError, match="cannot be dead-lettered"):
            receiver.dead_letter_message(dead, reason="second")
    dead = orders.receive_dead()
    assert dead.dead_letter_reason == "first"
    orders.dead_letters.complete_message(dead)


def test_too_many_deliveries_end_in_the_dead_letter_queue(bus: Bus) -> None:
    orders = bus.queue("three-tries")
    orders.send("poison")
    for count in range(3):
        message = orders.receive()
        assert message.delivery_count == count
        orders.receiver.abandon_message(message)
    dead = orders.receive_dead()
    assert dead.dead_letter_reason == "MaxDeliveryCountExceeded"
    assert dead.dead_letter_error_description == "Message could not be consumed after 3 delivery attempts."
    assert dead.delivery_count == 3
    orders.dead_letters.complete_message(dead)
    assert orders.bodies() == []


def test_a_lock_that_runs_out_counts_and_the_message_comes_again(bus: Bus) -> None:
    orders = bus.queue("short-lock")
    orders.send("slow")
    late = orders.receive()
    again = orders.receive()  # waits until the lock has run out
    assert (str(again), again.delivery_count) == ("slow", 1)
    for settle in (orders.receiver.complete_message, orders.receiver.abandon_message):
        with pytest.raises(MessageLockLostError):
            settle(late)
    orders.receiver.complete_message(again)
    assert orders.bodies() == []


def test_the_broker_refuses_to_settle_after_the_lock_ran_out(bus: Bus) -> None:
    orders = bus.queue("short-lock")
    orders.send("slow")
    with Wire(bus.broker.port).open() as wire:  # the SDK would look at its clock, and not ask
        wire.attach_receiver(orders.queue, credit=1)
        number = wire.expect(fr.TRANSFER).number(1)
        again = orders.receive()
        wire.say(fr.DISPOSITION, True, UInt(number), UInt(number), False, fr.outcome(fr.ACCEPTED))
        answer = wire.expect(fr.DISPOSITION)
        assert (answer.number(1), answer.flag(3)) == (number, True)
        assert answer.value(4).descriptor == fr.REJECTED
        assert answer.value(4).value[0].value[0] == "com.microsoft:message-lock-lost"
    orders.receiver.complete_message(again)


def test_a_lost_lock_cannot_be_renewed(bus: Bus) -> None:
    orders = bus.queue("short-lock")
    orders.send("slow")
    late = orders.receive()
    again = orders.receive()
    with pytest.raises(MessageLockLostError):
        orders.receiver.renew_message_lock(late)
    orders.receiver.complete_message(again)


def test_a_lock_that_runs_out_at_the_last_try_dead_letters(bus: Bus) -> None:
    orders = bus.queue("one-try")
    orders.send("slow")
    orders.receive()
    dead = orders.receive_dead()
    assert dead.dead_letter_reason == "MaxDeliveryCountExceeded"
    orders.dead_letters.complete_message(dead)


def test_a_renewed_lock_holds_on(bus: Bus) -> None:
    orders = bus.queue("short-lock")
    orders.send("slow", "next")
    message = orders.receive()
    first_end = message.locked_until_utc
    assert first_end is not None
    while datetime.now(UTC) < first_end + timedelta(seconds=0.5):
        orders.receiver.renew_message_lock(message)
        [other] = orders.receiver.peek_messages(sequence_number=(message.sequence_number or 0) + 1)
        assert str(other) == "next"
    after = orders.receive()
    assert str(after) == "next"
    for each in (message, after):
        orders.receiver.complete_message(each)
    assert orders.bodies() == []


def test_renewing_moves_the_end_of_the_lock(bus: Bus) -> None:
    orders = bus.queue("plain")
    orders.send("long")
    message = orders.receive()
    before = message.locked_until_utc
    eventually(lambda: orders.receiver.renew_message_lock(message) > before, what="a later end of the lock")  # type: ignore[operator]
    assert 55 < (message.locked_until_utc - datetime.now(UTC)).total_seconds() <= 60  # type: ignore[operator]
    orders.receiver.complete_message(message)


def test_receive_and_delete_deletes(bus: Bus) -> None:
    orders = bus.queue("plain")
    orders.send("first", "second", "third")
    mode = ServiceBusReceiveMode.RECEIVE_AND_DELETE
    with bus.client.get_queue_receiver(orders.queue, receive_mode=mode) as taker:
        received = receive_all(taker, 2)
        assert [str(each) for each in received] == ["first", "second"]
        assert received[0].lock_token is None
    assert orders.bodies() == ["third"]
    orders.complete("third")


def test_a_receiver_that_closes_keeps_its_locks_until_they_run_out(bus: Bus) -> None:
    orders = bus.queue("short-lock")
    orders.send("held")
    with bus.client.get_queue_receiver(orders.queue) as leaver:
        held = receive_one(leaver)
    again = orders.receive()
    assert again.delivery_count == 1
    assert datetime.now(UTC) >= held.locked_until_utc  # type: ignore[operator]
    orders.receiver.complete_message(again)


def test_a_consumer_that_dies_gives_its_messages_back_when_the_locks_run_out(bus: Bus) -> None:
    orders = bus.queue("short-lock")
    orders.send("held")
    with Wire(bus.broker.port).open() as wire:
        wire.attach_receiver(orders.queue, credit=1)
        wire.expect(fr.TRANSFER)
    assert bus.broker.counts()[orders.queue]["locked"] == 1
    again = orders.receive()
    assert again.delivery_count == 1
    orders.receiver.complete_message(again)


def test_what_was_prefetched_and_never_looked_at_does_not_count(bus: Bus) -> None:
    orders = bus.queue("plain")
    orders.send(*(str(n) for n in range(10)))
    with bus.client.get_queue_receiver(orders.queue, prefetch_count=10) as hoarder:
        first = receive_one(hoarder)
        eventually(
            lambda: bus.broker.counts()[orders.queue]["locked"] == 10,
            what="all ten messages are prefetched, and locked",
        )
        hoarder.complete_message(first)
    left = receive_all(orders.receiver, 9)
    assert sorted(int(str(each)) for each in left) == list(range(1, 10))
    assert {each.delivery_count for each in left} == {0}
    for each in left:
        orders.receiver.complete_message(each)


def test_waiting_for_a_message_gets_it_as_soon_as_it_is_sent(bus: Bus) -> None:
    orders = bus.queue("plain")
    assert orders.receiver.receive_messages(max_wait_time=0.2) == []
    orders.send("there")
    [message] = orders.receiver.receive_messages(max_wait_time=DEADLINE)
    orders.receiver.complete_message(message)
