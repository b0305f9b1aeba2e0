"""Starting a task's process: its own folder, output file and process group; dead with the server, however it dies."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Any, Protocol

from local.child import die_with_parent
from local.databricks.task_process import ROOT

LOG_BYTES = 5 * 1024 * 1024  # what Databricks serves of a task's output


class TaskProcess(Protocol):
    """A process that was started for a task."""

    async def wait(self) -> int:
        """Its exit code, once it ended; minus the signal that killed it. May be awaited again."""

    def kill(self) -> None:
        """End it at once, with everything in its process group; harmless when it has ended."""


class Launcher(Protocol):
    """A way to start a task's process."""

    async def launch(self, folder: Path) -> TaskProcess:
        """Start the task that `prepare` wrote into `folder`."""


def prepare(folder: Path, task: dict[str, Any]) -> None:
    """Write what to run; an earlier attempt's work is gone, its output stays."""
    shutil.rmtree(folder / "work", ignore_errors=True)
    (folder / "work").mkdir(parents=True)
    (folder / "error.json").unlink(missing_ok=True)
    (folder / "task.json").write_text(json.dumps(task))


def explain_exit(folder: Path, code: int) -> None:
    """Write down why a process that could not do it itself ended, so that runs/get-output can say it."""
    path = folder / "error.json"
    if not path.exists():
        reason = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        path.write_text(json.dumps({"error": f"The task's process {reason}.", "error_trace": ""}))


def read_output(folder: Path) -> dict[str, Any]:
    """What runs/get-output says about a task: its output, and the error if it failed."""
    output: dict[str, Any] = {"logs": "", "logs_truncated": False}
    with contextlib.suppress(FileNotFoundError), (folder / "output.log").open("rb") as log:
        size = log.seek(0, os.SEEK_END)
        log.seek(max(0, size - LOG_BYTES))
        output = {"logs": log.read().decode(errors="replace"), "logs_truncated": size > LOG_BYTES}
    with contextlib.suppress(FileNotFoundError):
        output |= json.loads((folder / "error.json").read_text())
    return output


class PlainProcess:
    """A Python process of its own."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def wait(self) -> int:
        """See TaskProcess."""
        return await self._process.wait()

    def kill(self) -> None:
        """See TaskProcess."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)


class PlainLauncher:
    """Starts a new Python per task; the event loop must run in the main thread, on whose life the tasks depend."""

    async def launch(self, folder: Path) -> PlainProcess:
        """See Launcher."""
        with (folder / "output.log").open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "local.databricks.task_process",
                str(folder),
                cwd=ROOT,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=die_with_parent,
            )
        return PlainProcess(process)
