"""Frames and performatives (OASIS AMQP 1.0, part 2: transport)."""

import struct
from dataclasses import dataclass
from typing import Any

from local.servicebus.amqp_types import Described, Symbol, ULong
from local.servicebus.decoding import decode
from local.servicebus.encoding import encode

AMQP_HEADER, SASL_HEADER = b"AMQP\x00\x01\x00\x00", b"AMQP\x03\x01\x00\x00"
AMQP_FRAME, SASL_FRAME = 0, 1

OPEN, BEGIN, ATTACH, FLOW, TRANSFER, DISPOSITION, DETACH, END, CLOSE = range(0x10, 0x19)
SASL_MECHANISMS, SASL_INIT, SASL_OUTCOME = 0x40, 0x41, 0x44
RECEIVED, ACCEPTED, REJECTED, RELEASED, MODIFIED = range(0x23, 0x28)
ERROR = 0x1D

DECODE_ERROR, FRAMING_ERROR, INTERNAL_ERROR, INVALID_FIELD, NOT_ALLOWED, LIMIT_EXCEEDED = (
    "amqp:decode-error",
    "amqp:connection:framing-error",
    "amqp:internal-error",
    "amqp:invalid-field",
    "amqp:not-allowed",
    "amqp:resource-limit-exceeded",
)
HIGHEST = 0xFFFFFFFF  # of the numbers in performatives; transfers and deliveries are counted from 0 again after it

_FIELDS = {OPEN: 10, BEGIN: 8, ATTACH: 14, FLOW: 11, TRANSFER: 11, DISPOSITION: 6, DETACH: 3, END: 1, CLOSE: 1}
"""How many fields a performative has: none may be left out at the end, the SDK reads by position."""

_HEAD = struct.Struct(">IBBH")


class ProtocolError(Exception):
    """The peer broke the protocol: its connection is closed with an AMQP error, nobody else's is touched."""

    def __init__(self, condition: str, description: str) -> None:
        super().__init__(description)
        self.condition, self.description = condition, description


@dataclass(frozen=True)
class Performative:
    """What a peer says in a frame: fields read by position and type. Reading raises ProtocolError."""

    code: int
    fields: list[Any]
    payload: bytes

    def value(self, position: int) -> Any:
        """A field of any type; None when it was left out."""
        return self.fields[position] if position < len(self.fields) else None

    def number(self, position: int, default: int | None = None) -> int:
        """A field that is a number, and must be there unless there is a default."""
        found = self.optional_number(position)
        found = default if found is None else found
        if found is None:
            raise ProtocolError(INVALID_FIELD, f"field {position} of performative 0x{self.code:02x} is missing")
        return found

    def optional_number(self, position: int) -> int | None:
        """A field that is a number of 32 bits, if it is there."""
        found = self.value(position)
        if found is None or (isinstance(found, int) and not isinstance(found, bool) and 0 <= found <= HIGHEST):
            return found
        raise ProtocolError(INVALID_FIELD, f"field {position} of performative 0x{self.code:02x} is {found!r:.100}")

    def flag(self, position: int) -> bool:
        """A field that is true or false; false when it was left out."""
        found = self.value(position)
        if found is None or isinstance(found, bool):
            return bool(found)
        raise ProtocolError(INVALID_FIELD, f"field {position} of performative 0x{self.code:02x} is {found!r:.100}")


def read_performative(body: bytes) -> Performative:
    """What the body of a frame says. Raises DecodeError and ProtocolError."""
    described, end = decode(body)
    if (
        not isinstance(described, Described)
        or not isinstance(described.descriptor, ULong)
        or not isinstance(described.value, list)
    ):
        raise ProtocolError(FRAMING_ERROR, "a frame begins with a performative")
    return Performative(int(described.descriptor), described.value, body[end:])


def performative(code: int, *fields: Any) -> bytes:
    """An encoded performative, filled up with nulls."""
    missing = _FIELDS.get(code, 0) - len(fields)
    return encode(Described(ULong(code), [*fields, *[None] * missing]))


def frame(channel: int, body: bytes, kind: int = AMQP_FRAME) -> bytes:
    """A whole frame."""
    return _HEAD.pack(_HEAD.size + len(body), 2, kind, channel) + body


def frame_head(data: bytes | bytearray, position: int) -> tuple[int, int, int, int]:
    """Size, data offset in bytes, kind and channel of the frame that starts there."""
    size, offset, kind, channel = _HEAD.unpack_from(data, position)
    return size, 4 * offset, kind, channel


def error(condition: str, description: str) -> Described:
    """An AMQP error."""
    return Described(ULong(ERROR), [Symbol(condition), description[:1000], None])


def outcome(code: int, *fields: Any) -> Described:
    """A delivery state."""
    return Described(ULong(code), list(fields))
