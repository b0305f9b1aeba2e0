"""Other systems hear what was decided and what is wrong with data: which facts they are told, what is still to be told,
and in which words.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from shared.domain import facts as f
from shared.domain import identity
from shared.domain.commands import AnnounceDecision
from shared.domain.drift import Drift
from shared.domain.pages import Pages

TOLD = (
    f.VersionPromoted,
    f.VersionRejected,
    f.ApprovalRequested,
    f.VersionRolledBack,
    f.RollbackWithheld,
    f.PromotionReverted,
    f.RevertWithheld,
    f.DataQuarantined,
    f.RowsQuarantined,
    f.DriftMeasured,
    f.DataMissing,
    f.DataResumed,
)
"""What changes production, keeps something out of it, or waits for people; data that is not as it should be."""


@dataclass(frozen=True, kw_only=True)
class Event:
    """One event for others. The same `id` is the same event, however often it comes."""

    id: str
    type: str
    subject: str
    at: datetime
    data: Mapping[str, Any]


def is_told(fact: f.Fact) -> bool:
    """Do others hear of it? Of drift only where it is beyond a limit."""
    return isinstance(fact, TOLD) and not (isinstance(fact, f.DriftMeasured) and fact.drift is Drift.NONE)


def with_dues(facts: Sequence[f.Fact]) -> list[f.Fact]:
    """Before each that others are told: that they are to be told, so that a crash after it forgets nobody."""
    told: list[f.Fact] = []
    for fact in facts:
        if is_told(fact):
            told.append(f.AnnouncementDue(story=fact.story, at=fact.at, about=fact.key))
        told.append(fact)
    return told


def open_dues(story: Sequence[f.Fact]) -> list[f.AnnouncementDue]:
    """What others are still to be told."""
    done = {one.about for one in story if isinstance(one, f.DecisionAnnounced)}
    return [one for one in story if isinstance(one, f.AnnouncementDue) and one.about not in done]


def open_delays(story: Sequence[f.Fact]) -> list[f.AnnouncementDelayed]:
    """What could not be told so far, and why."""
    due = {one.about for one in open_dues(story)}
    return [one for one in story if isinstance(one, f.AnnouncementDelayed) and one.about in due]


def wishes(story: Sequence[f.Fact], *, cause: str = "") -> tuple[AnnounceDecision, ...]:
    """The commands that would tell them."""
    return tuple(AnnounceDecision(story=one.story, about=one.about, cause=cause) for one in open_dues(story))


def event_of(fact: f.Fact, story: Sequence[f.Fact], pages: Pages) -> Event:
    """The fact as an event: its fields, what it was judged by or whose data it is about, and where to read on."""
    data = {**_judged_by(fact, story), **_data_of(fact, story), **_as_json(fact), "links": _links(fact, pages)}
    return Event(
        id=identity.event_id(fact.story, fact.key),
        type=f"Sluice.{fact.kind}",
        subject=_subject(data),
        at=fact.at,
        data=data,
    )


def _subject(data: Mapping[str, Any]) -> str:
    if "model" in data:
        place = f"versions/{data['version']}" if "version" in data else f"slots/{data.get('slot', '')}"
        return f"models/{data['model']}/{place}"
    return f"use-cases/{data.get('use_case', '')}" + (f"/files/{data['file']}" if "file" in data else "")


def _data_of(fact: f.Fact, story: Sequence[f.Fact]) -> dict[str, Any]:
    arrived = next((one for one in story if isinstance(one, f.DataArrived)), None)
    return {"use_case": arrived.use_case, "file": arrived.file} if arrived and not hasattr(fact, "model") else {}


def _judged_by(fact: f.Fact, story: Sequence[f.Fact]) -> dict[str, Any]:
    about = (getattr(fact, "model", ""), getattr(fact, "version", ""))
    for one in reversed(story):
        if isinstance(one, f.VersionJudged) and (one.model, one.version) == about:
            judged = {"verdict": one.verdict, "champion_version": one.champion_version}
            return {**judged, "policy": one.policy, "evidence": one.evidence}
    return {}


def _links(fact: f.Fact, pages: Pages) -> dict[str, str]:
    model, version = getattr(fact, "model", ""), getattr(fact, "version", "")
    links = {"story": pages.story(fact.story), "version": pages.version(model, version) if version else ""}
    if isinstance(fact, f.ApprovalRequested):
        links["approval"] = pages.approval(model, version)
    return {name: url for name, url in links.items() if url}


def _as_json(value: Any) -> Any:
    if is_dataclass(value):
        return {each.name: _as_json(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, tuple):
        return [_as_json(each) for each in value]
    if isinstance(value, datetime):
        return value.isoformat()
    return value.value if isinstance(value, Enum) else value
