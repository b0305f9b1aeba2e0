"""Bytes to AMQP 1.0 values. Whatever is no AMQP raises DecodeError and nothing else, in bounded time and memory.

No value may be longer than the data, no container may announce more elements than it has bytes, and nothing is nested
deeper than MAX_DEPTH: bytes from a stranger cost no more than a small multiple of their number.
"""

import struct
import uuid
from collections.abc import Callable
from typing import Any

from local.servicebus.amqp_types import (
    Array,
    Byte,
    DecodeError,
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

MAX_DEPTH = 32

_DESCRIBED = 0x00
_UUID = 0x98
_BINARIES, _STRINGS, _SYMBOLS = (0xA0, 0xB0), (0xA1, 0xB1), (0xA3, 0xB3)
_LISTS, _MAPS, _ARRAYS = (0xC0, 0xD0), (0xC1, 0xD1), (0xE0, 0xF0)
_EMPTY: dict[int, Callable[[], Any]] = {
    0x40: lambda: None,
    0x41: lambda: True,
    0x42: lambda: False,
    0x43: lambda: UInt(0),
    0x44: lambda: ULong(0),
    0x45: list,
}
_FIXED: dict[int, tuple[struct.Struct, Callable[[Any], Any]]] = {
    code: (struct.Struct(f">{form}"), make)
    for code, form, make in (
        (0x50, "B", UByte), (0x51, "b", Byte), (0x52, "B", UInt), (0x53, "B", ULong), (0x54, "b", Int),
        (0x55, "b", int), (0x56, "B", bool), (0x60, "H", UShort), (0x61, "h", Short), (0x70, "I", UInt),
        (0x71, "i", Int), (0x72, "f", Float), (0x80, "Q", ULong), (0x81, "q", int), (0x82, "d", float),
        (0x83, "q", Timestamp),
    )
}  # fmt: skip
_SIZED = frozenset((*_BINARIES, *_STRINGS, *_SYMBOLS, *_LISTS, *_MAPS, *_ARRAYS))
_OPAQUE = {0x73: 4, 0x74: 4, 0x84: 8, 0x94: 16}  # char, decimal32, decimal64, decimal128
_WIDTHS = {
    **dict.fromkeys(_EMPTY, 0),
    **{code: packed.size for code, (packed, _) in _FIXED.items()},
    **_OPAQUE,
    _UUID: 16,
}
_SIZE = struct.Struct(">I")


def decode(data: bytes, position: int = 0) -> tuple[Any, int]:
    """The value that starts at the position, and where it ends. Raises DecodeError."""
    try:
        return _decode(data, position, 0)
    except (IndexError, struct.error, UnicodeDecodeError, TypeError) as error:  # TypeError: no key of a map
        raise DecodeError(f"no AMQP value at byte {position}: {error}") from error


def skip(data: bytes, position: int) -> int:
    """Where the value that starts at the position ends, without looking into it. Raises DecodeError."""
    missing = 1
    try:
        while missing:
            code, position = data[position], position + 1
            if code == _DESCRIBED:
                missing += 1  # a descriptor and a value
                continue
            if (width := _WIDTHS.get(code)) is None:
                _must_be_sized(code)
                width, position = _size(data, position, wide=bool(code & 0x10))
            position += width
            missing -= 1
    except (IndexError, struct.error) as error:
        raise DecodeError(f"no AMQP value before byte {position}: {error}") from error
    if position > len(data):
        raise DecodeError("a value ends after the data")
    return position


def _decode(data: bytes, position: int, depth: int) -> tuple[Any, int]:
    code = data[position]
    if code != _DESCRIBED:
        return _decode_as(code, data, position + 1, depth)
    if depth >= MAX_DEPTH:
        raise DecodeError(f"values nested more than {MAX_DEPTH} deep")
    descriptor, position = _decode(data, position + 1, depth + 1)
    value, position = _decode(data, position, depth + 1)
    return Described(descriptor, value), position


def _decode_as(code: int, data: bytes, position: int, depth: int) -> tuple[Any, int]:
    if code in _FIXED:
        packed, make = _FIXED[code]
        return make(packed.unpack_from(data, position)[0]), position + packed.size
    if code in _EMPTY:
        return _EMPTY[code](), position
    if code == _UUID:
        return uuid.UUID(bytes=_take(data, position, 16)), position + 16
    if code in _OPAQUE:
        return Opaque(code, _take(data, position, _OPAQUE[code])), position + _OPAQUE[code]
    _must_be_sized(code)
    wide = bool(code & 0x10)
    size, start = _size(data, position, wide=wide)
    end = start + size
    if code in _STRINGS:
        return str(_take(data, start, size), "utf-8"), end
    if code in _SYMBOLS:
        return Symbol(str(_take(data, start, size), "ascii")), end
    if code in _BINARIES:
        return _take(data, start, size), end
    if end > len(data):
        raise DecodeError("a list, map or array ends after the data")
    if depth >= MAX_DEPTH:
        raise DecodeError(f"values nested more than {MAX_DEPTH} deep")
    count, start = _size(data, start, wide=wide)
    return (_array if code in _ARRAYS else _compound)(code, data, start, end, count, depth=depth + 1), end


def _compound(code: int, data: bytes, position: int, end: int, count: int, *, depth: int) -> Any:
    if count > end - position:
        raise DecodeError(f"{count} elements do not fit {end - position} bytes")
    values = []
    for _ in range(count):
        value, position = _decode(data, position, depth)
        values.append(value)
    if position != end:
        raise DecodeError("a list or map is not as long as it says")
    if code in _LISTS:
        return values
    if count % 2:
        raise DecodeError("a map needs a value for every key")
    return dict(zip(values[::2], values[1::2], strict=True))


def _array(_code: int, data: bytes, position: int, end: int, count: int, *, depth: int) -> Array:
    values = Array()
    if count == 0:
        return values
    described = data[position] == _DESCRIBED
    descriptor = None
    if described:
        descriptor, position = _decode(data, position + 1, depth)
    code, position = data[position], position + 1
    # Elements of no width would be legal in any number: one is taken, more are an attempt to fill the memory.
    if count * max(1, _WIDTHS.get(code, 1)) > end - position + (code in _EMPTY):
        raise DecodeError(f"{count} elements do not fit {end - position} bytes")
    for _ in range(count):
        value, position = _decode_as(code, data, position, depth)
        values.append(Described(descriptor, value) if described else value)
    if position != end:
        raise DecodeError("an array is not as long as it says")
    return values


def _must_be_sized(code: int) -> None:
    if code not in _SIZED:
        raise DecodeError(f"there is no constructor 0x{code:02x}")


def _size(data: bytes, position: int, *, wide: bool) -> tuple[int, int]:
    if wide:
        return int(_SIZE.unpack_from(data, position)[0]), position + 4
    return data[position], position + 1


def _take(data: bytes, position: int, size: int) -> bytes:
    taken = data[position : position + size]
    if len(taken) != size:
        raise DecodeError(f"{size} bytes were announced, {len(taken)} are there")
    return taken
