"""Sorting: which condition is whose, what is unknown, and what it may read; and how its rows go to a writer."""

from pathlib import Path
from typing import Any

from arro3.core import RecordBatchReader

from shared.adapters import tables
from shared.domain.quality import CheckReport, ExpectationOutcome
from shared.domain.verdicts import Severity, Verdict
from tests.contracts.test_quality import expect
from tests.contracts.test_quarantine import CSV, SORTER, UNIQUE, sorted_out, spec_of


def test_expectations_worded_alike_are_told_apart_by_their_place(tmp_path: Path) -> None:
    """Their words are cut short."""
    many = [f"{number:040}" for number in range(9)]
    alike = [expect("column_values_to_be_in_set", column="origin", value_set=[*many, *more]) for more in (["JFK"], [])]
    _, found = sorted_out(tmp_path, spec_of(*alike))
    assert found is not None
    assert {row[0]: len(row[-1]) for row in found["rows"]} == {"JFK": 1, "LGA": 2, "EWR": 2}


def test_argument_that_great_expectations_reads_before_it_words_it_is_of_the_same_expectation(tmp_path: Path) -> None:
    read = expect("column_values_to_be_in_set", column="origin", value_set=["JFK"], mostly="0.9")
    _, found = sorted_out(tmp_path, spec_of(read))
    assert found is not None
    assert sorted(row[0] for row in found["bad"]) == ["EWR", "LGA"]


def test_condition_that_is_unknown_is_not_counted_and_makes_no_row_bad(tmp_path: Path) -> None:
    unknown = expect("column_values_to_not_be_in_set", column="x", value_set=[1, None])
    report, found = sorted_out(tmp_path, spec_of(unknown, UNIQUE))
    assert found is not None
    assert report.expectations[0].unexpected == 1
    told = {(row[0], row[1]): [one for one in row[-1] if one == report.expectations[0].asked] for row in found["rows"]}
    assert [key for key, reasons in told.items() if reasons] == [("JFK", 1)]
    within = expect("column_values_to_be_in_set", column="x", value_set=[1, None])
    report, found = sorted_out(tmp_path, spec_of(within, UNIQUE))
    assert found is not None
    counted = report.expectations[0].unexpected or 0
    assert counted == sum(report.expectations[0].asked in row[-1] for row in found["rows"])


def test_uniqueness_of_a_column_that_is_missing_is_a_reason_of_all_rows(tmp_path: Path) -> None:
    demanded = expect("column_to_exist", column="key")
    unique = expect("compound_columns_to_be_unique", column_list=["key", "x"])
    report, found = sorted_out(tmp_path, spec_of(demanded, unique))
    assert found is not None
    assert report.verdict is Verdict.FAILED
    assert {len(row[-1]) for row in found["rows"]} == {2}


def test_sorting_reads_nothing_but_the_batch(tmp_path: Path) -> None:
    """A suite may be SQL of its own."""
    import sqlalchemy as sa
    from great_expectations.execution_engine.sqlalchemy_execution_engine import SqlAlchemyExecutionEngine
    from great_expectations.expectations.expectation import ColumnMapExpectation
    from great_expectations.expectations.metrics.map_metric_provider.column_condition_partial import (
        column_condition_partial,
    )
    from great_expectations.expectations.metrics.map_metric_provider.column_map_metric_provider import (
        ColumnMapMetricProvider,
    )

    class Below(ColumnMapMetricProvider):
        condition_metric_name = "column_values.below"

        @column_condition_partial(engine=SqlAlchemyExecutionEngine)
        def _sqlalchemy(cls, column: Any, **_: Any) -> Any:  # noqa: N805 - the decorator makes it a classmethod
            return column < sa.literal_column("(SELECT max(size) FROM read_text('/etc/hostname'))")

    class ExpectColumnValuesToBeBelow(ColumnMapExpectation):
        map_metric = "column_values.below"

    below = expect("column_values_to_be_below", column="x")
    asked = ExpectationOutcome(
        expectation=below["type"],
        column="x",
        severity=Severity.BLOCKING,
        verdict=Verdict.FAILED,
        asked="x is below",
        unexpected=1,
    )
    file = tmp_path / "batch.csv"
    file.write_text(CSV)
    with SORTER.sort_out(file, spec_of(below), CheckReport(rows=4, expectations=(asked,))) as found:
        assert found is None


def test_writer_is_handed_few_rows_at_once_and_all_of_them(tmp_path: Path) -> None:
    with tables.connect("500MB") as db:
        tables.write(db, "FROM range(100_000) SELECT range AS x", tmp_path / "rows")
        tables.show(db, tmp_path / "rows")
        batches = list(RecordBatchReader.from_stream(tables.stream(db, tmp_path / "rows")))
    assert max(one.num_rows for one in batches) == tables.AT_ONCE
    values = [value for one in batches for value in one.column("x").to_pylist()]
    assert sorted(values) == list(range(100_000))
