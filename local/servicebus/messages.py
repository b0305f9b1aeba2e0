"""A message as AMQP sections (OASIS AMQP 1.0, part 3, 3.2), and what Service Bus reads and writes in them."""

import uuid
from dataclasses import dataclass, field
from typing import Any

from local.servicebus.codec import DecodeError, Described, Symbol, UInt, ULong, decode, encode, skip

HEADER, DELIVERY_ANNOTATIONS, ANNOTATIONS, PROPERTIES, APPLICATION_PROPERTIES, DATA = range(0x70, 0x76)
VALUE = 0x77
BATCH_FORMAT = 0x80013700  # message-format of a batch: one data section for each message

ENQUEUED_TIME = Symbol("x-opt-enqueued-time")
LOCKED_UNTIL = Symbol("x-opt-locked-until")
SEQUENCE_NUMBER = Symbol("x-opt-sequence-number")
MESSAGE_STATE = Symbol("x-opt-message-state")
SCHEDULED_TIME = Symbol("x-opt-scheduled-enqueue-time")
DEAD_LETTER_SOURCE = Symbol("x-opt-deadletter-source")
LOCK_TOKEN = Symbol("x-opt-lock-token")


@dataclass(frozen=True)
class Section:
    """One section: its code, where its value starts, and where the section starts and ends."""

    code: int
    value: int
    start: int
    end: int


def sections(raw: bytes) -> list[Section]:
    """The sections of an encoded message. Raises DecodeError."""
    found: list[Section] = []
    position = 0
    while position < len(raw):
        start = position
        if raw[position] != 0x00:
            raise DecodeError("a message is made of described sections")
        code, position = decode(raw, position + 1)
        if not isinstance(code, ULong) or not 0x70 <= code <= 0x78:
            raise DecodeError(f"there is no message section {code!r}")
        end = skip(raw, position)
        found.append(Section(int(code), position, start, end))
        position = end
    return found


def section(code: int, value: Any) -> bytes:
    """An encoded section."""
    return encode(Described(ULong(code), value))


def batched(raw: bytes) -> list[bytes]:
    """The messages in a batch. Raises DecodeError."""
    return [bytes(decode(raw, each.value)[0]) for each in sections(raw) if each.code == DATA]


@dataclass
class Content:
    """What the broker reads of a message; `bare` is what it must not change: properties and all that follows."""

    durable: Any = None
    priority: Any = None
    ttl_ms: int | None = None
    annotations: dict[Any, Any] = field(default_factory=dict)
    message_id: str = ""
    bare: bytes = b""

    @property
    def scheduled_ms(self) -> int | None:
        """When it wants to be enqueued."""
        found = self.annotations.get(SCHEDULED_TIME)
        return int(found) if isinstance(found, int) else None


def parse(raw: bytes) -> Content:
    """Read a message as it came. One without an id is given one, as the service does. Raises DecodeError."""
    content = Content()
    bare_from: int | None = None
    properties: list[Any] | None = None
    properties_end = 0
    for each in sections(raw):
        if each.code == HEADER:
            header = _list(raw, each, 5)
            content.durable, content.priority = header[0], header[1]
            content.ttl_ms = int(header[2]) if isinstance(header[2], int) else None
        elif each.code == ANNOTATIONS:
            found, _ = decode(raw, each.value)
            if not isinstance(found, dict):
                raise DecodeError("message annotations are a map")
            content.annotations = found
        elif each.code >= PROPERTIES:
            bare_from = each.start if bare_from is None else bare_from
            if each.code == PROPERTIES:
                properties, properties_end = _list(raw, each, 13), each.end
    content.bare = bytes(raw[bare_from:]) if bare_from is not None else b""
    if properties is not None and properties[0] is not None:
        content.message_id = str(properties[0])
        return content
    content.message_id = uuid.uuid4().hex
    rest = bytes(raw[properties_end:]) if properties is not None else content.bare
    content.bare = section(PROPERTIES, [content.message_id, *(properties or [None] * 13)[1:]]) + rest
    return content


def _list(raw: bytes, each: Section, length: int) -> list[Any]:
    found, _ = decode(raw, each.value)
    if not isinstance(found, list):
        raise DecodeError("this section is a list")
    return (found + [None] * length)[:length]


def with_dead_letter_properties(bare: bytes, reason: str | None, description: str | None) -> bytes:
    """The message with the two application properties that say why it was dead-lettered."""
    added = {"DeadLetterReason": reason, "DeadLetterErrorDescription": description}
    added = {name: text for name, text in added.items() if text}
    before, after = b"", b""
    found: dict[Any, Any] = {}
    for each in sections(bare):
        if each.code == PROPERTIES:
            before += bare[each.start : each.end]
        elif each.code == APPLICATION_PROPERTIES:
            found, _ = decode(bare, each.value)
        else:
            after += bare[each.start : each.end]
    return before + section(APPLICATION_PROPERTIES, {**found, **added}) + after


def compose(content: Content, *, delivery_count: int, annotations: dict[Any, Any], lock_token: bytes | None) -> bytes:
    """The message as it is delivered; no trailing null is left out, because the SDK reads by position."""
    ttl = UInt(min(content.ttl_ms, 0xFFFFFFFF)) if content.ttl_ms is not None else None
    header = section(HEADER, [content.durable, content.priority, ttl, None, UInt(delivery_count)])
    token = section(DELIVERY_ANNOTATIONS, {LOCK_TOKEN: uuid.UUID(bytes_le=lock_token)}) if lock_token else b""
    return header + token + section(ANNOTATIONS, {**content.annotations, **annotations}) + content.bare
