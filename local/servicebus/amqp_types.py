"""The types of AMQP 1.0 that Python has no word for (OASIS AMQP 1.0, part 1).

Every value that can be decoded can be encoded again, as the same type: a broker gives on what it was given.
"""

from typing import Any, NamedTuple


class DecodeError(ValueError):
    """Bytes that are no AMQP 1.0."""


class Symbol(str):
    """ASCII text from a constrained domain."""

    __slots__ = ()


class Timestamp(int):
    """Milliseconds since 1970-01-01 UTC."""


class UByte(int):
    """8 bits, unsigned."""


class UShort(int):
    """16 bits, unsigned."""


class UInt(int):
    """32 bits, unsigned."""


class ULong(int):
    """64 bits, unsigned."""


class Byte(int):
    """8 bits, signed."""


class Short(int):
    """16 bits, signed."""


class Int(int):
    """32 bits, signed; a plain int is 64 bits."""


class Float(float):
    """32 bits; a plain float is 64 bits."""


class Array(list[Any]):
    """Values of one type."""


class Described(NamedTuple):
    """A value and what it means."""

    descriptor: Any
    value: Any


class Opaque(NamedTuple):
    """A char or a decimal: given on as it came, never looked into."""

    constructor: int
    content: bytes
