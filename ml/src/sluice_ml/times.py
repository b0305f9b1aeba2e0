"""Dates and times that a file has as texts, read as the control plane reads them: as ISO writes them, or in a format of
strptime, of the directives %Y %y %m %b %B %d %H %I %p %M %S %f. Taken apart here, as no two Sparks agree on patterns.
"""

import re
from collections.abc import Sequence

from pyspark.sql import Column
from pyspark.sql import functions as f
from pyspark.sql.types import DataType, DateType, TimestampNTZType, TimestampType

from sluice_ml.request import Request

MONTHS = (
    *("january", "february", "march", "april", "may", "june", "july"),
    *("august", "september", "october", "november", "december"),
)
PIVOT = 69
"""Years of two figures from here on are of the century before."""

_INFINITE = r"(?i)^\s*-?inf(inity)?\s*$"
_DAYS, _MICROSECONDS = (1 << 31) - 1, (1 << 63) - 1
"""How a Parquet file writes the infinite ones."""

_WIDTHS = {"Y": 4, "y": 2, "m": 2, "d": 2, "H": 2, "I": 2, "M": 2, "S": 2, "f": 6}
_WORDS = {"b": "|".join(each[:3] for each in MONTHS), "B": "|".join(MONTHS), "p": "am|pm"}
_PART = re.compile(r"%(.)|(\s+)|([^%\s]+)", re.DOTALL)


def is_time(kind: DataType) -> bool:
    """Is this a type of dates or of timestamps?"""
    return isinstance(kind, DateType | TimestampType | TimestampNTZType)


def is_infinite(text: Column) -> Column:
    """Does the text say that it is before or after all times? Such a one is missing."""
    return text.rlike(_INFINITE)


def finite(value: Column, kind: DataType) -> Column:
    """The value, missing where it is before or after all times."""
    if isinstance(kind, DateType):
        return f.when(f.abs(f.unix_date(value)) != _DAYS, value)
    micros = f.unix_micros(value.cast(TimestampType()))
    return f.when(~micros.isin(_MICROSECONDS, -_MICROSECONDS), value)


def of_text(text: Column, kind: DataType, request: Request) -> Column:
    """The text as that type; null where it is none, or infinite."""
    written = request.date_format if isinstance(kind, DateType) else request.timestamp_format
    if written:
        return _parsed(text, written).try_cast(kind)
    trimmed = f.trim(text)
    if isinstance(kind, DateType):  # of one with a time the day, as it is written
        value = f.coalesce(trimmed.try_cast(kind), trimmed.try_cast(TimestampNTZType()).try_cast(kind))
    elif request.format == "json_lines":
        value = trimmed.try_cast(TimestampType()).try_cast(kind)
    else:
        value = trimmed.try_cast(kind)
    return f.when(trimmed.rlike("^....-"), value)


def _parsed(text: Column, written: str) -> Column:
    """The text, of that format, as ISO writes it; null where it is none."""
    pattern, names = _pattern(written)
    found = {name: f.regexp_extract(text, pattern, at + 1) for at, name in enumerate(names)}
    year = _padded(found["Y"], 4) if "Y" in found else _year(found["y"])
    month = _padded(found["m"], 2) if "m" in found else _month(found["b" if "b" in found else "B"])
    day = f.concat_ws("-", year, month, _padded(found["d"], 2))
    hour = _padded(found["H"], 2) if "H" in found else _hour(found["I"], found["p"]) if "I" in found else f.lit("00")
    minute, second = (_padded(found[each], 2) if each in found else f.lit("00") for each in "MS")
    fraction = f.rpad(found["f"], 6, "0") if "f" in found else f.lit("0")
    is_day = not {*names} & {*"HIMSf"}
    iso = day if is_day else f.concat(day, f.lit(" "), f.concat_ws(":", hour, minute, second), f.lit("."), fraction)
    return f.when(text.rlike(pattern), iso)


def _pattern(written: str) -> tuple[str, Sequence[str]]:
    """As a regular expression with a group for each directive, and the directives. Of figures as many are taken as
    there may be: where others follow at once, exactly so many.
    """
    parts = [each.groups() for each in _PART.finditer(written)]
    names: list[str] = []
    pattern = ""
    for (name, space, text), (following, *_) in zip(parts, [*parts[1:], (None, None, None)], strict=True):
        if name in _WIDTHS:
            least = _WIDTHS[name] if following in _WIDTHS else 1
            pattern += f"([0-9]{{{least},{_WIDTHS[name]}}})"
        elif name:
            pattern += f"({_WORDS[name]})"
        else:
            pattern += r"\s+" if space else re.sub(r"(\W)", r"\\\1", text)
        names += [name] if name else []
    return rf"(?i)^\s*{pattern}\s*$", names


def _padded(figures: Column, width: int) -> Column:
    return f.lpad(figures, width, "0")


def _year(figures: Column) -> Column:
    year = figures.try_cast("int")
    return (year + f.when(year < PIVOT, 2000).otherwise(1900)).cast("string")


def _month(word: Column) -> Column:
    numbers = [f.when(f.lower(word).startswith(each[:3]), f"{at + 1:02}") for at, each in enumerate(MONTHS)]
    return f.coalesce(*numbers)


def _hour(figures: Column, half: Column) -> Column:
    """Null for an hour that no clock of twelve has."""
    hour = figures.try_cast("int")
    of_day = hour % 12 + f.when(f.lower(half) == "pm", 12).otherwise(0)
    return _padded(f.when(hour.between(1, 12), of_day).cast("string"), 2)
