"""The real flights pass their expectations, every month of them; the damaged files do not."""

from pathlib import Path

import pytest

from local import flights
from shared import usecase
from shared.adapters.great_expectations import GreatExpectations
from shared.domain.quality import CheckReport
from shared.domain.verdicts import Severity, Verdict

USE_CASE = Path(__file__).parents[2] / "usecases/flight_delays"


def checked(file: Path) -> CheckReport:
    """What the check of the use case says of the file."""
    return GreatExpectations("1GB").check(file, usecase.load_one(USE_CASE).data)


def stopped(report: CheckReport) -> set[tuple[str, int | None]]:
    """What failed, and how many rows."""
    assert Verdict.MISCONFIGURED not in {each.verdict for each in report.expectations}
    return {
        (each.column or each.expectation, each.unexpected)
        for each in report.expectations
        if each.verdict is not Verdict.PASSED and each.severity is Severity.BLOCKING
    }


def test_every_real_month_passes_in_full(tmp_path: Path) -> None:
    """The expectations are right for the year, storms included: not even a warning."""
    files = flights.months(flights.MONTHS, tmp_path)
    assert [file.name for file in files] == [f"2013-{month:02}.csv" for month in range(1, 13)]
    reports = [checked(file) for file in files]
    assert sum(report.rows for report in reports) == 336_776
    assert {each.verdict for report in reports for each in report.expectations} == {Verdict.PASSED}


def test_a_column_that_is_missing_is_found(tmp_path: Path) -> None:
    """The file of a sender who forgot a column."""
    file = flights.missing_column(3, tmp_path)
    assert "distance" not in file.read_text().partition("\n")[0].split(",")
    assert {what for what, _ in stopped(checked(file))} == {"distance", "expect_table_columns_to_match_set"}


def test_faulty_rows_are_found_and_counted(tmp_path: Path) -> None:
    """Each kind of fault by the expectation that is about it; a duplicate makes two rows that are not unique."""
    faults = flights.Faults(negative_distances=7, unknown_carriers=5, duplicated_rows=11)
    file = flights.faulty_rows(3, tmp_path, faults)
    assert stopped(checked(file)) == {
        ("distance", 7),
        ("carrier", 5),
        ("year, month, day, carrier, flight, origin", 22),
    }


def test_faulty_rows_are_the_same_for_the_same_seed(tmp_path: Path) -> None:
    """So that a demonstration can be told."""
    first = flights.faulty_rows(3, tmp_path / "a").read_bytes()
    assert flights.faulty_rows(3, tmp_path / "b").read_bytes() == first
    assert flights.faulty_rows(3, tmp_path / "c", seed=1).read_bytes() != first


def test_an_empty_file_is_no_month(tmp_path: Path) -> None:
    """A header alone does not pass unseen."""
    file = tmp_path / "empty.csv"
    file.write_text(flights.month(1, tmp_path).read_text().partition("\n")[0] + "\n")
    assert {each.verdict for each in checked(file).expectations} != {Verdict.PASSED}


def test_a_month_that_does_not_exist_is_told(tmp_path: Path) -> None:
    """Thirteen is not quietly nothing."""
    with pytest.raises(ValueError, match="no month 13"):
        flights.month(13, tmp_path)
