"""kill -9 of any server in the middle of a story, then `local up` again: the story completes, no effect twice."""

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from local import flights
from local.event_grid import blob_created, land
from local.proof import MODEL, Proof
from shared.domain import facts as f
from shared.domain import identity
from shared.domain import story as stories
from shared.domain.verdicts import RunResult
from tests.acceptance.stacks import RunningStack, wait_for

pytestmark = pytest.mark.timeout(400)


@pytest.fixture
def stacks(tmp_path: Path) -> Iterator[list[RunningStack]]:
    started: list[RunningStack] = []
    yield started
    for stack in started:
        stack.end()


def _up(home: Path, stacks: list[RunningStack]) -> RunningStack:
    stack = RunningStack(home)
    stacks.append(stack)
    stack.await_up()
    return stack


def _land_january(stack: RunningStack, folder: Path) -> str:
    landed = land(flights.month(1, folder), stack.home.landing, "flights/2013-01.csv")
    event = blob_created(landed, stack.home.landing, stack.home.settings().landing_url)
    return identity.story_of_arrival("landing/flights/2013-01.csv", event["data"]["eTag"])


@pytest.mark.parametrize(
    ("server", "at"),
    [
        ("service-bus", f.DataArrived),
        ("front", f.TrainingStarted),
        ("databricks", f.TrainingStarted),
        ("mlflow", f.TrainingStarted),
        ("databricks", f.PartStarted),
    ],
    ids=lambda value: value if isinstance(value, str) else f"after-{value.__name__}",
)
def test_story_completes_after_kill(server: str, at: type[f.Fact], tmp_path: Path, stacks: list[RunningStack]) -> None:
    """One commit, one run a generation, one registered version, right gold rows; what was lost is in the ledger."""
    home = tmp_path / "home"
    stack = _up(home, stacks)
    story = _land_january(stack, tmp_path)
    wait_for(at.__name__, lambda: stories.last(stack.facts(story), at) is not None)
    stack.kill(server)
    wait_for("the stack to stop", lambda: stack.process.poll() is not None, 30)
    assert f"{server} (process {stack.pids[server]}) ended with -9" in stack.said()
    assert stack.left_behind() == []

    again = _up(home, stacks)
    wait_for("the story to settle", lambda: stories.is_settled(again.facts(story)))

    told = again.facts(story)
    proof = Proof(again.home.settings(), again.ledger())
    proof.of_loop(story, version="1")
    generations = stories.of_kind(told, f.TrainingFinished)
    proof.expect("the last training", generations[-1].result, RunResult.SUCCEEDED)
    proof.expect("the trainings before it", {one.result for one in generations[:-1]} - {RunResult.LOST}, set())
    proof.expect(
        "registered versions", [v.version for v in proof.mlflow().search_model_versions(f"name='{MODEL}'")], ["1"]
    )
    proof.expect("runs that the workspace started", sorted(_runs(home)), sorted(_recorded_runs(told)))
    if server in ("databricks", "mlflow") and at is f.TrainingStarted:
        proof.expect("the lost run in the ledger", generations[0].result, RunResult.LOST)
    assert proof.wrong == []
    assert again.interrupt() == 0
    assert again.left_behind() == []


def _runs(home: Path) -> list[int]:
    """Every run that the workspace ever started: each costs money."""
    with sqlite3.connect(home / "databricks/ws1/workspace.sqlite") as db:
        rows = db.execute("SELECT run_id FROM runs").fetchall()
    db.close()
    return [int(run) for (run,) in rows]


def _recorded_runs(told: Sequence[f.Fact]) -> list[int]:
    started = [fact for fact in told if isinstance(fact, f.TrainingStarted | f.PartStarted)]
    return [fact.job_run_id for fact in started]
