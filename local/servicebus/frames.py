"""Frames and performatives (OASIS AMQP 1.0, part 2: transport)."""

import struct
from typing import Any

from local.servicebus.codec import Described, Symbol, ULong, encode

AMQP_HEADER, SASL_HEADER = b"AMQP\x00\x01\x00\x00", b"AMQP\x03\x01\x00\x00"
AMQP_FRAME, SASL_FRAME = 0, 1

OPEN, BEGIN, ATTACH, FLOW, TRANSFER, DISPOSITION, DETACH, END, CLOSE = range(0x10, 0x19)
SASL_MECHANISMS, SASL_OUTCOME = 0x40, 0x44
RECEIVED, ACCEPTED, REJECTED, RELEASED, MODIFIED = range(0x23, 0x28)
ERROR = 0x1D

_FIELDS = {OPEN: 10, BEGIN: 8, ATTACH: 14, FLOW: 11, TRANSFER: 11, DISPOSITION: 6, DETACH: 3, END: 1, CLOSE: 1}
"""How many fields a performative has: none may be left out at the end, the SDK reads by position."""

_HEAD = struct.Struct(">IBBH")


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


def field_count(code: int) -> int:
    """How many fields the performative has."""
    return _FIELDS.get(code, 0)


def error(condition: str, description: str) -> Described:
    """An AMQP error."""
    return Described(ULong(ERROR), [Symbol(condition), description, None])


def outcome(code: int, *fields: Any) -> Described:
    """A delivery state."""
    return Described(ULong(code), list(fields))
