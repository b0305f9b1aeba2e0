"""The JSON face: documents that scripts read. New fields may be added; a reader ignores those it does not know."""

import json
import re
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from datetime import datetime, timedelta
from typing import Any

from shared.domain import first_version
from shared.domain.claimed import CLAIMED
from shared.domain.usecase import UseCase
from shared.ports import ParkedMessage
from shared.views.progress import Progress
from shared.views.remedies import Remedy
from shared.views.status import StatusView
from shared.views.story import StoryView
from shared.views.text import iso

type Document = dict[str, Any]

_STEERING = re.compile("[\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
"""What a terminal obeys or hides, and JSON lets pass."""


def story_document(view: StoryView, *, others: Sequence[str] = ()) -> Document:
    """One story with its timeline. `others` are further stories that what was asked for leads to."""
    return {
        **story_line(view),
        "scoring": progress_document(view.progress) if view.progress else None,
        "remedies": [remedy_document(one) for one in view.remedies],
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


def progress_document(progress: Progress) -> Document:
    """How far the newest scoring has come, in parts."""
    return {
        "plan": progress.plan,
        "parts": progress.parts,
        "done": progress.done,
        "running": progress.running,
        "failed": progress.failed,
        "waiting": progress.waiting,
        "rows": progress.rows,
        "seconds_left": _seconds(progress.left) if progress.left else None,
        "cancelled": progress.cancelled,
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
        "last_sentence": view.last_sentence,
    }


def remedy_document(remedy: Remedy) -> Document:
    """One thing that needs a person."""
    return {
        "why": remedy.why,
        "detail": remedy.detail,
        "at": remedy.at,
        "advice": remedy.advice,
        "command": list(remedy.command),
    }


def status_document(view: StatusView, *, trouble: str = "") -> Document:
    """Everything at a glance. `trouble` is what keeps the app itself from working, where that is known."""
    return {
        "at": view.at,
        "needs_attention": view.needs_attention or bool(trouble),
        "trouble": trouble,
        "attention": [
            {"story": one.story, "subject": one.subject, **remedy_document(one.remedy)} for one in view.attention
        ],
        "counts": {str(state): count for state, count in view.counts.items()},
        "slots": [
            {
                "model": one.model,
                "slot": one.slot,
                "version": one.version,
                "since": one.since,
                "story": one.story,
                "url": one.url,
            }
            for one in view.slots
        ],
        "parked": [parked_line(one) for one in view.parked],
        "unsettled": list(view.unsettled),
        "dropped": [
            {"reason": one.reason, "count": one.count, "newest": one.newest, "at": one.at} for one in view.dropped
        ],
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


def settled_document(
    what: str, done: Sequence[ParkedMessage], refused: Sequence[tuple[ParkedMessage, str]]
) -> Document:
    """What was `replayed` or `discarded`, and what was not, and why."""
    return {
        what: [parked_line(one) for one in done],
        "refused": [{**parked_line(one), "because": because} for one, because in refused],
    }


def check_document(good: Sequence[UseCase], faults: Sequence[tuple[str, str]]) -> Document:
    """What `usecase check` read, and each fault: its file, and what is wrong with it."""
    return {
        "use_cases": [use_case_line(one) for one in good],
        "faults": [{"file": file, "fault": fault} for file, fault in faults],
    }


def use_case_line(one: UseCase) -> Document:
    """A use case in numbers and names."""
    suite = json.loads(one.data.expectations)["expectations"] if one.data.expectations else []
    unclaimed = sorted({each["type"] for each in suite} - set(CLAIMED))
    return {
        "name": one.name,
        "folder": one.folder,
        "arrives": one.data.arrives,
        "expectations": len(suite),
        "rules": len(one.gate.policy.rules),
        "model": one.training.model,
        "slot": one.gate.slot,
        "silver": one.data.table,
        "gold": one.scoring.table,
        "part_by": one.scoring.part_by,
        "warnings": [text for text in (first_version.warning(one.gate.policy), *map(_unclaimed, unclaimed)) if text],
    }


def _unclaimed(kind: str) -> str:
    return f"{kind} runs as Great Expectations runs it on a database; the types that a test holds are in the reference"


def error_document(error: str) -> Document:
    """Why there is no other document."""
    return {"error": error}


def to_json(document: Document) -> str:
    """As text, for people too."""
    text = json.dumps(document, indent=2, ensure_ascii=False, default=_plain)
    return _STEERING.sub(lambda each: f"\\u{ord(each[0]):04x}", text)


def _seconds(span: timedelta) -> float:
    return round(span.total_seconds(), 3)


def _plain(value: object) -> object:
    """What JSON does not know: times as UTC text, dataclasses as objects."""
    if isinstance(value, datetime):
        return iso(value)
    if is_dataclass(value):
        return {each.name: getattr(value, each.name) for each in fields(value)}
    raise TypeError(f"{type(value).__name__} has no place in a JSON document")
