"""The local stack as a user runs it."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local import flights
from local.event_grid import land
from local.home import PROJECT, free_port
from tests.acceptance.stacks import RunningStack, wait_for


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[[str], RunningStack]]:
    """Runs a stack in a folder of that name."""
    started: list[RunningStack] = []

    def start(name: str) -> RunningStack:
        started.append(RunningStack(tmp_path / name))
        return started[-1]

    yield start
    for stack in started:
        stack.end()


def test_two_stacks_run_side_by_side_and_leave_nothing(run: Callable[[str], RunningStack]) -> None:
    """They share no port; a third in a folder that is in use says so, and disturbs nothing; Ctrl-C ends each."""
    first, second = run("first"), run("second")
    first.await_up()
    second.await_up()
    assert not first.ports & second.ports
    assert first.left_behind()  # what looks for leftovers finds what runs

    third = run("first")
    assert third.process.wait(timeout=30) == 2
    assert "already up" in third.said()
    assert first.process.poll() is None

    assert (first.interrupt(), second.interrupt()) == (0, 0)
    assert first.left_behind() == []
    assert second.left_behind() == []


@pytest.mark.parametrize("when", ["starting the local stack", "  mlflow"])
def test_interrupted_while_it_starts_it_leaves_nothing(when: str, run: Callable[[str], RunningStack]) -> None:
    stack = run("home")
    stack.await_said(when)
    assert stack.interrupt() == 130
    assert "Traceback" not in stack.said()
    assert stack.left_behind() == []


def test_somebody_elses_host_runs_the_functions(tmp_path: Path) -> None:
    """Our own front stands in for Core Tools: it has nothing but the settings that were written where it is started."""
    port, there = free_port(), tmp_path / "there"
    there.mkdir()
    stack = RunningStack(tmp_path / "home", "--no-host", str(port), cwd=there)
    host: subprocess.Popen[bytes] | None = None
    try:
        stack.await_up()
        assert "front" not in stack.pids
        assert f"func start --port {port}" in stack.said()
        settings = there / "local.settings.json"
        assert settings.stat().st_mode & 0o077 == 0
        land(flights.month(1, tmp_path), stack.home.landing, "flights/2013-01.csv")
        command = ["local.host", str(PROJECT), "--settings", str(settings), "--home", str(tmp_path / "host")]
        host = subprocess.Popen(
            [sys.executable, "-m", *command, "--port", str(port)], cwd=PROJECT, start_new_session=True
        )
        ledger = stack.ledger()

        def committed() -> bool:
            return any(
                fact.kind == "DataCommitted"
                for story in ledger.find("flights/2013-01.csv")
                for fact in ledger.story(story)
            )

        wait_for("the batch to be committed", committed)
    finally:
        if host is not None:
            host.terminate()
            host.wait(30)
        stack.end()


def test_tokens_are_not_in_the_list_of_processes(run: Callable[[str], RunningStack]) -> None:
    stack = run("home")
    stack.await_up()
    tokens = stack.home.workspaces(stack.home.settings()).values()
    told = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            told.append((process / "cmdline").read_bytes().decode(errors="replace"))
        except OSError:
            continue
    assert any("local.databricks" in one for one in told)
    assert [one for one in told if any(token in one for token in tokens)] == []


def test_settings_that_somebody_wrote_stay(tmp_path: Path) -> None:
    (tmp_path / "local.settings.json").write_text('{"Values": {"DATABRICKS_TOKEN": "mine"}}')
    stack = RunningStack(tmp_path / "home", "--no-host", cwd=tmp_path)
    assert stack.process.wait(60) == 2
    assert "is not this stack's: move it away" in stack.said()
    assert "mine" in (tmp_path / "local.settings.json").read_text()
