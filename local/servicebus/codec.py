"""AMQP 1.0 types to bytes and back (OASIS AMQP 1.0, part 1: types).

What Python has no type for has one here: Symbol, Timestamp (milliseconds), the unsigned integers, Array, Described.
Decoding checks every bound: whatever is no AMQP raises DecodeError and nothing else.
"""

import struct
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

MAX_DEPTH = 32

_STRUCTS = {form: struct.Struct(f">{form}") for form in "bBhHiIqQfd"}


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


class Int(int):
    """32 bits, signed; a plain int is 64 bits."""


class Array(list[Any]):
    """Values of one type."""


class Described(NamedTuple):
    """A value and what it means."""

    descriptor: Any
    value: Any


# ---- decoding

_FIXED: dict[int, tuple[str, Callable[[Any], Any]]] = {
    0x50: ("B", UByte),
    0x51: ("b", int),
    0x52: ("B", UInt),
    0x53: ("B", ULong),
    0x54: ("b", Int),
    0x55: ("b", int),
    0x56: ("B", bool),
    0x60: ("H", UShort),
    0x61: ("h", int),
    0x70: ("I", UInt),
    0x71: ("i", Int),
    0x72: ("f", float),
    0x80: ("Q", ULong),
    0x81: ("q", int),
    0x82: ("d", float),
    0x83: ("q", Timestamp),
}
_EMPTY: dict[int, Callable[[], Any]] = {
    0x40: lambda: None,
    0x41: lambda: True,
    0x42: lambda: False,
    0x43: lambda: UInt(0),
    0x44: lambda: ULong(0),
    0x45: list,
}
_OPAQUE = {0x73: 4, 0x74: 4, 0x84: 8, 0x94: 16}  # char and decimals: kept as bytes


def decode(data: bytes, position: int = 0) -> tuple[Any, int]:
    """The value that starts at the position, and where it ends. Raises DecodeError."""
    try:
        return _decode(data, position, 0)
    except (IndexError, struct.error, UnicodeDecodeError, TypeError) as error:
        raise DecodeError(f"no AMQP value at byte {position}: {error}") from error


def _decode(data: bytes, position: int, depth: int) -> tuple[Any, int]:
    if depth > MAX_DEPTH:
        raise DecodeError(f"values nested more than {MAX_DEPTH} deep")
    code = data[position]
    if code == 0x00:
        descriptor, position = _decode(data, position + 1, depth + 1)
        value, position = _decode(data, position, depth + 1)
        return Described(descriptor, value), position
    return _decode_as(data, position + 1, code, depth)


def _decode_as(data: bytes, position: int, code: int, depth: int) -> tuple[Any, int]:
    if code in _FIXED:
        form, make = _FIXED[code]
        packed = _STRUCTS[form]
        return make(packed.unpack_from(data, position)[0]), position + packed.size
    if code in _EMPTY:
        return _EMPTY[code](), position
    if code == 0x98:
        return uuid.UUID(bytes=_take(data, position, 16)), position + 16
    if code in _OPAQUE:
        return _take(data, position, _OPAQUE[code]), position + _OPAQUE[code]
    wide = bool(code & 0x10)
    size, start = _size(data, position, wide=wide)
    if code in (0xA0, 0xB0):
        return _take(data, start, size), start + size
    if code in (0xA1, 0xB1):
        return str(_take(data, start, size), "utf-8"), start + size
    if code in (0xA3, 0xB3):
        return Symbol(str(_take(data, start, size), "ascii")), start + size
    if code in (0xC0, 0xD0, 0xC1, 0xD1, 0xE0, 0xF0):
        return _compound(data, start, start + size, code, depth, wide=wide), start + size
    raise DecodeError(f"there is no constructor 0x{code:02x}")


def _compound(data: bytes, start: int, end: int, code: int, depth: int, *, wide: bool) -> Any:
    if end > len(data):
        raise DecodeError("a list, map or array ends after the data")
    count, position = _size(data, start, wide=wide)
    if count > end - start and code not in (0xE0, 0xF0):
        raise DecodeError(f"{count} elements do not fit {end - start} bytes")
    if code in (0xE0, 0xF0):
        return _array(data, position, end, count, depth)
    values = []
    for _ in range(count):
        value, position = _decode(data, position, depth + 1)
        values.append(value)
    if position != end:
        raise DecodeError("a list or map is not as long as it says")
    if code in (0xC1, 0xD1):
        if count % 2:
            raise DecodeError("a map needs a value for every key")
        return dict(zip(values[::2], values[1::2], strict=True))
    return values


def _array(data: bytes, position: int, end: int, count: int, depth: int) -> Array:
    values = Array()
    if count == 0:
        return values
    descriptor, code = None, data[position]
    position += 1
    if code == 0x00:
        descriptor, position = _decode(data, position, depth + 1)
        code, position = data[position], position + 1
    if code in _EMPTY and count > end - position + 1:
        raise DecodeError(f"{count} elements of no size")
    for _ in range(count):
        value, position = _decode_as(data, position, code, depth + 1)
        values.append(value if descriptor is None else Described(descriptor, value))
        if position > end:
            raise DecodeError("an array is longer than it says")
    return values


def _size(data: bytes, position: int, *, wide: bool) -> tuple[int, int]:
    if wide:
        return int(_STRUCTS["I"].unpack_from(data, position)[0]), position + 4
    return data[position], position + 1


def _take(data: bytes, position: int, size: int) -> bytes:
    taken = bytes(data[position : position + size])
    if len(taken) != size:
        raise DecodeError(f"{size} bytes were announced, {len(taken)} are there")
    return taken


def skip(data: bytes, position: int) -> int:
    """Where the value that starts at the position ends; cheaper than decoding it. Raises DecodeError."""
    try:
        for _ in range(MAX_DEPTH):
            code = data[position]
            position += 1
            if code != 0x00:
                break
            position = skip(data, position)
        else:
            raise DecodeError(f"values nested more than {MAX_DEPTH} deep")
        if code in _FIXED:
            position += _STRUCTS[_FIXED[code][0]].size
        elif code == 0x98:
            position += 16
        elif code in _OPAQUE:
            position += _OPAQUE[code]
        elif code not in _EMPTY:
            size, start = _size(data, position, wide=bool(code & 0x10))
            position = start + size
    except (IndexError, struct.error) as error:
        raise DecodeError(f"no AMQP value at byte {position}: {error}") from error
    if position > len(data):
        raise DecodeError("a value ends after the data")
    return position


# ---- encoding


def encode(value: Any) -> bytes:
    """The value's bytes. Raises TypeError for a type that AMQP has no word for."""
    return _ENCODERS[type(value)](value)


def _pack(code: int, form: str, value: Any) -> bytes:
    return bytes((code,)) + _STRUCTS[form].pack(value)


def _sized(short: int, long: int, body: bytes) -> bytes:
    return bytes((short, len(body))) + body if len(body) < 256 else _pack(long, "I", len(body)) + body


def _small(zero: int, small: int, wide: int, form: str) -> Callable[[int], bytes]:
    def encoder(value: int) -> bytes:
        if value == 0:
            return bytes((zero,))
        return bytes((small, value)) if value < 256 else _pack(wide, form, value)

    return encoder


def _long(value: int) -> bytes:
    return _pack(0x55, "b", value) if -128 <= value < 128 else _pack(0x81, "q", value)


def _list(values: Sequence[Any]) -> bytes:
    if not values:
        return b"\x45"
    return _counted(0xC0, 0xD0, len(values), b"".join(map(encode, values)))


def _map(values: Mapping[Any, Any]) -> bytes:
    body = b"".join(encode(key) + encode(value) for key, value in values.items())
    return _counted(0xC1, 0xD1, 2 * len(values), body)


def _counted(short: int, long: int, count: int, body: bytes) -> bytes:
    if len(body) < 255 and count < 256:
        return bytes((short, len(body) + 1, count)) + body
    return _pack(long, "I", len(body) + 4) + _STRUCTS["I"].pack(count) + body


_ARRAY_FORMS: dict[type, tuple[int, Callable[[Any], bytes]]] = {
    Timestamp: (0x83, _STRUCTS["q"].pack),
    int: (0x81, _STRUCTS["q"].pack),
    uuid.UUID: (0x98, lambda value: bytes(value.bytes)),
    str: (0xB1, lambda value: _STRUCTS["I"].pack(len(value.encode())) + value.encode()),
    Symbol: (0xB3, lambda value: _STRUCTS["I"].pack(len(value)) + value.encode("ascii")),
}


def _array_of(values: Array) -> bytes:
    code, form = _ARRAY_FORMS[type(values[0])] if values else (0x40, _STRUCTS["q"].pack)
    body = bytes((code,)) + b"".join(form(value) for value in values)
    return _pack(0xF0, "I", len(body) + 4) + _STRUCTS["I"].pack(len(values)) + body


_ENCODERS: dict[type, Callable[[Any], bytes]] = {
    type(None): lambda _: b"\x40",
    bool: lambda value: b"\x41" if value else b"\x42",
    str: lambda value: _sized(0xA1, 0xB1, value.encode()),
    Symbol: lambda value: _sized(0xA3, 0xB3, value.encode("ascii")),
    bytes: lambda value: _sized(0xA0, 0xB0, value),
    UByte: lambda value: _pack(0x50, "B", value),
    UShort: lambda value: _pack(0x60, "H", value),
    UInt: _small(0x43, 0x52, 0x70, "I"),
    ULong: _small(0x44, 0x53, 0x80, "Q"),
    Int: lambda value: _pack(0x71, "i", value),
    int: _long,
    Timestamp: lambda value: _pack(0x83, "q", value),
    float: lambda value: _pack(0x82, "d", value),
    uuid.UUID: lambda value: b"\x98" + value.bytes,
    Described: lambda value: b"\x00" + encode(value.descriptor) + encode(value.value),
    list: _list,
    dict: _map,
    Array: _array_of,
}
