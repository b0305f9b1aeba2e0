"""The same verdicts and the same counts as Great Expectations on pandas, for every expectation type that we claim."""

import csv
import json
from pathlib import Path
from typing import Any

import great_expectations as gx
import hypothesis.strategies as st
import pandas as pd
import pytest
from great_expectations.expectations.expectation_configuration import ExpectationConfiguration
from hypothesis import HealthCheck, given, settings

from shared.adapters.great_expectations import GreatExpectations
from shared.domain.claimed import CLAIMED
from shared.domain.usecase import DataSpec
from shared.domain.verdicts import Verdict

type Row = dict[str, Any]
TYPES = {"number": "BIGINT", "other": "BIGINT", "amount": "DOUBLE", "word": "VARCHAR", "group": "VARCHAR"}
WORDS = ["a", "ab", "abc", "b1", "B2", "x y", "é"]

numbers = st.integers(-5, 5)
bounds = st.integers(-6, 6)
words = st.sampled_from(WORDS)
mostly = st.sampled_from([1.0, 0.9, 2 / 3, 0.5, 0.25, 0.0])
rows = st.lists(
    st.fixed_dictionaries(
        {
            "number": st.none() | numbers,
            "other": st.none() | numbers,
            "amount": st.none() | st.sampled_from([-1.5, 0.0, 0.25, 1.0, 2.5]),
            "word": st.none() | words,
            "group": words,
        }
    ),
    min_size=1,
    max_size=12,
)
in_order = st.tuples(bounds, bounds).map(sorted)
regex = st.sampled_from(["^a", "b", "[0-9]$", "^[a-z]+$", " "])
some_words = st.lists(words, min_size=1, max_size=4, unique=True)
within = in_order.map(lambda pair: {"min_value": pair[0], "max_value": pair[1]})
lengths = st.tuples(st.integers(0, 3), st.integers(0, 3)).map(sorted)
either_missing = st.sampled_from(["either_value_is_missing", "both_values_are_missing"])


def row_wise(**kwargs: st.SearchStrategy[Any]) -> st.SearchStrategy[Row]:
    return st.fixed_dictionaries({**kwargs, "mostly": mostly})


def named(**kwargs: str) -> dict[str, st.SearchStrategy[Any]]:
    return {name: st.just(value) for name, value in kwargs.items()}


def merged(fixed: dict[str, Any], drawn: st.SearchStrategy[Row]) -> st.SearchStrategy[Row]:
    return drawn.map(lambda found: {**fixed, **found})


KWARGS: dict[str, st.SearchStrategy[Row]] = {
    "expect_column_values_to_not_be_null": row_wise(**named(column="number")),
    "expect_column_values_to_be_null": row_wise(**named(column="word")),
    "expect_column_values_to_be_unique": row_wise(**named(column="number")),
    "expect_column_values_to_be_in_set": row_wise(**named(column="word"), value_set=some_words),
    "expect_column_values_to_not_be_in_set": row_wise(**named(column="word"), value_set=some_words),
    "expect_column_values_to_be_between": st.tuples(
        within,
        st.fixed_dictionaries({"mostly": mostly, "strict_min": st.booleans(), "strict_max": st.booleans()}),
        st.sampled_from(["number", "amount"]),
    ).map(lambda drawn: {**drawn[0], **drawn[1], "column": drawn[2]}),
    "expect_column_values_to_match_regex": row_wise(**named(column="word"), regex=regex),
    "expect_column_values_to_not_match_regex": row_wise(**named(column="word"), regex=regex),
    "expect_column_values_to_match_regex_list": row_wise(
        **named(column="word"),
        regex_list=st.lists(regex, min_size=1, max_size=3),
        match_on=st.sampled_from(["any", "all"]),
    ),
    "expect_column_values_to_not_match_regex_list": row_wise(
        **named(column="word"), regex_list=st.lists(regex, min_size=1, max_size=3)
    ),
    "expect_column_value_lengths_to_be_between": merged(
        {"column": "word"}, lengths.map(lambda pair: {"min_value": pair[0], "max_value": pair[1]})
    ),
    "expect_column_value_lengths_to_equal": row_wise(**named(column="word"), value=st.integers(1, 3)),
    "expect_compound_columns_to_be_unique": st.just(
        {"column_list": ["number", "group"], "ignore_row_if": "any_value_is_missing"}
    ),
    "expect_column_pair_values_a_to_be_greater_than_b": st.booleans().map(
        lambda or_equal: {
            "column_A": "number",
            "column_B": "other",
            "or_equal": or_equal,
            "ignore_row_if": "either_value_is_missing",
        }
    ),
    "expect_column_pair_values_to_be_equal": st.just(
        {"column_A": "number", "column_B": "other", "ignore_row_if": "either_value_is_missing"}
    ),
    "expect_column_to_exist": st.sampled_from(["number", "word"]).map(lambda name: {"column": name}),
    "expect_table_row_count_to_equal": st.integers(1, 12).map(lambda value: {"value": value}),
    "expect_table_row_count_to_be_between": lengths.map(
        lambda pair: {"min_value": pair[0] * 3, "max_value": pair[1] * 4}
    ),
    "expect_table_column_count_to_equal": st.integers(4, 6).map(lambda value: {"value": value}),
    "expect_table_column_count_to_be_between": st.integers(4, 6).map(
        lambda value: {"min_value": value, "max_value": 6}
    ),
    "expect_table_columns_to_match_set": st.permutations(list(TYPES)).flatmap(
        lambda names: st.integers(3, 5).map(lambda count: {"column_set": names[:count], "exact_match": count % 2 == 1})
    ),
    "expect_table_columns_to_match_ordered_list": st.sampled_from([list(TYPES), sorted(TYPES)]).map(
        lambda names: {"column_list": names}
    ),
    "expect_column_min_to_be_between": merged({"column": "number"}, within),
    "expect_column_max_to_be_between": merged({"column": "amount"}, within),
    "expect_column_sum_to_be_between": merged({"column": "number"}, within),
    "expect_column_mean_to_be_between": merged({"column": "number"}, within),
    "expect_column_unique_value_count_to_be_between": merged(
        {"column": "word"}, lengths.map(lambda pair: {"min_value": pair[0], "max_value": pair[1] * 3})
    ),
    "expect_column_distinct_values_to_be_in_set": merged({"column": "word"}, st.builds(dict, value_set=some_words)),
    "expect_column_distinct_values_to_contain_set": merged({"column": "word"}, st.builds(dict, value_set=some_words)),
    "expect_column_distinct_values_to_equal_set": merged({"column": "word"}, st.builds(dict, value_set=some_words)),
}


def test_every_claimed_type_is_compared() -> None:
    assert set(KWARGS) == set(CLAIMED)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=rows, arguments=st.fixed_dictionaries(KWARGS))
@pytest.mark.timeout(300)
def test_it_agrees_with_great_expectations_on_pandas(
    data: list[Row], arguments: dict[str, Row], tmp_path_factory: pytest.TempPathFactory
) -> None:
    suite = [{"type": kind, "kwargs": kwargs, "severity": "critical"} for kind, kwargs in arguments.items()]
    ours, theirs = checked(data, suite, tmp_path_factory.mktemp("batch")), on_pandas(data, suite)
    if all(row["number"] is None for row in data):  # pandas sums nothing up to 0; we say that there is no sum
        assert not ours["expect_column_sum_to_be_between"][0]
        theirs["expect_column_sum_to_be_between"] = None
    differ = {
        kind: (ours[kind], theirs[kind], arguments[kind])
        for kind in arguments
        if theirs[kind] is not None and ours[kind] != theirs[kind]
    }
    assert differ == {}


def checked(data: list[Row], suite: list[dict[str, Any]], folder: Path) -> dict[str, tuple[bool, int | None]]:
    """Passed, and the unexpected count, by type, from the file as it lands."""
    file = folder / "batch.csv"
    with file.open("w", newline="") as target:
        writer = csv.DictWriter(target, list(TYPES))
        writer.writeheader()
        writer.writerows([{name: "NA" if value is None else value for name, value in row.items()} for row in data])
    spec = DataSpec(
        arrives="landing/*.csv",
        expectations=json.dumps({"expectations": suite}),
        table="silver/t",
        partition_by="group",
        columns=TYPES,
        null_values=("NA",),
    )
    report = GreatExpectations("500MB").check(file, spec)
    return {one.expectation: (one.verdict is Verdict.PASSED, one.unexpected) for one in report.expectations}


def on_pandas(data: list[Row], suite: list[dict[str, Any]]) -> dict[str, tuple[bool, int | None] | None]:
    """The same from Great Expectations' pandas engine; None where it falls over."""
    frame = pd.DataFrame(data, columns=list(TYPES))
    for name in ("number", "other", "amount"):
        frame[name] = frame[name].astype("float64")
    frame["word"] = frame["word"].astype("object")
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}  # type: ignore[assignment]  # as its documentation shows
    asset = context.data_sources.add_pandas("pandas").add_dataframe_asset("batch")
    batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": frame})
    expectations = [ExpectationConfiguration(type=one["type"], kwargs=one["kwargs"]).to_domain_obj() for one in suite]
    found: dict[str, tuple[bool, int | None] | None] = {}
    for result in batch.validate(gx.ExpectationSuite(name="s", expectations=expectations)).results:
        assert result.expectation_config is not None
        fell = "exception_message" in str(result.exception_info) and "True" in str(result.exception_info)
        found[result.expectation_config.type] = (
            None if fell else (bool(result.success), result.result.get("unexpected_count"))
        )
    return found
