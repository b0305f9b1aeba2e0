"""Lake: Delta tables in a folder. A batch is committed exactly once, whoever asks how often."""

import json
import multiprocessing
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest
from deltalake import DeltaTable, write_deltalake

from shared.adapters import tables
from shared.adapters.delta import FOLLOWED_SECONDS, DeltaLake
from shared.adapters.duckdb_profiler import DuckdbProfiler
from shared.domain.usecase import DataSpec
from shared.errors import Conflict, Malformed, Poison, Unreachable
from shared.ports import Commit

SPEC = DataSpec(
    arrives="landing/*.csv",
    expectations="",
    table="silver/flights",
    partition_by="origin",
    columns={"flight": "BIGINT"},
    null_values=("", "NA"),
)
CSV = "origin,flight,tailnum\nJFK,1,N1\nEWR,2,NA\nJFK,3,N3\n"


@pytest.fixture
def lake(tmp_path: Path) -> DeltaLake:
    return DeltaLake(str(tmp_path / "lake"), "500MB")


def batch(folder: Path, text: str = CSV, name: str = "batch.csv") -> Path:
    file = folder / name
    file.write_text(text)
    return file


def read(lake: DeltaLake, version: int | None = None) -> list[dict[str, Any]]:
    table = DeltaTable(lake.uri("silver/flights"), version=version)
    rows: list[dict[str, Any]] = table.to_pyarrow_table().to_pylist()
    return sorted(rows, key=lambda row: row["flight"])


def test_a_type_that_delta_does_not_have_is_told(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("origin,at\nJFK,10:00:00\n")
    with pytest.raises(Poison, match="another type in data"):
        DeltaLake(str(tmp_path / "lake"), "500MB").commit(file, replace(SPEC, columns={"at": "TIME"}), "one", 1)


@pytest.mark.parametrize("kind", ["TIMESTAMP", "TIMESTAMP WITH TIME ZONE"])
def test_times_are_committed_with_and_without_a_zone(kind: str, tmp_path: Path) -> None:
    spec = replace(SPEC, columns={"at": kind})
    file = tmp_path / "a.csv"
    file.write_text("origin,at\nJFK,2013-01-01T10:00:00Z\n")
    lake = DeltaLake(str(tmp_path / "lake"), "500MB")
    assert lake.commit(file, spec, "one", 1).rows == 1
    (found,) = DeltaTable(lake.uri(spec.table)).to_pyarrow_table()["at"].to_pylist()
    assert found.isoformat().startswith("2013-01-01T10:00:00")


def test_batch_that_cannot_be_read_is_told_with_its_table(tmp_path: Path) -> None:
    lake, file = DeltaLake(str(tmp_path / "lake"), "500MB"), tmp_path / "landed.csv"
    file.write_text("origin,x\nJFK,1\nLGA\n")
    with pytest.raises(Malformed, match=r"landed\.csv for silver/flights: .*CSV"):
        lake.commit(file, SPEC, "one", 1)


def test_too_little_memory_is_told_with_its_setting(tmp_path: Path) -> None:
    lake, file = DeltaLake(str(tmp_path / "lake"), "5MB"), tmp_path / "landed.csv"
    duckdb.sql(f"COPY (FROM range(1_000_000) SELECT 'JFK' AS origin, range AS x) TO '{file}'")
    with pytest.raises(Unreachable, match=r"landed\.csv for silver/flights: CHECK_MEMORY_LIMIT is too little: "):
        lake.commit(file, SPEC, "one", 1)
    with pytest.raises(Unreachable, match=r"landed\.csv could not be profiled: CHECK_MEMORY_LIMIT is too little: "):
        DuckdbProfiler("5MB", threading.Lock()).profile(file, SPEC, None)


def test_batch_is_committed_as_one_version(lake: DeltaLake, tmp_path: Path) -> None:
    commit = lake.commit(batch(tmp_path), SPEC, "s1", 1)
    assert (commit.table, commit.rows) == ("silver/flights", 3)
    assert read(lake, commit.delta_version) == [
        {"origin": "JFK", "flight": 1, "tailnum": "N1"},
        {"origin": "EWR", "flight": 2, "tailnum": None},
        {"origin": "JFK", "flight": 3, "tailnum": "N3"},
    ]
    assert DeltaTable(lake.uri("silver/flights")).metadata().partition_columns == ["origin"]


def test_same_batch_again_is_the_same_version(lake: DeltaLake, tmp_path: Path) -> None:
    first = lake.commit(batch(tmp_path), SPEC, "s1", 1)
    assert lake.commit(batch(tmp_path), SPEC, "s1", 1) == first
    assert len(read(lake)) == 3


def test_version_is_the_storys_own_when_others_came_after(lake: DeltaLake, tmp_path: Path) -> None:
    first = lake.commit(batch(tmp_path), SPEC, "s1", 1)
    other = lake.commit(batch(tmp_path, "origin,flight,tailnum\nLGA,9,N9\n"), SPEC, "s2", 1)
    assert other.delta_version == first.delta_version + 1
    assert lake.commit(batch(tmp_path), SPEC, "s1", 1) == first
    assert len(read(lake, first.delta_version)) == 3
    assert len(read(lake)) == 4


def test_next_generation_is_another_commit(lake: DeltaLake, tmp_path: Path) -> None:
    first = lake.commit(batch(tmp_path), SPEC, "s1", 1)
    second = lake.commit(batch(tmp_path), SPEC, "s1", 2)
    assert second.delta_version > first.delta_version
    assert lake.commit(batch(tmp_path), SPEC, "s1", 1) == second


def test_batch_that_does_not_fit_the_table_is_poison(lake: DeltaLake, tmp_path: Path) -> None:
    lake.commit(batch(tmp_path), SPEC, "s1", 1)
    with pytest.raises(Poison, match="does not fit"):
        lake.commit(batch(tmp_path, "origin,flight,extra\nJFK,1,2\n"), SPEC, "s2", 1)
    assert len(read(lake)) == 3


MEASURED = """
import resource, sys
from pathlib import Path
from dataclasses import replace
from shared.adapters.delta import DeltaLake
from shared.adapters.delta_quarantine import DeltaQuarantine
from tests.contracts.test_lake import SPEC
folder = Path(sys.argv[1])
lake = DeltaLake(str(folder / "lake"), "500MB")
print(lake.commit(folder / "wide.csv", replace(SPEC, partition_by="", columns={}), "s1", 1).rows)
print(DeltaQuarantine(lake, "500MB").keep(
    folder / "small", folder / "rows.prepared.parquet", location="quarantine/a", story="s1", generation=1, reasons=["b"]
))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def test_large_batch_is_committed_and_kept_in_little_memory(tmp_path: Path) -> None:
    columns = ", ".join(f"md5((i * {n})::VARCHAR) AS c{n}" for n in range(1, 13))
    duckdb.sql(f"COPY (FROM range(700_000) t(i) SELECT {columns}) TO '{tmp_path / 'wide.csv'}'")
    with tables.connect("500MB") as db:
        rows = f"FROM '{tmp_path / 'wide.csv'}' SELECT *, ['it is bad'] AS _reasons"
        tables.write(db, rows, tmp_path / f"rows{tables.PREPARED}")
    (tmp_path / "small").write_text("as it landed")
    command = [sys.executable, "-c", MEASURED, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    *written, megabytes = map(int, done.stdout.split())
    assert written == [700_000, 700_000]
    assert megabytes < 1300


def _commit(root: str, file: Path, story: str) -> Commit:
    """As the step does it: again after a conflict."""
    lake = DeltaLake(root, "300MB")
    for _ in range(20):
        try:
            return lake.commit(file, SPEC, story, 1)
        except Conflict:
            continue
    raise AssertionError("a conflict that does not end")


def _commit_in_process(root: str, file: Path, story: str, start: Any, answers: Any) -> None:
    start.wait(60)
    answers.put(_commit(root, file, story))


def race_processes(root: str, file: Path, stories: list[str]) -> list[Commit]:
    context = multiprocessing.get_context("spawn")
    start, answers = context.Barrier(len(stories)), context.Queue()
    racers = [context.Process(target=_commit_in_process, args=(root, file, story, start, answers)) for story in stories]
    for racer in racers:
        racer.start()
    commits = [answers.get(timeout=90) for _ in racers]
    for racer in racers:
        racer.join()
        racer.close()
    answers.close()
    return commits


def race_threads(root: str, file: Path, stories: list[str]) -> list[Commit]:
    with ThreadPoolExecutor(len(stories)) as pool:
        return list(pool.map(lambda story: _commit(root, file, story), stories))


@pytest.mark.parametrize("race", [race_threads, race_processes], ids=["threads", "processes"])
@pytest.mark.parametrize("there_is_a_table", [True, False], ids=["table", "no-table"])
def test_of_four_that_race_with_one_story_one_commits(
    race: Callable[[str, Path, list[str]], list[Commit]], there_is_a_table: bool, lake: DeltaLake, tmp_path: Path
) -> None:
    before = 0
    if there_is_a_table:
        before = lake.commit(batch(tmp_path), SPEC, "before", 1).rows
    commits = race(lake.uri("").rstrip("/"), batch(tmp_path), ["s1"] * 4)
    assert len(set(commits)) == 1
    assert len(read(lake)) == before + 3


@pytest.mark.parametrize("times", range(3))
def test_each_story_that_races_gets_its_own_version(times: int, lake: DeltaLake, tmp_path: Path) -> None:
    commits = race_threads(lake.uri("").rstrip("/"), batch(tmp_path), ["s1", "s2", "s3", "s4"])
    versions = sorted(commit.delta_version for commit in commits)
    assert len(set(versions)) == 4
    assert [len(read(lake, version)) for version in versions] == [3, 6, 9, 12]


def test_parts_are_those_of_the_version(lake: DeltaLake, tmp_path: Path) -> None:
    first = lake.commit(batch(tmp_path), SPEC, "s1", 1)
    second = lake.commit(batch(tmp_path, "origin,flight,tailnum\nA/B c,9,N9\n"), SPEC, "s2", 1)
    assert lake.parts("silver/flights", first.delta_version, "origin") == ["EWR", "JFK"]
    assert lake.parts("silver/flights", second.delta_version, "origin") == ["A/B c", "EWR", "JFK"]


def test_parts_without_partitions_are_groups_of_files(lake: DeltaLake, tmp_path: Path) -> None:
    """What is appended changes the last group or makes further ones; what is compacted changes all, and the last group
    is told to be made again even where only others went.
    """
    spec = replace(SPEC, partition_by="")
    versions = [lake.commit(batch(tmp_path), spec, f"s{number}", 1).delta_version for number in range(5)]
    assert DeltaTable(lake.uri("silver/flights")).metadata().partition_columns == []
    size = 3

    def parts(version: int, since: int = -1, rows: int = 2 * size) -> list[str]:
        return list(lake.parts("silver/flights", version, "file_group", since, rows=rows))

    assert lake.rows("silver/flights", "file_group", "").delta_version == versions[-1]
    assert parts(versions[4]) == ["00000", "00001", "00002"]
    assert parts(versions[3]) == ["00000", "00001"]
    assert parts(versions[4], versions[3]) == ["00002"]
    assert parts(versions[4], versions[1]) == ["00001", "00002"]
    assert parts(versions[4], versions[4]) == []
    assert parts(versions[4], rows=1) == ["00000", "00001", "00002", "00003", "00004"]
    lake.keep_groups("parts/x.json", "silver/flights", versions[4], 2 * size)
    kept = json.loads((tmp_path / "lake/parts/x.json").read_text())
    there = DeltaTable(lake.uri("silver/flights")).get_add_actions().column("path").to_pylist()
    assert {name: len(paths) for name, paths in kept.items()} == {"00000": 2, "00001": 2, "00002": 1}
    assert sorted(path for paths in kept.values() for path in paths) == sorted(there)
    newest = kept["00002"][0]
    dropped = DeltaTable(lake.uri("silver/flights"))
    dropped.restore(versions[3])
    assert newest not in dropped.get_add_actions().column("path").to_pylist()
    assert parts(dropped.version(), versions[4]) == ["00001"]


def test_rows_are_those_of_the_part_at_the_newest_version(lake: DeltaLake, tmp_path: Path) -> None:
    lake.commit(batch(tmp_path), SPEC, "s1", 1)
    newest = lake.commit(batch(tmp_path), SPEC, "s2", 1).delta_version
    assert lake.rows("silver/flights", "origin", "JFK") == Commit(table="silver/flights", delta_version=newest, rows=4)
    assert lake.rows("silver/flights", "origin", "LGA").rows == 0


def test_rows_follow_a_replaced_part(lake: DeltaLake, tmp_path: Path) -> None:
    """Gold is written by Spark; what counts is what is in the log now."""
    lake.commit(batch(tmp_path), SPEC, "s1", 1)
    table = DeltaTable(lake.uri("silver/flights"))
    one = table.to_pyarrow_table().filter([True, False, False])
    part = one["origin"][0].as_py()
    write_deltalake(table, one, mode="overwrite", predicate=f"origin = '{part}'")
    assert lake.rows("silver/flights", "origin", part).rows == 1


def test_rows_follow_what_others_write_meanwhile(lake: DeltaLake, tmp_path: Path) -> None:
    others = DeltaLake(lake.uri("").rstrip("/"), "500MB")
    for count in range(1, 4):
        version = others.commit(batch(tmp_path), SPEC, f"s{count}", 1).delta_version
        found = lake.rows("silver/flights", "origin", "JFK")
        assert (found.delta_version, found.rows) == (version, 2 * count)


def test_rows_are_asked_for_by_many_at_once(lake: DeltaLake, tmp_path: Path) -> None:
    lake.commit(batch(tmp_path), SPEC, "s1", 1)
    with ThreadPoolExecutor(8) as pool:
        counted = list(pool.map(lambda part: lake.rows("silver/flights", "origin", part).rows, ["JFK", "EWR"] * 20))
    assert counted == [2, 1] * 20


def test_table_that_was_made_anew_is_another_one_after_a_minute(tmp_path: Path) -> None:
    now = 0.0
    lake = DeltaLake(str(tmp_path / "lake"), "500MB", monotonic=lambda: now)
    for story in ("s1", "s2"):
        lake.commit(batch(tmp_path), SPEC, story, 1)
    assert lake.rows("silver/flights", "origin", "JFK").rows == 4
    shutil.rmtree(lake.uri("silver/flights"))
    lake.commit(batch(tmp_path), SPEC, "s3", 1)
    now = FOLLOWED_SECONDS
    assert lake.rows("silver/flights", "origin", "JFK").rows == 2


def test_table_that_is_gone_has_no_rows_after_a_minute(tmp_path: Path) -> None:
    now = 0.0
    lake = DeltaLake(str(tmp_path / "lake"), "500MB", monotonic=lambda: now)
    lake.commit(batch(tmp_path), SPEC, "s1", 1)
    assert lake.rows("silver/flights", "origin", "JFK").rows == 2
    shutil.rmtree(lake.uri("silver/flights"))
    now = FOLLOWED_SECONDS
    assert lake.rows("silver/flights", "origin", "JFK").delta_version == -1


def test_table_that_is_not_there_has_no_rows(lake: DeltaLake) -> None:
    assert lake.rows("gold/none", "origin", "JFK") == Commit(table="gold/none", delta_version=-1, rows=0)


def test_parts_that_changed_are_those_whose_files_did(lake: DeltaLake, tmp_path: Path) -> None:
    first = lake.commit(batch(tmp_path), SPEC, "s1", 1).delta_version
    second = lake.commit(batch(tmp_path, "origin,flight,tailnum\nLGA,9,N9\nJFK,8,N8\n"), SPEC, "s2", 1).delta_version
    assert lake.parts("silver/flights", second, "origin") == ["EWR", "JFK", "LGA"]
    assert lake.parts("silver/flights", second, "origin", first) == ["JFK", "LGA"]
    assert lake.parts("silver/flights", second, "origin", second) == []
    DeltaTable(lake.uri("silver/flights")).delete("origin = 'LGA'")
    assert lake.parts("silver/flights", second + 1, "origin", second) == []
    DeltaTable(lake.uri("silver/flights"), version=second + 1).create_checkpoint()
    for version in range(second + 1):  # as a vacuum of the log does, after a month
        (tmp_path / f"lake/silver/flights/_delta_log/{version:020}.json").unlink()
    assert lake.parts("silver/flights", second + 1, "origin", first) == ["EWR", "JFK"]
