"""A scoring on a running stack: a part that fails is run again, and one that a person ends goes on where it stopped."""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable

from local import flights
from local.event_grid import blob_created, land
from local.home import PROJECT
from shared.domain import facts as f
from shared.domain import identity
from shared.domain import story as stories
from tests.acceptance.stacks import RunningStack, wait_for

FILE, MODEL, ROWS = "flights/2013-01.csv", "flight_delays", 27_004
PARTS = {"EWR", "JFK", "LGA"}


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[RunningStack]:
    running = RunningStack(tmp_path / "home")
    try:
        running.await_up()
        yield running
    finally:
        if running.process.poll() is None:
            running.interrupt()
        running.end()


def ops(stack: RunningStack, *arguments: str, code: int) -> Any:
    """What the command says, as JSON."""
    command = [sys.executable, "-m", "ops", "--settings", str(stack.home.settings_file), *arguments, "--json"]
    said = subprocess.run(command, capture_output=True, text=True, cwd=PROJECT, timeout=120, check=False)
    assert said.returncode == code, said.stderr or said.stdout
    return json.loads(said.stdout)


def settled(stack: RunningStack, story: str) -> None:
    wait_for(f"the end of story {story}", lambda: bool(stack.facts(story)) and stories.is_settled(stack.facts(story)))


def of(stack: RunningStack, story: str, kind: type[f.PartFact]) -> set[str]:
    return {one.part for one in stories.of_kind(stack.facts(story), kind)}


def gold(stack: RunningStack) -> Counter[str]:
    """How many rows each story wrote of what is there."""
    table = DeltaTable(str(stack.home.folder / "lake/gold/flight_delays")).to_pyarrow_table(columns=["story"])
    return Counter(table["story"].to_pylist())


def starts(stack: RunningStack, story: str) -> Counter[str]:
    return Counter(one.part for one in stories.of_kind(stack.facts(story), f.PartStarted))


@pytest.mark.timeout(400)
def test_what_failed_runs_again_and_what_was_ended_goes_on(stack: RunningStack, tmp_path: Path) -> None:
    landed = land(flights.month(1, tmp_path / "source"), stack.home.landing, FILE)
    event = blob_created(landed, stack.home.landing, stack.home.settings().landing_url)
    first = identity.story_of_arrival(f"landing/{FILE}", event["data"]["eTag"])
    settled(stack, first)
    assert gold(stack) == {first: ROWS}
    _a_part_fails(stack)
    _a_person_ends_it(stack)
    assert not [one for head in stack.ledger().recent(9) for one in stories.of_kind(stack.facts(head.story), f.Parked)]


def _a_part_fails(stack: RunningStack) -> None:
    away = {file: file.with_suffix(".away") for file in stack.home.folder.glob("lake/silver/*/origin=LGA/*.parquet")}
    assert away
    for file, elsewhere in away.items():
        file.rename(elsewhere)
    story = ops(stack, "score", "run", MODEL, "--full", code=0)["story"]
    settled(stack, story)
    assert (of(stack, story, f.PartScored), of(stack, story, f.PartFailed)) == ({"EWR", "JFK"}, {"LGA"})
    assert ops(stack, "score", "status", story, code=1)["failed"] == 1
    for file, elsewhere in away.items():
        elsewhere.rename(file)
    assert ops(stack, "score", "retry", story, code=0)["parts"] == ["LGA"]
    wait_for("the last part", lambda: stories.last(stack.facts(story), f.ScoringFinished) is not None)
    assert starts(stack, story) == {"EWR": 1, "JFK": 1, "LGA": 2}
    assert gold(stack) == {story: ROWS}
    assert ops(stack, "score", "status", story, code=0)["done"] == 3


def _a_person_ends_it(stack: RunningStack) -> None:
    spark = stack.pids["spark"]
    os.kill(spark, signal.SIGSTOP)  # so that nothing ends before it is ended
    try:
        story = ops(stack, "score", "run", MODEL, "--full", code=0)["story"]
        wait_for("its runs to begin", lambda: of(stack, story, f.PartStarted) == PARTS)
        assert ops(stack, "score", "cancel", story, "--because", "wrong", code=0)["stopped"] == 3
        settled(stack, story)
    finally:
        os.kill(spark, signal.SIGCONT)
    assert of(stack, story, f.PartFailed) == PARTS
    assert ops(stack, "score", "status", story, code=1)["cancelled"]
    again = ops(stack, "score", "retry", story, code=0)
    assert (again["resumed"], set(again["parts"])) == (True, PARTS)
    wait_for("all of it", lambda: stories.last(stack.facts(story), f.ScoringFinished) is not None)
    assert starts(stack, story) == dict.fromkeys(PARTS, 2)
    assert gold(stack) == {story: ROWS}
