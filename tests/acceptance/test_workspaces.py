"""Two workspaces, one of them down for a while: the other finishes, and it catches up by itself."""

import json
import shutil
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from local import flights
from local.event_grid import blob_created, land
from local.home import PROJECT, SECOND, WORKSPACE
from local.proof import Proof
from shared.domain import facts as f
from shared.domain import identity
from shared.domain import story as stories
from tests.acceptance.stacks import RunningStack, wait_for


class Way:
    """The way to the local workspaces: a port of 127.0.0.1 that leads there, and can be closed."""

    def __init__(self, ports: Path) -> None:
        self._ports = ports
        self.is_open = True
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                near, _ = self._listening.accept()
            except OSError:
                return
            if not self.is_open:
                near.close()
                continue
            far = socket.create_connection(("127.0.0.1", json.loads(self._ports.read_text())["databricks"]))
            for here, there in ((near, far), (far, near)):
                threading.Thread(target=self._pump, args=(here, there), daemon=True).start()

    def _pump(self, here: socket.socket, there: socket.socket) -> None:
        try:
            while self.is_open and (some := here.recv(65_536)):
                there.sendall(some)
        except OSError:
            pass
        finally:
            for each in (here, there):
                each.close()

    def close(self) -> None:
        self._listening.close()


@pytest.fixture
def way(tmp_path: Path) -> Iterator[Way]:
    one = Way(tmp_path / "home/ports.json")
    yield one
    one.close()


@pytest.fixture
def stack(tmp_path: Path, way: Way, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningStack]:
    shutil.copytree(PROJECT / "usecases", tmp_path / "usecases")
    file = tmp_path / "usecases/flight_delays/usecase.yml"
    file.write_text(file.read_text() + f"  workspaces:\n    {SECOND}: [LGA]\n")
    monkeypatch.setenv("USE_CASES", str(tmp_path / "usecases"))
    monkeypatch.setenv("SCORING_WORKSPACES", f"{SECOND}=http://127.0.0.1:{way.port}/{SECOND}")
    running = RunningStack(tmp_path / "home")
    running.await_up()
    yield running
    running.end()


@pytest.mark.timeout(400)
def test_a_workspace_that_is_down_holds_up_only_its_own_parts(stack: RunningStack, way: Way, tmp_path: Path) -> None:
    way.is_open = False
    landed = land(flights.month(1, tmp_path), stack.home.landing, "flights/2013-01.csv")
    event = blob_created(landed, stack.home.landing, stack.home.settings().landing_url)
    story = identity.story_of_arrival("landing/flights/2013-01.csv", event["data"]["eTag"])

    def scored() -> dict[str, int]:
        return {one.part: one.rows for one in stories.of_kind(stack.facts(story), f.PartScored)}

    wait_for("the parts of the workspace that is up", lambda: set(scored()) >= {"EWR", "JFK"})
    log = stack.home.log("front")
    wait_for(
        "the part of the other one to be left to the sweep", lambda: "part LGA is left to the sweep" in log.read_text()
    )
    assert "LGA" not in scored()
    assert stack.ledger().story(story)[-1].kind != "Parked"

    way.is_open = True
    wait_for("the story to settle", lambda: stories.is_settled(stack.facts(story)))
    proof = Proof(stack.home.settings(), stack.ledger())
    proof.of_loop(story, version="1")
    started = {one.part: one.workspace for one in stories.of_kind(stack.facts(story), f.PartStarted)}
    proof.expect("where each part was scored", started, {"EWR": WORKSPACE, "JFK": WORKSPACE, "LGA": SECOND})
    proof.expect("parked messages", [one.message_id for one in _parked(stack)], [])
    assert proof.wrong == []
    assert stack.interrupt() == 0


def _parked(stack: RunningStack) -> list[f.Parked]:
    return [fact for head in stack.ledger().recent(100) for fact in stories.of_kind(stack.facts(head.story), f.Parked)]
