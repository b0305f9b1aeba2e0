"""What a batch's columns are, beside those of its table. Types are named as DuckDB does."""

from enum import StrEnum

_WHOLE = (
    "TINYINT",
    "UTINYINT",
    "SMALLINT",
    "USMALLINT",
    "INTEGER",
    "UINTEGER",
    "BIGINT",
    "UBIGINT",
    "HUGEINT",
)
_TIMES = ("DATE", "TIMESTAMP")


class SchemaChange(StrEnum):
    """What `data.schema_changes` may let pass."""

    ADDED = "added"
    MISSING = "missing"
    TYPE_CHANGED = "type_changed"


def fits(found: str, known: str) -> bool:
    """Is every value of the one type one of the other?

    Whole numbers are also fractions: a column of fractions may happen to have none in a batch.
    """
    found, known = found.upper(), known.upper()
    if found == known or (found, known) == ("FLOAT", "DOUBLE"):
        return True
    if found in _WHOLE:
        is_wider = known in _WHOLE and _WHOLE.index(found) <= _WHOLE.index(known)
        return is_wider or known in {"FLOAT", "DOUBLE"}
    return found in _TIMES and known in _TIMES and _TIMES.index(found) <= _TIMES.index(known)
