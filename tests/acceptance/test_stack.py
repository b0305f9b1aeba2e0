"""The local stack as a user runs it."""

from pathlib import Path

from tests.acceptance.stacks import RunningStack


def test_two_stacks_run_side_by_side_and_leave_nothing(tmp_path: Path) -> None:
    """Two stacks with folders of their own share no port; Ctrl-C ends each with 0 and leaves nothing."""
    first, second = RunningStack(tmp_path / "first"), RunningStack(tmp_path / "second")
    try:
        first.await_up()
        second.await_up()
        assert not set(first.ports) & set(second.ports)
        assert (first.interrupt(), second.interrupt()) == (0, 0)
        assert first.left_behind() == []
        assert second.left_behind() == []
    finally:
        first.end()
        second.end()


def test_a_folder_holds_one_stack(tmp_path: Path) -> None:
    """A second stack in the same folder says so, and disturbs nothing."""
    first = RunningStack(tmp_path / "home")
    try:
        first.await_up()
        second = RunningStack(tmp_path / "home")
        assert second.process.wait(timeout=30) == 2
        assert "already up" in second.said()
        assert first.process.poll() is None
        assert first.interrupt() == 0
    finally:
        first.end()
