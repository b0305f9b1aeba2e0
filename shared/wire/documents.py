"""Facts and commands as JSON documents: `{"type": NAME, ...}`, and back with every field checked.

A field that nobody here knows is passed over, so that a newer version's documents can be read by an older one.
"""

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from shared.domain import commands, facts
from shared.domain.commands import Command
from shared.domain.facts import Fact
from shared.errors import Malformed
from shared.wire import json_text


@cache
def _adapter(kind: str) -> TypeAdapter[Any]:
    return TypeAdapter(commands.KINDS.get(kind) or facts.KINDS[kind])


def _encode(document: Command | Fact) -> bytes:
    body = _adapter(document.kind).dump_python(document, mode="json")
    return json.dumps({"type": document.kind, **body}, ensure_ascii=False, separators=(",", ":")).encode()


def _decode[Document](body: bytes, kinds: Mapping[str, type[Document]]) -> Document:
    try:
        loaded = json_text.parse(body)
    except ValueError as error:
        raise Malformed(f"not JSON: {error}") from error
    if not isinstance(loaded, dict):
        raise Malformed(f"a JSON object was expected, not {type(loaded).__name__}")
    kind = kinds.get(str(loaded.get("type", "")))
    if kind is None:
        raise Malformed(f"its type is none of {', '.join(kinds)}")
    try:
        document: Document = _adapter(kind.__name__).validate_json(body, strict=True)
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        raise Malformed(f"{kind.__name__}: {faults}") from error
    if isinstance(document, Fact) and document.at.tzinfo is None:
        raise Malformed(f"{kind.__name__}: at: it names no time zone")
    return document


def encode_command(command: Command) -> bytes:
    """The command as it travels on its queue."""
    return _encode(command)


def decode_command(body: bytes) -> Command:
    """The command in a queue message's body. Raises Malformed."""
    return _decode(body, commands.KINDS)


def encode_fact(fact: Fact) -> bytes:
    """The fact as the ledger stores it."""
    return _encode(fact)


def decode_fact(body: bytes) -> Fact:
    """The fact in a ledger row. Raises Malformed."""
    return _decode(body, facts.KINDS)
