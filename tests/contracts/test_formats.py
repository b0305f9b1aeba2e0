"""How a landed file may be written: the same rows are the same batch in every format, encoding and packing."""

import gzip
import json
import random
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest
from deltalake import DeltaTable

from shared.adapters.delta import DeltaLake
from shared.adapters.great_expectations import GreatExpectations
from shared.domain.usecase import DataSpec, Format
from shared.domain.verdicts import Verdict
from tests.contracts.test_quality import expect

ROWS: list[dict[str, Any]] = [
    {"origin": "JFK", "x": 1.5, "name": "Zoë"},
    {"origin": "LGA", "x": None, "name": "b"},
    {"origin": "EWR", "x": -2.0, "name": None},
]
QUALITY = GreatExpectations("500MB")
SPEC = DataSpec(
    arrives="landing/*",
    expectations=json.dumps(
        {
            "expectations": [
                expect("column_values_to_not_be_null", column="origin"),
                expect("column_values_to_be_between", severity="warning", column="x", min_value=0),
            ]
        }
    ),
    table="silver/t",
    partition_by="origin",
    columns={"x": "DOUBLE"},
)


def as_csv(delimiter: str = ",") -> str:
    lines = [ROWS[0].keys(), *([("" if v is None else str(v)) for v in row.values()] for row in ROWS)]
    return "".join(delimiter.join(line) + "\n" for line in lines)


def as_json() -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS)


WRITTEN: dict[str, tuple[bytes, dict[str, Any]]] = {
    "csv": (as_csv().encode(), {}),
    "byte order mark": (as_csv().encode("utf-8-sig"), {}),
    "semicolons": (as_csv(";").encode(), {"delimiter": ";"}),
    "tabs": (as_csv("\t").encode(), {"delimiter": "\t"}),
    "latin-1": (as_csv().encode("latin-1"), {"encoding": "iso8859-1"}),
    "utf-16": (as_csv().encode("utf-16"), {"encoding": "utf-16"}),
    "packed": (gzip.compress(as_csv().encode()), {}),
    "packed latin-1": (gzip.compress(as_csv().encode("latin-1")), {"encoding": "iso8859-1"}),
    "packed twice in a row": (gzip.compress(as_csv().encode()[:20]) + gzip.compress(as_csv().encode()[20:]), {}),
    "json lines": (as_json().encode(), {"format": Format.JSON_LINES}),
    "json lines with a mark": (as_json().encode("utf-8-sig"), {"format": Format.JSON_LINES}),
    "packed json lines with a mark": (gzip.compress(as_json().encode("utf-8-sig")), {"format": Format.JSON_LINES}),
    "json lines in UTF-16": (as_json().encode("utf-16-le"), {"format": Format.JSON_LINES, "encoding": "utf-16-le"}),
    "json lines of Windows": (as_json().replace("\n", "\r\n").encode(), {"format": Format.JSON_LINES}),
    "json lines of old": (as_json().replace("\n", "\r").encode(), {"format": Format.JSON_LINES}),
    "json lines of all": (as_json().replace("\n", "\r\n\r", 2).encode(), {"format": Format.JSON_LINES}),
    "packed json lines": (gzip.compress(as_json().encode()), {"format": Format.JSON_LINES}),
}


@pytest.mark.parametrize(("content", "how"), WRITTEN.values(), ids=list(WRITTEN))
def test_same_rows_are_the_same_batch(content: bytes, how: dict[str, Any], tmp_path: Path) -> None:
    file, spec = tmp_path / "landed", replace(SPEC, **how)
    file.write_bytes(content)
    report = QUALITY.check(file, spec)
    assert (report.verdict, report.rows) == (Verdict.WARNED, 3)
    assert [one.unexpected for one in report.expectations] == [0, 1]
    assert committed(file, spec, tmp_path) == ROWS
    assert file.read_bytes() == content


def rows_of(text: str, folder: Path, **how: Any) -> list[dict[str, Any]]:
    """The rows of a file as they come into silver."""
    file, lake = folder / "landed", DeltaLake(str(folder / "lake"), "500MB")
    file.write_text(text)
    spec = replace(SPEC, **{"columns": {}, "partition_by": "", "expectations": "", **how})
    assert QUALITY.check(file, spec).verdict is Verdict.PASSED
    lake.commit(file, spec, "one", 1)
    found: list[dict[str, Any]] = DeltaTable(lake.uri(spec.table)).to_pyarrow_table().to_pylist()
    return sorted(found, key=lambda row: str(row["a"]))


def test_line_that_begins_with_a_hash_is_a_row(tmp_path: Path) -> None:
    assert rows_of("a,x\n1,2\n#3,4\n5,6\n", tmp_path) == [{"a": "#3", "x": 4}, {"a": "1", "x": 2}, {"a": "5", "x": 6}]


def test_time_of_day_is_a_text(tmp_path: Path) -> None:
    assert rows_of("a,x\n12:30,2\n", tmp_path) == [{"a": "12:30", "x": 2}]


@pytest.mark.parametrize("before", [1, 60_000])
def test_value_of_another_type_makes_its_column_one_of_texts_wherever_it_is(before: int, tmp_path: Path) -> None:
    found = rows_of("a,x\n" + "1,2\n" * before + "1,many\n", tmp_path)
    assert {row["x"] for row in found} == {"2", "many"}
    assert len(found) == before + 1


def test_key_that_only_a_late_line_has_is_a_column(tmp_path: Path) -> None:
    text = '{"a": 1}\n' * 60_000 + '{"a": 2, "late": 9}\n'
    assert rows_of(text, tmp_path, format=Format.JSON_LINES)[-1] == {"a": 2, "late": 9}


def committed(file: Path, spec: DataSpec, folder: Path) -> list[dict[str, Any]]:
    lake = DeltaLake(str(folder / "lake"), "500MB")
    assert lake.commit(file, spec, "one", 1).rows == 3
    found: list[dict[str, Any]] = DeltaTable(lake.uri(spec.table)).to_pyarrow_table().to_pylist()
    return sorted(found, key=lambda row: [each["origin"] for each in ROWS].index(row["origin"]))


def test_parquet_is_read_as_it_is_and_a_number_that_is_none_is_missing(tmp_path: Path) -> None:
    file, spec = tmp_path / "landed", replace(SPEC, format=Format.PARQUET, columns={})
    values = "('JFK', 1.5::DOUBLE, 'Zoë'), ('LGA', 'NaN'::DOUBLE, 'b'), ('EWR', -2, NULL)"
    duckdb.sql(f"COPY (FROM (VALUES {values}) t(origin, x, name)) TO '{file}' (FORMAT parquet)")
    report = QUALITY.check(file, spec)
    assert [one.unexpected for one in report.expectations] == [0, 1]
    assert committed(file, spec, tmp_path) == ROWS


UNREADABLE: dict[str, tuple[bytes, dict[str, Any], str]] = {
    "half a gzip": (gzip.compress(random.Random(1).randbytes(5000))[:2000], {}, "no whole gzip file"),
    "gzip with another sum": (gzip.compress(as_csv().encode())[:-8] + b"12345678", {}, "no whole gzip file"),
    "another encoding": (as_csv().encode("latin-1"), {"encoding": "ascii"}, "data.encoding"),
    "no Parquet": (as_csv().encode(), {"format": Format.PARQUET}, "magic bytes"),
    "half a JSON line": (as_json().encode()[:-10], {"format": Format.JSON_LINES}, ""),
    "no JSON object": (b"[1, 2]\n3\n", {"format": Format.JSON_LINES}, ""),
    "too large": (as_csv().encode(), {"largest": 20}, "data.largest_mb"),
    "too large unpacked": (gzip.compress(as_csv().encode() + b"a" * 100_000), {"largest": 50_000}, "data.largest_mb"),
    "a column of the quarantine's": (b"origin,x,_Reasons\nJFK,1,late\n", {}, "the quarantine's own"),
    "no type of a table": (as_csv().replace("1.5", "12:30").encode(), {"columns": {"x": "TIME"}}, "data.columns"),
    "a column twice": (b"origin,x,origin\nJFK,1,a\n", {}, "column origin is there twice, in the header of landed"),
    "twice but for its case": (b'\xef\xbb\xbf"origin",x, Origin\nJFK,1,a\n', {}, "as origin and Origin"),
    "twice in another encoding": (
        "origin;ä;ä\n".encode("utf-16"),
        {"encoding": "utf-16", "delimiter": ";"},
        "column ä",
    ),
    "a key in two spellings": (b'{"x": 1}\n{"X": 2}\n', {"format": Format.JSON_LINES}, "as X and x"),
    "too long a line": (b'{"x": "' + b"x" * 40_000_000 + b'"}\n', {"format": Format.JSON_LINES}, "smaller objects"),
    "a key twice": (b'{"x": 1, "x": 2}\n', {"format": Format.JSON_LINES}, 'duplicate key "x"'),
    "bomb": (gzip.compress(bytes(50_000_000)), {"largest": 1 << 20}, "data.largest_mb"),
}


@pytest.mark.parametrize(("content", "how", "says"), UNREADABLE.values(), ids=list(UNREADABLE))
def test_what_cannot_be_read_is_an_error_that_says_why(
    content: bytes, how: dict[str, Any], says: str, tmp_path: Path
) -> None:
    file = tmp_path / "landed"
    file.write_bytes(content)
    report = QUALITY.check(file, replace(SPEC, **how))
    assert report.verdict is Verdict.ERROR
    assert "landed can be read" in report.reasons[0]
    assert says in report.reasons[0]


def test_column_that_is_twice_in_parquet_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "landed"
    pd.DataFrame({"n": [{"a": 1, "a_1": 2}], "a": [1], "A": [3]}).to_parquet(file)
    report = QUALITY.check(file, replace(SPEC, format=Format.PARQUET))
    assert report.verdict is Verdict.ERROR
    assert "column a is there twice, as a and A" in report.reasons[0]
    assert "in the schema of landed" in report.reasons[0]


@pytest.mark.parametrize(
    ("text", "how"),
    [
        ("a,a_1,x_1,,\n1,2,3,4,5\n", {}),
        ('a,a_1,"x_1\n"\n1,2,3\n', {}),
        ('{"a": 1, "a_1": 2, "x_1": 3}\n', {"format": Format.JSON_LINES}),
    ],
)
def test_name_that_looks_like_one_that_duckdb_makes_is_one(text: str, how: dict[str, Any], tmp_path: Path) -> None:
    (found,) = rows_of(text, tmp_path, **how)
    assert (found["a"], found["a_1"]) in {("1", "2"), (1, 2)}


def test_what_does_not_fit_in_memory_is_put_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the temporary folder, not where the process happens to be."""
    monkeypatch.chdir(tmp_path)
    before = set(Path(tempfile.gettempdir()).glob("duckdb-*"))
    file = tmp_path / "landed.csv"
    duckdb.sql(f"COPY (FROM range(3_000_000) SELECT hash(range) AS origin, range AS x) TO '{file}'")
    unique = json.dumps({"expectations": [expect("column_values_to_be_unique", column="origin")]})
    report = GreatExpectations("80MB").check(file, replace(SPEC, expectations=unique))
    assert report.verdict is Verdict.PASSED, report.reasons
    assert [each.name for each in tmp_path.iterdir()] == ["landed.csv"]
    assert set(Path(tempfile.gettempdir()).glob("duckdb-*")) <= before, "nothing is left"


def test_without_a_suite_what_can_be_read_passes(tmp_path: Path) -> None:
    file, spec = tmp_path / "landed.csv", replace(SPEC, expectations="")
    file.write_bytes(as_csv().encode())
    report = QUALITY.check(file, spec)
    assert (report.verdict, [one.asked for one in report.expectations]) == (Verdict.PASSED, ["the batch can be read"])
    assert QUALITY.check(file, spec, {"origin": "VARCHAR"}).verdict is Verdict.FAILED
    file.write_text("origin,x\n")
    assert QUALITY.check(file, spec).verdict is Verdict.FAILED
