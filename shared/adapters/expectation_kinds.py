"""What kind of question an expectation is, by its type and arguments alone: so that its answer can be judged alike,
whichever engine gave it.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

COLUMNS_EXIST = (
    "expect_column_to_exist",
    "expect_table_columns_to_match_set",
    "expect_table_columns_to_match_ordered_list",
)
TEXTS = ("VARCHAR", "JSON")
"""DuckDB's types of a column that holds whatever came."""

_COLUMNS = ("column", "column_A", "column_B")
_BOUNDS = ("min_value", "max_value")
_OF_NUMBERS = (
    "expect_column_mean_to_be_between",
    "expect_column_median_to_be_between",
    "expect_column_stdev_to_be_between",
    "expect_column_sum_to_be_between",
    "expect_column_quantile_values_to_be_between",
    "expect_column_value_z_scores_to_be_less_than",
)
_BETWEEN = (
    "expect_column_values_to_be_between",
    "expect_column_max_to_be_between",
    "expect_column_min_to_be_between",
)
_PASSES_WITHOUT = {
    "expect_column_values_to_not_be_in_set": "value_set",
    "expect_column_distinct_values_to_contain_set": "value_set",
    "expect_column_values_to_be_in_type_list": "type_list",
    "expect_column_values_to_be_of_type": "type_",
}
_PAIRS = ("expect_column_pair_values_a_to_be_greater_than_b", "expect_column_pair_values_to_be_equal")


def named_columns(kwargs: Mapping[str, Any]) -> list[str]:
    """The columns that an expectation names."""
    return [str(name) for name in (*map(kwargs.get, _COLUMNS), *kwargs.get("column_list", [])) if name]


def is_about_the_table(each: Mapping[str, Any]) -> bool:
    """Does it ask about columns or counts, and about no value?"""
    return each["type"] in COLUMNS_EXIST or str(each["type"]).startswith("expect_table_")


def asks_nothing(each: Mapping[str, Any]) -> str:
    """Why every batch would pass it, or ""."""
    kind, kwargs = str(each["type"]), each["kwargs"]
    if kind.endswith("_to_be_between") and "quantile" not in kind and all(kwargs.get(one) is None for one in _BOUNDS):
        return "it asks nothing: it has neither min_value nor max_value"
    needed = _PASSES_WITHOUT.get(kind)
    if needed and not kwargs.get(needed):
        return f"it asks nothing: it has no {needed}"
    return ""


def texts_for_numbers(each: Mapping[str, Any], types: Mapping[str, str], *, raised: bool) -> list[str]:
    """The columns of texts of which it asks what only numbers or times have. What an engine makes of them differs, so
    that it does not count; but where it `raised`, of more questions than these it is the column that is to blame.
    """
    kind, kwargs = each["type"], each["kwargs"]
    texts = [name for name in named_columns(kwargs) if types.get(name) in TEXTS]
    bounds = [kwargs[one] for one in _BOUNDS if kwargs.get(one) is not None]
    if kind in _OF_NUMBERS or (kind in _BETWEEN and any(map(_is_number, bounds))):
        return texts
    if kind in _PAIRS and len(texts) == 1:
        return texts
    values: Sequence[Any] = kwargs.get("value_set") or ()
    if raised and ((kind in _BETWEEN and any(map(_is_time, bounds))) or any(map(_is_number, values))):
        return texts
    return []


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_time(value: object) -> bool:
    try:
        return isinstance(value, str) and bool(datetime.fromisoformat(value))
    except ValueError:
        return False
