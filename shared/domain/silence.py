"""Data that a use case expects and that does not come."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from shared.domain import facts as f

MOST = 50
"""So many missed periods, the newest, are recorded of a long silence."""


def arrivals_of(use_case: str) -> str:
    """The journal of what arrived for a use case; its numbers are microseconds."""
    return f"arrivals/{use_case}"


def number_of(at: datetime) -> int:
    """A time as the number of an entry."""
    return int(at.timestamp() * 1_000_000)


def missed(last: datetime, every: timedelta, grace: timedelta, now: datetime) -> int:
    """How many periods have passed since the last arrival, each with its grace."""
    return max((now - last - grace) // every, 0)


def open_silence(story: Sequence[f.Fact]) -> f.DataMissing | None:
    """What is still missing: the newest period, unless data came since."""
    missing = [one for one in story if isinstance(one, f.DataMissing)]
    if not missing or any(isinstance(one, f.DataResumed) for one in story):
        return None
    return max(missing, key=lambda one: one.period)
