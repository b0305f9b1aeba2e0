"""Timer schedules as Azure reads them: NCrontab with five or six fields, or a fixed interval ``hh:mm:ss``.

``{second} {minute} {hour} {day} {month} {day-of-week}``; with five fields the second is 0. A field is a list of ``*``,
a value, a range, each with an optional step: ``*/5``, ``1-5``, ``10/15`` (from 10 to the end), ``MON-FRI``, ``Jan``.
Names may be shortened to any prefix. Day and day-of-week must both match (unlike in Unix cron), Sunday is 0.
"""

import calendar
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from local.host.hostfile import time_span

SEARCHED_DAYS = 366 * 41  # the 29th of February on a given weekday may be 40 years away


class Schedule(Protocol):
    """When a timer is due."""

    def next_after(self, moment: datetime) -> datetime:
        """Return the first due time later than `moment`."""


@dataclass(frozen=True)
class Field:
    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()


SECOND = Field("second", 0, 59)
FIELDS = (
    Field("minute", 0, 59),
    Field("hour", 0, 23),
    Field("day", 1, 31),
    Field("month", 1, 12, tuple(calendar.month_name[1:])),
    Field("day-of-week", 0, 6, (calendar.day_name[6], *calendar.day_name[:6])),
)


@dataclass(frozen=True, kw_only=True)
class Crontab:
    """The allowed values of each field, in order."""

    seconds: tuple[int, ...]
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: tuple[int, ...]
    months: tuple[int, ...]
    weekdays: tuple[int, ...]

    def next_after(self, moment: datetime) -> datetime:
        """Return the first moment later than `moment` that matches every field."""
        start = moment.replace(microsecond=0) + timedelta(seconds=1)
        midnight = start.replace(hour=0, minute=0, second=0)
        for offset in range(SEARCHED_DAYS):
            day = midnight + timedelta(days=offset)
            if day.month in self.months and day.day in self.days and day.isoweekday() % 7 in self.weekdays:
                found = self._first_time(day, max(day, start))
                if found is not None:
                    return found
        raise ValueError("this schedule never comes due")

    def _first_time(self, day: datetime, earliest: datetime) -> datetime | None:
        for hour in self.hours:
            if hour < earliest.hour:
                continue
            for minute in self.minutes:
                if (hour, minute) < (earliest.hour, earliest.minute):
                    continue
                for second in self.seconds:
                    candidate = day.replace(hour=hour, minute=minute, second=second)
                    if candidate >= earliest:
                        return candidate
        return None


@dataclass(frozen=True)
class Interval:
    """A fixed distance between runs."""

    distance: timedelta

    def next_after(self, moment: datetime) -> datetime:
        """Return `moment` and the distance."""
        return moment + self.distance


def parse_schedule(text: str) -> Schedule:
    """Read a schedule; ValueError says which field is wrong and why."""
    parts = text.split()
    if len(parts) == 1 and ":" in text:
        distance = time_span(text)
        if not distance:
            raise ValueError(f"{text!r}: an interval must be longer than zero")
        return Interval(distance)
    if len(parts) not in {5, 6}:
        raise ValueError(f"{text!r} has {len(parts)} fields; a schedule has 5 or 6 (or is an interval hh:mm:ss)")
    seconds = parse_field(SECOND, parts.pop(0)) if len(parts) == 6 else (0,)
    minutes, hours, days, months, weekdays = (
        parse_field(field, part) for field, part in zip(FIELDS, parts, strict=True)
    )
    crontab = Crontab(seconds=seconds, minutes=minutes, hours=hours, days=days, months=months, weekdays=weekdays)
    if max(calendar.monthrange(2024, month)[1] for month in months) < min(days):
        raise ValueError(f"{text!r} never comes due: no such day in these months")
    return crontab


def parse_field(field: Field, text: str) -> tuple[int, ...]:
    """Read one field into its sorted values."""
    values: set[int] = set()
    for part in text.split(","):
        span, slash, step_text = part.partition("/")
        step = _number(field, step_text, text) if slash else 1
        if step < 1:
            raise ValueError(f"{field.name} {text!r}: a step must be at least 1")
        if span == "*":
            first, last = field.low, field.high
        elif "-" in span[1:]:
            low, high = span.split("-", 1)
            first, last = sorted((_value(field, low, text), _value(field, high, text)))
        else:
            first = _value(field, span, text)
            last = field.high if slash and step > 1 else first
        values.update(range(first, last + 1, step))
    return tuple(sorted(values))


def _number(field: Field, part: str, text: str) -> int:
    if not part.isascii() or not part.isdigit():
        raise ValueError(f"{field.name} {text!r}: {part!r} is not a number")
    return int(part)


def _value(field: Field, part: str, text: str) -> int:
    if part and not part[0].isdigit():
        for index, name in enumerate(field.names):
            if name.lower().startswith(part.lower()):
                return index + field.low
    number = _number(field, part, text)
    if not field.low <= number <= field.high:
        raise ValueError(f"{field.name} {text!r}: {number} is not between {field.low} and {field.high}")
    return number
