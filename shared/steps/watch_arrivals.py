"""The sweep's look at what should have arrived: silence is recorded once for each period, and when it ended."""

from collections.abc import Collection, Sequence
from datetime import datetime

from shared.domain import identity
from shared.domain.facts import DataMissing, DataResumed, Fact
from shared.domain.silence import MOST, arrivals_of, missed, number_of, open_silence
from shared.domain.usecase import UseCase
from shared.notes import Entry, Journals
from shared.ports import Ledger
from shared.steps.telling import QUIET, Telling


def watch_arrivals(
    use_case: UseCase,
    silences: Sequence[Sequence[Fact]],
    *,
    ledger: Ledger,
    journals: Journals,
    now: datetime,
    telling: Telling = QUIET,
) -> int:
    """Record the periods that passed without data, and end what is over; how many were new.

    A use case that nothing ever arrived for is watched from the first look on.
    """
    every, scope = use_case.data.every, arrivals_of(use_case.name)
    newest = next(iter(journals.noted(scope, 1)), None)
    for story in silences:
        missing = open_silence(story)
        if missing and missing.use_case == use_case.name and (every is None or (newest and newest.at > missing.since)):
            _end(missing, newest if every else None, ledger, now, telling)
    if every is None:
        return 0
    if newest is None:
        journals.note(Entry(scope=scope, number=number_of(now), story="", at=now))
        return 0
    count = missed(newest.at, every, use_case.data.grace, now)
    facts = [
        DataMissing(
            story=identity.story_of_silence(use_case.name, str(newest.number)),
            at=now,
            use_case=use_case.name,
            since=newest.at,
            every_seconds=int(every.total_seconds()),
            period=period,
        )
        for period in range(max(count - MOST, 0) + 1, count + 1)
    ]
    return sum(telling.record(facts, ledger=ledger))


def end_unknown(
    silences: Sequence[Sequence[Fact]],
    known: Collection[str],
    *,
    ledger: Ledger,
    now: datetime,
    telling: Telling = QUIET,
) -> None:
    """End the silence of use cases that are gone."""
    for story in silences:
        missing = open_silence(story)
        if missing and missing.use_case not in known:
            _end(missing, None, ledger, now, telling)


def _end(missing: DataMissing, arrived: Entry | None, ledger: Ledger, now: datetime, telling: Telling) -> None:
    ended = DataResumed(
        story=missing.story, at=now, use_case=missing.use_case, arrived=arrived.story if arrived else ""
    )
    telling.record([ended], ledger=ledger)
