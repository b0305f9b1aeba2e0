"""Peers that break the protocol: refused one by one, while a client that behaves notices nothing.

Every test ends with that client's messages there and back, and with a broker that has nothing to complain about.
"""

import socket
import struct
import threading
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local.servicebus import frames as fr
from local.servicebus.amqp_types import Described, Symbol, UByte, UInt, ULong
from local.servicebus.encoding import encode
from local.servicebus.frames import frame, performative
from local.servicebus.messages import APPLICATION_PROPERTIES, PROPERTIES, VALUE, section
from tests.contracts.servicebus_broker import (
    Bus,
    Wire,
    bus_fixture,  # noqa: F401 - a fixture
    eventually,
)

MEBIBYTE = 1 << 20


@pytest.fixture(autouse=True)
def a_client_that_behaves(bus: Bus) -> Iterator[None]:
    """It works before, meanwhile and after."""
    orders = bus.queue("plain")
    orders.send("before")
    orders.complete("before")
    stop, failed = threading.Event(), []

    def work() -> None:
        try:
            while not stop.is_set():
                orders.send("meanwhile")
                orders.complete("meanwhile")
        except Exception as error:  # noqa: BLE001 - whatever it is, the test must say it
            failed.append(error)

    working = threading.Thread(target=work)
    working.start()
    yield
    stop.set()
    working.join()
    assert not failed
    orders.send("after")
    orders.complete("after")


def attach(*, handle: int = 0, name: str = "link") -> bytes:
    """An attach frame of a sender."""
    target = Described(ULong(0x29), ["plain-0"])
    return frame(0, performative(fr.ATTACH, name, UInt(handle), False, UByte(0), UByte(0), None, target))


def nested(depth: int) -> bytes:
    """A frame with a list in a list in a list, each with a size that is right."""
    value = b"\x45"
    for _ in range(depth):
        value = b"\xd0" + struct.pack(">II", len(value) + 4, 1) + value
    return frame(0, b"\x00\x53\x12" + value)


FRAMING, DECODE, NOT_ALLOWED = fr.FRAMING_ERROR, fr.DECODE_ERROR, fr.NOT_ALLOWED
OPENED = [
    pytest.param(b"\xff" * 64, FRAMING, id="garbage"),
    pytest.param(struct.pack(">IBBH", 2**32 - 1, 2, 0, 0), FRAMING, id="a frame of 4 GB"),
    pytest.param(struct.pack(">IBBH", 4, 2, 0, 0), FRAMING, id="a frame shorter than its head"),
    pytest.param(struct.pack(">IBBH", 16, 1, 0, 0) + bytes(8), FRAMING, id="data in the head"),
    pytest.param(struct.pack(">IBBH", 16, 9, 0, 0) + bytes(8), FRAMING, id="data behind the end"),
    pytest.param(frame(0, b"", kind=7), FRAMING, id="a frame of no kind"),
    pytest.param(frame(0, performative(0x44, UByte(0)), kind=1), FRAMING, id="SASL, too late"),
    pytest.param(frame(0, encode("text")), FRAMING, id="no performative"),
    pytest.param(frame(0, b"\x00\x53\x12\xc0\x05\x09\x40"), DECODE, id="a list that is cut off"),
    pytest.param(frame(0, b"\x00\x53\x12\xd0\xff\xff\xff\xff\xff\xff\xff\xff"), DECODE, id="an absurd list"),
    pytest.param(frame(0, b"\x00\x53\x12\xf0\x00\x00\x00\x05\xff\xff\xff\xff\x40"), DECODE, id="4 G nulls"),
    pytest.param(frame(0, b"\x00" * 100_000), DECODE, id="descriptors of descriptors"),
    pytest.param(nested(1000), DECODE, id="deep nesting"),
    pytest.param(frame(0, performative(0x99)), NOT_ALLOWED, id="an unknown performative"),
    pytest.param(frame(0, performative(fr.OPEN, "again")), NOT_ALLOWED, id="open twice"),
    pytest.param(frame(0, performative(fr.BEGIN, None, UInt(0), UInt(1), UInt(1))), NOT_ALLOWED, id="begin twice"),
    pytest.param(frame(999, performative(fr.BEGIN, None, UInt(0), UInt(1))), NOT_ALLOWED, id="a channel too high"),
    pytest.param(frame(9, performative(fr.FLOW)), NOT_ALLOWED, id="a channel without a session"),
    pytest.param(frame(0, performative(fr.TRANSFER, UInt(0))), NOT_ALLOWED, id="a transfer without attach"),
    pytest.param(attach() + attach(), NOT_ALLOWED, id="a handle twice"),
    pytest.param(attach(handle=70_000), NOT_ALLOWED, id="a handle too high"),
    pytest.param(frame(0, performative(fr.ATTACH)), fr.INVALID_FIELD, id="an attach of nothing"),
    pytest.param(frame(0, performative(fr.TRANSFER, "zero")), fr.INVALID_FIELD, id="a handle that is no number"),
    pytest.param(
        attach() + frame(0, performative(fr.TRANSFER, UInt(0), ULong(2**63), b"", UInt(0))), fr.INVALID_FIELD,
        id="a delivery number too high",
    ),
    pytest.param(
        frame(0, performative(fr.DISPOSITION, True, UInt(0), UInt(2**32 - 1), True)), NOT_ALLOWED,
        id="four billion dispositions",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("said", "condition"), OPENED)
def test_who_breaks_the_protocol_is_told_and_closed(said: bytes, condition: str, bus: Bus) -> None:
    with Wire(bus.broker.port).open() as wire:
        wire.send(said)
        assert wire.refusal() == condition


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", id="HTTP"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01", id="TLS"),
        pytest.param(b"AMQP\x00\x00\x09\x01", id="AMQP 0.9.1"),
        pytest.param(b"AMQP\x02\x01\x00\x00", id="AMQP with TLS"),
        pytest.param(fr.SASL_HEADER + fr.SASL_HEADER, id="SASL twice"),
        pytest.param(fr.SASL_HEADER + fr.AMQP_HEADER, id="SASL left out"),
        pytest.param(
            fr.SASL_HEADER + frame(0, performative(0x41, Symbol("GSSAPI")), kind=1), id="an unknown mechanism"
        ),
        pytest.param(fr.SASL_HEADER + frame(0, performative(0x43, b""), kind=1), id="an answer to no question"),
        pytest.param(fr.SASL_HEADER + frame(0, b"\x00\x53\x41\x45"), id="SASL in an AMQP frame"),
        pytest.param(fr.AMQP_HEADER + frame(0, performative(fr.BEGIN, None, UInt(0))), id="begin before open"),
        pytest.param(fr.AMQP_HEADER + frame(0, performative(fr.OPEN, "x", None, UInt(8))), id="frames of 8 bytes"),
    ],
)
def test_who_cannot_shake_hands_is_closed(said: bytes, bus: Bus) -> None:
    with Wire(bus.broker.port) as wire:
        wire.send(said)
        wire.refusal()  # comes back when the broker has closed


def test_a_wrong_mechanism_is_answered_with_a_failure(bus: Bus) -> None:
    with Wire(bus.broker.port) as wire:
        wire.send(fr.SASL_HEADER + frame(0, performative(fr.SASL_INIT, Symbol("GSSAPI")), kind=fr.SASL_FRAME))
        assert wire.take(8) == fr.SASL_HEADER
        wire.expect(fr.SASL_MECHANISMS)
        assert wire.expect(fr.SASL_OUTCOME).number(0) == 1
        assert wire.hear() is None


def test_many_that_never_finish_a_word_are_in_nobodys_way(bus: Bus) -> None:
    """They were there before the first test, and were closed ten seconds later."""
    assert len(bus.slow) == 100
    for wire in bus.slow:
        assert wire.refusal() in (None, "amqp:not-allowed")


def test_bytes_one_by_one_are_a_frame_as_well(bus: Bus) -> None:
    with Wire(bus.broker.port).open() as wire:
        for byte in attach(name="slow but right"):
            wire.send(bytes((byte,)))
        assert wire.expect(fr.ATTACH).value(0) == "slow but right"


def test_unfinished_deliveries_do_not_fill_the_memory(bus: Bus) -> None:
    orders = bus.queue("plain")
    before = bus.broker.memory()
    with Wire(bus.broker.port).open() as wire:
        for handle in range(250):
            wire.attach_sender(orders.queue, handle)

        def begin_all() -> None:
            for handle in range(250):
                wire.transfer(handle, handle, bytes(200_000), more=True)

        with pytest.raises(ConnectionError):
            begin_all()
    assert bus.broker.memory() - before < 40 * MEBIBYTE


def test_who_asks_and_never_reads_does_not_fill_the_memory(bus: Bus) -> None:
    orders = bus.queue("plain")
    for n in range(4):
        orders.send(str(n) * 200_000)
    request = (
        section(PROPERTIES, ["id", None, None, None, "me"])
        + section(APPLICATION_PROPERTIES, {"operation": "com.microsoft:peek-message"})
        + section(VALUE, {"from-sequence-number": 1, "message-count": 100})
    )
    before = bus.broker.memory()
    with Wire(bus.broker.port).open() as wire:
        wire.socket.settimeout(0.5)
        wire.attach_sender(f"{orders.queue}/$management")
        wire.attach_receiver(f"{orders.queue}/$management", 1, credit=1000)

        def ask_and_ask() -> None:
            for n in range(100_000):
                wire.transfer(0, n, request)

        with pytest.raises(TimeoutError):  # the broker listens no more
            ask_and_ask()
        assert bus.broker.memory() - before < 40 * MEBIBYTE
    for _ in range(4):
        orders.receiver.complete_message(orders.receive())


def test_a_consumer_that_never_reads_is_not_given_everything(bus: Bus) -> None:
    orders = bus.queue("short-lock")
    for n in range(40):
        orders.send(str(n) * 100_000)
    with Wire(bus.broker.port) as wire:
        wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        wire.open()
        wire.attach_receiver(orders.queue, credit=1000)
        locked = eventually(lambda: bus.broker.counts()[orders.queue]["locked"], what="some are delivered")
        assert locked < 40
    received = 0
    while received < 40:
        for each in orders.receiver.receive_messages(max_message_count=40, max_wait_time=10):
            orders.receiver.complete_message(each)
            received += 1


def test_many_come_and_go_and_leave_nothing_behind(bus: Bus) -> None:
    orders = bus.queue("short-lock")  # the last one may die with a message in its hand

    def come_and_go(times: int) -> None:
        for _ in range(times):
            with Wire(bus.broker.port).open() as wire:
                wire.attach_sender(orders.queue)
                wire.attach_receiver(orders.queue, 1, credit=10)

    come_and_go(50)
    before = bus.broker.memory()
    come_and_go(300)
    assert bus.broker.memory() - before < 10 * MEBIBYTE
    orders.send("for the living")
    orders.complete("for the living")


numbers = st.one_of(
    st.none(), st.integers(0, 3).map(UInt), st.integers(0, 2**32 - 1).map(UInt), st.just(ULong(2**64 - 1))
)
fields = st.one_of(
    numbers,
    st.booleans(),
    st.sampled_from(["plain-11", "plain-11/$management", "$cbs", "nowhere", ""]),
    st.sampled_from([0x23, 0x24, 0x25, 0x26, 0x27, 0x28, 0x29, 0x99]).flatmap(
        lambda code: st.lists(st.one_of(numbers, st.booleans(), st.just("plain-11")), max_size=4).map(
            lambda values: Described(ULong(code), values)
        )
    ),
    st.binary(max_size=4),
)
performatives = st.tuples(st.integers(0x11, 0x17), st.lists(fields, max_size=12), st.binary(max_size=30))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(said=st.lists(performatives, max_size=6))
def test_whatever_is_said_is_answered_or_refused_and_never_a_mistake_of_the_broker(
    said: list[tuple[int, list[object], bytes]], bus: Bus
) -> None:
    with Wire(bus.broker.port).open() as wire:
        frames = [frame(0, performative(code, *values) + payload) for code, values, payload in said]
        wire.send(attach(handle=1) + b"".join(frames))
        wire.socket.shutdown(socket.SHUT_WR)
        assert wire.refusal() != "amqp:internal-error"
