"""The broker's AMQP codec: the specification's bytes, every value there and back, and the SDK's codec as a witness."""

import math
import struct
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
from azure.servicebus._pyamqp import _decode as sdk_decode
from azure.servicebus._pyamqp import _encode as sdk_encode
from azure.servicebus._pyamqp.types import TYPE, VALUE, AMQPTypes
from hypothesis import given
from hypothesis import strategies as st

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
from local.servicebus.decoding import MAX_DEPTH, decode, skip
from local.servicebus.encoding import encode

VECTORS: list[tuple[str, Any]] = [  # OASIS AMQP 1.0, part 1, 1.6 and 1.2
    ("40", None),
    ("41", True),
    ("42", False),
    ("50 ff", UByte(255)),
    ("51 ff", Byte(-1)),
    ("60 0102", UShort(258)),
    ("61 fffe", Short(-2)),
    ("43", UInt(0)),
    ("52 ff", UInt(255)),
    ("70 00000100", UInt(256)),
    ("44", ULong(0)),
    ("53 01", ULong(1)),
    ("80 ffffffffffffffff", ULong(2**64 - 1)),
    ("54 80", Int(-128)),
    ("71 00000080", Int(128)),
    ("55 7f", 127),
    ("81 8000000000000000", -(2**63)),
    ("72 3fc00000", Float(1.5)),
    ("82 3ff8000000000000", 1.5),
    ("83 00000137be98d000", Timestamp(1338932514816)),
    ("73 0001f600", Opaque(0x73, b"\x00\x01\xf6\x00")),
    ("98 00112233445566778899aabbccddeeff", uuid.UUID("00112233-4455-6677-8899-aabbccddeeff")),
    ("a0 02 00ff", b"\x00\xff"),
    ("b0 00000100" + "61" * 256, b"a" * 256),
    ("a1 00", ""),
    ("a1 02 c3a9", "é"),
    ("b1 00000100" + "61" * 256, "a" * 256),
    ("a3 09 616d71703a746573 74", Symbol("amqp:test")),
    ("45", []),
    ("c0 04 02 41 5401", [True, Int(1)]),
    ("c1 01 00", {}),
    ("c1 06 02 a30161 5402", {Symbol("a"): Int(2)}),
    ("00 a3 03 55524c a1 01 75", Described(Symbol("URL"), "u")),
    ("00 53 24 45", Described(ULong(0x24), [])),
    ("f0 0000000d 00000002 71 00000001 00000002", Array([Int(1), Int(2)])),
]
OTHER_FORMS: list[tuple[str, Any]] = [
    ("56 01", True),
    ("56 00", False),
    ("70 00000000", UInt(0)),
    ("80 0000000000000007", ULong(7)),
    ("71 00000001", Int(1)),
    ("81 0000000000000001", 1),
    ("b1 00000001 61", "a"),
    ("d0 00000004 00000000", []),
    ("d1 00000004 00000000", {}),
    ("e0 04 02 50 01 02", Array([UByte(1), UByte(2)])),
    ("e0 02 00 40", Array()),
    ("e0 06 02 a1 01 61 01 62", Array(["a", "b"])),
    ("e0 07 02 00 53 25 50 01 02", Array([Described(ULong(0x25), UByte(1)), Described(ULong(0x25), UByte(2))])),
]


def same(one: Any, other: Any) -> bool:
    """Equal, and of the same types all the way down; NaN is NaN."""
    if type(one) is not type(other):
        return False
    if isinstance(one, (list, Described)):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return same(list(one), list(other)) and same(list(one.values()), list(other.values()))
    if isinstance(one, float):
        return struct.pack(">d", one) == struct.pack(">d", other) or (math.isnan(one) and math.isnan(other))
    return bool(one == other)


def integers(kind: type[int], bits: int, *, signed: bool) -> st.SearchStrategy[int]:
    """All numbers of a type."""
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    return st.one_of(st.integers(low, high), st.sampled_from([low, high, 0, 1, 127, 128 % high, 255 % high])).map(kind)


SCALARS: dict[str, st.SearchStrategy[Any]] = {
    "boolean": st.booleans(),
    "ubyte": integers(UByte, 8, signed=False),
    "ushort": integers(UShort, 16, signed=False),
    "uint": integers(UInt, 32, signed=False),
    "ulong": integers(ULong, 64, signed=False),
    "byte": integers(Byte, 8, signed=True),
    "short": integers(Short, 16, signed=True),
    "int": integers(Int, 32, signed=True),
    "long": integers(int, 64, signed=True),
    "timestamp": integers(Timestamp, 64, signed=True),
    "float": st.floats(width=32).map(Float),
    "double": st.floats(),
    "uuid": st.uuids(),
    "binary": st.one_of(st.binary(), st.binary(min_size=250, max_size=260)),
    "string": st.one_of(st.text(), st.text(st.characters(max_codepoint=127), min_size=250, max_size=260)),
    "symbol": st.text(st.characters(max_codepoint=127)).map(Symbol),
    "char": st.binary(min_size=4, max_size=4).map(lambda content: Opaque(0x73, content)),
    "decimal32": st.binary(min_size=4, max_size=4).map(lambda content: Opaque(0x74, content)),
    "decimal64": st.binary(min_size=8, max_size=8).map(lambda content: Opaque(0x84, content)),
    "decimal128": st.binary(min_size=16, max_size=16).map(lambda content: Opaque(0x94, content)),
}
scalars = st.one_of(st.none(), *SCALARS.values())
keys = st.one_of(SCALARS["string"], SCALARS["symbol"].map(lambda key: Symbol(f"symbol:{key}")))
arrays = st.sampled_from(sorted(SCALARS)).flatmap(lambda kind: st.lists(SCALARS[kind], max_size=5).map(Array))
descriptors = st.one_of(SCALARS["ulong"], SCALARS["symbol"])
described_arrays = st.tuples(descriptors, st.lists(SCALARS["string"], max_size=4)).map(
    lambda pair: Array(Described(pair[0], value) for value in pair[1])
)
values = st.recursive(
    st.one_of(scalars, arrays, described_arrays),
    lambda inner: st.one_of(
        st.lists(inner, max_size=6),
        st.dictionaries(keys, inner, max_size=6),
        st.builds(Described, descriptors, inner),
        st.lists(st.lists(inner, max_size=3), max_size=3).map(Array),
        st.lists(arrays, max_size=3).map(Array),
    ),
    max_leaves=30,
)


@pytest.mark.parametrize(("text", "value"), VECTORS)
def test_the_bytes_of_the_specification(text: str, value: Any) -> None:
    data = bytes.fromhex(text)
    assert encode(value) == data
    decoded, end = decode(data)
    assert same(decoded, value)
    assert end == skip(data, 0) == len(data)


@pytest.mark.parametrize(("text", "value"), OTHER_FORMS)
def test_longer_forms_of_the_same_are_read(text: str, value: Any) -> None:
    decoded, end = decode(bytes.fromhex(text))
    assert same(decoded, value)
    assert end == len(bytes.fromhex(text))


@given(value=values, before=st.binary(max_size=3), after=st.binary(max_size=3))
def test_every_value_there_and_back_wherever_it_stands(value: Any, before: bytes, after: bytes) -> None:
    encoded = encode(value)
    decoded, end = decode(before + encoded + after, len(before))
    assert same(decoded, value)
    assert end == skip(before + encoded + after, len(before)) == len(before) + len(encoded)


@given(data=st.binary(max_size=200))
def test_any_bytes_are_a_value_or_a_decode_error(data: bytes) -> None:
    try:
        value, end = decode(data)
    except DecodeError:
        return
    assert 0 < end <= len(data)
    again, _ = decode(encode(value))  # whatever can be read can be given on
    assert same(again, value)


def end_by_decoding(data: bytes, position: int) -> int:
    """Where a value ends."""
    return decode(data, position)[1]


@given(value=values, at=st.integers(0), byte=st.integers(0, 255), cut=st.integers(0))
def test_damaged_bytes_are_a_value_or_a_decode_error(value: Any, at: int, byte: int, cut: int) -> None:
    data = bytearray(encode(value))
    data[at % len(data)] = byte
    for damaged in (bytes(data), bytes(data[: cut % len(data)])):
        for end_of in (end_by_decoding, skip):
            try:
                end = end_of(damaged, 0)
            except DecodeError:
                continue
            assert 0 < end <= len(damaged)


@given(value=values, cut=st.integers(1, 4))
def test_no_value_is_complete_without_its_end(value: Any, cut: int) -> None:
    encoded = encode(value)
    for read in (decode, skip):
        with pytest.raises(DecodeError):
            read(encoded[: max(0, len(encoded) - cut)], 0)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("46", id="no constructor of no width"),
        pytest.param("30 00", id="no constructor"),
        pytest.param("a2 00", id="no constructor with a size"),
        pytest.param("00 53", id="a descriptor that is cut off"),
        pytest.param("a1 02 c328", id="a string that is no UTF-8"),
        pytest.param("a1 03 eda080", id="half a surrogate pair"),
        pytest.param("a3 01 ff", id="a symbol that is no ASCII"),
        pytest.param("c0 02 02 40", id="a list shorter than it says"),
        pytest.param("c0 03 01 40 40", id="a list longer than it says"),
        pytest.param("c1 02 01 40", id="a key without a value"),
        pytest.param("c1 04 02 45 40", id="a list as a key"),
        pytest.param("d0 00000005 ffffffff 40", id="four billion elements"),
        pytest.param("f0 00000005 ffffffff 40", id="four billion elements without width"),
        pytest.param("f0 00000005 0fffffff 45", id="many empty lists"),
        pytest.param("e0 03 02 50 01", id="an array shorter than it says"),
        pytest.param("e0 04 01 50 01 02", id="an array longer than it says"),
        pytest.param("b0 ffffffff 00", id="four gigabytes"),
    ],
)
def test_what_is_no_value(text: str) -> None:
    with pytest.raises(DecodeError):
        decode(bytes.fromhex(text))


@pytest.mark.parametrize("text", ["", "30 00", "46", "a2 00", "00 53", "00 53 24 f1 00", "b0 ffffffff 00", "c0 02 02"])
def test_what_is_no_value_cannot_be_skipped(text: str) -> None:
    with pytest.raises(DecodeError):
        skip(bytes.fromhex(text), 0)


@pytest.mark.parametrize(
    "wrap", [lambda inner: [inner], lambda inner: {"k": inner}, lambda inner: Described("d", inner)]
)
def test_the_depth_is_limited(wrap: Any) -> None:
    value: Any = None
    for _ in range(MAX_DEPTH):
        value = wrap(value)
    assert same(decode(encode(value))[0], value)
    with pytest.raises(DecodeError, match="deep"):
        decode(encode(wrap(value)))


@pytest.mark.parametrize(
    "value", [object(), 2**63, UByte(256), Int(2**31), Array([UInt(1), "mixed"]), datetime(2026, 1, 1, tzinfo=UTC)]
)
def test_what_amqp_has_no_word_for_is_not_written(value: Any) -> None:
    with pytest.raises((TypeError, struct.error)):
        encode(value)


# ---- the SDK's own codec

SDK_TYPES: dict[str, str] = {
    "boolean": AMQPTypes.boolean,
    "ubyte": AMQPTypes.ubyte,
    "ushort": AMQPTypes.ushort,
    "uint": AMQPTypes.uint,
    "ulong": AMQPTypes.ulong,
    "byte": AMQPTypes.byte,
    "short": AMQPTypes.short,
    "int": AMQPTypes.int,
    "long": AMQPTypes.long,
    "float": AMQPTypes.float,
    "double": AMQPTypes.double,
    "timestamp": AMQPTypes.timestamp,
    "uuid": AMQPTypes.uuid,
    "binary": AMQPTypes.binary,
    "string": AMQPTypes.string,
    "symbol": AMQPTypes.symbol,
}
typed = st.one_of([st.tuples(st.just(kind), SCALARS[kind]) for kind in SDK_TYPES])


def for_sdk(kind: str, value: Any) -> dict[str, Any]:
    """A value as the SDK's encoder takes it."""
    return {TYPE: SDK_TYPES[kind], VALUE: value}


def from_sdk(value: Any) -> Any:
    """A value as the SDK's decoder returns it, which knows neither text nor the width of a number."""
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, dict):
        return {from_sdk(key): from_sdk(each) for key, each in value.items()}
    if isinstance(value, Described):
        return from_sdk(value.value)
    if isinstance(value, list):
        return [from_sdk(each) for each in value]
    return repr(value) if isinstance(value, float) else value


def read_by_sdk(data: bytes) -> Any:
    """Decode with the SDK, to the end."""
    rest, value = sdk_decode._DECODE_BY_CONSTRUCTOR[data[0]](memoryview(data)[1:])
    assert len(rest) == 0
    return value


@given(given=typed)
def test_what_the_sdk_writes_is_read_as_it_was_meant(given: tuple[str, Any]) -> None:
    kind, value = given
    output = bytearray()
    sdk_encode.encode_value(output, for_sdk(kind, value))
    assert same(decode(bytes(output))[0], value)


@given(pairs=st.lists(st.tuples(typed, typed.filter(lambda pair: pair[0] != "float")), max_size=5))
def test_lists_maps_and_described_of_the_sdk_are_read(pairs: list[tuple[tuple[str, Any], tuple[str, Any]]]) -> None:
    listed = [one for pair in pairs for one in pair]
    mapped = {f"key {n}": one for n, one in enumerate(listed)}
    output = bytearray()
    sdk_encode.encode_described(
        output,
        (
            {TYPE: AMQPTypes.ulong, VALUE: 0x77},
            {
                TYPE: AMQPTypes.list,
                VALUE: [
                    {TYPE: AMQPTypes.list, VALUE: [for_sdk(*one) for one in listed]},
                    {
                        TYPE: AMQPTypes.map,
                        VALUE: [({TYPE: AMQPTypes.string, VALUE: key}, for_sdk(*one)) for key, one in mapped.items()],
                    },
                ],
            },
        ),
    )
    values_in_order = [value for _, value in listed]
    expected = Described(ULong(0x77), [values_in_order, dict(zip(mapped, values_in_order, strict=True))])
    assert same(decode(bytes(output))[0], expected)


# Two things the SDK reads wrongly: it forgets the constructor of an empty array, and mixes descriptors into maps. And
# delivery states, which it reads by names of its own.
sdk_descriptors = descriptors.filter(lambda one: one not in range(0x23, 0x28))
sdk_scalars = st.one_of(st.none(), *(SCALARS[kind] for kind in SDK_TYPES))
sdk_arrays = st.sampled_from(sorted(SDK_TYPES)).flatmap(
    lambda kind: st.lists(SCALARS[kind], min_size=1, max_size=5).map(Array)
)
sdk_values = st.recursive(
    st.one_of(sdk_scalars, sdk_arrays, st.builds(Described, sdk_descriptors, sdk_scalars)),
    lambda inner: st.one_of(st.lists(inner, max_size=5), st.dictionaries(SCALARS["string"], inner, max_size=5)),
    max_leaves=20,
)


@given(value=sdk_values)
def test_what_the_broker_writes_is_read_by_the_sdk(value: Any) -> None:
    assert from_sdk(read_by_sdk(encode(value))) == from_sdk(value)
