"""Everything at a glance: stories, slots, and what waits for a person."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.domain import identity
from shared.notes import Dropped, Tally
from shared.ports import Approvals, Ledger, ParkedMessage, Parking
from shared.views.links import version_url
from shared.views.remedies import Remedy, of_parked
from shared.views.states import State
from shared.views.story import StoryView, story_view

RECENT = 20
"""How many stories are shown when nobody says."""

DAYS = 7
"""So many days back events that were no arrival are counted."""


@dataclass(frozen=True, kw_only=True)
class SlotView:
    """The version that is approved for a slot, since when, and the story that led to it. `url` may be empty."""

    model: str
    slot: str
    version: str
    since: datetime
    story: str
    url: str


@dataclass(frozen=True, kw_only=True)
class Attention:
    """One thing that needs a person, and where: a story and its subject, or neither when it belongs to no story."""

    story: str
    subject: str
    remedy: Remedy


@dataclass(frozen=True, kw_only=True)
class StatusView:
    """`stories` are the recent ones, newest first, then older ones that are unsettled or have a parked message."""

    at: datetime
    stories: tuple[StoryView, ...]
    parked: tuple[ParkedMessage, ...]
    slots: tuple[SlotView, ...]
    unsettled: tuple[str, ...]
    dropped: tuple[Dropped, ...] = ()

    @property
    def counts(self) -> Mapping[State, int]:
        """How many of the stories shown are in each state."""
        found = Counter(one.state for one in self.stories)
        return {state: found[state] for state in State}

    @property
    def attention(self) -> tuple[Attention, ...]:
        """All that needs a person, newest first."""
        of_stories = [
            Attention(story=one.story, subject=one.subject, remedy=remedy)
            for one in self.stories
            for remedy in one.remedies
        ]
        told = {one.story for one in self.stories}
        of_none = [
            Attention(story="", subject="", remedy=of_parked(one))
            for one in self.parked
            if one.correlation_id not in told
        ]
        unique = {(one.story, one.remedy): one for one in [*of_stories, *of_none]}
        return tuple(sorted(unique.values(), key=lambda one: one.remedy.at, reverse=True))

    @property
    def needs_attention(self) -> bool:
        """Does a person have to look?"""
        return bool(self.attention)


def dropped_lately(tally: Tally, now: datetime) -> Sequence[Dropped]:
    """What was no arrival in the last week, by reason, the most frequent first; `day` is the newest."""
    of_reason: dict[str, Dropped] = {}
    for one in tally.dropped((now - timedelta(days=DAYS)).date()):
        newest = of_reason.get(one.reason, one)
        count = one.count + (newest.count if newest is not one else 0)
        of_reason[one.reason] = replace(newest, count=count)
    return sorted(of_reason.values(), key=lambda one: (-one.count, one.reason))


def status_view(
    ledger: Ledger,
    approvals: Approvals,
    parking: Parking,
    *,
    now: datetime,
    limit: int = RECENT,
    tracking_uri: str = "",
    dropped: Sequence[Dropped] = (),
) -> StatusView:
    """What the three say now."""
    waiting = parking.parked()
    recent = [head.story for head in ledger.recent(limit)]
    unsettled = [story for story in ledger.unsettled() if not identity.is_shard(story)]
    older = [*reversed(unsettled), *(identity.whole_of(one.correlation_id) for one in waiting if one.correlation_id)]
    told = {story: ledger.story(story) for story in dict.fromkeys([*recent, *older])}
    return StatusView(
        at=now,
        stories=tuple(
            story_view(facts, waiting=waiting, now=now, tracking_uri=tracking_uri) for facts in told.values() if facts
        ),
        parked=tuple(waiting),
        slots=tuple(
            SlotView(
                model=one.model,
                slot=one.slot,
                version=one.version,
                since=one.at,
                story=one.story,
                url=version_url(tracking_uri, one.model, one.version),
            )
            for one in approvals.slots()
        ),
        unsettled=tuple(unsettled),
        dropped=tuple(dropped),
    )
