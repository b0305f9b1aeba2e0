"""Starting tasks warm, as on a cluster that is already running: forked from a zygote that has the heavy imports.

Where there is no zygote (not asked for, not Linux, or it has died), a task starts as a plain process.
"""

import asyncio
import contextlib
import json
import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from local.child import die_with_parent
from local.databricks.launch import Launcher, TaskProcess
from local.databricks.task_process import ROOT

log = logging.getLogger(__name__)


class WarmProcess:
    """A child of the zygote, which tells when it ends."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._code: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def wait(self) -> int:
        """See TaskProcess."""
        return await asyncio.shield(self._code)

    def kill(self) -> None:
        """See TaskProcess."""
        if not self._code.done():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._pid, signal.SIGKILL)

    def end(self, code: int) -> None:
        """It has ended."""
        if not self._code.done():
            self._code.set_result(code)


class WarmLauncher:
    """Starts tasks from a zygote, which dies with the server."""

    def __init__(self, modules: Sequence[str], *, output: Path, otherwise: Launcher) -> None:
        self._modules = modules
        self._output = output
        self._otherwise = otherwise
        self._zygote: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._starting: dict[str, asyncio.Future[WarmProcess | None]] = {}
        self._running: dict[int, WarmProcess] = {}

    async def open(self) -> None:
        """Start the zygote, without waiting for its imports; call it from the main thread."""
        if not self._modules or not sys.platform.startswith("linux"):
            return
        with self._output.open("ab") as output:
            self._zygote = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "local.databricks.zygote",
                ",".join(self._modules),
                cwd=ROOT,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=output,
                start_new_session=True,
                preexec_fn=die_with_parent,
            )
        self._reading = asyncio.create_task(self._read(self._zygote))

    async def close(self) -> None:
        """End the zygote, and with it what it started."""
        if self._zygote and self._reading:
            with contextlib.suppress(ProcessLookupError):
                self._zygote.kill()
            await self._reading
            await self._zygote.wait()

    async def launch(self, folder: Path) -> TaskProcess:
        """See Launcher. A task that comes while the zygote is importing waits for it."""
        if self._zygote and self._zygote.stdin and self._reading and not self._reading.done():
            started: asyncio.Future[WarmProcess | None] = asyncio.get_running_loop().create_future()
            self._starting[str(folder)] = started
            self._zygote.stdin.write(os.fsencode(folder) + b"\n")
            process = await started
            if process:
                return process
        return await self._otherwise.launch(folder)

    async def _read(self, zygote: asyncio.subprocess.Process) -> None:
        assert zygote.stdout  # noqa: S101  # it was started with a pipe
        async for line in zygote.stdout:
            told = json.loads(line)
            if "exit" in told:
                self._running.pop(told["pid"]).end(told["exit"])
                continue
            process = self._running[told["pid"]] = WarmProcess(told["pid"])
            started = self._starting.pop(told["folder"])
            if started.cancelled():  # nobody waits for it any more
                process.kill()
            else:
                started.set_result(process)
        if self._starting or self._running:
            log.warning("the warm zygote ended; see %s", self._output)
        for process in self._running.values():  # they die with it
            process.end(-signal.SIGKILL)
        for started in self._starting.values():
            if not started.cancelled():
                started.set_result(None)
        self._running.clear()
        self._starting.clear()
