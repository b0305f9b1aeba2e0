"""Sorting and Quarantine: the rows that break an expectation are those that were counted, kept once with reasons."""

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest
from deltalake import DeltaTable
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.adapters.delta import DeltaLake
from shared.adapters.delta_quarantine import DeltaQuarantine
from shared.adapters.failing_rows import RowSorter
from shared.adapters.great_expectations import GreatExpectations
from shared.domain.check_run import stopping
from shared.domain.quality import CheckReport
from shared.domain.usecase import LARGEST, DataSpec
from shared.domain.verdicts import Severity, Verdict
from shared.errors import Conflict
from shared.quarantine import REASONS
from tests.contracts.test_quality import JUDGED, Expectation, expect

QUALITY = GreatExpectations("500MB")
SORTER = RowSorter("500MB", QUALITY.one_at_a_time)
PLACE = "quarantine/flights/s1"
CSV = "origin,x,name\nJFK,1,ab1\nLGA,2,cd2\nJFK,,ef3\nEWR,-4,ab1\n"
POSITIVE = expect("column_values_to_be_between", column="x", min_value=0)
UNIQUE = expect("column_values_to_be_unique", column="name")


def spec_of(*suite: Expectation) -> DataSpec:
    return DataSpec(
        arrives="landing/*.csv",
        expectations=json.dumps({"expectations": list(suite)}),
        table="silver/t",
        partition_by="origin",
        columns={},
        null_values=("", "NA"),
    )


def sorted_out(folder: Path, spec: DataSpec, text: str = CSV) -> tuple[CheckReport, Mapping[str, Any] | None]:
    """The report; the rows with their reasons, the good ones, and whether every failing expectation is row-wise."""
    file = folder / "batch.csv"
    file.write_text(text)
    report = QUALITY.check(file, spec)
    with SORTER.sort_out(file, spec, report) as found:
        if found is None:
            return report, None
        rows, bad, good = (
            duckdb.sql(f"FROM '{path}/*.parquet'").fetchall() for path in (found.rows, found.bad, found.good)
        )
        names = duckdb.sql(f"FROM '{found.good}/*.parquet'").columns
        assert (found.counted, found.counted_bad) == (len(rows), len(bad))
        return report, {"rows": rows, "bad": bad, "good": good, "by_row": found.by_row, "names": names}


@pytest.mark.parametrize(("name", "expectation", "verdict", "unexpected"), JUDGED, ids=[each[0] for each in JUDGED])
def test_bad_rows_are_those_that_were_counted(
    name: str, expectation: Expectation, verdict: Verdict, unexpected: int | None, tmp_path: Path
) -> None:
    report, found = sorted_out(tmp_path, spec_of(expectation), "origin,x,name\nJFK,1,ab1\nLGA,2,cd2\nJFK,,ef3\n")
    assert found is not None, name
    fails_by_row = verdict is Verdict.FAILED and unexpected is not None
    assert len(found["bad"]) == (unexpected if fails_by_row else 0)
    assert found["by_row"] == fails_by_row
    assert all(row[-1] == [report.expectations[0].asked] for row in found["bad"])
    assert len(found["good"]) + len(found["bad"]) == 3


def test_row_has_every_reason_of_its_own_and_good_rows_none(tmp_path: Path) -> None:
    report, found = sorted_out(tmp_path, spec_of(POSITIVE, UNIQUE))
    assert found is not None
    between, unique = (one.asked for one in report.expectations)
    told = {(row[0], row[2]): row[-1] for row in found["rows"]}
    assert told == {
        ("JFK", "ab1"): [unique],
        ("EWR", "ab1"): [between, unique],
        ("LGA", "cd2"): [],
        ("JFK", "ef3"): [],
    }
    assert found["names"] == ["origin", "x", "name"]
    assert sorted(row[2] for row in found["good"]) == ["cd2", "ef3"]


def test_warning_and_what_failed_not_often_enough_make_no_row_bad(tmp_path: Path) -> None:
    warning = expect("column_values_to_be_in_set", "warning", column="origin", value_set=["JFK"])
    mostly = expect("column_values_to_not_be_null", column="x", mostly=0.5)
    _, found = sorted_out(tmp_path, spec_of(POSITIVE, warning, mostly))
    assert found is not None
    assert [row[0] for row in found["bad"]] == ["EWR"]
    assert found["by_row"]


def test_that_the_file_landed_before_keeps_the_batch_whole(tmp_path: Path) -> None:
    spec, file = spec_of(POSITIVE), tmp_path / "batch.csv"
    file.write_text(CSV)
    report = QUALITY.check(file, spec)
    before = replace(
        report.expectations[0], expectation="landed_before", column="", asked="no file of it landed before", detail="x"
    )
    report = replace(report, expectations=(*report.expectations, before))
    with SORTER.sort_out(file, spec, report) as found:
        assert found is not None
        assert not found.by_row
        told = [row[-1] for row in duckdb.sql(f"FROM '{found.rows}/*.parquet'").fetchall()]
    assert [len(reasons) for reasons in told] == [1, 1, 1, 2]
    assert all(before.sentence in reasons for reasons in told)
    assert [before.sentence] == stopping(report, spec.expectations)[1]


@pytest.mark.parametrize(
    "other",
    [
        expect("table_row_count_to_be_between", min_value=9),
        expect("column_mean_to_be_between", column="x", min_value=9),
        expect("column_to_exist", column="y"),
        expect(
            "column_values_to_be_between",
            column="x",
            min_value=0,
            row_condition='origin=="JFK"',
            condition_parser="pandas",
        ),
    ],
    ids=["row count", "mean", "column", "condition"],
)
def test_expectation_about_no_single_row_keeps_the_batch_whole(other: Expectation, tmp_path: Path) -> None:
    report, found = sorted_out(tmp_path, spec_of(POSITIVE, other))
    assert found is not None
    assert not found["by_row"]
    sentences = {one.sentence for one in report.expectations}
    assert all(sentences & set(row[-1]) for row in found["rows"])
    assert [len(row[-1]) for row in found["rows"] if row[0] == "EWR"] == [2]


def test_what_cannot_be_read_cannot_be_sorted(tmp_path: Path) -> None:
    assert sorted_out(tmp_path, spec_of(POSITIVE), "a,b\n1,2\n3\n4,5,6,7\n")[1] is None


PAIR = expect(
    "column_pair_values_a_to_be_greater_than_b", column_A="x", column_B="y", ignore_row_if="either_value_is_missing"
)
BOTH = expect("compound_columns_to_be_unique", column_list=["x", "y"], ignore_row_if="any_value_is_missing")
ANY = expect("compound_columns_to_be_unique", column_list=["x", "y"], ignore_row_if="all_values_are_missing")
VALUES = st.lists(st.tuples(*[st.sampled_from(["", "1", "2", "3"])] * 2), min_size=1, max_size=8)


@settings(max_examples=25, deadline=None)
@given(VALUES)
def test_it_agrees_with_great_expectations_counts_on_gaps_and_repeats(rows: list[tuple[str, str]]) -> None:
    import tempfile

    text = "x,y,n\n" + "".join(f"{x},{y},{n}\n" for n, (x, y) in enumerate(rows))
    spec = spec_of(PAIR, BOTH, ANY, expect("column_values_to_be_unique", column="x"))
    spec = DataSpec(**{**spec.__dict__, "columns": {"x": "BIGINT", "y": "BIGINT"}})
    with tempfile.TemporaryDirectory() as folder:
        report, found = sorted_out(Path(folder), spec, text)
    assert found is not None
    reasons = [reason for row in found["rows"] for reason in row[-1]]
    assert [one.detail for one in report.expectations if one.verdict is Verdict.MISCONFIGURED] == []
    failed = [one for one in report.expectations if one.severity is Severity.BLOCKING]
    asked = {one.asked for one in failed}
    counted = {each: sum(int(one.unexpected or 0) for one in failed if one.asked == each) for each in asked}
    if len(asked) == len(failed):
        assert {each: reasons.count(each) for each in asked} == counted


@pytest.fixture
def lake(tmp_path: Path) -> DeltaLake:
    return DeltaLake(str(tmp_path / "lake"), "500MB")


@pytest.fixture
def quarantine(lake: DeltaLake) -> DeltaQuarantine:
    return DeltaQuarantine(lake, "500MB")


def keep(quarantine: DeltaQuarantine, folder: Path, *, only_bad: bool = False, generation: int = 1) -> int:
    spec = spec_of(POSITIVE, UNIQUE)
    file = folder / "batch.csv"
    file.write_text(CSV)
    report = QUALITY.check(file, spec)
    with SORTER.sort_out(file, spec, report) as found:
        assert found is not None
        rows = found.bad if only_bad else found.rows
        return quarantine.keep(file, rows, location=PLACE, story="s1", generation=generation, reasons=["too bad"])


def test_rows_are_kept_with_their_reasons_once_and_the_file_beside(
    quarantine: DeltaQuarantine, lake: DeltaLake, tmp_path: Path
) -> None:
    assert [keep(quarantine, tmp_path), keep(quarantine, tmp_path)] == [4, 4]
    table = DeltaTable(lake.uri(PLACE))
    assert table.version() == 0
    rows = table.to_pyarrow_table().to_pylist()
    assert sorted(len(row[REASONS]) for row in rows) == [0, 0, 1, 2]
    landed = Path(lake.uri(PLACE)) / "_landed"
    assert (landed / "batch.csv").read_text() == CSV
    assert json.loads((landed / "reasons.json").read_text())["reasons"] == ["too bad"]
    with quarantine.file(PLACE) as copy:
        assert copy is not None
        assert (copy.name, copy.read_text()) == ("batch.csv", CSV)


def test_later_generation_replaces_the_rows(quarantine: DeltaQuarantine, lake: DeltaLake, tmp_path: Path) -> None:
    keep(quarantine, tmp_path)
    assert keep(quarantine, tmp_path, only_bad=True, generation=2) == 2
    assert DeltaTable(lake.uri(PLACE)).to_pyarrow_table().num_rows == 2
    assert keep(quarantine, tmp_path, generation=1) == 2


def test_many_who_keep_the_same_keep_it_once(quarantine: DeltaQuarantine, lake: DeltaLake, tmp_path: Path) -> None:
    def again(number: int) -> int:
        folder = tmp_path / str(number)
        folder.mkdir()
        for _ in range(20):
            try:
                return keep(quarantine, folder)
            except Conflict:
                continue
        raise AssertionError("a conflict that does not end")

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(again, range(4))) == [4] * 4
    assert DeltaTable(lake.uri(PLACE)).to_pyarrow_table().num_rows == 4


def test_released_rows_are_committed_once_without_their_reasons(
    quarantine: DeltaQuarantine, lake: DeltaLake, tmp_path: Path
) -> None:
    keep(quarantine, tmp_path)
    spec = spec_of()
    with quarantine.rows(PLACE, LARGEST) as rows:
        assert rows is not None
        first = lake.commit(rows, spec, "s1", 2)
        assert (first.rows, lake.commit(rows, spec, "s1", 2)) == (4, first)
    silver = DeltaTable(lake.uri("silver/t")).to_pyarrow_table()
    assert (silver.num_rows, silver.column_names) == (4, ["origin", "x", "name"])


def test_rest_without_its_bad_rows_is_committed_as_any_batch(
    quarantine: DeltaQuarantine, lake: DeltaLake, tmp_path: Path
) -> None:
    file = tmp_path / "batch.csv"
    file.write_text(CSV)
    spec = spec_of(POSITIVE, UNIQUE)
    with SORTER.sort_out(file, spec, QUALITY.check(file, spec)) as found:
        assert found is not None
        assert lake.commit(found.good, spec, "s1", 1).rows == 2
    keep(quarantine, tmp_path, only_bad=True)
    with quarantine.rows(PLACE, LARGEST) as rows:
        assert rows is not None
        assert lake.commit(rows, spec, "s1", 2).rows == 2
    assert DeltaTable(lake.uri("silver/t")).to_pyarrow_table().num_rows == 4


def test_nothing_can_be_released_of_a_file_that_could_not_be_read(quarantine: DeltaQuarantine, tmp_path: Path) -> None:
    file = tmp_path / "batch.csv"
    file.write_text("?")
    assert quarantine.keep(file, None, location=PLACE, story="s1", generation=1, reasons=["unreadable"]) == 0
    with quarantine.rows(PLACE, LARGEST) as rows:
        assert rows is None
    assert quarantine.look(PLACE) is None
    with quarantine.file("quarantine/flights/none") as copy:
        assert copy is None


def test_look_counts_by_reason_and_shows_the_worst_rows(quarantine: DeltaQuarantine, tmp_path: Path) -> None:
    keep(quarantine, tmp_path)
    found = quarantine.look(PLACE)
    assert found is not None
    assert (found.rows, sorted(found.by_reason.values())) == (4, [1, 2])
    assert found.columns == (REASONS, "origin", "x", "name")
    assert [row[1:] for row in found.sample[:2]] == [["EWR", "-4", "ab1"], ["JFK", "1", "ab1"]]
    assert found.sample[0][0].count("; ") == 1
