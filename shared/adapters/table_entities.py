"""How facts, approvals and messages look as entities of Azure Table Storage, within its limits.

A property holds 64 KiB and an entity 1 MiB (learn.microsoft.com, "Understanding the Table service data model"), so a
body is cut into properties b0, b1, ... Keys go through `identity.fact_key`, which knows what a key must not hold.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from shared.domain import identity
from shared.domain.facts import Fact
from shared.ports import Approval, ParkedMessage, StoryHead
from shared.wire.documents import decode_fact, encode_fact

PIECE = 60_000
"""Bytes in one property."""

HEAD = "!head"
"""Row key, in a story's partition, of what is true of the story as a whole; no fact's key begins like it."""

type Entity = dict[str, Any]


def fact_entity(fact: Fact, *, number: int, writer: str) -> Entity:
    """`number` is its place in the story, `writer` who inserted it."""
    return {
        "PartitionKey": fact.story,
        "RowKey": fact.key,
        "number": number,
        "writer": writer,
        **_pieces(encode_fact(fact)),
    }


def fact_of(entity: Mapping[str, Any]) -> Fact:
    """The fact in an entity."""
    return decode_fact(_body(entity))


def head_entity(head: StoryHead, *, place: str, count: int) -> Entity:
    """In the story's own partition, changed together with its facts. `place` is when the story began."""
    return {"PartitionKey": head.story, "RowKey": HEAD, **_of_head(head), "place": place, "count": count}


def recent_entity(head: StoryHead, *, place: str, count: int) -> Entity:
    """The same in the list of stories, the newest first."""
    newest_first = f"{10**19 - 1 - int(place):019}"
    return {"PartitionKey": "recent", "RowKey": newest_first, **_of_head(head), "count": count}


def _of_head(head: StoryHead) -> Entity:
    return {
        "story": head.story,
        "subject": head.subject,
        "first_at": head.first_at.isoformat(),
        "last_at": head.last_at.isoformat(),
        "last_kind": head.last_kind,
        "settled": head.settled,
    }


def head_of(entity: Mapping[str, Any]) -> StoryHead:
    """The head in an entity."""
    return StoryHead(
        story=entity["story"],
        subject=entity["subject"],
        first_at=datetime.fromisoformat(entity["first_at"]),
        last_at=datetime.fromisoformat(entity["last_at"]),
        last_kind=entity["last_kind"],
        settled=entity["settled"],
    )


def subject_key(subject: str) -> str:
    """The partition of all stories that a subject leads to."""
    return identity.fact_key("subject", subject)


def approval_key(model: str, slot: str) -> Entity:
    """Where the approval of a slot is."""
    return {"PartitionKey": identity.fact_key("model", model), "RowKey": identity.fact_key("slot", slot)}


def approval_entity(approval: Approval) -> Entity:
    """The approval; its ETag is the service's."""
    fields = asdict(approval) | {"at": approval.at.isoformat()}
    del fields["etag"]
    return approval_key(approval.model, approval.slot) | fields


def approval_of(entity: Any) -> Approval:
    """The approval in an entity, with its ETag."""
    return Approval(
        model=entity["model"],
        slot=entity["slot"],
        version=entity["version"],
        story=entity["story"],
        at=datetime.fromisoformat(entity["at"]),
        etag=entity.metadata["etag"],
    )


def parked_key(queue: str, message_id: str) -> Entity:
    """Where a message is remembered, waiting or not."""
    return {"PartitionKey": "parked", "RowKey": identity.fact_key("once", queue, message_id)}


def waiting_key(place: str) -> Entity:
    """Where a message waits, the oldest first."""
    return {"PartitionKey": "parked", "RowKey": f"wait:{place}"}


def parked_body(message: ParkedMessage) -> Entity:
    """All of it but its keys."""
    described = asdict(message) | {"at": message.at.isoformat()}
    del described["body"], described["outcome"]
    words = json.dumps(described).encode()
    return {"described": len(words), **_pieces(words + message.body)}


def parked_of(entity: Mapping[str, Any]) -> ParkedMessage:
    """The message in an entity."""
    whole = _body(entity)
    described = json.loads(whole[: entity["described"]])
    described["at"] = datetime.fromisoformat(described["at"])
    return ParkedMessage(body=whole[entity["described"] :], **described)


def _pieces(body: bytes) -> Entity:
    return {f"b{index}": body[start : start + PIECE] for index, start in enumerate(range(0, len(body), PIECE))}


def _body(entity: Mapping[str, Any]) -> bytes:
    pieces: list[bytes] = []
    while (piece := entity.get(f"b{len(pieces)}")) is not None:
        pieces.append(piece)
    return b"".join(pieces)
