"""Arrivals that no event told of: what lies in the landing area and has no story gets one, as if its event had come."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from shared.domain import identity
from shared.domain import story as stories
from shared.domain.arrival import SWEEP, BlobCreated, Dropping, whose
from shared.domain.batch import LandedFile, ListedFile, landed_of
from shared.domain.facts import BatchAssembled, DataArrived, DataSuperseded
from shared.domain.lost import SETTLED, Left, Lying, as_event
from shared.domain.usecase import UseCase, UseCases
from shared.notes import Journals
from shared.ports import Ledger
from shared.steps.batch_ports import BatchPorts
from shared.steps.close_batches import NOTED, landed_in
from shared.steps.decision import Decision

AT_ONCE = 200
"""So many of a use case one sweep has arrive, the oldest; the next one has the next."""

_NEWEST = 2000
"""So many stories at most are looked at in one go, before the ledger is asked for single ones."""

_SAME_NAME = 5
"""So many stories of a file of that name are looked at, the newest."""


@dataclass(frozen=True, kw_only=True)
class LostArrivals:
    """Looks for them. `accept` is the step that takes an event; `after` is how long an event has to come."""

    use_cases: UseCases
    ports: BatchPorts
    landing_url: str
    accept: Callable[[BlobCreated], Decision]
    after: timedelta

    def find(self, use_case: UseCase) -> Sequence[Decision]:
        """Have arrive what was written within `data.look_back` and no event told of, the oldest first. Raises
        Unreachable or Refused where the landing area cannot be listed.
        """
        if not use_case.data.look_back:
            return ()
        lying = self.look(use_case, self.ports.clock.now() - use_case.data.look_back)
        lost = islice((one for one in lying if one.is_lost), AT_ONCE)
        return [self.take(one, found_by=SWEEP) for one in lost]

    def take(self, one: Lying, *, found_by: str, reason: str = "") -> Decision:
        """Have it arrive. Whoever is faster, its event or this: it is one story."""
        return self.accept(as_event(one.file, found_by=found_by, reason=reason))

    def look(self, use_case: UseCase, since: datetime) -> Iterator[Lying]:
        """What was written since then and has no story, the oldest first, with why it gets none by itself."""
        until = self.ports.clock.now() - max(self.after, SETTLED)
        judged = [
            (one, whose(as_event(one), self.landing_url, self.use_cases))
            for one in self.ports.landing.listed(use_case.data.prefix, since)
        ]
        arrivals = sum(isinstance(owner, UseCase) for _, owner in judged)
        known = _Known(use_case, self.ports.ledger, self.ports.journals, arrivals)
        for one, owner in judged:
            story = identity.story_of_arrival(one.file, one.etag)
            if isinstance(owner, Dropping):
                yield Lying(file=one, story=story, reason=owner.reason, why=owner.why)
            elif owner.name != use_case.name or known.has(story):
                continue
            elif one.at > until:
                why = "it was written just now: its event may come yet"
                yield Lying(file=one, story=story, reason=Left.YOUNG, why=why)
            elif before := known.arrived_before(one):
                why = f"a file of that name and size arrived in story {before}: is it the same, with other properties?"
                yield Lying(file=one, story=story, reason=Left.ARRIVED_BEFORE, why=why)
            else:
                yield Lying(file=one, story=story)


class _Known:
    """Which contents of files have a story. One look at the newest tells it of most; the others are asked for."""

    def __init__(self, use_case: UseCase, ledger: Ledger, journals: Journals, arrivals: int) -> None:
        self._use_case, self._ledger, self._journals = use_case, ledger, journals
        lately = ledger.recent(min(4 * arrivals, _NEWEST)) if arrivals else ()
        self._lately = {head.story for head in lately}
        waits = use_case.data.quiet is not None and arrivals > 0
        self._noted = journals.noted(landed_of(use_case.name), NOTED) if waits else ()
        self._names = {entry.name for entry in self._noted}

    def has(self, story: str) -> bool:
        """Has it one, or does it wait for its batch to end?"""
        return story in self._lately or story in self._names or bool(self._ledger.story(story)) or self._waited(story)

    def _waited(self, story: str) -> bool:
        """Was it noted in a batch of a quiet period? Who noted that it is there may have died before it noted what it
        is: then it is not among the newest, and is noted anew.
        """
        once = self._journals.noted(f"{landed_of(self._use_case.name)}/{story}", 1)
        if self._use_case.data.quiet is None:
            return bool(once)
        return bool(once) and len(self._noted) == NOTED and once[0].at < self._noted[-1].at

    def arrived_before(self, one: ListedFile) -> str:
        """The story in which a file of that name and size arrived and was read, or "". A store gives a new ETag also
        when only properties of a file are set; a marker's size says nothing.
        """
        if self._use_case.data.ends_with:
            return ""
        for entry in self._noted:
            if _is_like(one, landed_in(entry)):
                return entry.story
        for story in self._ledger.find(one.file)[:_SAME_NAME]:
            told = self._ledger.story(story)
            arrived = any(_is_like(one, fact) for fact in stories.of_kind(told, DataArrived))
            batched = any(_is_like(one, each) for fact in stories.of_kind(told, BatchAssembled) for each in fact.files)
            if (arrived or batched) and not stories.last(told, DataSuperseded):
                return story
        return ""


def _is_like(one: LandedFile, other: LandedFile | DataArrived) -> bool:
    return (one.file, one.size) == (other.file, other.size)
