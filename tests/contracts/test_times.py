"""Dates and times of a file: read in one way, which the use case says, by DuckDB and by Spark alike."""

import random
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import duckdb
import pytest
from deltalake import DeltaTable
from pyspark.sql import SparkSession
from pyspark.sql.functions import unix_micros
from pyspark.sql.types import DataType, DateType, TimestampNTZType, TimestampType

from shared.adapters import tables, times
from shared.adapters.delta import DeltaLake
from shared.adapters.great_expectations import GreatExpectations
from shared.domain import facts as f
from shared.domain import time_format
from shared.domain.quality import CheckReport
from shared.domain.usecase import DataSpec, Format
from shared.domain.verdicts import Verdict
from sluice_ml import times as of_spark
from sluice_ml.request import Request
from tests.contracts.site import Site, spec
from tests.world import USE_CASE

QUALITY = GreatExpectations("500MB")
SPEC = DataSpec(arrives="landing/*", expectations="", table="silver/t", partition_by="", columns={})
JSON: dict[str, Any] = {"format": Format.JSON_LINES}


def landed(text: str, folder: Path, **how: Any) -> tuple[CheckReport, list[Any]]:
    """The report of a file of one column, and the column as it comes into silver."""
    file, of = folder / "landed", replace(SPEC, **how)
    if of.format is Format.JSON_LINES:
        text = "".join(f'{{"a": "{line}", "n": 1}}\n' for line in text.split("\n"))
    else:
        text = f"a,n\n{''.join(f'{line},1\n' for line in text.split('\n'))}"
    file.write_text(text)
    report = QUALITY.check(file, of)
    if report.verdict is not Verdict.PASSED:
        return report, []
    lake = DeltaLake(str(folder / "lake"), "500MB")
    lake.commit(file, of, "one", 1)
    found = DeltaTable(lake.uri(of.table)).to_pyarrow_table()
    return report, sorted(found.column("a").to_pylist(), key=str)


def at(text: str) -> datetime:
    """A time of no zone, as a table has it."""
    return datetime.fromisoformat(text)


GERMAN = {"date_format": "%d.%m.%Y", "timestamp_format": "%d.%m.%Y %H:%M"}
READ: list[tuple[str, dict[str, Any], list[Any]]] = [
    ("2013-01-31\n2013-2-1", {}, [date(2013, 1, 31), date(2013, 2, 1)]),
    ("03/04/2013\n01/02/2013", {}, ["01/02/2013", "03/04/2013"]),
    ("2013/01/31", {}, ["2013/01/31"]),
    ("03-04-2013", {}, ["03-04-2013"]),
    ("01-02-13", {}, ["01-02-13"]),
    ("1/2/2013 1:00:00 PM", {}, ["1/2/2013 1:00:00 PM"]),
    ("2013-01-31 10:00:00.25", {}, [at("2013-01-31 10:00:00.25")]),
    ("0001-01-01", {}, [date(1, 1, 1)]),
    ("31.01.2013\n1.2.2013", GERMAN, [date(2013, 1, 31), date(2013, 2, 1)]),
    ("03.04.2013", GERMAN, [date(2013, 4, 3)]),
    ("03.04.2013 10:05", GERMAN, [at("2013-04-03 10:05")]),
    ("03/04/2013", {"date_format": "%m/%d/%Y"}, [date(2013, 3, 4)]),
    ("03/04/2013", GERMAN, ["03/04/2013"]),
    ("31.01.2013\n2013-01-31", GERMAN, ["2013-01-31", "31.01.2013"]),
    ("20130131", {"date_format": "%Y%m%d", "columns": {"a": "DATE"}}, [date(2013, 1, 31)]),
    ("31.01.2013", GERMAN | {"columns": {"a": "VARCHAR"}}, ["31.01.2013"]),
    ("31.01.2013 9:00", GERMAN | {"columns": {"a": "TIMESTAMPTZ"}}, [datetime(2013, 1, 31, 9, tzinfo=UTC)]),
    ("2013-01-31\ninfinity\n-Infinity", {}, [date(2013, 1, 31), None, None]),
    ("2013-01-31\ninf", {"columns": {"a": "DATETIME"}}, [at("2013-01-31"), None]),
    ("31.01.2013\ninfinity", GERMAN, [date(2013, 1, 31), None]),
    ("12:30", {}, ["12:30"]),
]


@pytest.mark.parametrize("also", [{}, JSON], ids=["csv", "json"])
@pytest.mark.parametrize(("text", "how", "values"), READ, ids=[text for text, *_ in READ])
def test_date_is_read_as_iso_or_as_the_use_case_says(
    text: str, how: dict[str, Any], values: list[Any], also: dict[str, Any], tmp_path: Path
) -> None:
    assert landed(text, tmp_path, **how, **also)[1] == values


@pytest.mark.parametrize(("also", "tz"), [({}, UTC), (JSON, None)], ids=["csv", "json"])
def test_time_with_an_offset_is_of_utc(also: dict[str, Any], tz: Any, tmp_path: Path) -> None:
    assert landed("2013-01-31T10:00:00+02:00", tmp_path, **also)[1] == [datetime(2013, 1, 31, 8, tzinfo=tz)]


WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("2013-01-31\n31/01/2013", {"columns": {"a": "DATE"}}, "column a: 1 value is no DATE as ISO writes it"),
    ("2013-01-31\n99-01-31", {"columns": {"a": "DATE"}}, "such as '99-01-31'"),
    ("epoch", {"columns": {"a": "TIMESTAMP"}}, "no TIMESTAMP as ISO writes it (another way is said in data.timest"),
    ("x\ny", {"columns": {"a": "TIMESTAMPTZ"}}, "2 values are no TIMESTAMP WITH TIME ZONE"),
    ("31.01.2013\n2013-01-31", GERMAN | {"columns": {"a": "DATE"}}, "as data.date_format says (%d.%m.%Y), such as"),
    ("31.02.2013", GERMAN | {"columns": {"a": "DATE"}}, "such as '31.02.2013'"),
    ("epoch", GERMAN | {"columns": {"a": "DATE"}}, "such as 'epoch'"),
    ("31.01.2013", GERMAN | {"columns": {"a": "TIMESTAMP"}}, "data.timestamp_format says (%d.%m.%Y %H:%M)"),
]


@pytest.mark.parametrize("also", [{}, JSON], ids=["csv", "json"])
@pytest.mark.parametrize(("text", "how", "says"), WRONG, ids=[text for text, *_ in WRONG])
def test_value_that_is_none_is_named(
    text: str, how: dict[str, Any], says: str, also: dict[str, Any], tmp_path: Path
) -> None:
    report, _ = landed(text, tmp_path, **how, **also)
    assert report.verdict is Verdict.ERROR
    assert says in report.reasons[0]


@pytest.mark.parametrize(("first", "late"), [("2013-01-31", "31/01/2013"), ("2013-01-31 10:00:00+01", "x")])
def test_late_value_makes_its_column_one_of_texts(first: str, late: str, tmp_path: Path) -> None:
    _, found = landed("\n".join([*[first] * 60_000, late]), tmp_path)
    assert {*found} == {first, late}
    assert len(found) == 60_001


def test_infinite_value_of_parquet_is_missing(tmp_path: Path) -> None:
    file, values = tmp_path / "landed", "(DATE 'infinity', TIMESTAMP '-infinity'), ('2013-01-31', '2013-01-31')"
    duckdb.sql(f"COPY (FROM (VALUES {values}) t(d, t)) TO '{file}' (FORMAT parquet)")
    lake, of = DeltaLake(str(tmp_path / "lake"), "500MB"), replace(SPEC, format=Format.PARQUET)
    lake.commit(file, of, "one", 1)
    found = DeltaTable(lake.uri(of.table)).to_pyarrow_table().to_pylist()
    assert {"d": None, "t": None} in found


KINDS: dict[str, DataType] = {
    "DATE": DateType(),
    "TIMESTAMP": TimestampNTZType(),
    "TIMESTAMP WITH TIME ZONE": TimestampType(),
}
DAYS = ("%d.%m.%Y", "%m/%d/%y", "%Y%m%d", "%d %b %Y", "%B %d, %Y", "%y%m%d", "%d-%b-%y")
CLOCKS = ("%H:%M", "%I:%M %p", "%H%M%S.%f", "%H", "T%H:%M:%SZ", "%I.%M%p")
PIECES = [
    *("2013-01-31", "2013-1-3", " 2013-01-31", "2013-02-29", "0000-01-01", "2013-01-31 10:00:00", "2013-01-31T10:00"),
    *(
        "2013-01-31 10:00:00.123456",
        "2013-01-31T10:00:00Z",
        "31.01.2013",
        "1.2.2013",
        "1. 2.2013",
        "01/31/13",
        "1/2/69",
    ),
    *("1/2/68", "1/2/7", "20130131", "2013131", "201311", "130131", "31 jan 2013", "31 JAN  2013", "1 May 2013"),
    *(
        "31 January 2013",
        "January 31, 2013",
        "MAY 1, 2013",
        "May 1,2013",
        "may 1, 0",
        "1-feb-13",
        "29.2.2012",
        "29.2.2013",
    ),
    *("", " ", "x", "infinity", "-INF", "epoch", "1.2.2013 ", "0.1.2013", "1.13.2013", "1.1.20133", "2013", "31"),
]
TIMES = ("", " 10:00", " 1:00 PM", " 12:30 am", " 13:00 PM", " 0:10 am", " 101112.5", "T10:11:12Z", " 24:00", " 23:60")


def texts(written: str) -> list[str]:
    """Dates and times of that format, of others, and what is nearly one."""
    some = random.Random(1)
    days = [datetime(1969, 1, 1, tzinfo=UTC) + timedelta(seconds=some.random() * 3e9) for _ in range(150)]
    found = [*("".join(each) for each in product(PIECES, TIMES)), *(day.strftime(written) for day in days)]
    for text in [each for each in found if each]:
        place = some.randrange(len(text))
        found.append(text[:place] + some.choice("0159 .:/-%aA") + text[place + some.randrange(2) :])
    return sorted({*found})


@pytest.mark.parametrize("kind", list(KINDS))
def test_both_read_the_same(kind: str, spark: SparkSession) -> None:
    """Of each text in each format the same value, or none."""
    written = DAYS if kind == "DATE" else tuple(f"{day} {clock}" for day in DAYS for clock in CLOCKS)
    field = "date_format" if kind == "DATE" else "timestamp_format"
    found = 0
    for each in written:
        getattr(time_format, f"demand_{field.removesuffix('_format')}")(each)
        how: dict[str, Any] = {field: each}
        here, there = read_here(texts(each), kind, **how), read_there(spark, texts(each), kind, **how)
        assert not {text: (here[text], value) for text, value in there.items() if here[text] != value}, each
        found += sum(value is not None for value in here.values())
    assert found > 100 * len(written)


ISO = [
    *("2013-01-31", "2013-1-3", " 2013-01-31", "2013-02-29", "2013/01/31", "99-01-31", "epoch", "infinity", "x", ""),
    *("2013-01-31 10:00:00", "2013-01-31T10:00", "2013-01-31 10:00:00.123456789", "2013-01-31T10:00:00Z", "20130131"),
    *("2013-01-31T10:00:00+02:00", "2013-01-31 10:00:00-0130", "0001-01-01", "31.01.2013", "2013-01-31 10:61"),
]


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize("landed_as", [Format.CSV, Format.JSON_LINES])
def test_both_read_iso_the_same(landed_as: Format, kind: str, spark: SparkSession) -> None:
    here = read_here(ISO, kind, format=landed_as)
    assert here == read_there(spark, ISO, kind, format=landed_as)
    assert sum(each is not None for each in here.values()) >= 9


def read_here(given: list[str], kind: str, **how: Any) -> dict[str, int | None]:
    """Microseconds by text, as DuckDB reads them."""
    value = times.of_text("a", kind, replace(SPEC, **how))
    with tables.connect("500MB") as db:
        db.execute("CREATE TABLE t AS SELECT unnest(?::VARCHAR[]) AS a", [given])
        return dict(db.sql(f"FROM t SELECT a, epoch_us(CAST(TRY({value}) AS TIMESTAMP))").fetchall())


def read_there(spark: SparkSession, given: list[str], kind: str, **how: Any) -> dict[str, int | None]:
    """The same, as Spark does."""
    request: dict[str, Any] = {"what": "check", "format": "csv", "reads": [], "raw": "", "rows_to": "", "schema": {}}
    rows = spark.createDataFrame([(text,) for text in given], "a string")
    value = of_spark.of_text(rows["a"], KINDS[kind], Request(**request | how, baseline={}))
    return dict(map(tuple, rows.select("a", unix_micros(value.cast("timestamp"))).collect()))


BOTH: list[tuple[str, bytes, dict[str, Any]]] = [
    ("a.csv", b"id,day,at\n1,31.01.2013,31.01.2013 10:00\n2,1.2.2013,\n3,infinity,infinity\n", GERMAN),
    ("a.csv", b"id,day,at\n1,31.01.2013,31.01.2013 10:00\n2,2013-01-31,\n", GERMAN | {"columns": {"day": "DATE"}}),
    ("a.csv", b"id,day,at\n1,31/01/2013,1/2/2013 10:00\n2,01/02/2013,\n", {}),
    ("a.csv", b"id,day,at\n1,infinity,2013-01-31T10:00:00+01\n2,2013-01-31,-infinity\n", {}),
    ("a.jsonl", b'{"day": "31.01.2013", "at": "31.01.2013 10:00"}\n{"day": "1.2.2013", "at": null}\n', JSON | GERMAN),
    ("a.jsonl", b'{"day": "infinity", "at": "2013-01-31T10:00:00+01:00"}\n{"day": "2013-01-31"}\n', JSON),
    ("a.jsonl", b'{"day": "03-04-2013", "at": "10:00:00"}\n', JSON),
]


@pytest.mark.parametrize(("name", "content", "how"), BOTH)
def test_both_ways_make_the_same_table(
    name: str, content: bytes, how: dict[str, Any], spark: SparkSession, tmp_path: Path
) -> None:
    given = {"expectations": "", "partition_by": "", "columns": {}} | how
    here = Site(tmp_path / "here", replace(USE_CASE, data=spec(**given)))
    large = replace(USE_CASE, data=spec(**given, largest=1, check_job="sluice-check"))
    there = Site(tmp_path / "there", large)
    stories = here.land(name, content), there.land(name, content)
    checked = [site.last(story, f.BatchChecked) for site, story in zip((here, there), stories, strict=True)]
    assert checked[0].verdict is checked[1].verdict
    assert checked[0].suite == checked[1].suite
    if checked[0].verdict is Verdict.PASSED:
        assert here.silver() == there.silver()
        assert DeltaTable(here.lake.uri("silver/t")).schema() == DeltaTable(there.lake.uri("silver/t")).schema()
    else:
        assert "such as '2013-01-31'" in checked[0].reasons[0]
        assert "such as '2013-01-31'" in checked[1].reasons[0]


def test_infinite_value_of_parquet_is_missing_there_too(spark: SparkSession, tmp_path: Path) -> None:
    file, values = tmp_path / "a.parquet", "(DATE 'infinity', TIMESTAMP '-infinity', TIMESTAMPTZ 'infinity')"
    duckdb.sql(f"COPY (FROM (VALUES {values}) t(d, t, z)) TO '{file}' (FORMAT parquet)")
    rows = spark.read.parquet(str(file))
    finite = [of_spark.finite(rows[each.name], each.dataType).isNull().alias(each.name) for each in rows.schema]
    assert [tuple(row) for row in rows.select(*finite).collect()] == [(True, True, True)]
