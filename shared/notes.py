"""Ports for what is noted beside the facts: short numbered lists, and counts of what was dropped.

Every method may raise Unreachable (transient). They are kept where the ledger is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One line of a list: `number` orders it, `name` tells it from others of that number."""

    scope: str
    number: int
    name: str = ""
    story: str
    at: datetime
    text: str = ""


class Journals(Protocol):
    """Lists that only grow: which trainings were asked for, what arrived, which versions a table has."""

    def note(self, entry: Entry) -> bool:
        """Insert once by scope, number and name; answer whether it was first. What is there stays as it was."""

    def noted(self, scope: str, limit: int) -> Sequence[Entry]:
        """The entries of the highest numbers, the highest first; of one number by name."""


@dataclass(frozen=True, kw_only=True)
class Dropped:
    """How many events of a day were no arrival for that reason; `newest` is what the last of them was about."""

    day: date
    reason: str
    count: int
    newest: str
    at: datetime


class Tally(Protocol):
    """Counts of what was dropped."""

    def count_dropped(self, reason: str, what: str, at: datetime) -> None:
        """One more."""

    def dropped(self, since: date) -> Sequence[Dropped]:
        """The counts from that day on, the newest day first, within it by reason."""
