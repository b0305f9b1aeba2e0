"""kill -9 of any server in the middle of a story, then `local up` again: the story completes, no effect twice."""

import sqlite3
from collections.abc import Iterator
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


class Laptop:
    """One folder, in which a stack comes up as often as it is needed; each story is a month of flights."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.stories: list[str] = []
        self._stack: RunningStack | None = None

    def up(self) -> RunningStack:
        if self._stack is None or self._stack.process.poll() is not None:
            self._stack = RunningStack(self.folder / "home")
            self._stack.await_up()
        return self._stack

    def land_next(self) -> str:
        """The next month lands; its story."""
        home, month = self.up().home, len(self.stories) + 1
        name = f"flights/2013-{month:02}.csv"
        landed = land(flights.month(month, self.folder), home.landing, name)
        event = blob_created(landed, home.landing, home.settings().landing_url)
        self.stories.append(identity.story_of_arrival(f"landing/{name}", event["data"]["eTag"]))
        return self.stories[-1]

    def end(self) -> None:
        if self._stack is not None:
            self._stack.end()


@pytest.fixture(scope="module")
def laptop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laptop]:
    one = Laptop(tmp_path_factory.mktemp("laptop"))
    yield one
    one.end()


@pytest.mark.parametrize(
    ("server", "at"),
    [
        ("databricks", f.PartStarted),  # first: January's version is promoted for certain
        ("databricks", f.TrainingStarted),
        ("mlflow", f.TrainingStarted),
        ("front", f.TrainingStarted),
        ("service-bus", f.DataArrived),
    ],
    ids=lambda value: value if isinstance(value, str) else f"after-{value.__name__}",
)
def test_story_completes_after_kill(server: str, at: type[f.Fact], laptop: Laptop) -> None:
    """One commit, one run a generation, one registered version, right gold rows; what was lost is in the ledger."""
    stack = laptop.up()
    story = laptop.land_next()
    wait_for(at.__name__, lambda: stories.last(stack.facts(story), at) is not None)
    stack.kill(server)
    wait_for("the stack to stop", lambda: stack.process.poll() is not None, 30)
    assert f"{server} (process {stack.pids[server]}) ended with -9" in stack.said()
    assert stack.left_behind() == []

    again = laptop.up()
    wait_for("the story to settle", lambda: stories.is_settled(again.facts(story)))

    told = again.facts(story)
    versions = [str(number) for number in range(1, len(laptop.stories) + 1)]
    proof = Proof(again.home.settings(), again.ledger())
    proof.of_loop(story, version=versions[-1])
    results = [one.result for one in stories.of_kind(told, f.TrainingFinished)]
    if server in {"databricks", "mlflow"} and at is f.TrainingStarted:  # else it may have ended before the stack did
        proof.expect("the training that died", results[0], RunResult.LOST)
    proof.expect(
        "the trainings that did not die", [one for one in results if one is not RunResult.LOST], [RunResult.SUCCEEDED]
    )
    found = proof.mlflow().search_model_versions(f"name='{MODEL}'")
    proof.expect("registered versions", sorted(one.version for one in found), versions)
    recorded = [
        fact.job_run_id
        for each in laptop.stories
        for fact in again.facts(each)
        if isinstance(fact, f.TrainingStarted | f.PartStarted)
    ]
    proof.expect("runs that the workspace started", sorted(recorded), _runs(again.home.folder))
    assert proof.wrong == []


def test_ctrl_c_leaves_nothing(laptop: Laptop) -> None:
    stack = laptop.up()
    assert stack.interrupt() == 0
    assert stack.left_behind() == []


def _runs(home: Path) -> list[int]:
    """Every run that the workspace ever started: each costs money."""
    db = sqlite3.connect(home / "databricks/ws1/workspace.sqlite")
    rows = db.execute("SELECT run_id FROM runs ORDER BY run_id").fetchall()
    db.close()
    return [int(run) for (run,) in rows]
