"""Files that a job wrote, committed by their names: once, whole, and only where they fit."""

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import duckdb
import pytest
from deltalake import DeltaTable

from shared.adapters.delta import DeltaLake
from shared.adapters.job_files import DeltaJobFiles
from shared.domain.schema import SchemaChange
from shared.domain.usecase import DataSpec
from shared.errors import Conflict, Poison, Refused
from shared.handover import Written
from shared.ports import Commit
from shared.quarantine import Kept

SPEC = DataSpec(arrives="landing/*.csv", expectations="", table="silver/t", partition_by="origin", columns={})
ORIGINS = ("JFK", "a/b c%=é", None)


def schema(**kinds: str) -> dict[str, Any]:
    fields = [{"name": name, "type": kind, "nullable": True, "metadata": {}} for name, kind in kinds.items()]
    return {"type": "struct", "fields": fields}


SCHEMA = schema(x="long", origin="string")


@pytest.fixture
def lake(tmp_path: Path) -> DeltaLake:
    return DeltaLake(str(tmp_path / "lake"), "500MB")


@pytest.fixture
def files(lake: DeltaLake) -> DeltaJobFiles:
    return DeltaJobFiles(lake)


def write(lake: DeltaLake, name: str, select: str = "range AS x", rows: int = 4) -> Written:
    """As Spark writes partitions: two rows for each of two origins and for none."""
    folder, found = Path(lake.uri(f"silver/t/batches/{name}")), []
    for origin in ORIGINS:
        place = "__HIVE_DEFAULT_PARTITION__" if origin is None else quote(origin, safe=" é")
        found.append(f"origin={place}/part-0.parquet")
        (folder / found[-1]).parent.mkdir(parents=True, exist_ok=True)
        duckdb.sql(f"COPY (SELECT {select} FROM range({rows})) TO '{folder / found[-1]}' (FORMAT parquet)")
    return Written(folder=str(folder), files=found, rows=rows * len(ORIGINS), schema=SCHEMA)


def commit(files: DeltaJobFiles, written: Written, story: str = "s1", generation: int = 1, **spec: Any) -> Commit:
    return files.commit(written, replace(SPEC, **spec), story, generation, {"verdict": "passed"})


def counted(lake: DeltaLake) -> Mapping[Any, int]:
    rows = DeltaTable(lake.uri("silver/t")).to_pyarrow_table().to_pylist()
    return {origin: sum(row["origin"] == origin for row in rows) for origin in ORIGINS}


def test_they_are_a_version_with_their_partitions(files: DeltaJobFiles, lake: DeltaLake) -> None:
    done = commit(files, write(lake, "s1"))
    assert (done.table, done.delta_version, done.rows) == ("silver/t", 1, 12)
    assert counted(lake) == {"JFK": 4, "a/b c%=é": 4, None: 4}
    (entry,) = DeltaTable(lake.uri("silver/t")).history(1)
    assert (entry["sluice.story"], entry["sluice.rows"], entry["sluice.verdict"]) == ("s1", "12", "passed")
    assert lake.rows("silver/t", "origin", "JFK").rows == 4
    assert lake.committed("silver/t", "s1", 1) == done
    assert lake.committed("silver/t", "s1", 2) is None
    assert files.schema("silver/t") == SCHEMA
    assert files.schema("silver/none") is None


def test_again_is_not_twice_and_a_new_generation_is(files: DeltaJobFiles, lake: DeltaLake) -> None:
    first = commit(files, write(lake, "s1"))
    assert commit(files, write(lake, "s1-again")) == first
    commit(files, write(lake, "s1-2"), generation=2)
    assert counted(lake)["JFK"] == 8


def test_four_racers_make_one_commit(files: DeltaJobFiles, lake: DeltaLake) -> None:
    commit(files, write(lake, "s0"), "s0")
    written = [write(lake, f"s1-{racer}") for racer in range(4)]

    def race(one: Written) -> Commit | None:
        try:
            return commit(files, one)
        except Conflict:  # it looks again, and finds it done
            return commit(files, one)

    with ThreadPoolExecutor(4) as pool:
        found = set(pool.map(race, written))
    assert len(found) == 1
    assert counted(lake)["JFK"] == 8


def test_others_commit_in_between(files: DeltaJobFiles, lake: DeltaLake) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: _until_done(files, write(lake, f"s{n}"), f"s{n}"), range(4)))
    assert counted(lake)["JFK"] == 16


def _until_done(files: DeltaJobFiles, written: Written, story: str) -> None:
    for _ in range(20):
        try:
            commit(files, written, story)
        except Conflict:
            continue
        return


def test_other_rows_than_were_counted_are_refused(files: DeltaJobFiles, lake: DeltaLake) -> None:
    """A file is missing, or one is there that a failed task left behind."""
    written = write(lake, "s1")
    for wrong in (replace(written, files=written.files[:2]), replace(written, rows=written.rows - 1)):
        with pytest.raises(Refused, match="rows where the job counted"):
            commit(files, wrong)
    assert lake.committed("silver/t", "s1", 1) is None


def test_column_that_may_come_becomes_one_of_the_tables(files: DeltaJobFiles, lake: DeltaLake) -> None:
    commit(files, write(lake, "s1"))
    wider = schema(x="long", more="string", origin="string")
    more = replace(write(lake, "s2", "range AS x, 'm' AS more"), schema=wider, known=SCHEMA)
    with pytest.raises(Poison, match="it has a column more"):
        commit(files, more, "s2")
    commit(files, more, "s2", schema_changes=frozenset({SchemaChange.ADDED}))
    table = DeltaTable(lake.uri("silver/t"))
    assert [each.name for each in table.schema().fields] == ["x", "origin", "more"]
    assert [row["more"] for row in table.to_pyarrow_table().to_pylist()].count("m") == 12


def test_column_that_is_missing_or_of_another_type_is_refused(files: DeltaJobFiles, lake: DeltaLake) -> None:
    commit(files, write(lake, "s1"))
    without = replace(write(lake, "s2", "'y' AS y"), schema=schema(origin="string"), known=SCHEMA)
    with pytest.raises(Poison, match="it has no column x"):
        commit(files, without, "s2")
    text = replace(write(lake, "s3"), schema=schema(x="string", origin="string"), known=SCHEMA)
    with pytest.raises(Poison, match="x is VARCHAR, and not BIGINT"):
        commit(files, replace(text, changed={"x": {"values": 12, "lost": 0}}), "s3")
    passes = frozenset({SchemaChange.TYPE_CHANGED})
    with pytest.raises(Poison, match="x is VARCHAR"):
        commit(files, replace(text, changed={"x": {"values": 12, "lost": 1}}), "s3", schema_changes=passes)
    commit(files, replace(text, changed={"x": {"values": 12, "lost": 0}}), "s3", schema_changes=passes)
    commit(files, replace(write(lake, "s4"), changed={"x": {"values": 0, "lost": 0}}, known=SCHEMA), "s4")


def test_table_that_was_made_of_other_types_meanwhile_is_told(files: DeltaJobFiles, lake: DeltaLake) -> None:
    before = replace(write(lake, "s1"), schema=schema(x="double", origin="string"))
    commit(files, write(lake, "s0"), "s0")
    with pytest.raises(Poison, match="type of x changed"):
        commit(files, before)


def test_rows_are_kept_apart_with_their_sample(files: DeltaJobFiles, lake: DeltaLake) -> None:
    location = "quarantine/u/s1"
    sample = Kept(rows=2, by_reason={"bad": 2}, columns=("_reasons", "x"), sample=[["bad", "1"]])
    reasons = {"type": "array", "elementType": "string", "containsNull": True}
    kept = schema(x="long")
    kept["fields"].append({"name": "_reasons", "type": reasons, "nullable": True, "metadata": {}})
    for generation, rows in ((1, 2), (1, 2), (2, 3)):
        folder = Path(lake.uri(f"{location}/batches/{generation}"))
        folder.mkdir(parents=True, exist_ok=True)
        select = f"SELECT range AS x, ['bad'] AS _reasons FROM range({rows})"
        duckdb.sql(f"COPY ({select}) TO '{folder / 'part-0.parquet'}' (FORMAT parquet)")
        written = Written(folder=str(folder), files=["part-0.parquet"], rows=rows, schema=kept)
        told = {"file": "a.csv", "reasons": ["bad"]}
        files.keep(written, sample, location=location, story="s1", generation=generation, told=told)
        table = DeltaTable(lake.uri(location)).to_pyarrow_table().to_pylist()
        assert [row["_reasons"] for row in table] == [["bad"]] * rows, "a later generation takes its place"
    assert json.loads(Path(lake.uri(f"{location}/_landed/reasons.json")).read_text())["reasons"] == ["bad"]
