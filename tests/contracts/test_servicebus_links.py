"""Links on the wire: several consumers, many links on one connection, credit, drain, frames, heartbeats."""

import asyncio
import threading
from collections import Counter

import pytest
from azure.servicebus import ServiceBusMessage
from azure.servicebus.aio import ServiceBusClient as AsyncClient

from local.servicebus import frames as fr
from local.servicebus.amqp_types import Described, UInt, ULong
from local.servicebus.messages import DATA, PROPERTIES, section, sections
from tests.contracts.servicebus_broker import (
    DEADLINE,
    TLS,
    Bus,
    Wire,
    bus_fixture,  # noqa: F401 - a fixture
    receive_all,
)


def message(body: bytes) -> bytes:
    """An encoded message."""
    return section(PROPERTIES, [body[:8].decode()]) + section(DATA, body)


def body_of(payload: bytes) -> bytes:
    """The first data section of a message, without its head."""
    [found] = [each for each in sections(payload) if each.code == DATA]
    return payload[found.value + 5 if payload[found.value] == 0xB0 else found.value + 2 : found.end]


def test_competing_consumers_share_the_messages_and_each_goes_to_one(bus: Bus) -> None:
    orders = bus.queue("plain")
    seen: list[Counter[str]] = [Counter() for _ in range(4)]

    async def consume(mine: Counter[str]) -> None:
        async with (
            AsyncClient.from_connection_string(bus.broker.connection_string, ssl_context=TLS) as client,
            client.get_queue_receiver(orders.queue) as receiver,
        ):
            while sum(each.total() for each in seen) < 200:
                for each in await receiver.receive_messages(max_message_count=5, max_wait_time=0.5):
                    mine[str(each)] += 1
                    await receiver.complete_message(each)

    async def together() -> None:
        await asyncio.wait_for(asyncio.gather(*map(consume, seen)), DEADLINE)

    orders.send(*(str(n) for n in range(200)))
    asyncio.run(together())
    assert sum(seen, Counter()) == Counter(str(n) for n in range(200))
    assert all(seen), "each consumer gets some"
    assert orders.bodies() == []


def test_prefetched_messages_are_there_without_asking(bus: Bus) -> None:
    orders = bus.queue("plain")
    orders.send(*(str(n) for n in range(20)))
    with bus.client.get_queue_receiver(orders.queue, prefetch_count=20) as receiver:
        received = receive_all(receiver, 20)
        assert [str(each) for each in received] == [str(n) for n in range(20)]
        for each in received:
            receiver.complete_message(each)
    assert orders.bodies() == []


def test_no_more_than_the_credit(bus: Bus) -> None:
    orders = bus.queue("plain")
    orders.send(*"abcd")
    with Wire(bus.broker.port).open() as wire:
        wire.attach_receiver(orders.queue, credit=2)
        assert [body_of(wire.expect(fr.TRANSFER).payload) for _ in range(2)] == [b"a", b"b"]
        wire.flow(0, 0, delivery_count=1, drain=True)  # said before the second was read: less than none is left
        answer = wire.hear()
        assert answer is not None
        assert (answer.code, answer.number(5), answer.number(6)) == (fr.FLOW, 2, 0)
        wire.flow(0, 5, delivery_count=2)
        assert [body_of(wire.expect(fr.TRANSFER).payload) for _ in range(2)] == [b"c", b"d"]
        wire.say(fr.DISPOSITION, True, UInt(0), UInt(3), True, fr.outcome(fr.ACCEPTED))
        wire.say(fr.CLOSE)
        wire.expect(fr.CLOSE)
    assert orders.bodies() == []


def test_drain_gives_unused_credit_back_whatever_its_size(bus: Bus) -> None:
    orders = bus.queue("plain")
    orders.send("only")
    with Wire(bus.broker.port).open() as wire:
        wire.attach_receiver(orders.queue)
        given, count = (1 << 31) - 1, 0
        for _ in range(4):  # the count wraps around
            wire.flow(0, given, delivery_count=count, drain=True)
            answer = wire.expect(fr.FLOW)
            count = (count + given) & 0xFFFFFFFF
            assert (answer.number(5), answer.number(6), answer.flag(8)) == (count, 0, True)
        orders.send("another")
        wire.flow(0, 1, delivery_count=count)
        assert body_of(wire.expect(fr.TRANSFER).payload) == b"another"
        wire.say(fr.DISPOSITION, True, UInt(0), UInt(1), True, fr.outcome(fr.ACCEPTED))
        wire.say(fr.CLOSE)
        wire.expect(fr.CLOSE)
    assert orders.bodies() == []


def test_a_large_message_in_many_frames_both_ways(bus: Bus) -> None:
    orders = bus.queue("plain")
    raw = message(bytes(range(128)) * 1600)
    with Wire(bus.broker.port).open(max_frame=4096) as wire:
        wire.attach_sender(orders.queue)
        for start in range(0, len(raw), 5000):
            wire.transfer(0, 0, raw[start : start + 5000], more=start + 5000 < len(raw))
        assert wire.expect(fr.DISPOSITION).value(4).descriptor == fr.ACCEPTED
        wire.attach_receiver(orders.queue, 1, credit=1)
        got, frames = b"", 0
        while True:
            part = wire.expect(fr.TRANSFER)
            got, frames = got + part.payload, frames + 1
            if not part.flag(5):
                break
        assert frames > len(raw) // 4096
        assert body_of(got) == body_of(raw)
        wire.say(fr.DISPOSITION, True, UInt(0), UInt(0), True, fr.outcome(fr.ACCEPTED))
        wire.say(fr.CLOSE)
        wire.expect(fr.CLOSE)
    assert orders.bodies() == []


def test_an_aborted_delivery_was_never_there(bus: Bus) -> None:
    orders = bus.queue("plain")
    with Wire(bus.broker.port).open() as wire:
        wire.attach_sender(orders.queue)
        wire.transfer(0, 0, message(b"half")[:5], more=True)
        wire.say(fr.TRANSFER, UInt(0), UInt(0), b"0", UInt(0), False, False, None, None, None, True)
        wire.transfer(0, 1, message(b"whole"))
        assert wire.expect(fr.DISPOSITION).number(1) == 1
    orders.complete("whole")
    assert orders.bodies() == []


def test_a_message_above_the_limit_in_many_frames_is_rejected_at_its_end(bus: Bus) -> None:
    orders = bus.queue("plain")
    with Wire(bus.broker.port).open() as wire:
        wire.attach_sender(orders.queue)
        for n in range(300):
            wire.transfer(0, 0, bytes(1000), more=n < 299)
        state = wire.expect(fr.DISPOSITION).value(4)
        assert state.value[0].value[0] == "amqp:link:message-size-exceeded"
        wire.transfer(0, 1, message(b"fine"))
        assert wire.expect(fr.DISPOSITION).value(4).descriptor == fr.ACCEPTED
    orders.complete("fine")


def test_many_links_on_one_connection(bus: Bus) -> None:
    queues = [bus.queue("plain") for _ in range(6)]
    with Wire(bus.broker.port).open() as wire:
        for n in range(240):
            wire.attach_sender(queues[n % 6].queue, n)
        for n in range(240):
            wire.transfer(n, n, message(b"%d" % n))
        accepted = {wire.expect(fr.DISPOSITION).number(1) for _ in range(240)}
        assert accepted == set(range(240))
        assert wire.attach_receiver(queues[0].queue, 255, credit=40).number(1) == 255
        first = [body_of(wire.expect(fr.TRANSFER).payload) for _ in range(40)]
        assert first == [b"%d" % n for n in range(0, 240, 6)]
        wire.say(fr.DISPOSITION, True, UInt(0), UInt(39), True, fr.outcome(fr.ACCEPTED))
        wire.say(fr.CLOSE)
        wire.expect(fr.CLOSE)
    for orders in queues[1:]:
        for each in receive_all(orders.receiver, 40):
            orders.receiver.complete_message(each)
    assert queues[0].bodies() == []


def test_a_link_is_detached_and_its_handle_used_again(bus: Bus) -> None:
    orders = bus.queue("plain")
    with Wire(bus.broker.port).open() as wire:
        for n in range(3):
            wire.attach_sender(orders.queue)
            wire.transfer(0, n, message(b"%d" % n))
            wire.say(fr.DETACH, UInt(0), True)
            wire.expect(fr.DETACH)
        wire.say(fr.END)
        wire.expect(fr.END)
        wire.say(fr.CLOSE)
        assert wire.refusal() is None
    orders.complete("0", "1", "2")


def test_a_credit_that_does_not_begin_at_zero(bus: Bus) -> None:
    orders = bus.queue("plain")
    with Wire(bus.broker.port).open() as wire:
        target = Described(ULong(0x29), [orders.queue])
        count = UInt(0xFFFFFFFE)
        wire.say(fr.ATTACH, "late", UInt(0), False, None, None, None, target, None, None, count)
        granted = wire.expect(fr.FLOW)
        assert (granted.number(5), granted.number(6)) == (0xFFFFFFFE, 1000)


def test_an_idle_connection_is_kept_alive_as_the_peer_asks(bus: Bus) -> None:
    with Wire(bus.broker.port).open(idle_ms=200) as wire:
        for _ in range(3):
            assert wire.frame() == (0, b"")


def test_a_sender_in_another_thread_wakes_a_waiting_receiver(bus: Bus) -> None:
    orders = bus.queue("plain")
    assert orders.bodies() == []
    sending = threading.Timer(0.2, orders.sender.send_messages, [ServiceBusMessage("late")])
    sending.start()
    orders.complete("late")
    sending.join()


@pytest.mark.parametrize("address", ["amqps://127.0.0.1:5671/{}", "sb://host/{}/", "{}", "/{}"])
def test_addresses_of_every_form(address: str, bus: Bus) -> None:
    orders = bus.queue("plain")
    with Wire(bus.broker.port).open() as wire:
        wire.attach_sender(address.format(orders.queue.upper()))
        wire.transfer(0, 0, message(b"here"))
        assert wire.expect(fr.DISPOSITION).value(4).descriptor == fr.ACCEPTED
    orders.complete("here")
