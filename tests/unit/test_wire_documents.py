"""Facts and commands as documents: what is written comes back as it was, and nothing else is taken for one."""

import json
from dataclasses import MISSING, fields
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain import commands as c
from shared.domain import facts as f
from shared.errors import Malformed, Poison
from shared.wire import documents

DECODERS = [documents.decode_command, documents.decode_fact]


def as_json(document: c.Command | f.Fact) -> dict[str, Any]:
    encode = documents.encode_fact if isinstance(document, f.Fact) else documents.encode_command
    loaded: dict[str, Any] = json.loads(encode(document))  # type: ignore[arg-type]  # the encoder of its kind
    return loaded


def fact_with(fact: f.Fact, **changed: Any) -> f.Fact:
    return documents.decode_fact(json.dumps({**as_json(fact), **changed}).encode())


def command_with(command: c.Command, **changed: Any) -> c.Command:
    return documents.decode_command(json.dumps({**as_json(command), **changed}).encode())


@pytest.mark.parametrize("kind", f.KINDS.values())
def test_fact_comes_back_as_it_was(kind: type[f.Fact]) -> None:
    example = kind.example()
    decoded = documents.decode_fact(documents.encode_fact(example))
    assert decoded == example
    assert (type(decoded), decoded.key) == (kind, example.key)
    assert as_json(example).keys() == {"type", *(field.name for field in fields(kind))}


@pytest.mark.parametrize("kind", c.KINDS.values())
def test_command_comes_back_as_it_was(kind: type[c.Command]) -> None:
    example = kind.example()
    decoded = documents.decode_command(documents.encode_command(example))
    assert decoded == example
    assert (type(decoded), decoded.message_id) == (kind, example.message_id)
    assert as_json(example).keys() == {"type", *(field.name for field in fields(kind))}


@pytest.mark.parametrize("kind", [*f.KINDS.values(), *c.KINDS.values()])
def test_field_that_nobody_knows_is_passed_over(kind: type[f.Fact] | type[c.Command]) -> None:
    """A newer version wrote it; its messages and facts outlive a deployment, or a way back."""
    example: Any = kind.example()
    with_more = fact_with if isinstance(example, f.Fact) else command_with
    assert with_more(example, of_a_newer_version={"a": [1]}) == example


def test_field_that_an_older_version_did_not_write_has_its_default() -> None:
    written = as_json(c.StartTraining.example())
    for name in ("generation", "cause", "story"):
        del written[name]
    command = documents.decode_command(json.dumps(written).encode())
    assert command == c.StartTraining(use_case="flight_delays", table="silver/flight_delays", delta_version=1)


@pytest.mark.parametrize("kind", [*f.KINDS.values(), *c.KINDS.values()])
def test_missing_and_mistyped_fields_are_named(kind: type[f.Fact] | type[c.Command]) -> None:
    example: Any = kind.example()
    written = as_json(example)
    decode = documents.decode_fact if isinstance(example, f.Fact) else documents.decode_command
    for field in fields(kind):
        with pytest.raises(Malformed, match=rf"^{kind.__name__}: .*\b{field.name}\b"):
            decode(json.dumps({**written, field.name: {"wrong": "type"}}).encode())
        if field.default is MISSING:
            without = {name: value for name, value in written.items() if name != field.name}
            with pytest.raises(Malformed, match=rf"^{kind.__name__}: {field.name}: Field required"):
                decode(json.dumps(without).encode())


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"delta_version": "1"}, "delta_version"),
        ({"delta_version": True}, "delta_version"),
        ({"delta_version": 1.5}, "delta_version"),
        ({"delta_version": None}, "delta_version"),
        ({"story": 1}, "story"),
        ({"table": None}, "table"),
        ({"table": 1, "use_case": 2}, "use_case: .*; table: "),
    ],
)
def test_every_wrong_type_is_told_at_once(changed: dict[str, Any], told: str) -> None:
    with pytest.raises(Malformed, match=f"^StartTraining: {told}"):
        command_with(c.StartTraining.example(), **changed)


@pytest.mark.parametrize("verdict", ["excellent", "PASSED", "", None, 1])
def test_verdict_that_is_none_is_refused(verdict: object) -> None:
    """Also one that a newer version may know: nobody here can say that it is no pass."""
    with pytest.raises(Malformed, match=r"^BatchChecked: verdict: "):
        fact_with(f.BatchChecked.example(), verdict=verdict)


@pytest.mark.parametrize("at", ["2026-01-31T03:00:00", "yesterday", 1769828400, "", None])
def test_time_has_to_name_its_zone(at: object) -> None:
    with pytest.raises(Malformed, match=r"^DataArrived: at: "):
        fact_with(f.DataArrived.example(), at=at)


def test_time_is_the_same_instant_in_any_zone() -> None:
    told = fact_with(f.DataArrived.example(), at="2026-01-31T05:00:00+02:00")
    assert told.at == datetime(2026, 1, 31, 3, tzinfo=UTC)


@pytest.mark.parametrize("decode", DECODERS)
@pytest.mark.parametrize("kind", ["Nothing", "", None, 1, ["CheckBatch"], "Command", "Fact", "checkbatch"])
def test_type_that_nobody_knows_is_refused(decode: Any, kind: object) -> None:
    with pytest.raises(Malformed, match="its type is none of"):
        decode(json.dumps({"type": kind}).encode())


def test_fact_is_no_command_and_command_no_fact() -> None:
    with pytest.raises(Malformed, match="its type is none of CheckBatch"):
        documents.decode_command(documents.encode_fact(f.DataArrived.example()))
    with pytest.raises(Malformed, match="its type is none of DataArrived"):
        documents.decode_fact(documents.encode_command(c.CheckBatch.example()))


@pytest.mark.parametrize("decode", DECODERS)
@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff\xfe\x00", "not JSON"),
        (b"[" * 100_000, "not JSON: it is nested too deeply"),
        (b'{"type": "\\ud800"}', "not JSON: it has a surrogate that stands alone"),
        (b"[]", "a JSON object was expected, not list"),
        (b"null", "a JSON object was expected, not NoneType"),
        (b'"CheckBatch"', "a JSON object was expected, not str"),
        (b"{}", "its type is none of"),
    ],
    ids=lambda value: value[:30].decode(errors="replace") if isinstance(value, bytes) else "",
)
def test_bytes_that_are_no_document_are_malformed(decode: Any, body: bytes, told: str) -> None:
    with pytest.raises(Malformed, match=told) as caught:
        decode(body)
    assert isinstance(caught.value, Poison)
    assert caught.value.reason == "malformed"


def test_surrogate_in_a_field_is_malformed() -> None:
    """It could be read, but never be sent on or recorded."""
    with pytest.raises(Malformed):
        command_with(c.StartTraining.example(), story="\ud800")


documents_ = st.builds(
    lambda example, changed: json.dumps({**as_json(example), **changed}).encode(),
    st.sampled_from([*(kind.example() for kind in f.KINDS.values()), *(kind.example() for kind in c.KINDS.values())]),
    st.dictionaries(
        st.sampled_from(["type", "story", "at", "generation", "rows", "rules", "part", "model", "verdict"]),
        st.none() | st.integers() | st.floats() | st.text(alphabet=st.characters(exclude_categories=[])),
        max_size=3,
    ),
)


@settings(deadline=None, max_examples=400)
@given(st.binary() | documents_)
def test_whatever_the_bytes_it_is_a_document_that_can_be_written_or_malformed(body: bytes) -> None:
    for decode, encode in (
        (documents.decode_command, documents.encode_command),
        (documents.decode_fact, documents.encode_fact),
    ):
        try:
            document: Any = decode(body)
        except Malformed:
            continue
        assert decode(encode(document)) == document


texts = st.text(max_size=20)


@settings(deadline=None)
@given(texts, texts, st.integers(0, 2**62), st.datetimes(timezones=st.just(UTC)))
def test_any_text_number_and_time_comes_back(file: str, url: str, size: int, at: datetime) -> None:
    fact = f.DataArrived(story="s", at=at, use_case="u", file=file, url=url, etag="e", size=size)
    assert documents.decode_fact(documents.encode_fact(fact)) == fact
