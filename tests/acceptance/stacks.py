"""A local stack as its user runs it: the command, in a process of its own."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from local.home import PROJECT, Home
from shared import bootstrap
from shared.domain.facts import Fact
from shared.ports import Ledger

PATIENCE_SECONDS = 150


def wait_for(what: str, condition: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> None:
    """Until it holds; AssertionError with what was waited for."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.05)


class RunningStack:
    """`python -m local up`, from the first line to its last."""

    def __init__(self, home: Path) -> None:
        self.home = Home(home)
        self.output = home.with_suffix(".out")
        with self.output.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "local", "up", "--home", str(home)],
                cwd=PROJECT,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.pids: dict[str, int] = {}
        self.ports: list[int] = []

    def await_up(self) -> None:
        """Until it says that it is up."""

        def up() -> bool:
            assert self.process.poll() is None, f"it ended:\n{self.said()}"
            return "Ctrl-C stops it" in self.said()

        wait_for("the stack to be up", up)
        self.pids = json.loads(self.home.processes_file.read_text())
        self.ports = [int(port) for port in re.findall(r"127\.0\.0\.1:(\d+)", self.said())]

    def said(self) -> str:
        """What it printed so far."""
        return self.output.read_text()

    def ledger(self) -> Ledger:
        """The ledger, read beside the running stack."""
        return bootstrap.ledger_of(self.home.settings())

    def facts(self, story: str) -> Sequence[Fact]:
        """The story so far."""
        return self.ledger().story(story)

    def kill(self, server: str) -> None:
        """kill -9 of one server."""
        os.kill(self.pids[server], signal.SIGKILL)

    def interrupt(self) -> int:
        """Ctrl-C; the exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout=30)

    def end(self) -> None:
        """Whatever the test did, nothing is left."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def left_behind(self) -> list[str]:
        """Processes that still run and ports that still answer."""
        running = [f"{name} ({pid})" for name, pid in self.pids.items() if _runs(pid)]
        return running + [f"port {port}" for port in set(self.ports) if _answers(port)]


def _runs(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
