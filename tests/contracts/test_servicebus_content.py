"""A message comes out as it went in: its properties, its application properties of every AMQP type, its body."""

import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
from azure.servicebus import ServiceBusMessage
from azure.servicebus.amqp import AmqpAnnotatedMessage, AmqpMessageBodyType, AmqpMessageHeader, AmqpMessageProperties

from local.servicebus import frames as fr
from local.servicebus.amqp_types import (
    Array,
    Described,
    Float,
    Int,
    Opaque,
    Short,
    Symbol,
    Timestamp,
    UByte,
    UInt,
    ULong,
)
from local.servicebus.decoding import decode
from local.servicebus.encoding import encode
from local.servicebus.messages import ANNOTATIONS, APPLICATION_PROPERTIES, DATA, PROPERTIES, VALUE, section, sections
from tests.contracts.servicebus_broker import (
    Bus,
    Wire,
    bus_fixture,  # noqa: F401 - a fixture
)


def test_all_properties_come_back(bus: Bus) -> None:
    orders = bus.queue("plain")
    given: dict[str, Any] = {
        "message_id": "id-1",
        "correlation_id": "story-1",
        "subject": "arrival",
        "content_type": "application/json",
        "to": "somebody",
        "reply_to": "answers",
        "reply_to_session_id": "answers-1",
        "session_id": "session-1",
        "partition_key": "session-1",
    }
    orders.send(ServiceBusMessage("{}", **given))
    message = orders.receive()
    assert {name: getattr(message, name) for name in given} == given
    orders.receiver.complete_message(message)


def test_application_properties_of_every_type_the_sdk_writes(bus: Bus) -> None:
    orders = bus.queue("plain")
    given: dict[str | bytes, Any] = {
        "text": "é€😀",
        "yes": True,
        "no": False,
        "int": -5,
        "double": 1.5,
        "uuid": uuid.UUID(int=1),
        "time": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        "empty": "",
        "none": None,
    }
    orders.send(ServiceBusMessage("x", application_properties=given))
    message = orders.receive()
    found: dict[Any, Any] = dict(message.application_properties or {})
    assert found[b"text"].decode() == "é€😀"
    assert found[b"time"] == 1767323045000
    same = ("yes", "no", "int", "double", "uuid", "none")
    assert {name: found[name.encode()] for name in same} == {name: given[name] for name in same}
    orders.receiver.complete_message(message)


def test_bodies_of_every_kind(bus: Bus) -> None:
    orders = bus.queue("plain")
    value = {b"key": [1, True, None, b"\x00", {b"deep": [1.5]}]}
    orders.sender.send_messages(AmqpAnnotatedMessage(data_body=[b"two ", b"sections"]))
    orders.sender.send_messages(AmqpAnnotatedMessage(value_body=value))
    orders.sender.send_messages(AmqpAnnotatedMessage(sequence_body=[[1, 2], [b"three"]]))
    data, single, sequence = (orders.receive() for _ in range(3))
    assert (data.body_type, list(data.body)) == (AmqpMessageBodyType.DATA, [b"two ", b"sections"])
    assert (single.body_type, single.body) == (AmqpMessageBodyType.VALUE, value)
    assert (sequence.body_type, list(sequence.body)) == (AmqpMessageBodyType.SEQUENCE, [[1, 2], [b"three"]])
    for each in (data, single, sequence):
        orders.receiver.complete_message(each)


def test_header_annotations_user_id_and_footer(bus: Bus) -> None:
    orders = bus.queue("plain")
    orders.sender.send_messages(
        AmqpAnnotatedMessage(
            data_body=b"x",
            header=AmqpMessageHeader(durable=True, priority=7),
            properties=AmqpMessageProperties(user_id=b"me", group_sequence=3, content_encoding="gzip"),
            annotations={"x-mine": "kept"},
            footer={"sum": 42},
        )
    )
    message = orders.receive()
    raw = message.raw_amqp_message
    assert raw.header is not None
    assert raw.properties is not None
    assert (raw.header.durable, raw.header.priority) == (True, 7)
    assert (raw.properties.user_id, raw.properties.group_sequence) == (b"me", 3)
    assert raw.properties.content_encoding == b"gzip"
    assert raw.annotations[b"x-mine"] == b"kept"  # type: ignore[index]  # it has some
    assert raw.footer == {b"sum": 42}
    orders.receiver.complete_message(message)


def test_a_message_without_an_id_is_given_one(bus: Bus) -> None:
    orders = bus.queue("plain")
    with Wire(bus.broker.port).open() as wire:
        wire.attach_sender(orders.queue)
        wire.transfer(0, 0, section(DATA, b"bare"))
        assert wire.expect(fr.DISPOSITION).value(4).descriptor == fr.ACCEPTED
    message = orders.receive()
    assert message.message_id
    orders.receiver.complete_message(message)


def test_dead_lettering_keeps_every_type(bus: Bus) -> None:
    """Only then the broker writes application properties anew; types that the SDK does not write are kept as well."""
    orders = bus.queue("plain")
    properties = {
        "byte": UByte(200), "short": Short(-3), "uint": UInt(7), "ulong": ULong(2**63), "int": Int(-1), "long": 5,
        "float": Float(0.5), "double": 0.1, "time": Timestamp(-1), "symbol": Symbol("s"), "uuid": uuid.UUID(int=9),
        "char": Opaque(0x73, b"\x00\x00\x00A"), "decimal": Opaque(0x94, bytes(16)), "array": Array([Int(1), Int(300)]),
        "described": Described(Symbol("com.microsoft:timespan"), 10_000),
    }  # fmt: skip
    body = section(VALUE, {"any": [Array([Symbol("x")]), None]})
    with Wire(bus.broker.port).open() as wire:
        wire.attach_sender(orders.queue)
        wire.transfer(0, 0, section(PROPERTIES, ["id"]) + section(APPLICATION_PROPERTIES, properties) + body)
        assert wire.expect(fr.DISPOSITION).value(4).descriptor == fr.ACCEPTED
        wire.attach_receiver(orders.queue, 1, credit=1)
        number = UInt(wire.expect(fr.TRANSFER).number(1))
        dead_letter = fr.error("com.microsoft:dead-letter", "")
        dead_letter.value[2] = {"DeadLetterReason": "why"}
        wire.say(fr.DISPOSITION, True, number, number, False, fr.outcome(fr.REJECTED, dead_letter))
        assert wire.expect(fr.DISPOSITION).value(4).descriptor == fr.REJECTED
        wire.attach_receiver(f"{orders.queue}/$DeadLetterQueue", 2, credit=1)
        delivered = wire.expect(fr.TRANSFER)
        wire.say(fr.DISPOSITION, True, UInt(1), UInt(1), True, fr.outcome(fr.ACCEPTED))
    found = {each.code: delivered.payload[each.value : each.end] for each in sections(delivered.payload)}
    assert found[APPLICATION_PROPERTIES] == encode({**properties, "DeadLetterReason": "why"})
    assert found[VALUE] == body[3:]
    assert decode(found[ANNOTATIONS])[0]["x-opt-deadletter-source"] == orders.queue


def long_form(code: int, value: Any) -> bytes:
    """A section whose descriptor is written in eight bytes, which AMQP allows and the SDK cannot read."""
    return b"\x00\x80" + code.to_bytes(8) + encode(value)


def test_what_other_clients_write_is_delivered_as_the_sdk_reads_it(bus: Bus) -> None:
    orders = bus.queue("plain")
    with Wire(bus.broker.port).open() as wire:
        wire.attach_sender(orders.queue)
        wire.transfer(0, 0, long_form(PROPERTIES, ["short list"]) + long_form(DATA, b"long form"))
        assert wire.expect(fr.DISPOSITION).value(4).descriptor == fr.ACCEPTED
    message = orders.receive()
    assert (message.message_id, str(message)) == ("short list", "long form")
    orders.receiver.complete_message(message)


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"\x00", id="cut off"),
        pytest.param(b"no message", id="text"),
        pytest.param(section(DATA, "text"), id="data that is not binary"),
        pytest.param(section(0x79, b""), id="an unknown section"),
        pytest.param(section(VALUE, 1) + section(PROPERTIES, []), id="sections in the wrong order"),
        pytest.param(section(PROPERTIES, [None] * 14), id="a property too many"),
        pytest.param(section(0x70, [None, None, -5]), id="a negative time to live"),
        pytest.param(section(0x72, {Symbol("x-opt-scheduled-enqueue-time"): ULong(2**64 - 1)}), id="no time"),
        pytest.param(section(0x72, [1]), id="annotations that are no map"),
        pytest.param(b"\x00\x53\x77\x30", id="a body of no type"),
        pytest.param(b"\x00\x53\x77\xc0\x05\x03\x40", id="a body that is cut off"),
        pytest.param(b"\x00\x53\x77" + b"\xc0\xff\x01" * 60 + b"\x40", id="a body nested too deeply"),
    ],
)
def test_what_is_no_message_is_rejected_and_the_link_goes_on(raw: bytes, bus: Bus) -> None:
    orders = bus.queue("plain")
    with Wire(bus.broker.port).open() as wire:
        wire.attach_sender(orders.queue)
        wire.transfer(0, 0, raw)
        state = wire.expect(fr.DISPOSITION).value(4)
        assert state.descriptor == fr.REJECTED
        assert state.value[0].value[0] == "amqp:decode-error"
        wire.transfer(0, 1, section(PROPERTIES, ["good"]) + section(DATA, b"good"))
        assert wire.expect(fr.DISPOSITION).value(4).descriptor == fr.ACCEPTED
    orders.complete("good")
    assert orders.bodies() == []
