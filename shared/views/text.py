"""Words for times, and text from outside made safe to look at."""

import unicodedata
from datetime import UTC, datetime, timedelta

_SPACE = {ord("\n"): " ", ord("\r"): " ", ord("\t"): " "}
_INVISIBLE = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""Categories of characters that move a terminal's cursor, turn the reading direction, or are not seen at all."""


def visible(text: str) -> str:
    """One line in which every character is seen: whoever names a file may not steer a terminal or turn a line round."""
    return "".join(
        f"\\u{ord(each):04x}" if unicodedata.category(each) in _INVISIBLE else each for each in text.translate(_SPACE)
    )


def utc(at: datetime) -> str:
    """`2026-01-31 03:00:00 UTC`."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def clock(at: datetime) -> str:
    """`01-31 03:00:00`, where it is said elsewhere that it is UTC."""
    return f"{at.astimezone(UTC):%m-%d %H:%M:%S}"


def iso(at: datetime) -> str:
    """`2026-01-31T03:00:00.000Z`, for machines."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def ago(at: datetime, now: datetime) -> str:
    """How long ago, in its largest unit. What is yet to come, by a clock that is wrong, is just now."""
    seconds = (now - at).total_seconds()
    if seconds < 1:
        return "just now"
    for unit, length, until in (("s", 1, 60), ("min", 60, 3600), ("h", 3600, 172_800)):
        if seconds < until:
            return f"{int(seconds // length)} {unit} ago"
    return f"{int(seconds // 86_400)} days ago"


def span(length: timedelta) -> str:
    """How long, in two units at most: `0.4 s`, `33 s`, `2 min 5 s`, `1 h 12 min`, `3 d 4 h`."""
    seconds = max(length.total_seconds(), 0.0)
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    units = (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1))
    largest = next(index for index, (_, each) in enumerate(units) if whole >= each)
    (unit, each), *finer = units[largest : largest + 2]
    rest = f" {whole % each // finer[0][1]} {finer[0][0]}" if finer and whole % each // finer[0][1] else ""
    return f"{whole // each} {unit}{rest}"
