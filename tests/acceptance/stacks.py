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

    def __init__(self, home: Path, *arguments: str, cwd: Path = PROJECT) -> None:
        self.home = Home(home)
        self.output = home.with_suffix(".out")
        with self.output.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "local", "up", "--home", str(home), *arguments],
                cwd=cwd,
                env={**os.environ, "PYTHONPATH": f"{PROJECT}:{PROJECT / 'ml/src'}"},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.pids: dict[str, int] = {}

    def await_up(self) -> None:
        """Until it says that it is up."""
        self.await_said("Ctrl-C stops it")
        self.pids = json.loads(self.home.processes_file.read_text())

    def await_said(self, text: str) -> None:
        """Until it says that."""

        def said() -> bool:
            assert self.process.poll() is None or text in self.said(), f"it ended:\n{self.said()}"
            return text in self.said()

        wait_for(f"{text!r} in what the stack says", said)

    def said(self) -> str:
        """What it printed so far."""
        return self.output.read_text()

    @property
    def ports(self) -> set[int]:
        """The ports it said it listens on."""
        return {int(port) for port in re.findall(r"127\.0\.0\.1:(\d+)", self.said())}

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
        """Processes that have to do with its folder, and ports that still answer."""
        return self._processes() + [f"port {port}" for port in self.ports if _answers(port)]

    def _processes(self) -> list[str]:
        """Every process that names the folder where it was started, or that one of its own started."""
        found, home = [], os.fsencode(self.home.folder.resolve())
        for process in Path("/proc").glob("[0-9]*"):
            try:
                told = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
                session = int((process / "stat").read_text().rpartition(")")[2].split()[3])
            except OSError:
                continue  # it is gone
            if int(process.name) != os.getpid() and (home in told or session == self.process.pid):
                found.append(f"process {process.name}: {told[:200]!r}")
        return found


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
