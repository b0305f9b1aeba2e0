"""A message as AMQP sections (OASIS AMQP 1.0, part 3, 3.2), and what Service Bus reads and writes in them."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from local.servicebus.amqp_types import DecodeError, Described, Int, Symbol, Timestamp, UInt, ULong
from local.servicebus.decoding import decode, skip
from local.servicebus.encoding import encode
from local.servicebus.store import State

HEADER, DELIVERY_ANNOTATIONS, ANNOTATIONS, PROPERTIES, APPLICATION_PROPERTIES, DATA, SEQUENCE, VALUE, FOOTER = range(
    0x70, 0x79
)
BATCH_FORMAT = 0x80013700  # message-format of a batch: one data section for each message

ENQUEUED_TIME = Symbol("x-opt-enqueued-time")
LOCKED_UNTIL = Symbol("x-opt-locked-until")
SEQUENCE_NUMBER = Symbol("x-opt-sequence-number")
MESSAGE_STATE = Symbol("x-opt-message-state")
SCHEDULED_TIME = Symbol("x-opt-scheduled-enqueue-time")
DEAD_LETTER_SOURCE = Symbol("x-opt-deadletter-source")
LOCK_TOKEN = Symbol("x-opt-lock-token")
OURS = (ENQUEUED_TIME, LOCKED_UNTIL, SEQUENCE_NUMBER, MESSAGE_STATE, DEAD_LETTER_SOURCE)
"""What only the broker says; a message that was received and is sent again brings old ones along."""
PROPERTIES_FIELDS = 13


@dataclass(frozen=True)
class Section:
    """One section: its code, where its value starts, and where the section starts and ends."""

    code: int
    value: int
    start: int
    end: int


def sections(raw: bytes) -> list[Section]:
    """The sections of an encoded message, in the order that AMQP asks for. Raises DecodeError."""
    found: list[Section] = []
    position = last = 0
    while position < len(raw):
        start = position
        if raw[position] != 0x00:
            raise DecodeError("a message is made of described sections")
        code, position = decode(raw, position + 1)
        if not isinstance(code, ULong) or not HEADER <= code <= FOOTER:
            raise DecodeError(f"there is no message section {code!r}")
        if code < last or (code == last and code not in (DATA, SEQUENCE)):
            raise DecodeError(f"the message section 0x{code:02x} is in the wrong place, or repeated")
        last = int(code)
        end = skip(raw, position)
        found.append(Section(last, position, start, end))
        position = end
    return found


def section(code: int, value: Any) -> bytes:
    """An encoded section."""
    return encode(Described(ULong(code), value))


def batched(raw: bytes) -> list[bytes]:
    """The messages in a batch. Raises DecodeError."""
    return [_binary(raw, each.value) for each in sections(raw) if each.code == DATA]


@dataclass
class Content:
    """What the broker reads of a message; `bare` is what it must not change: properties and all that follows."""

    durable: Any = None
    priority: Any = None
    ttl_ms: int | None = None
    scheduled_ms: int | None = None
    annotations: dict[Any, Any] = field(default_factory=dict)
    message_id: str = ""
    bare: bytes = b""


def parse(raw: bytes) -> Content:
    """Read a message as it came, and refuse what would be a stone in a consumer's way. Raises DecodeError.

    One without an id is given one, as the service does. Descriptors are written anew in the form that the SDK expects;
    values stay as they are.
    """
    content = Content()
    properties: bytes | None = None
    body: list[bytes] = []
    for each in sections(raw):
        if each.code == HEADER:
            content.durable, content.priority, ttl = (_list(raw, each.value) + [None] * 3)[:3]
            content.ttl_ms = _milliseconds(ttl, UInt)
        elif each.code == DELIVERY_ANNOTATIONS:
            _map(raw, each.value)  # said to this broker, and to nobody behind it
        elif each.code == ANNOTATIONS:
            content.annotations = {key: value for key, value in _map(raw, each.value).items() if key not in OURS}
        elif each.code == PROPERTIES:
            properties = _properties(content, raw, each)
        else:
            _CHECKS[each.code](raw, each.value)
            body.append(_described(each.code, raw[each.value : each.end]))
    if properties is None:
        properties = _with_id(content, [])
    content.scheduled_ms = _milliseconds(content.annotations.get(SCHEDULED_TIME), Timestamp)
    content.bare = properties + b"".join(body)
    return content


def _properties(content: Content, raw: bytes, found: Section) -> bytes:
    properties = _list(raw, found.value)
    if len(properties) > PROPERTIES_FIELDS:
        raise DecodeError(f"a message has {PROPERTIES_FIELDS} properties, and not {len(properties)}")
    if not properties or properties[0] is None:
        return _with_id(content, properties)
    content.message_id = str(properties[0])
    return _described(PROPERTIES, raw[found.value : found.end])


def _with_id(content: Content, properties: list[Any]) -> bytes:
    content.message_id = uuid.uuid4().hex
    missing = PROPERTIES_FIELDS - len(properties)
    return section(PROPERTIES, [content.message_id, *properties[1:], *[None] * missing][:PROPERTIES_FIELDS])


def _described(code: int, value: bytes) -> bytes:
    return b"\x00" + encode(ULong(code)) + value


def _milliseconds(value: Any, kind: type[int]) -> int | None:
    if value is None or isinstance(value, kind):
        return value
    raise DecodeError(f"{value!r:.100} is no {kind.__name__.lower()}")


def _value_of(kind: type) -> Callable[[bytes, int], Any]:
    def read(raw: bytes, position: int) -> Any:
        found, _ = decode(raw, position)
        if not isinstance(found, kind):
            raise DecodeError(f"a message section should be a {kind.__name__}, and is {type(found).__name__}")
        return found

    return read


_list, _map, _binary = _value_of(list), _value_of(dict), _value_of(bytes)
_CHECKS: dict[int, Callable[[bytes, int], Any]] = {
    APPLICATION_PROPERTIES: _map,
    DATA: _binary,
    SEQUENCE: _list,
    VALUE: decode,
    FOOTER: _map,
}


def with_dead_letter_properties(bare: bytes, reason: str | None, description: str | None) -> bytes:
    """The message with the two application properties that say why it was dead-lettered; nothing else is changed."""
    added = {"DeadLetterReason": reason, "DeadLetterErrorDescription": description}
    properties: dict[Any, Any] = {}
    before = after = 0
    for each in sections(bare):
        if each.code == PROPERTIES:
            before = after = each.end
        elif each.code == APPLICATION_PROPERTIES:
            properties, after = _map(bare, each.value), each.end
    properties |= {name: text for name, text in added.items() if text}
    return bare[:before] + section(APPLICATION_PROPERTIES, properties) + bare[after:]


def compose(content: Content, *, delivery_count: int, annotations: dict[Any, Any], lock_token: bytes | None) -> bytes:
    """The message as it is delivered; no trailing null is left out, because the SDK reads by position."""
    ttl = UInt(min(content.ttl_ms, 0xFFFFFFFF)) if content.ttl_ms is not None else None
    header = section(HEADER, [content.durable, content.priority, ttl, None, UInt(delivery_count)])
    token = section(DELIVERY_ANNOTATIONS, {LOCK_TOKEN: uuid.UUID(bytes_le=lock_token)}) if lock_token else b""
    return header + token + section(ANNOTATIONS, {**content.annotations, **annotations}) + content.bare


@dataclass
class Message:
    """A message in a queue. `lock_token` is set while somebody holds it."""

    sequence: int
    content: Content
    enqueued_ms: int
    state: State = State.ACTIVE
    delivery_count: int = 0
    scheduled_ms: int | None = None
    expires_ms: int | None = None
    source: str = ""
    lock_token: bytes | None = None
    locked_until_ms: int = 0

    def encoded(self, *, with_token: bool = False) -> bytes:
        """As it is delivered or peeked."""
        annotations: dict[Any, Any] = {
            ENQUEUED_TIME: Timestamp(self.enqueued_ms),
            SEQUENCE_NUMBER: self.sequence,
            MESSAGE_STATE: Int(self.state),
        }
        if self.lock_token:
            annotations[LOCKED_UNTIL] = Timestamp(self.locked_until_ms)
        if self.source:
            annotations[DEAD_LETTER_SOURCE] = self.source
        token = self.lock_token if with_token else None
        return compose(self.content, delivery_count=self.delivery_count, annotations=annotations, lock_token=token)
