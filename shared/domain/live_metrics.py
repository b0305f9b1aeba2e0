"""What is measured of a model in production, and when it is bad: so many of the last values are beyond a bound."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Self

from shared.errors import Malformed

MAX_AHEAD = timedelta(minutes=1)
"""A value from further in the future would be the newest one for as long."""

WHO = "live-metrics"
"""Who rolled back, where no person did."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class LiveMetric:
    """One value of a metric of a model version, measured at that time (aware UTC)."""

    model: str
    version: str
    metric: str
    value: float
    at: datetime

    @property
    def number(self) -> int:
        """Its place among the others, in microseconds: of one time there is one value."""
        return (self.at - _EPOCH) // timedelta(microseconds=1)

    def check(self, now: datetime) -> None:
        """Raises Malformed for a value that is no number, or a time that cannot be."""
        if not math.isfinite(self.value):
            raise Malformed(
                f"{self.metric} is {self.value}, which is no number: mend what measures it, then report what it says"
            )
        if self.at > now + MAX_AHEAD:
            raise Malformed(f"it was measured at {self.at.isoformat()}, which is in the future: compare the clocks")
        if self.at < _FIRST:
            raise Malformed(f"it was measured at {self.at.isoformat()}: say when, such as 2026-01-31T03:00:00Z")

    @classmethod
    def example(cls) -> Self:
        """One that tests, docs and simulations share."""
        return cls(
            model="flight_delays",
            version="1",
            metric="rmse",
            value=24.5,
            at=datetime(2026, 1, 31, 3, 0, tzinfo=UTC),
        )


class LiveThen(StrEnum):
    """What follows when they are bad: a training, the version before is put back, or that and then a training."""

    TRAIN = "train"
    ROLLBACK = "rollback"
    BOTH = "both"


@dataclass(frozen=True, kw_only=True)
class LiveSpec:
    """A use case's `retrain.live`: the metric, one bound, and how many (`bad`) of the last (`of`) are too many beyond
    it.
    """

    metric: str
    bad: int
    of: int
    at_most: Decimal | None = None
    at_least: Decimal | None = None
    then: LiveThen = LiveThen.TRAIN

    @property
    def trains(self) -> bool:
        """Do bad ones ask for a training?"""
        return self.then is not LiveThen.ROLLBACK

    @property
    def rolls_back(self) -> bool:
        """Do bad ones put the version before back?"""
        return self.then is not LiveThen.TRAIN

    @property
    def bound(self) -> str:
        """In words."""
        return f"at most {self.at_most:f}" if self.at_most is not None else f"at least {self.at_least:f}"

    def is_beyond(self, value: float) -> bool:
        """Is it bad? The bound itself is not. Compared as both are written."""
        exact = Decimal(repr(value))
        return (self.at_most is not None and exact > self.at_most) or (
            self.at_least is not None and exact < self.at_least
        )

    def count(self, values: Sequence[float]) -> int:
        """How many of the last values, the newest first, are bad."""
        return sum(self.is_beyond(value) for value in values[: self.of])

    def is_bad(self, values: Sequence[float]) -> bool:
        """Are they too many? While there are fewer than `of`, those that there are decide."""
        return self.count(values) >= self.bad

    def words(self, values: Sequence[float]) -> str:
        """How they stand by the rule, as a reason."""
        seen = ", ".join(f"{value:g}" for value in values[: self.of])
        last = f"{self.count(values)} of the last {len(values[: self.of])} values of {self.metric}"
        return f"{last} are not {self.bound}: {seen} (too many are {self.bad} of {self.of})"


def values_of(model: str, version: str, metric: str) -> str:
    """The journal of a version's values: number is the time of measurement in microseconds, text the value."""
    return f"live/{model}/{version}/{metric}"


def measured_at(number: int) -> datetime:
    """When the value at that place in the journal was measured."""
    return _EPOCH + timedelta(microseconds=number)


def is_since(then: datetime, number: int, came: datetime) -> bool:
    """Was the value at that place measured since then, and did it come since then?"""
    return min(came, measured_at(number)) >= then
