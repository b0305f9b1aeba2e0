"""Landing, and what reads from it: batches of several files, and commits of a Delta table that others write."""

import gzip
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest
from deltalake import DeltaTable, write_deltalake

from shared.adapters.delta import DeltaLake
from shared.adapters.delta_commit import added
from shared.adapters.delta_quarantine import DeltaQuarantine
from shared.adapters.failing_rows import RowSorter
from shared.adapters.fsspec_landing import FsspecLanding, etag_of
from shared.adapters.great_expectations import GreatExpectations
from shared.domain.batch import LandedFile
from shared.domain.usecase import LARGEST, DataSpec, Format
from shared.domain.verdicts import Verdict
from shared.errors import Malformed, Refused, TooLarge
from tests.contracts.test_quality import expect

URL = "https://account.blob.core.windows.net/landing"
QUALITY = GreatExpectations("500MB")
SPEC = DataSpec(
    arrives="landing/flights/*/*.csv",
    expectations=json.dumps({"expectations": [expect("column_values_to_not_be_null", column="origin")]}),
    table="silver/t",
    partition_by="origin",
    columns={},
    ends_with="_SUCCESS",
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "landing"
    (folder / "flights/a b").mkdir(parents=True)
    return folder


@pytest.fixture
def landing(root: Path) -> FsspecLanding:
    return FsspecLanding(URL, str(root))


@pytest.fixture
def files(root: Path, landing: FsspecLanding) -> list[LandedFile]:
    """A packed one, one with another order of columns and one without a column; and a marker."""
    folder = root / "flights/a b"
    (folder / "1.csv").write_bytes(gzip.compress(b"origin,x\nJFK,1\n"))
    (folder / "2.csv").write_text("x,origin\n2,LGA\n")
    (folder / "3.csv").write_text("origin\nEWR\n")
    (folder / "_SUCCESS").write_text("")
    found = landing.beside(f"{URL}/flights/a%20b/_SUCCESS")
    assert [one.file for one in found] == [
        f"landing/flights/a b/{name}" for name in ("1.csv", "2.csv", "3.csv", "_SUCCESS")
    ]
    assert found[1].url == f"{URL}/flights/a%20b/2.csv"
    return list(found[:3])


def rows_of(lake: DeltaLake) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = DeltaTable(lake.uri("silver/t")).to_pyarrow_table().to_pylist()
    return sorted(rows, key=lambda row: str(row["origin"]))


def test_files_of_a_batch_are_one_batch(landing: FsspecLanding, files: list[LandedFile], tmp_path: Path) -> None:
    lake = DeltaLake(str(tmp_path / "lake"), "500MB")
    with landing.fetch_all(files, LARGEST, without_changed=False) as folder:
        assert folder is not None
        assert folder.name == "a b"
        report = QUALITY.check(folder, SPEC)
        assert (report.verdict, report.rows) == (Verdict.PASSED, 3)
        assert lake.commit(folder, SPEC, "s1", 1).rows == 3
    assert not folder.exists()
    assert rows_of(lake) == [{"origin": "EWR", "x": None}, {"origin": "JFK", "x": 1}, {"origin": "LGA", "x": 2}]


def test_files_of_a_batch_have_one_bound(landing: FsspecLanding, files: list[LandedFile]) -> None:
    size = sum(one.size for one in files)
    with landing.fetch_all(files, size, without_changed=False) as folder:
        assert folder is not None
        unpacked = size + 200
        assert QUALITY.check(folder, replace(SPEC, largest=unpacked)).verdict is Verdict.PASSED
        assert "data.largest_mb" in QUALITY.check(folder, replace(SPEC, largest=20)).reasons[0]
    with pytest.raises(TooLarge), landing.fetch_all(files, size - 1, without_changed=False):
        pass


def test_file_that_changed_undoes_the_batch_or_is_left_out(
    landing: FsspecLanding, files: list[LandedFile], root: Path
) -> None:
    (root / "flights/a b/2.csv").write_text("x,origin\n2,LGA\n3,LGA\n")
    with landing.fetch_all(files, LARGEST, without_changed=False) as folder:
        assert folder is None
    with landing.fetch_all(files, LARGEST, without_changed=True) as folder:
        assert folder is not None
        assert QUALITY.check(folder, SPEC).rows == 2
    with landing.fetch_all(files[1:2], LARGEST, without_changed=True) as folder:
        assert folder is None


def test_batch_is_kept_in_quarantine_and_comes_out_as_it_was(
    landing: FsspecLanding, files: list[LandedFile], tmp_path: Path
) -> None:
    lake = DeltaLake(str(tmp_path / "lake"), "500MB")
    quarantine = DeltaQuarantine(lake, "500MB")
    spec = replace(
        SPEC, expectations=json.dumps({"expectations": [expect("column_values_to_not_be_null", column="x")]})
    )
    with landing.fetch_all(files, LARGEST, without_changed=False) as folder:
        assert folder is not None
        report = QUALITY.check(folder, spec)
        with RowSorter("500MB", QUALITY.one_at_a_time).sort_out(folder, spec, report) as found:
            assert found is not None
            kept = quarantine.keep(
                folder, found.rows, location="quarantine/t/s1", story="s1", generation=1, reasons=report.reasons
            )
        before = {each.name: each.read_bytes() for each in folder.iterdir()}
    assert (report.verdict, kept) == (Verdict.FAILED, 3)
    with quarantine.file("quarantine/t/s1") as again:
        assert again is not None
        assert {each.name: each.read_bytes() for each in again.iterdir()} == before
        assert QUALITY.check(again, SPEC).rows == 3


def test_link_in_a_batch_leads_nowhere(landing: FsspecLanding, root: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text("origin\nnot for reading\n")
    (root / "flights/a b/1.csv").symlink_to(tmp_path / "secret.csv")
    found = landing.beside(f"{URL}/flights/a%20b/_SUCCESS")
    with pytest.raises(Refused, match="leads out"), landing.fetch_all(found, LARGEST, without_changed=True):
        pass


class Theirs:
    """A Delta table in the landing area that somebody else writes."""

    def __init__(self, root: Path) -> None:
        self.path, self.root = root / "theirs", root

    def write(self, rows: str, mode: Any = "append", **options: Any) -> None:
        write_deltalake(self.path, duckdb.sql(rows), mode=mode, partition_by=["origin", "day"], **options)

    @property
    def log(self) -> tuple[str, str]:
        """URL and ETag of its newest commit."""
        file = max((self.path / "_delta_log").glob("*.json"))
        info = {"name": str(file), "size": file.stat().st_size}
        return f"{URL}/{file.relative_to(self.root).as_posix()}", etag_of(info)


@pytest.fixture
def theirs(root: Path) -> Theirs:
    table = Theirs(root)
    table.write("SELECT 'J/K' AS origin, DATE '2013-01-01' AS day, 1 AS x UNION ALL SELECT NULL, NULL, 2")
    return table


DELTA = replace(SPEC, arrives="landing/theirs/_delta_log/*.json", format=Format.DELTA, ends_with="")


def test_commit_is_a_batch_of_what_it_added(landing: FsspecLanding, theirs: Theirs, tmp_path: Path) -> None:
    lake = DeltaLake(str(tmp_path / "lake"), "500MB")
    with landing.fetch_commit(*theirs.log, LARGEST) as folder:
        assert folder is not None
        assert folder.name == "theirs-0"
        report = QUALITY.check(folder, DELTA)
        assert [one.unexpected for one in report.expectations] == [1]
    theirs.write("SELECT 'LGA' AS origin, DATE '2013-01-02' AS day, 3 AS x")
    with landing.fetch_commit(*theirs.log, LARGEST) as folder:
        assert folder is not None
        assert QUALITY.check(folder, DELTA).verdict is Verdict.PASSED
        lake.commit(folder, DELTA, "s2", 1)
    (row,) = rows_of(lake)
    assert (row["origin"], row["day"].isoformat(), row["x"]) == ("LGA", "2013-01-02", 3)


def test_commit_that_adds_no_rows_is_none(landing: FsspecLanding, theirs: Theirs) -> None:
    theirs.write("SELECT 'J/K' AS origin, DATE '2013-01-01' AS day, 9 AS x")
    DeltaTable(theirs.path).optimize.compact()
    url, etag = theirs.log
    with landing.fetch_commit(url, etag, LARGEST) as folder:
        assert folder is None
    with landing.fetch_commit(url, "0xOLD", LARGEST) as folder:
        assert folder is None


def test_commit_one_of_whose_files_is_gone_is_none(landing: FsspecLanding, theirs: Theirs) -> None:
    """Not what was read of the file before it, once more."""
    theirs.write("SELECT unnest(['LGA', 'EWR', 'JFK']) AS origin, DATE '2013-01-02' AS day, 3 AS x")
    gone = next((theirs.path / "origin=EWR").rglob("*.parquet"))
    gone.unlink()
    with landing.fetch_commit(*theirs.log, LARGEST) as folder:
        assert folder is None


def test_commit_that_takes_rows_away_is_refused(landing: FsspecLanding, theirs: Theirs) -> None:
    theirs.write("SELECT 'LGA' AS origin, DATE '2013-01-02' AS day, 3 AS x", mode="overwrite")
    with pytest.raises(Refused, match="takes rows away"), landing.fetch_commit(*theirs.log, LARGEST):
        pass


def test_commit_larger_than_is_read_is_refused(landing: FsspecLanding, theirs: Theirs) -> None:
    with pytest.raises(TooLarge, match="largest_mb"), landing.fetch_commit(*theirs.log, 10):
        pass


@pytest.mark.parametrize(
    ("log", "error", "says"),
    [
        (b"{", Malformed, "no commit"),
        (b"[1]", Malformed, "no commit"),
        (b'{"add": {"path": "a"}}', Malformed, "no commit"),
        (b'{"add": {"path": 1, "size": 1, "partitionValues": {}}}', Malformed, "no commit"),
        (b'{"add": {"path": "../../secret", "size": 1, "partitionValues": {}}}', Refused, "outside the table"),
        (b'{"add": {"path": "..%2Fsecret", "size": 1, "partitionValues": {}}}', Refused, "outside the table"),
        (b'{"add": {"path": "/etc/passwd", "size": 1, "partitionValues": {}}}', Refused, "outside the table"),
        (b'{"add": {"path": "s3://b/a", "size": 1, "partitionValues": {}}}', Refused, "outside the table"),
        (
            b'{"add": {"path": "a", "size": 1, "partitionValues": {}, "deletionVector": {"storageType": "u"}}}',
            Refused,
            "deletion vectors",
        ),
    ],
)
def test_log_that_is_none_or_leads_elsewhere_is_refused(log: bytes, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        added(log, "0.json")
