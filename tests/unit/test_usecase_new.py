"""A use case started from a file: it has no fault, its suite holds for the file, and a job could train it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from local import flights
from local.home import PROJECT
from shared import usecase
from shared.adapters.great_expectations import GreatExpectations
from shared.domain.verdicts import Verdict
from sluice_ml import usecase as ml_usecase

ARGUMENTS = ("--target", "arr_delay", "--time", "time_hour", "--part", "origin")
KEY = ("--key", "year,month,day,carrier,flight,origin")


def new(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ops", "usecase", "new", *arguments, "--into", str(folder)]
    return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return flights.month(1, tmp_path_factory.mktemp("month"))


def test_it_has_no_fault_and_its_suite_holds_for_its_file(tmp_path: Path, month: Path) -> None:
    done = new(tmp_path, "late", "--from", str(month), *ARGUMENTS, *KEY, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["folder"] == str(tmp_path / "late")
    (written,) = usecase.load(tmp_path).all
    report = GreatExpectations("1GB").check(month, written.data)
    assert (report.verdict, report.reasons, report.rows) == (Verdict.PASSED, (), 27_004)
    training = ml_usecase.load(str(tmp_path / "late")).training
    assert (training.target, training.time, training.holdout_days) == ("arr_delay", "time_hour", 7)
    assert "dep_delay" in training.inputs
    assert "arr_delay" not in training.inputs


def test_a_file_that_lands_is_its_own(tmp_path: Path, month: Path) -> None:
    assert new(tmp_path, "late", "--from", str(month), *ARGUMENTS, *KEY).returncode == 0
    found = usecase.load(tmp_path).of_file("landing/late/2013-01.csv")
    assert found is not None
    assert found.name == "late"


def test_without_a_target_it_is_of_data_alone(tmp_path: Path, month: Path) -> None:
    done = new(tmp_path, "late", "--from", str(month), "--part", "origin", *KEY)
    assert done.returncode == 0, done.stderr
    assert "gate.yml" not in done.stdout
    (written,) = usecase.load(tmp_path).all
    assert (written.training.model, written.jobs) == ("", ())
    assert sorted(file.name for file in (tmp_path / "late").iterdir()) == ["expectations.json", "usecase.yml"]
    assert GreatExpectations("1GB").check(month, written.data).verdict is Verdict.PASSED


RIDES = "ride_id;day;started;town\n" + "".join(
    f"{number};{number % 28 + 1:02}.12.2025;{number % 28 + 1:02}.12.2025 08:{number:02};Bern\n" for number in range(60)
)


def test_delimiter_and_dates_are_read_as_the_file_writes_them(tmp_path: Path) -> None:
    file = tmp_path / "rides.csv"
    file.write_text(RIDES)
    done = new(tmp_path / "use_cases", "rides", "--from", str(file), "--part", "town", "--key", "ride_id")
    assert done.returncode == 0, done.stderr
    (written,) = usecase.load(tmp_path / "use_cases").all
    assert (written.data.delimiter, written.data.date_format) == (";", "%d.%m.%Y")
    assert written.drift is not None
    assert GreatExpectations("1GB").check(file, written.data).verdict is Verdict.PASSED


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("a,a,b\n1,2,3\n", "odd.csv has a column a twice"),
        ("a,b\n", "odd.csv has no rows"),
        ("a,b\nx,1\ny,2\n", "--time a is VARCHAR, and no date or time"),
    ],
)
def test_file_that_tells_too_little_is_refused(content: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "odd.csv"
    file.write_text(content)
    target = ("--target", "b", "--time", "a") if "--time" in said else ()
    done = new(tmp_path / "use_cases", "odd", "--from", str(file), "--part", "b", "--key", "b", *target)
    assert (done.returncode, list(tmp_path.glob("use_cases/*"))) == (2, [])
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--from", "FILE", "--target", "arr_delay", "--part", "origin", *KEY), "--target and --time go together"),
        (("--from", "nowhere.csv", *ARGUMENTS, *KEY), "no such file"),
        (("--from", "FILE", *ARGUMENTS, "--key", "nothing"), "has no column nothing; it has"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_written(
    arguments: tuple[str, ...], said: str, tmp_path: Path, month: Path
) -> None:
    done = new(tmp_path, "late", *[str(month) if each == "FILE" else each for each in arguments])
    assert done.returncode == 2
    assert said in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_stays(tmp_path: Path, month: Path) -> None:
    (tmp_path / "late").mkdir()
    done = new(tmp_path, "late", "--from", str(month), *ARGUMENTS, *KEY)
    assert (done.returncode, list((tmp_path / "late").iterdir())) == (2, [])
    assert "is there already" in done.stderr
