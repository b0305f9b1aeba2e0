"""What is typed after a command, as the value that it means."""

import argparse
import re
from datetime import UTC, datetime, timedelta

_UNITS = {"min": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def a_time(text: str) -> datetime:
    """A time; one without a zone is UTC."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no time, such as 2026-01-31T03:00Z") from None
    return at.replace(tzinfo=at.tzinfo or UTC)


def a_beginning(text: str) -> datetime:
    """So long ago, or a time."""
    if span := re.fullmatch(r"([1-9][0-9]{0,3})(min|h|d|w)", text):
        return datetime.now(UTC) - timedelta(**{_UNITS[span[2]]: int(span[1])})
    try:
        return a_time(text)
    except argparse.ArgumentTypeError:
        told = f"{text!r} is neither so long ago, such as 30d, 12h or 90min, nor a time, such as 2026-01-31T03:00Z"
        raise argparse.ArgumentTypeError(told) from None


def a_count(text: str) -> int:
    """A whole number from 1 on."""
    try:
        count = int(text)
    except ValueError:
        count = 0
    if count < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 on")
    return count
