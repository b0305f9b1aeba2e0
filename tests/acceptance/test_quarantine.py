"""Faulty rows on a running stack: kept apart with their reasons, the others trained on, and let out by a person."""

import json
import shutil
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
from local.flights import Faults
from local.home import PROJECT
from shared.domain import facts as f
from shared.domain import identity
from shared.domain import story as stories
from tests.acceptance.stacks import RunningStack, wait_for

FILE, MARCH = "flights/2013-03-rows.csv", 28_894
FAULTS = Faults()
BAD = FAULTS.negative_distances + FAULTS.unknown_carriers + 2 * FAULTS.duplicated_rows


@pytest.fixture(params=["checked in the function", "checked on Spark"])
def stack(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningStack]:
    folder = tmp_path / "usecases"
    shutil.copytree(PROJECT / "usecases", folder, ignore=shutil.ignore_patterns("__pycache__"))
    file = folder / "flight_delays/usecase.yml"
    also = "  largest_mb: 1\n  check_job: sluice-check\n" if "Spark" in request.param else ""
    file.write_text(file.read_text().replace("  null_values:", f"  quarantine: rows\n{also}  null_values:"))
    monkeypatch.setenv("USE_CASES", str(folder))
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


def silver_rows(stack: RunningStack) -> int:
    return int(
        DeltaTable(str(stack.home.folder / "lake/silver/flight_delays")).to_pyarrow_table(columns=["flight"]).num_rows
    )


def test_bad_rows_are_kept_apart_and_go_on_when_a_person_lets_them_out(
    stack: RunningStack, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    target = land(flights.faulty_rows(3, tmp_path / "source"), stack.home.landing, FILE)
    event = blob_created(target, stack.home.landing, stack.home.settings().landing_url)
    story = identity.story_of_arrival(f"landing/{FILE}", event["data"]["eTag"])
    settled(stack, story)

    told = stack.facts(story)
    apart = stories.last(told, f.RowsQuarantined)
    assert apart is not None
    assert apart.rows == BAD
    runs = [one.step for one in stories.of_kind(told, f.CheckRunStarted)]
    assert runs == (["check", "keep"] if "Spark" in request.node.name else [])
    table = DeltaTable(str(stack.home.folder / "lake" / apart.location)).to_pyarrow_table()
    reasons = Counter(reason.split(" values")[0] for row in table["_reasons"].to_pylist() for reason in row)
    assert (reasons["distance"], reasons["carrier"]) == (FAULTS.negative_distances, FAULTS.unknown_carriers)
    assert sum(reasons.values()) == BAD
    assert silver_rows(stack) == MARCH - BAD
    assert stories.last(told, f.ScoringFinished) is not None

    (waits,) = ops(stack, "quarantine", "list", code=1)["quarantine"]
    assert (waits["story"], waits["whole"]) == (story, False)
    assert ops(stack, "quarantine", "show", FILE, code=1)["by_reason"]
    said = ops(stack, "quarantine", "release", FILE, "--because", "as they are", code=0)
    assert said["done"]
    released = stories.last(stack.facts(story), f.QuarantineReleased)
    assert released is not None
    settled(stack, released.continues)
    goes_on = stack.facts(released.continues)
    assert (released.who, released.reason) == (said["who"], "as they are")
    assert stories.last(goes_on, f.VersionJudged) is not None
    assert silver_rows(stack) == MARCH
    assert ops(stack, "quarantine", "list", code=0)["quarantine"] == []

    versions = ops(stack, "quality", "flight_delays", code=0)["versions"]
    assert [one["rows"] for one in versions] == [BAD, MARCH - BAD]
    report = ops(stack, "report", story, "--output", str(tmp_path / "report.html"), code=1)
    assert report["by_reason"]
    assert "In quarantine" in (tmp_path / "report.html").read_text()
    ops(stack, "report", story, "--data-docs", "--output", str(tmp_path / "docs.html"), code=1)
    assert "unexpected values found" in (tmp_path / "docs.html").read_text()
