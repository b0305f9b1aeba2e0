"""Quality: Great Expectations over DuckDB. What is bad has failed, what cannot be asked is misconfigured, and nothing
passes that was not checked.
"""

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest

from shared.adapters.great_expectations import GreatExpectations
from shared.domain.quality import CheckReport, ExpectationOutcome
from shared.domain.usecase import DataSpec, Format
from shared.domain.verdicts import Severity, Verdict

CSV = "origin,x,name\nJFK,1,ab1\nLGA,2,cd2\nJFK,,ef3\n"
PASSED, FAILED, MISCONFIGURED = Verdict.PASSED, Verdict.FAILED, Verdict.MISCONFIGURED

type Expectation = dict[str, Any]


def expect(kind: str, severity: str = "critical", **kwargs: Any) -> Expectation:
    return {"type": f"expect_{kind}", "kwargs": kwargs, "severity": severity}


def check(
    folder: Path,
    *suite: Expectation,
    text: str | bytes = CSV,
    columns: dict[str, str] | None = None,
    memory: str = "500MB",
    expectations: str = "",
    known: dict[str, str] | None = None,
) -> CheckReport:
    file = folder / "batch.csv"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    spec = DataSpec(
        arrives="landing/*.csv",
        expectations=expectations or json.dumps({"expectations": list(suite)}),
        table="silver/t",
        partition_by="origin",
        columns=columns or {},
        null_values=("", "NA"),
    )
    before = file.read_bytes()
    report = GreatExpectations(memory).check(file, spec, known)
    assert file.read_bytes() == before
    return report


def only(report: CheckReport) -> ExpectationOutcome:
    (outcome,) = report.expectations
    return outcome


DEMANDS_NAME = expect("column_to_exist", column="name")
NOT_NULL = expect("column_values_to_not_be_null", column="origin")

JUDGED: list[tuple[str, Expectation, Verdict, int | None]] = [
    ("between", expect("column_values_to_be_between", column="x", min_value=1, max_value=2), PASSED, 0),
    ("not between", expect("column_values_to_be_between", column="x", min_value=2), FAILED, 1),
    ("not null", expect("column_values_to_not_be_null", column="x"), FAILED, 1),
    ("mostly", expect("column_values_to_not_be_null", column="x", mostly=0.6), PASSED, 1),
    ("not mostly enough", expect("column_values_to_not_be_null", column="x", mostly=0.7), FAILED, 1),
    ("in set", expect("column_values_to_be_in_set", column="origin", value_set=["JFK", "LGA"]), PASSED, 0),
    ("not in set", expect("column_values_to_be_in_set", column="origin", value_set=["JFK"]), FAILED, 1),
    ("unique", expect("column_values_to_be_unique", column="name"), PASSED, 0),
    ("not unique", expect("column_values_to_be_unique", column="origin"), FAILED, 2),
    ("compound unique", expect("compound_columns_to_be_unique", column_list=["origin", "name"]), PASSED, 0),
    ("regex", expect("column_values_to_match_regex", column="name", regex="^[a-z]{2}[0-9]$"), PASSED, 0),
    ("regex anywhere", expect("column_values_to_match_regex", column="name", regex="[0-9]"), PASSED, 0),
    ("not regex", expect("column_values_to_match_regex", column="name", regex="^a"), FAILED, 2),
    ("no regex", expect("column_values_to_not_match_regex", column="name", regex="^z"), PASSED, 0),
    ("one regex", expect("column_values_to_not_match_regex", column="name", regex="^a"), FAILED, 1),
    ("any regex", expect("column_values_to_match_regex_list", column="name", regex_list=["^a", "^[ce]"]), PASSED, 0),
    (
        "all regex",
        expect("column_values_to_match_regex_list", column="name", regex_list=["^a", "1$"], match_on="all"),
        FAILED,
        2,
    ),
    ("none of", expect("column_values_to_not_match_regex_list", column="name", regex_list=["^z", "^a"]), FAILED, 1),
    ("row count", expect("table_row_count_to_be_between", min_value=3, max_value=3), PASSED, None),
    ("wrong row count", expect("table_row_count_to_be_between", min_value=4), FAILED, None),
    ("mean", expect("column_mean_to_be_between", column="x", min_value=1, max_value=2), PASSED, None),
    ("columns", expect("table_columns_to_match_set", column_set=["origin", "x", "name"]), PASSED, None),
    ("other columns", expect("table_columns_to_match_set", column_set=["origin", "y"]), FAILED, None),
    ("type", expect("column_values_to_be_in_type_list", column="x", type_list=["BIGINT", "INTEGER"]), PASSED, None),
    (
        "pair",
        expect(
            "column_pair_values_a_to_be_greater_than_b",
            column_A="x",
            column_B="x",
            or_equal=True,
            ignore_row_if="either_value_is_missing",
        ),
        PASSED,
        0,
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("expectation", "verdict", "unexpected"), [each[1:] for each in JUDGED], ids=[each[0] for each in JUDGED]
)
def test_expectation_is_judged_and_counted(
    expectation: Expectation, verdict: Verdict, unexpected: int | None, tmp_path: Path
) -> None:
    report = check(tmp_path, expectation)
    outcome = only(report)
    assert (outcome.verdict, outcome.unexpected) == (verdict, unexpected)
    assert (report.verdict, report.rows) == (verdict, 3)
    assert outcome.expectation == expectation["type"]
    assert bool(report.reasons) == (verdict is FAILED)


@pytest.mark.parametrize(
    ("expectation", "found"),
    [
        (expect("column_values_to_be_unique", column="origin"), "2 of 3 rows are not, such as JFK"),
        (
            expect("compound_columns_to_be_unique", column_list=["origin", "x"], ignore_row_if="any_value_is_missing"),
            "4 of 5 rows are not, such as JFK, 1; LGA, 2",
        ),
        (expect("column_values_to_match_regex", column="name", regex="^[a-d:']+2?$"), "2 of 3 rows are not, such as"),
        (expect("column_value_lengths_to_be_between", column="name", max_value=2), "3 of 3 rows are not, such as"),
        (expect("column_distinct_values_to_be_in_set", column="origin", value_set=["JFK"]), "such as LGA"),
        (expect("column_pair_values_to_be_equal", column_A="origin", column_B="name"), "such as JFK, ab1"),
    ],
    ids=lambda one: one["type"] if isinstance(one, dict) else "",
)
def test_some_of_the_values_are_named(tmp_path: Path, expectation: Expectation, found: str) -> None:
    text = CSV + "JFK,1,ab1\nLGA,2,cd2\n" if expectation["type"] == "expect_compound_columns_to_be_unique" else CSV
    assert found in only(check(tmp_path, expectation, text=text)).detail


def test_no_values_are_counted_in_no_rows(tmp_path: Path) -> None:
    lengths = expect("column_value_lengths_to_be_between", column="name", max_value=2)
    outcome, *_ = check(tmp_path, lengths, text="origin,x,name\n").expectations
    assert (outcome.verdict, outcome.unexpected) == (PASSED, None)


def test_reason_says_what_was_asked_and_what_was_found(tmp_path: Path) -> None:
    report = check(tmp_path, expect("column_values_to_be_in_set", column="origin", value_set=["JFK"], mostly=0.9))
    assert report.reasons == (
        "origin values must belong to this set: JFK, at least 90 % of the time: 1 of 3 rows are not, such as LGA",
    )


def test_nulls_break_neither_a_bound_nor_uniqueness_unless_they_are_asked_for(tmp_path: Path) -> None:
    text = "origin,x\nJFK,NA\nJFK,NA\nLGA,1\n"
    report = check(
        tmp_path,
        expect("column_values_to_be_between", column="x", min_value=0),
        expect("column_values_to_be_unique", column="x"),
        expect("column_values_to_not_be_null", column="x"),
        text=text,
    )
    found = {one.expectation.removeprefix("expect_column_values_to_"): one for one in report.expectations}
    assert {name: (one.verdict, one.unexpected) for name, one in found.items()} == {
        "be_between": (PASSED, 0),
        "be_unique": (PASSED, 0),
        "not_be_null": (FAILED, 2),
    }


def test_compound_uniqueness_with_nulls_counts_what_is_really_there_twice(tmp_path: Path) -> None:
    text = "origin,name\nJFK,a\nJFK,a\nLGA,\n"
    unique = expect(
        "compound_columns_to_be_unique", column_list=["origin", "name"], ignore_row_if="any_value_is_missing"
    )
    assert only(check(tmp_path, unique, text=text)).unexpected == 2


def test_column_that_the_suite_demands_and_the_file_lacks_is_the_datas_fault(tmp_path: Path) -> None:
    suite = [
        DEMANDS_NAME,
        expect("column_values_to_be_unique", column="name"),
        expect("compound_columns_to_be_unique", column_list=["origin", "name"]),
        expect("column_pair_values_to_be_equal", column_A="origin", column_B="name"),
    ]
    report = check(tmp_path, *suite, text="origin,x\nJFK,1\n")
    assert [one.verdict for one in report.expectations] == [FAILED] * 4
    assert report.verdict is FAILED
    assert sum("column name is missing" in reason for reason in report.reasons) == 3


def test_column_that_nothing_demands_and_the_file_lacks_is_the_suites_fault(tmp_path: Path) -> None:
    """A misspelt column name must not be called bad data."""
    report = check(tmp_path, NOT_NULL, expect("column_values_to_be_unique", column="nmae"))
    assert report.verdict is MISCONFIGURED
    assert [one.verdict for one in report.expectations if "nmae" in one.column] == [MISCONFIGURED]


BROKEN: list[tuple[str, Expectation]] = [
    ("misspelt", expect("colum_values_to_be_unique", column="name")),
    ("misspelt warning", expect("colum_values_to_be_unique", severity="warning", column="name")),
    ("unknown argument", expect("column_values_to_be_between", column="x", minimum=1)),
    ("no bound", expect("column_values_to_be_between", column="x")),
    ("mean without a bound", expect("column_mean_to_be_between", column="x")),
    ("least without a bound", expect("column_min_to_be_between", column="x", min_value=None)),
    ("largest without a bound", expect("column_max_to_be_between", column="x", strict_max=True)),
    ("sum without a bound", expect("column_sum_to_be_between", column="x")),
    ("unique count without a bound", expect("column_unique_value_count_to_be_between", column="x")),
    ("row count without a bound", expect("table_row_count_to_be_between")),
    ("column count without a bound", expect("table_column_count_to_be_between")),
    ("not in an empty set", expect("column_values_to_not_be_in_set", column="x", value_set=[])),
    ("contains an empty set", expect("column_distinct_values_to_contain_set", column="x", value_set=[])),
    ("of no type", expect("column_values_to_be_in_type_list", column="x", type_list=None)),
    ("mostly in words", expect("column_values_to_not_be_null", column="x", mostly="ninety")),
    ("mostly over one", expect("column_values_to_not_be_null", column="x", mostly=95)),
    ("unknown severity", expect("column_values_to_not_be_null", severity="blocker", column="x")),
    ("no arguments", {"type": "expect_column_values_to_not_be_null"}),
    ("arguments null", {"type": "expect_column_values_to_not_be_null", "kwargs": None}),
    ("arguments a list", {"type": "expect_column_values_to_not_be_null", "kwargs": ["x"]}),
    ("no expression", expect("column_values_to_match_regex", column="name", regex="(")),
    ("neither any nor all", expect("column_values_to_match_regex_list", column="name", regex_list=["a"], match_on="x")),
]


@pytest.mark.parametrize("expectation", [each[1] for each in BROKEN], ids=[each[0] for each in BROKEN])
def test_expectation_that_cannot_be_asked_is_misconfigured(expectation: Expectation, tmp_path: Path) -> None:
    """Beside one that passes, so that it is not the emptiness that stops it."""
    report = check(tmp_path, NOT_NULL, expectation)
    assert report.verdict is MISCONFIGURED
    assert any(one.verdict is MISCONFIGURED and one.detail for one in report.expectations)


@pytest.mark.parametrize(
    "expectations",
    [
        "", "?", "[]", "{}",
        '{"expectations": []}', '{"expectations": {}}',
        '{"expectations": 1}', '{"expectations": ["x"]}', '{"expectations": [{}]}',
    ],
)  # fmt: skip
def test_suite_that_checks_nothing_never_passes(expectations: str, tmp_path: Path) -> None:
    report = check(tmp_path, expectations=expectations or " ")
    assert report.verdict is MISCONFIGURED
    assert report.reasons[0].startswith("the suite can be run: ")


def test_suite_of_warnings_only_never_passes(tmp_path: Path) -> None:
    report = check(tmp_path, expect("column_values_to_not_be_null", severity="info", column="origin"))
    assert only(report).verdict is PASSED
    assert report.verdict is MISCONFIGURED


@pytest.mark.parametrize("severity", ["warning", "info"])
def test_warning_is_recorded_and_does_not_stop(severity: str, tmp_path: Path) -> None:
    report = check(tmp_path, NOT_NULL, expect("column_values_to_not_be_null", severity=severity, column="x"))
    warning = next(one for one in report.expectations if one.column == "x")
    assert (warning.severity, warning.verdict, warning.unexpected) == (Severity.WARNING, FAILED, 1)
    assert (report.verdict, report.reasons) == (Verdict.WARNED, ())


@pytest.mark.parametrize("text", ["origin,x,name\n", "origin,x,name"], ids=["header", "header-without-newline"])
def test_file_without_rows_never_passes(text: str, tmp_path: Path) -> None:
    """Every expectation about values holds for no value."""
    report = check(tmp_path, NOT_NULL, text=text)
    assert (report.verdict, report.rows) == (FAILED, 0)


def test_of_no_rows_only_the_table_itself_is_judged(tmp_path: Path) -> None:
    """Without a value a column is of no type; what is asked of its values is not called the suite's fault."""
    report = check(tmp_path, *OF_NUMBERS, DEMANDS_NAME, text="x,y,name\n")
    assert report.verdict is FAILED
    assert report.reasons == ("batch.csv has rows: it has none",)
    wrong = check(tmp_path, DEMANDS_NAME, expect("table_row_count_to_equal", value=3), text="origin,x\n")
    assert [one.verdict for one in wrong.expectations] == [FAILED] * 3


OF_NUMBERS = [
    expect("column_values_to_be_between", column="x", min_value=1),
    expect("column_values_to_be_between", column="x", max_value="2013-01-01"),
    expect("column_max_to_be_between", column="x", min_value=1),
    expect("column_mean_to_be_between", column="x", min_value=1),
    expect("column_sum_to_be_between", column="x", max_value=9),
    expect("column_values_to_be_in_set", column="x", value_set=[1, 2]),
    expect("column_distinct_values_to_be_in_set", column="x", value_set=[1, 2]),
    expect("column_pair_values_a_to_be_greater_than_b", column_A="x", column_B="y", or_equal=True),
]


@pytest.mark.parametrize(
    "rows", ["1,1\nabc,2\n", "inf,1\n1,2\n", "1.5,1\nx,2\n"], ids=["a text", "no number", "a line of the header"]
)
def test_text_in_a_column_of_numbers_is_the_datas_fault(rows: str, tmp_path: Path) -> None:
    report = check(tmp_path, *OF_NUMBERS, text="x,y\n" + rows)
    assert [one.verdict for one in report.expectations] == [FAILED] * len(OF_NUMBERS)
    assert all("column x came as texts (VARCHAR)" in one.detail for one in report.expectations)
    assert check(tmp_path, *OF_NUMBERS, text="x,y\n" + rows, known={"x": "DOUBLE", "y": "BIGINT"}).verdict is FAILED


@pytest.mark.parametrize("where", ["columns", "known"])
def test_column_of_texts_that_is_asked_for_numbers_is_the_suites_fault(where: str, tmp_path: Path) -> None:
    """The use case says that it is of texts, or the silver table does."""
    between = expect("column_values_to_be_between", column="name", min_value=1)
    types = {"origin": "VARCHAR", "x": "BIGINT", "name": "VARCHAR"}
    report = check(tmp_path, NOT_NULL, between, **{where: types})  # type: ignore[arg-type]  # one of the two
    assert (report.verdict, report.expectations[1].verdict) == (MISCONFIGURED, MISCONFIGURED)
    assert "column name is one of texts" in report.expectations[1].detail


@pytest.mark.parametrize(
    ("text", "columns"),
    [(bytes(range(256)) * 10, {}), ("origin,x\nJFK,abc\n", {"x": "BIGINT"}), (b"origin,x\n\xff\xfe\x00,1\n", {})],
    ids=["binary", "not-the-columns-type", "no-utf8"],
)
def test_file_that_cannot_be_read_is_an_error_and_says_why(
    text: str | bytes, columns: dict[str, str], tmp_path: Path
) -> None:
    report = check(tmp_path, NOT_NULL, text=text, columns=columns)
    assert report.verdict is Verdict.ERROR
    assert "batch.csv can be read" in report.reasons[0]


def test_ragged_file_never_passes(tmp_path: Path) -> None:
    text = "origin,x,name\nJFK,1\nLGA,2,a,b,c\n"
    assert check(tmp_path, NOT_NULL, DEMANDS_NAME, text=text).verdict in {FAILED, Verdict.ERROR}


def test_too_little_memory_is_not_called_bad_data(tmp_path: Path) -> None:
    text = "origin,x\n" + "".join(f"JFK,{number}\n" for number in range(300_000))
    report = check(tmp_path, NOT_NULL, text=text, memory="1MB")
    assert report.verdict is Verdict.ERROR
    assert "CHECK_MEMORY_LIMIT" in report.reasons[0]


def test_column_types_are_the_use_cases_where_it_gives_them(tmp_path: Path) -> None:
    text = "origin,code\nJFK,007\n"
    as_text = expect("column_values_to_be_in_set", column="code", value_set=["007"])
    assert check(tmp_path, as_text, text=text, columns={"code": "VARCHAR"}).verdict is PASSED


@pytest.mark.parametrize("sql", ["COPY (SELECT 1) TO '{file}'", "SELECT * FROM read_text('/etc/hostname')"])
def test_suite_reads_and_writes_nothing_but_the_batch(sql: str, tmp_path: Path) -> None:
    """A suite may be SQL of its own."""
    file = tmp_path / "written"
    query = {"type": "unexpected_rows_expectation", "kwargs": {"unexpected_rows_query": sql.format(file=file)}}
    assert not check(tmp_path, NOT_NULL, query).verdict.lets_pass
    assert not file.exists()


def test_damaged_parquet_is_an_error_wherever_the_damage_is(tmp_path: Path) -> None:
    """Also in a column that no expectation reads."""
    file = tmp_path / "batch.parquet"
    rows = "FROM range(60000) SELECT 'JFK' AS origin, hash(range)::VARCHAR AS a, hash(range + 1)::VARCHAR AS b"
    duckdb.sql(f"COPY ({rows}) TO '{file}' (FORMAT parquet)")
    whole = file.read_bytes()
    spec = DataSpec(
        arrives="landing/*.parquet",
        expectations=json.dumps({"expectations": [NOT_NULL]}),
        table="silver/t",
        partition_by="",
        columns={},
        format=Format.PARQUET,
    )
    assert GreatExpectations("500MB").check(file, spec).verdict is PASSED
    middle = len(whole) // 2
    for damaged in (whole[:middle] + b"\xff" * 400 + whole[middle + 400 :], whole[:middle], whole[:-9]):
        file.write_bytes(damaged)
        assert GreatExpectations("500MB").check(file, spec).verdict is Verdict.ERROR


def test_what_is_called_gzip_and_is_none_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "batch.csv.gz"
    file.write_text(CSV)
    spec = DataSpec(arrives="landing/*", expectations="", table="silver/t", partition_by="", columns={})
    assert GreatExpectations("500MB").check(file, spec).verdict is Verdict.ERROR
