"""A quite different use case beside the flights: a class, JSON lines, batches of several files, a table without
partitions; landing to gold.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from deltalake import DeltaTable

from local import weather
from shared.domain import facts as f
from shared.domain import story as stories
from shared.domain.fan_out import FILE_GROUP
from tests.acceptance.stacks import RunningStack, wait_for


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[RunningStack]:
    running = RunningStack(tmp_path / "home")
    running.await_up()
    yield running
    running.end()


def test_rain_is_told_from_landing_to_gold(stack: RunningStack, tmp_path: Path) -> None:
    quarter = weather.quarter(1, tmp_path)
    target = stack.home.landing / "weather" / quarter.name
    target.mkdir(parents=True)
    for file in sorted(quarter.glob("*.gz")):
        shutil.copy(file, target)
    shutil.copy(quarter / weather.END, target)
    ledger = stack.ledger()

    def told() -> list[f.Fact]:
        return [fact for story in ledger.find(f"weather/{quarter.name}/{weather.END}") for fact in ledger.story(story)]

    wait_for("every part in gold", lambda: stories.last(told(), f.ScoringFinished) is not None)
    story = told()
    assembled, checked = stories.last(story, f.BatchAssembled), stories.last(story, f.BatchChecked)
    assert assembled is not None
    assert [one.file.rpartition("/")[2] for one in assembled.files] == ["EWR.jsonl.gz", "JFK.jsonl.gz", "LGA.jsonl.gz"]
    assert checked is not None
    assert checked.verdict.lets_pass
    judged = stories.last(story, f.VersionJudged)
    assert judged is not None
    assert {one.rule for one in judged.rules} >= {"tells_rain_from_none", "right_at_every_airport"}
    gold = DeltaTable(str(stack.home.folder / "lake/gold/rain"))
    assert gold.metadata().partition_columns == [FILE_GROUP]
    rows = gold.to_pyarrow_table().to_pylist()
    assert len(rows) == checked.rows
    assert {row["airport"] for row in rows} == {"EWR", "JFK", "LGA"}
    assert all(0 <= row["prediction"] <= 1 for row in rows if row["prediction"] is not None)
    assert stack.interrupt() == 0
