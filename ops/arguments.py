"""What is typed after a command, as the value that it means."""

import argparse
from datetime import UTC, datetime


def a_time(text: str) -> datetime:
    """A time; one without a zone is UTC."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no time, such as 2026-01-31T03:00Z") from None
    return at.replace(tzinfo=at.tzinfo or UTC)


def a_count(text: str) -> int:
    """A whole number from 1 on."""
    try:
        count = int(text)
    except ValueError:
        count = 0
    if count < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 on")
    return count
