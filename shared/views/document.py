"""The JSON face: documents that scripts read. New fields may be added; a reader ignores those it does not know."""

import json
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.ports import ParkedMessage
from shared.views.status import StatusView
from shared.views.story import StoryView

type Document = dict[str, Any]


def story_document(view: StoryView, *, others: Sequence[str] = ()) -> Document:
    """One story with its timeline. `others` are further stories that what was asked for leads to."""
    return {
        **story_line(view),
        "timeline": [
            {
                "at": one.at,
                "offset_seconds": _seconds(one.offset),
                "kind": one.kind,
                "sentence": one.sentence,
                "details": one.details,
            }
            for one in view.timeline
        ],
        "links": [{"name": one.name, "url": one.url} for one in view.links],
        "others": list(others),
    }


def story_line(view: StoryView) -> Document:
    """A story as lists show it."""
    return {
        "story": view.story,
        "subject": view.subject,
        "use_case": view.use_case,
        "state": str(view.state),
        "settled": view.settled,
        "attention": view.attention,
        "started": view.started,
        "last": view.last,
        "duration_seconds": _seconds(view.duration),
        "last_sentence": view.timeline[-1].sentence,
    }


def status_document(view: StatusView) -> Document:
    """Everything at a glance."""
    return {
        "at": view.at,
        "needs_attention": view.needs_attention,
        "counts": {str(state): count for state, count in view.counts.items()},
        "slots": list(view.slots),
        "parked": [parked_line(one) for one in view.parked],
        "unsettled": list(view.unsettled),
        "stories": [story_line(one) for one in view.stories],
    }


def parked_document(parked: Sequence[ParkedMessage]) -> Document:
    """The parked list, with the bodies."""
    return {"parked": [{**parked_line(one), "body": one.body.decode(errors="replace")} for one in parked]}


def parked_line(message: ParkedMessage) -> Document:
    """A parked message as lists show it."""
    return {
        "message_id": message.message_id,
        "queue": message.queue,
        "reason": message.reason,
        "detail": message.detail,
        "story": message.correlation_id,
        "at": message.at,
    }


def to_json(document: Document) -> str:
    """As text, for people too."""
    return json.dumps(document, indent=2, ensure_ascii=False, default=_plain)


def _seconds(span: timedelta) -> float:
    return round(span.total_seconds(), 3)


def _plain(value: object) -> object:
    """What JSON does not know: times as UTC text, dataclasses as objects."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if is_dataclass(value):
        return {each.name: getattr(value, each.name) for each in fields(value)}
    raise TypeError(f"{type(value).__name__} has no place in a JSON document")
