"""All servers of the local stack, started together, watched, and stopped together."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any, Self

import yaml

from local.child import die_with_parent
from local.event_grid import EventGrid, endpoint
from local.home import PROJECT, Home
from local.topic import Topic
from shared import installation, opened
from shared.settings import Settings

START_SECONDS = 120
STOP_SECONDS = 8
WARM = "pandas,pyarrow,pyspark.sql,pyspark.sql.connect.session,mlflow,mlflow.pyfunc,mlflow.sklearn,sklearn.ensemble"
"""What every task imports: the local workspace has it ready, as a running cluster has."""


_interrupted = threading.Event()


def interrupt(_number: int, _frame: FrameType | None) -> None:
    """The handler of SIGINT and SIGTERM. Where Python cannot raise, as in what runs at a fork, it drops the exception:
    so it is remembered too, and raised at the next `Stack.check`.
    """
    _interrupted.set()
    raise KeyboardInterrupt


class ServerEndedError(Exception):
    """A server ended that should not have; names it and its log."""


class Server:
    """One server process: started with its ready line awaited, and gone when it is stopped."""

    def __init__(self, name: str, arguments: list[str], log: Path, environment: dict[str, str]) -> None:
        self.name = name
        self.log = log
        self._ready = threading.Event()
        with log.open("ab") as stderr:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *arguments],
                cwd=PROJECT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stderr,
                start_new_session=True,
                preexec_fn=die_with_parent,  # noqa: PLW1509 - one prctl call, and no thread holds a lock it needs
            )
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None  # noqa: S101 - it is a pipe, for the type checker
        with self.log.open("ab", buffering=0) as log:
            for line in self.process.stdout:
                if line.startswith(b"ready "):
                    self._ready.set()
                else:
                    log.write(line)

    @property
    def is_ready(self) -> bool:
        """Did it print its ready line?"""
        return self._ready.is_set()

    def check(self) -> None:
        """Raise ServerEndedError if it ended."""
        if self.process.poll() is not None:
            raise ServerEndedError(
                f"{self.name} (process {self.process.pid}) ended with {self.process.returncode}; the end of its log,"
                f" {self.log}:\n{_tail(self.log)}"
            )

    def stop(self) -> None:
        """Ask it to end; see `kill` for what follows."""
        if self.process.poll() is None:
            self.process.terminate()

    def kill(self, deadline: float) -> None:
        """Wait for its end until the deadline, then end its whole process group."""
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(max(0.1, deadline - time.monotonic()))
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


class Stack:
    """The front, the Service Bus broker, the workspace, MLflow, Spark, and the watched landing folder.

    Use as a context manager: whatever was started is stopped when it is left, however it is left.
    """

    def __init__(self, home: Home, say: Callable[[str], None], *, others_host: int = 0) -> None:
        """`others_host` is the port on which somebody else runs the functions, such as Core Tools; 0: we do."""
        self.home = home
        self._others_host = others_host
        self._say = say
        self._servers: list[Server] = []
        self._event_grid: EventGrid | None = None
        self._topic: Topic | None = None
        self.settings: Settings
        self.addresses: dict[str, str] = {}

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def _start(self) -> None:
        home, began = self.home, time.monotonic()
        ports = home.choose_ports() | ({"front": self._others_host} if self._others_host else {})
        self.settings = home.write_settings(ports)
        self.addresses = {
            name: f"{scheme}://127.0.0.1:{ports[name]}"
            for name, scheme in (
                ("front", "http"),
                ("service-bus", "sb"),
                ("databricks", "http"),
                ("mlflow", "http"),
                ("spark", "sc"),
                ("event-grid", "http"),
            )
        }
        folder = str(home.folder.resolve())
        key = self.settings.event_grid_topic_key.get_secret_value()
        self._topic = Topic(ports["event-grid"], key, home.folder / "event-grid-topic.db")
        servers = {
            "mlflow": ["local.mlflow_server", "--home", f"{folder}/mlflow"],
            "service-bus": [
                "local.servicebus", "--queues", str(PROJECT / "infra/queues.json"), "--db", f"{folder}/service-bus.db",
            ],
            "spark": ["local.spark"],
            "databricks": [
                "local.databricks", "--home", f"{folder}/databricks", "--warm", WARM,
            ],
            "front": ["local.host", str(PROJECT), "--settings", str(home.settings_file), "--home", f"{folder}/host"],
        }  # fmt: skip
        if self._others_host:
            del servers["front"]
            home.hand_over_settings()
        environment = self._environment()
        tokens = " ".join(f"{name}={token}" for name, token in home.workspaces(self.settings).items())
        for name, arguments in servers.items():
            Path(folder, name).parent.mkdir(exist_ok=True)
            own = {**environment, "LOCAL_WORKSPACES": tokens} if name == "databricks" else environment
            server = Server(name, [*arguments, "--port", str(ports[name])], home.log(name), own)
            self._servers.append(server)
        home.processes_file.write_text(json.dumps({each.name: each.process.pid for each in self._servers}))
        waiting = list(self._servers)
        while waiting:
            for server in [each for each in waiting if each.is_ready]:
                waiting.remove(server)
                self._say(f"{server.name:<12} {self.addresses[server.name]}  ({time.monotonic() - began:.1f} s)")
            self.check()
            if waiting and time.monotonic() > began + START_SECONDS:
                late = ", ".join(f"{each.name} (log: {each.log})" for each in waiting)
                raise ServerEndedError(f"not ready in {START_SECONDS} s: {late}")
            time.sleep(0.05)
        self._register()
        self._say(f"{'registered':<12} jobs, notifications, webhook  ({time.monotonic() - began:.1f} s)")
        self._event_grid = EventGrid(
            home.landing,
            self.settings.landing_url,
            endpoint(self.addresses["front"], "data_arrival"),
            home.folder / "event-grid.db",
        )
        self._event_grid.start()

    def _environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "PYTHONUNBUFFERED": "1",
            "MLFLOW_TRACKING_URI": self.addresses["mlflow"],
            "MLFLOW_REGISTRY_URI": self.addresses["mlflow"],
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "SPARK_REMOTE": self.addresses["spark"],
            "GIT_PYTHON_REFRESH": "quiet",
            **opened.storage_of(self.settings).object_store_environment(),
        }

    def _register(self) -> None:
        """What a deployment does once: the jobs, the notifications to us, the registry's webhook to us."""
        front = self.addresses["front"]
        jobs = job_settings(PROJECT / "ml/resources/jobs.yml")
        installation.ensure_jobs(self.settings, jobs, f"{front}/api/job-notification")
        installation.ensure_webhook(self.settings, f"{front}/api/registry-webhook/mlflow")

    def check(self) -> None:
        """Raise ServerEndedError if a server ended, KeyboardInterrupt if somebody asked to stop."""
        if _interrupted.is_set():
            raise KeyboardInterrupt
        for server in self._servers:
            server.check()

    def wait(self) -> None:
        """Until interrupted. Raises ServerEndedError."""
        while True:
            self.check()
            time.sleep(0.2)

    def stop(self) -> None:
        """Stop everything: the front first, so that it can finish what it holds while the others still answer."""
        for number in (signal.SIGINT, signal.SIGTERM):  # an impatient second Ctrl-C must not leave processes behind
            signal.signal(number, signal.SIG_IGN)
        if self._event_grid is not None:
            self._event_grid.stop()
        deadline = time.monotonic() + STOP_SECONDS
        front = [each for each in self._servers if each.name == "front"]
        others = [each for each in self._servers if each.name != "front"]
        for group in (front, others):
            for server in group:
                server.stop()
            for server in group:
                server.kill(deadline)
        if self._topic is not None:
            self._topic.stop()
            self._topic = None
        self._servers = []
        self.home.processes_file.unlink(missing_ok=True)


def job_settings(file: Path) -> dict[str, dict[str, Any]]:
    """The jobs of a Databricks Asset Bundle's resource file, as the Jobs API takes them."""
    loaded: dict[str, dict[str, Any]] = yaml.safe_load(file.read_text())["resources"]["jobs"]
    return loaded


def _tail(log: Path, lines: int = 15) -> str:
    return "\n".join(f"  {line}" for line in log.read_text(errors="replace").splitlines()[-lines:])
