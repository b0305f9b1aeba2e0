"""The check job keeps the contract with the control plane: a request in, an answer and files out."""

import csv
import gzip
import json
import random
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import duckdb
import numpy as np
import pandas as pd
import pytest

from shared.adapters.duckdb_profiler import DuckdbProfiler
from shared.adapters.great_expectations import GreatExpectations
from shared.domain.profile import COLUMNS, Kind, Profile
from shared.domain.usecase import DataSpec, Format
from shared.wire.profile import decode_profile
from sluice_ml.errors import BadInput
from sluice_ml.request import Request
from tests.contracts.ml_laptop import Ended, Laptop, server

type Document = dict[str, Any]

ODD = 'a/b "c" %d=é'


@pytest.fixture(scope="module")
def laptop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laptop]:
    """Spark alone."""
    folder = tmp_path_factory.mktemp("check")
    with server(folder / "spark.log", "local.spark") as spark:
        yield Laptop(folder=folder, spark=spark)


def schema(**kinds: Any) -> Document:
    """A struct in Spark's JSON."""
    fields = [{"name": name, "type": kind, "nullable": True, "metadata": {}} for name, kind in kinds.items()]
    return {"type": "struct", "fields": fields}


def kinds(document: Document) -> Document:
    """Its names and types."""
    return {each["name"]: each["type"] for each in document["fields"]}


def expect(kind: str, severity: str = "critical", **kwargs: Any) -> Document:
    return {"type": f"expect_{kind}", "kwargs": kwargs, "severity": severity}


def read(*paths: Path, columns: list[str] | None = None, **constants: str | None) -> Document:
    return {"paths": [str(path) for path in paths], "columns": columns or [], "constants": constants}


def ask(laptop: Laptop, name: str, **given: Any) -> tuple[str, dict[str, str]]:
    """The job, and its request as the control plane leaves it."""
    top = laptop.folder / "asked" / name
    shutil.rmtree(top / "answer", ignore_errors=True)
    top.mkdir(parents=True, exist_ok=True)
    request = {
        "what": "check",
        "format": "csv",
        "schema": schema(),
        "without": [],
        "delimiter": ",",
        "encoding": "utf-8",
        "null_values": ["", "NA"],
        "raw": str(top / "raw"),
        "suite": [],
        "known": None,
        "partition_by": "",
        "rows_to": str(top / "rows"),
        "baseline": {},
        "stopping": [],
        "of_all": [],
        "split_at_most_percent": None,
        "bad_to": str(top / "bad"),
    }
    (top / "request.json").write_text(json.dumps(request | given))
    return "check", {
        "story": "story-1",
        "use_case": "flight_delays",
        "request": str(top / "request.json"),
        "answer": str(top / "answer"),
        "traceparent": "",
        "job_run_id": "4711",
    }


def answers(laptop: Laptop, *asked: tuple[str, dict[str, str]]) -> list[Document]:
    """All run at once."""
    ended = laptop.run(*asked)
    assert [each.code for each in ended] == [0] * len(asked), "\n".join(each.output for each in ended)
    return [answer(parameters["answer"]) for _, parameters in asked]


def answer(place: str) -> Document:
    (file,) = [each for each in Path(place).iterdir() if not each.name.startswith(("_", "."))]
    found: Document = json.loads(file.read_text())
    return found


def rows(place: str | Path, files: list[str], columns: str = "*") -> list[tuple[Any, ...]]:
    """What is in the files that were told, which are all that are there."""
    top = Path(place)
    assert sorted(files) == sorted(str(each.relative_to(top)) for each in top.rglob("*.parquet"))
    paths = [str(top / each) for each in files]
    with duckdb.connect() as db:
        return db.read_parquet(paths, hive_partitioning=False).project(columns).order("ALL").fetchall()


def by_position(found: Document) -> dict[int, tuple[bool, int | None]]:
    """Of each result whether it passed, and its unexpected rows."""
    return {
        one["expectation_config"]["meta"]["position"]: (one["success"], one["result"].get("unexpected_count"))
        for one in found["results"]
    }


CSV_SUITE = [
    expect("column_values_to_not_be_null", column="id"),
    expect("column_values_to_not_be_null", "warning", column="note"),
    expect("column_values_to_be_unique", "info", column="place"),
    expect("column_values_to_be_between", column="amount", min_value=0, max_value=10),
    expect("column_values_to_be_unique", "warning", column="nowhere"),
    expect("column_to_exist", "warning", column="nowhere"),
    expect("table_row_count_to_equal", value=6),
]
CSV_SCHEMA = schema(id="long", place="string", note="string", amount="double", day="date")


@pytest.fixture(scope="module")
def landed(laptop: Laptop) -> Path:
    """Three files of one batch: the columns in two orders, one packed, one without a note."""
    folder = laptop.folder / "landed"
    folder.mkdir()
    (folder / "one.csv").write_text(
        'id;place;note;amount\n1;JFK;"two\nlines; ""quoted""";1.5\n2;JFK;NA;NaN\n3;LGA;;2.5\n'
    )
    with gzip.open(folder / "two.csv.gz", "wt") as packed:
        packed.write("note;amount;id;place\nplain;3.5;4;EWR\n")
    with (folder / "three.csv").open("w", newline="") as file:
        csv.writer(file, delimiter=";").writerows([["place", "id", "amount"], [ODD, 5, "4.5"], ["NA", 6, 10]])
    return folder


def csv_request(landed: Path, **changed: Any) -> Document:
    return {
        "delimiter": ";",
        "reads": [
            read(landed / "one.csv", columns=["id", "place", "note", "amount"], day="2026-01-01"),
            read(landed / "two.csv.gz", columns=["note", "amount", "id", "place"], day="2026-01-02"),
            read(landed / "three.csv", columns=["place", "id", "amount"], day=None),
        ],
        "schema": CSV_SCHEMA,
        "known": schema(id="integer", place="string", note="string", amount="string", day="date"),
        "partition_by": "place",
        "suite": CSV_SUITE,
    } | changed


@pytest.fixture(scope="module")
def checked(laptop: Laptop, landed: Path) -> list[Document]:
    """A CSV batch that nothing stops; the same, stopped in three ways; and one without rows."""
    nothing = landed / "nothing.csv"
    nothing.write_text("id;place;note;amount;day\n")
    columns = list(kinds(CSV_SCHEMA))
    stopped = [
        expect("colum_values_to_be_unique", "warning", column="id"),
        expect("column_values_to_be_in_set", column="place", value_set=["JFK"]),
        expect("column_values_to_be_between", "warning", column="amount", minimum=1),
        {"type": "expect_column_values_to_not_be_null", "kwargs": None},
        "no expectation",
    ]
    return answers(
        laptop,
        ask(laptop, "csv", **csv_request(landed)),
        ask(laptop, "stopped", **csv_request(landed, suite=stopped)),
        ask(laptop, "empty", **csv_request(landed, reads=[read(nothing, columns=columns)], suite=CSV_SUITE[:1])),
    )


def test_csv_is_read_as_it_was_written(checked: list[Document], laptop: Laptop) -> None:
    """Quoted newlines and quotes, other orders, missing columns, a packed file, constants, nulls and NaN."""
    found = checked[0]
    assert found["rows"] == 6
    assert kinds(found["schema"]) == kinds(CSV_SCHEMA)
    written = rows(laptop.folder / "asked/csv/rows", found["files"], "id, note, amount, day")
    assert written == [
        (1, 'two\nlines; "quoted"', "1.5", date(2026, 1, 1)),
        (2, None, None, date(2026, 1, 1)),
        (3, None, "2.5", date(2026, 1, 1)),
        (4, "plain", "3.5", date(2026, 1, 2)),
        (5, None, "4.5", None),
        (6, None, "10.0", None),
    ]


def test_files_are_told_as_they_are_called_below_the_place(checked: list[Document], laptop: Laptop) -> None:
    """One folder for each value of the partition column, percent-encoded as Hive has it. Sail has none for null."""
    folders = {file.partition("/")[0] for file in checked[0]["files"]}
    assert {unquote(folder) for folder in folders} == {
        "place=JFK", "place=LGA", "place=EWR", f"place={ODD}", "place=",
    }  # fmt: skip
    (odd,) = [file for file in checked[0]["files"] if "%25d" in file]
    ((number,),) = duckdb.read_parquet(str(laptop.folder / "asked/csv/rows" / odd)).project("id").fetchall()
    assert number == 5


def test_suite_is_judged_and_counted(checked: list[Document]) -> None:
    """Each by its index; one about a column that is not there is left out; what failed shows what broke it."""
    found = checked[0]
    assert by_position(found) == {
        0: (True, 0), 1: (False, 4), 2: (False, 2), 3: (True, 0), 5: (False, None), 6: (True, None),
    }  # fmt: skip
    assert found["refused"] == {}
    unique = next(one for one in found["results"] if one["expectation_config"]["meta"]["position"] == 2)
    assert unique["result"]["partial_unexpected_list"] == ["JFK", "JFK"]
    assert unique["expectation_config"]["severity"] == "info"
    assert {one["result"].get("missing_count") for one in found["results"]} == {None, 1}, "NaN and NA are missing"


def test_types_that_are_not_the_tables_are_told_with_what_is_lost(checked: list[Document]) -> None:
    assert checked[0]["changed"] == {"id": {"values": 6, "lost": 0}, "amount": {"values": 5, "lost": 0}}


def test_what_cannot_be_asked_is_refused_and_what_failed_writes_nothing(
    checked: list[Document], laptop: Laptop
) -> None:
    found = checked[1]
    assert found["refused"].keys() == {"0", "2", "3", "4"}
    assert found["refused"]["0"] == "expect_colum_values_to_be_unique not found"
    assert "minimum" in found["refused"]["2"]
    assert by_position(found) == {1: (False, 3)}
    assert found["files"] == []
    assert found["profile"]["rows"] == 6
    assert not (laptop.folder / "asked/stopped/rows").exists()


def test_batch_without_rows_is_judged(checked: list[Document], laptop: Laptop) -> None:
    found = checked[2]
    assert (found["rows"], found["files"], by_position(found)) == (0, [], {0: (True, None)})
    assert kinds(found["schema"]) == kinds(CSV_SCHEMA)
    assert [each["counts"] for each in found["profile"]["columns"]] == [[]] * 5
    assert not (laptop.folder / "asked/empty/rows").exists()


NOT_NULL = {**expect("column_values_to_not_be_null", column="note"), "asked": "there is a note", "sentence": "s0"}
UNIQUE = {**expect("column_values_to_be_unique", column="place"), "asked": "places differ", "sentence": "s1"}
PAIR = {
    **expect("column_pair_values_a_to_be_greater_than_b", column_A="id", column_B="amount"),
    "asked": "id is more than amount",
    "sentence": "s2",
}
COMPOUND = {
    **expect("compound_columns_to_be_unique", column_list=["note", "day"], ignore_row_if="any_value_is_missing"),
    "asked": "notes of a day differ",
    "sentence": "s3",
}
MEAN = {**expect("column_mean_to_be_between", column="amount", max_value=1), "asked": "a4", "sentence": "the mean is"}
SOME_ROWS = {
    **expect("column_values_to_not_be_null", column="note", row_condition="id > 1", condition_parser="spark"),
    "asked": "a5",
    "sentence": "some have no note",
}
NOWHERE = {**expect("column_values_to_be_unique", column="nowhere"), "asked": "a6", "sentence": "nowhere is missing"}


@pytest.fixture(scope="module")
def kept(laptop: Laptop, landed: Path, checked: list[Document]) -> list[Document]:
    """The batch sorted: what breaks a row taken out of it; too much of it bad; and broken as a whole. By then the
    landed files are gone: the check's own copy is there.
    """
    away = laptop.folder / "away"
    landed.rename(away)
    for name in ("split", "much", "whole"):
        shutil.copytree(laptop.folder / "asked/csv/raw", laptop.folder / "asked" / name / "raw")
    request = csv_request(landed, what="keep")
    try:
        return answers(
            laptop,
            ask(laptop, "split", **request, stopping=[UNIQUE, PAIR], split_at_most_percent="66.7"),
            ask(laptop, "much", **request, stopping=[NOT_NULL, UNIQUE, COMPOUND], split_at_most_percent="66.6"),
            ask(
                laptop,
                "whole",
                **request,
                stopping=[MEAN, UNIQUE, SOME_ROWS, NOWHERE],
                of_all=["column x is missing"],
                split_at_most_percent="100",
            ),
        )
    finally:
        away.rename(landed)


def test_few_bad_rows_are_kept_apart_from_the_good(kept: list[Document], laptop: Laptop) -> None:
    """1 is not more than 1.5, 6 not more than 10; of 1 and 2 the place is the same."""
    found, top = kept[0], laptop.folder / "asked/split"
    assert (found["rows"], found["bad"], found["by_row"], found["split"]) == (6, 3, True, True)
    assert list(kinds(found["kept_schema"])) == [*kinds(CSV_SCHEMA), "_reasons"]
    assert rows(top / "bad", found["kept_files"], "id, amount, _reasons") == [
        (1, 1.5, ["places differ", "id is more than amount"]),
        (2, None, ["places differ"]),
        (6, 10.0, ["id is more than amount"]),
    ]
    assert [row[:2] for row in rows(top / "rows", found["files"], "id, amount")] == [(3, "2.5"), (4, "3.5"), (5, "4.5")]
    assert kinds(found["schema"]) == kinds(CSV_SCHEMA)
    assert found["profile"]["rows"] == 3
    assert found["by_reason"] == {"id is more than amount": 2, "places differ": 2}
    assert list(found["by_reason"]) == sorted(found["by_reason"])
    assert found["columns"] == ["_reasons", *kinds(CSV_SCHEMA)]
    assert found["sample"][0] == [
        "places differ; id is more than amount", "1", "JFK", 'two\nlines; "quoted"', "1.5", "2026-01-01",
    ]  # fmt: skip
    assert found["sample"][1:] == [
        ["id is more than amount", "6", "", "", "10.0", ""],
        ["places differ", "2", "JFK", "", "", "2026-01-01"],
    ]


def test_where_too_many_are_bad_all_are_kept_each_with_its_reasons(kept: list[Document], laptop: Laptop) -> None:
    found, top = kept[1], laptop.folder / "asked/much"
    assert (found["bad"], found["by_row"], found["split"]) == (5, True, False)
    assert (found["files"], found["profile"]) == ([], None)
    assert not (top / "rows").exists()
    assert rows(top / "bad", found["kept_files"], "id, _reasons") == [
        (1, ["places differ"]),
        (2, ["there is a note", "places differ"]),
        (3, ["there is a note"]),
        (4, []),
        (5, ["there is a note"]),
        (6, ["there is a note"]),
    ]


def test_what_speaks_of_no_single_row_is_a_reason_of_all(kept: list[Document], laptop: Laptop) -> None:
    """The mean, a condition on rows, a column that is not there; and what else is told."""
    found, top = kept[2], laptop.folder / "asked/whole"
    assert (found["bad"], found["by_row"], found["split"]) == (2, False, False)
    of_all = ["the mean is", "some have no note", "nowhere is missing", "column x is missing"]
    reasons = [row[1] for row in rows(top / "bad", found["kept_files"], "id, _reasons")]
    assert reasons == [["places differ", *of_all]] * 2 + [of_all] * 4
    assert found["by_reason"] == {**dict.fromkeys(sorted(of_all), 6), "places differ": 2}
    assert list(found["by_reason"]) == [*sorted(of_all), "places differ"]
    assert len(found["sample"]) == 6


@pytest.fixture(scope="module")
def measured(laptop: Laptop) -> tuple[Path, Path]:
    """A batch of many types as Parquet, as Delta would have it in a folder of a partition; and the one before."""
    folder = laptop.folder / "silver" / "part=a%2Fb c"
    folder.mkdir(parents=True)
    dice = random.Random(7)
    files = []
    for name, count, middle in (("before", 4000, 0.0), ("now", 3000, 0.5)):
        start = datetime(2026, 1, 1)  # noqa: DTZ001 - a time without zone is one of the types
        frame = pd.DataFrame(
            {
                "value": [dice.gauss(middle, 1) for _ in range(count)],
                "odd `name` . ": [dice.choice([0, 1, 1, 2, None]) for _ in range(count)],
                "word": [dice.choice(["a", "b", "é", None]) for _ in range(count)],
                "many": [f"text {number}" for number in range(count)],
                "truth": [dice.random() < 0.3 for _ in range(count)],
                "day": [date(2026, 1, 1 + dice.randrange(28)) for _ in range(count)],
                "time": [start + timedelta(seconds=dice.randrange(10**6)) for _ in range(count)],
                "zoned": [datetime.fromtimestamp(1e9 + dice.randrange(10**6), UTC) for _ in range(count)],
                "list": [[1, 2]] * count,
                "_reasons": [["x"]] * count,
            }
        )
        frame.loc[:9, "value"] = np.nan
        frame.loc[10:14, "value"] = np.inf
        files.append(folder / f"{name}.parquet")
        frame["odd `name` . "] = frame["odd `name` . "].astype("Int32")
        frame.to_parquet(files[-1], coerce_timestamps="us", allow_truncated_timestamps=True)
    return files[0], files[1]


def profiled(file: Path, baseline: Profile | None) -> Profile:
    spec = DataSpec(
        arrives="landing/*.parquet",
        expectations="",
        table="silver/t",
        partition_by="",
        columns={},
        format=Format.PARQUET,
    )
    own = file.parent / "own" / file.name
    own.parent.mkdir(exist_ok=True)
    with duckdb.connect() as db:  # a column of that name is refused where it landed
        db.read_parquet(str(file)).project("* EXCLUDE (_reasons)").write_parquet(str(own))
    found = DuckdbProfiler("500MB", GreatExpectations("500MB").one_at_a_time).profile(own, spec, baseline)
    return replace(found, columns=tuple(each for each in found.columns if each.name != "part"))


@pytest.fixture(scope="module")
def others(laptop: Laptop, measured: tuple[Path, Path]) -> list[Document]:
    """JSON lines, Parquet of two kinds of files, and what is measured on the baseline of the batch before."""
    folder = laptop.folder / "others"
    folder.mkdir()
    (folder / "one.jsonl").write_text(
        '{"id": 1, "deep": {"list": [1, 2], "x": null}, "f": 1.5}\n{"f": null, "new": 1}\n'
    )
    with gzip.open(folder / "two.jsonl.gz", "wt") as packed:
        packed.write('{"id": 3, "deep": {"x": "y"}}\n')
    pd.DataFrame({"b": ["1", None], "a": [1.5, np.nan]}).to_parquet(folder / "one.parquet")
    pd.DataFrame({"a": [7]}).to_parquet(folder / "whole.parquet")
    pd.DataFrame({"a": [2.5], "c": [date(2026, 1, 1)], "_reasons": ["x"]}).to_parquet(folder / "two.parquet")
    wide = {f"c{number}": [number] for number in range(COLUMNS + 20)}
    pd.DataFrame(wide).to_parquet(folder / "wide.parquet")
    before = profiled(measured[0], None)
    deep = schema(list={"type": "array", "elementType": "long", "containsNull": True}, x="string")
    return answers(
        laptop,
        ask(
            laptop,
            "json",
            format="json_lines",
            reads=[read(folder / "one.jsonl", n="7"), read(folder / "two.jsonl.gz", n=None)],
            schema=schema(id="long", deep=deep, f="double", n="integer"),
            known=schema(id="string", deep="long", f="double"),
            suite=[expect("column_values_to_not_be_null", "warning", column="id")],
        ),
        ask(
            laptop,
            "parquet",
            format="parquet",
            reads=[
                read(folder / "one.parquet", folder / "two.parquet", day="2026-01-01", word="x"),
                read(folder / "two.parquet", folder / "whole.parquet", day=None, word=None),
            ],
            without=["_reasons"],
            schema=schema(b="long", day="date", gone="long"),
            suite=[expect("column_values_to_not_be_null", "warning", column="a")],
        ),
        ask(
            laptop,
            "measured",
            format="parquet",
            reads=[read(measured[1])],
            without=["_reasons"],
            baseline={
                each.name: {"edges": each.edges, "bars": each.bars}
                for each in before.columns
                if each.kind is Kind.NUMBER
            },
        ),
        ask(
            laptop,
            "wide",
            format="parquet",
            reads=[read(folder / "wide.parquet")],
            profile_first=["c210", "c3", "nope"],
        ),
    )


def test_json_lines_may_be_nested(others: list[Document], laptop: Laptop) -> None:
    found = others[0]
    assert list(kinds(found["schema"])) == ["id", "deep", "f", "n"]
    assert kinds(found["schema"])["n"] == "integer"
    assert by_position(found) == {0: (False, 1)}
    assert found["changed"] == {"id": {"values": 3 - 1, "lost": 0}, "deep": {"values": 2, "lost": 2}}
    assert rows(laptop.folder / "asked/json/rows", found["files"]) == [
        ("1", None, 1.5, 7),
        ("3", None, None, None),
        (None, None, None, 7),
    ]


def test_parquet_is_united_by_name_and_typed_where_it_is_asked_for(others: list[Document], laptop: Laptop) -> None:
    """Two kinds of files; constants last; what is left out is not there; a number that is none is missing."""
    found = others[1]
    assert kinds(found["schema"]) == {"b": "long", "a": "double", "c": "date", "day": "date", "word": "string"}
    assert by_position(found) == {0: (False, 1)}
    assert rows(laptop.folder / "asked/parquet/rows", found["files"], "b, a, c, day, word") == [
        (1, 1.5, None, date(2026, 1, 1), "x"),
        (None, 2.5, date(2026, 1, 1), date(2026, 1, 1), "x"),
        (None, 2.5, date(2026, 1, 1), None, None),
        (None, 7.0, None, None, None),
        (None, None, None, date(2026, 1, 1), "x"),
    ]


def test_profile_is_what_the_control_plane_would_make_of_it(
    others: list[Document], measured: tuple[Path, Path]
) -> None:
    """Exact but for estimates: how many different values, and where a sample has its quantiles."""
    found = decode_profile(json.dumps(others[2]["profile"]).encode())
    expected = profiled(measured[1], profiled(measured[0], None))
    assert [each.name for each in found.columns] == [each.name for each in expected.columns]
    assert found.rows == expected.rows == 3000
    for ours, theirs in zip(found.columns, expected.columns, strict=True):
        assert (ours.kind, ours.is_time, ours.nulls) == (theirs.kind, theirs.is_time, theirs.nulls), ours.name
        assert (ours.minimum, ours.maximum) == (theirs.minimum, theirs.maximum), ours.name
        assert ours.mean == (None if theirs.mean is None else pytest.approx(theirs.mean)), ours.name
        assert (ours.against, ours.bars_against) == (theirs.against, theirs.bars_against), ours.name
        assert ours.categories == theirs.categories, ours.name
        assert ours.distinct == pytest.approx(theirs.distinct, rel=0.2), ours.name
        assert len(ours.counts) == (len(ours.edges) + 1 if ours.edges else 0)
        assert len(ours.heights) == (len(ours.bars) + 1 if ours.bars else 0)
        if ours.kind is Kind.NUMBER:
            assert sum(ours.counts) == sum(ours.heights) == found.rows - ours.nulls
    value, other = found.columns[0], expected.columns[0]
    assert value.nulls == 15
    assert value.edges == pytest.approx(other.edges, abs=0.15)
    for ours, theirs in zip(found.columns, expected.columns, strict=True):
        assert (ours.edges[:1], ours.counts[:1]) == (theirs.edges[:1], theirs.counts[:1]), ours.name
    column = pd.read_parquet(measured[1])["value"]
    finite = column[np.isfinite(column)].to_numpy()
    cells = np.searchsorted(np.array(value.edges), finite, side="left")
    assert value.counts == tuple(np.bincount(cells, minlength=len(value.edges) + 1).tolist())
    assert next(each for each in found.columns if each.name == "truth").categories.keys() == {"true", "false"}


def test_columns_that_are_asked_for_are_profiled_however_many_there_are(others: list[Document]) -> None:
    found = [each["name"] for each in others[3]["profile"]["columns"]]
    assert found == [*(f"c{number}" for number in range(COLUMNS - 1)), "c210"]


def test_what_cannot_be_read_is_answered_and_the_run_ends_well(laptop: Laptop) -> None:
    folder = laptop.folder / "broken"
    folder.mkdir()

    def file(name: str, content: bytes) -> Path:
        (folder / name).write_bytes(content)
        return folder / name

    two = ["id", "x"]
    packed = gzip.compress(b"id,x\n" + b"".join(b"%d,%d\n" % (n, n * n) for n in range(5000)))
    pd.DataFrame({"a": range(1000)}).to_parquet(folder / "whole.parquet")
    whole = (folder / "whole.parquet").read_bytes()
    pd.DataFrame({"a": ["1", "x"]}).to_parquet(folder / "texts.parquet")
    pd.DataFrame({"a": [1], "A": [2]}).to_parquet(folder / "twice.parquet")
    typed = schema(id="long", x="string")

    def of_csv(name: str, content: bytes, **changed: Any) -> Document:
        return {"reads": [read(file(name, content), columns=two)], "schema": typed} | changed

    def of(kind: str, path: Path, wanted: Document) -> Document:
        return {"format": kind, "reads": [read(path)], "schema": wanted}

    asked: dict[str, tuple[Document, str]] = {
        "types": (
            of_csv("types.csv", b"id,x\n1,a\nzwei,b\n3.5,c\n"),
            "column id: 2 values are no bigint, such as '3.5'",
        ),
        "short": (of_csv("short.csv", b"id,x\n1\n"), ""),
        "long": (of_csv("long.csv", b"id,x\n1,2,3\n"), ""),
        # Sail reads utf-8 alone, whatever it is told; Spark on Java would read this one.
        "letters": (of_csv("letters.csv", b"id,x\n1,\xe9\n", encoding="latin-1"), "UTF-8"),
        "packed": (of_csv("cut.csv.gz", packed[:-2000]), ""),
        "gone": ({"reads": [read(folder / "gone.csv", columns=two)], "schema": typed}, "gone.csv"),
        "json": (of("json_lines", file("bad.jsonl", b'{"id": 1}\n{"id"\n'), schema(id="long")), ""),
        "json-type": (of("json_lines", file("type.jsonl", b'{"id": "x"}\n'), schema(id="long")), ""),
        "parquet": (of("parquet", file("cut.parquet", whole[: len(whole) // 2]), schema()), ""),
        "parquet-twice": (of("parquet", folder / "twice.parquet", schema()), "column a is there twice, as a and A"),
        "parquet-types": (
            {"format": "parquet", "reads": [read(folder / "texts.parquet", folder / "whole.parquet")]},
            "column a is ",
        ),
        "parquet-page": (of("parquet", file("page.parquet", whole[:100] + b"x" * 3000 + whole[3100:]), schema()), ""),
        "constant": (
            {
                "format": "json_lines",
                "reads": [read(file("c.jsonl", b'{"id": 1}\n'), n="x")],
                "schema": schema(n="long"),
            },
            "column n: 1 value is no bigint, such as 'x'",
        ),
        "encoding": (of_csv("x.csv", b"id,x\n", encoding="utf-99"), "there is no encoding 'utf-99'"),
        "parquet-type": (of("parquet", folder / "texts.parquet", schema(a="long")), "column a: 1 value is no bigint"),
    }
    found = answers(laptop, *(ask(laptop, f"broken-{name}", **request) for name, (request, _) in asked.items()))
    for (name, (_, said)), one in zip(asked.items(), found, strict=True):
        assert one.keys() == {"unreadable"}, (name, one)
        assert one["unreadable"], name
        assert said in one["unreadable"], name
        assert "\n" not in one["unreadable"], name
        assert not (laptop.folder / "asked" / f"broken-{name}" / "rows").exists()


def test_request_that_is_none_is_told(laptop: Laptop) -> None:
    def failed(name: str, **given: Any) -> tuple[str, dict[str, str]]:
        return ask(laptop, name, **{"reads": [read(laptop.folder / "x.csv")], **given})

    job, parameters = failed("gone-request")
    ended: list[Ended] = laptop.run(
        failed("no-what", what="judge"),
        failed("no-reads", reads=[]),
        failed("no-percent", what="keep", split_at_most_percent="many"),
        (job, parameters | {"request": str(laptop.folder / "nowhere.json")}),
    )
    assert [each.code for each in ended] == [1] * 4
    for each, said in zip(ended, ("judge of csv", "lacks reads", "'many' is no decimal", "nowhere.json"), strict=True):
        assert "BadInput: " in each.output
        assert said in each.output


def test_request_says_what_it_lacks() -> None:
    with pytest.raises(BadInput, match="a JSON object is expected"):
        Request.of([], "x.json")
    with pytest.raises(BadInput, match="lacks what, format, reads, raw, rows_to"):
        Request.of({}, "x.json")


def test_training_and_scoring_have_no_great_expectations(laptop: Laptop) -> None:
    said = laptop.script(
        "import sys, sluice_ml.train, sluice_ml.score, sluice_ml.check\nprint('great_expectations' in sys.modules)"
    )
    assert said == "False\n"
