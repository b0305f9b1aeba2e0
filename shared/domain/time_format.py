"""How texts write dates and times, where it is not ISO's way: formats of strptime, of what DuckDB and Spark both do."""

import re

DIRECTIVES = {
    "%Y": "year",
    "%y": "year",
    "%m": "month",
    "%b": "month",
    "%B": "month",
    "%d": "day",
    "%H": "hour",
    "%I": "hour",
    "%p": "half of the day",
    "%M": "minute",
    "%S": "second",
    "%f": "fraction of a second",
}
DAY = ("year", "month", "day")
EXAMPLES = "such as %d.%m.%Y, %m/%d/%Y %I:%M %p or %Y%m%dT%H%M%S.%f"

_PART = re.compile(r"%.?", re.DOTALL)


def demand_date(text: str) -> str:
    """The same format, of a day alone. Raises ValueError with the remedy."""
    if beyond := [each for each in _parts(text) if DIRECTIVES[each] not in DAY]:
        raise ValueError(f"{beyond[0]} is of a time, and this of dates: take it away, or write timestamp_format")
    return text


def demand_timestamp(text: str) -> str:
    """The same format, of a day with its time. Raises ValueError with the remedy."""
    parts = _parts(text)
    if ("%I" in parts) != ("%p" in parts):
        raise ValueError("%I and %p go together, as in %I:%M %p: write both, or %H alone")
    if not {"%H", "%I"} & {*parts}:
        raise ValueError("it has no hour, %H or %I: add it, or write date_format")
    return text


def _parts(text: str) -> list[str]:
    """Its directives. Raises ValueError for one that is unknown, twice or missing."""
    parts = _PART.findall(text)
    if unknown := [each for each in parts if each not in DIRECTIVES]:
        raise ValueError(f"{unknown[0]} is none of {' '.join(DIRECTIVES)}: write a format of these, {EXAMPLES}")
    if not parts:
        raise ValueError(f"it has no directives, which are strptime's, as %d: write a format of them, {EXAMPLES}")
    said = [DIRECTIVES[each] for each in parts]
    if twice := [each for each in said if said.count(each) > 1]:
        raise ValueError(f"it has the {twice[0]} twice: take one away, {EXAMPLES}")
    if missing := [each for each in DAY if each not in said]:
        raise ValueError(f"it has no {missing[0]}: add it, {EXAMPLES}")
    if re.search(r"[0-9]", _PART.sub("", text)):
        raise ValueError(f"it has a figure of its own: take it away, {EXAMPLES}")
    return parts
