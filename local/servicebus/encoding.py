"""AMQP 1.0 values to bytes, each in its shortest form; in an array, where all share one form, in its widest."""

import struct
import uuid
from collections.abc import Callable
from typing import Any

from local.servicebus.amqp_types import (
    Array,
    Byte,
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
    UShort,
)

_SIZE = struct.Struct(">I")


def encode(value: Any) -> bytes:
    """The value's bytes. Raises TypeError for a type that AMQP has no word for, struct.error for too high a number."""
    if (short := _SHORT.get(type(value))) is not None and (encoded := short(value)) is not None:
        return encoded
    constructor, body = _wide(value)
    return constructor + body


def _wide(value: Any) -> tuple[bytes, bytes]:
    """A value's widest form: constructor and body."""
    if isinstance(value, Described):
        constructor, body = _wide(value.value)
        return b"\x00" + encode(value.descriptor) + constructor, body
    if isinstance(value, Opaque):
        return bytes((value.constructor,)), value.content
    try:
        code, body_of = _WIDE[type(value)]
    except KeyError:
        raise TypeError(f"AMQP has no word for {type(value).__name__}") from None
    return bytes((code,)), body_of(value)


def _sized(content: bytes) -> bytes:
    return _SIZE.pack(len(content)) + content


def _counted(count: int, content: bytes) -> bytes:
    return _SIZE.pack(len(content) + 4) + _SIZE.pack(count) + content


def _elements(values: list[Any]) -> bytes:
    return b"".join(map(encode, values))


def _pairs(values: dict[Any, Any]) -> bytes:
    return b"".join(encode(key) + encode(value) for key, value in values.items())


def _array(values: Array) -> bytes:
    forms = [_wide(value) for value in values] or [(b"\x40", b"")]
    if any(constructor != forms[0][0] for constructor, _ in forms):
        raise TypeError("the values of an array have one type")
    return _counted(len(values), forms[0][0] + b"".join(body for _, body in forms))


_WIDE: dict[type, tuple[int, Callable[[Any], bytes]]] = {
    type(None): (0x40, lambda _: b""),
    bool: (0x56, lambda value: bytes((value,))),
    UByte: (0x50, struct.Struct(">B").pack),
    Byte: (0x51, struct.Struct(">b").pack),
    UShort: (0x60, struct.Struct(">H").pack),
    Short: (0x61, struct.Struct(">h").pack),
    UInt: (0x70, struct.Struct(">I").pack),
    Int: (0x71, struct.Struct(">i").pack),
    Float: (0x72, struct.Struct(">f").pack),
    ULong: (0x80, struct.Struct(">Q").pack),
    int: (0x81, struct.Struct(">q").pack),
    float: (0x82, struct.Struct(">d").pack),
    Timestamp: (0x83, struct.Struct(">q").pack),
    uuid.UUID: (0x98, lambda value: bytes(value.bytes)),
    bytes: (0xB0, _sized),
    str: (0xB1, lambda value: _sized(value.encode())),
    Symbol: (0xB3, lambda value: _sized(value.encode("ascii"))),
    list: (0xD0, lambda values: _counted(len(values), _elements(values))),
    dict: (0xD1, lambda values: _counted(2 * len(values), _pairs(values))),
    Array: (0xF0, _array),
}


def _short_number(zero: int | None, small: int, low: int, high: int) -> Callable[[int], bytes | None]:
    def short(value: int) -> bytes | None:
        if value == 0 and zero is not None:
            return bytes((zero,))
        return bytes((small, value & 0xFF)) if low <= value <= high else None

    return short


def _short_content(code: int, content: bytes) -> bytes:
    if len(content) < 256:
        return bytes((code, len(content))) + content
    return bytes((code | 0x10,)) + _sized(content)


def _short_list(values: list[Any]) -> bytes:
    return _short_compound(0xC0, len(values), _elements(values)) if values else b"\x45"


def _short_compound(code: int, count: int, content: bytes) -> bytes:
    if len(content) < 255 and count < 256:
        return bytes((code, len(content) + 1, count)) + content
    return bytes((code | 0x10,)) + _counted(count, content)


_SHORT: dict[type, Callable[[Any], bytes | None]] = {
    bool: lambda value: b"\x41" if value else b"\x42",
    UInt: _short_number(0x43, 0x52, 0, 255),
    ULong: _short_number(0x44, 0x53, 0, 255),
    Int: _short_number(None, 0x54, -128, 127),
    int: _short_number(None, 0x55, -128, 127),
    bytes: lambda value: _short_content(0xA0, value),
    str: lambda value: _short_content(0xA1, value.encode()),
    Symbol: lambda value: _short_content(0xA3, value.encode("ascii")),
    list: _short_list,
    dict: lambda values: _short_compound(0xC1, 2 * len(values), _pairs(values)),
    Described: lambda value: b"\x00" + encode(value.descriptor) + encode(value.value),
}
