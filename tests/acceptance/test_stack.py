"""The local stack as a user runs it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.acceptance.stacks import RunningStack


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
