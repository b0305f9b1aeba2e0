"""What the jobs run against in tests: a real MLflow server, Spark (Sail), a silver table; and a way to run them."""

import contextlib
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import duckdb
from deltalake import DeltaTable

from tests.contracts import preloaded

PROJECT = Path(__file__).parents[2]
ENDED_WITHIN = 120
READY_WITHIN = 120


@contextlib.contextmanager
def server(log: Path, *arguments: str) -> Iterator[str]:
    """A server that says `ready ADDRESS`; it has to end well within two seconds of SIGTERM (ten, if we are busy)."""
    with log.open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments], cwd=PROJECT, stdout=subprocess.PIPE, stderr=stderr, text=True
        )
    assert process.stdout is not None
    try:
        with ThreadPoolExecutor(1) as reader:
            said = reader.submit(process.stdout.readline)
            try:
                line = said.result(READY_WITHIN)
            except TimeoutError:
                process.kill()
                raise
        assert line.startswith("ready "), f"{arguments} said {line!r}; {log.read_text()}"
        yield line.split()[1]
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        assert process.stdout.read() == "", "it says one line, and no more"
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@dataclass(frozen=True)
class Ended:
    """How a job ended, and what it wrote."""

    code: int | None
    output: str


@dataclass(frozen=True, kw_only=True)
class Laptop:
    """Addresses, and jobs that run there; what needs Spark alone leaves MLflow out."""

    folder: Path
    spark: str
    mlflow: str = ""

    @property
    def silver(self) -> str:
        """Address of the silver table."""
        return str(self.folder / "lake/silver/flight_delays")

    @property
    def gold(self) -> str:
        """Address of the gold table."""
        return str(self.folder / "lake/gold/flight_delays")

    def run(self, *jobs: tuple[str, dict[str, str]]) -> list[Ended]:
        """Run the jobs at once, each in a process of its own that finds the heavy modules imported."""
        running = []
        for entry_point, parameters in jobs:
            output = self.folder / f"{time.monotonic_ns()}.log"
            arguments = [f"--{name}={value}" for name, value in parameters.items()]
            process = preloaded.start(_job, entry_point, arguments, str(output), self.environment())
            running.append((process, output))
        ended = []
        for process, output in running:
            process.join(ENDED_WITHIN)
            process.kill()
            process.join()
            ended.append(Ended(process.exitcode, output.read_text()))
        return ended

    def script(self, text: str, *arguments: str) -> str:
        """Run a Python script there, where warnings are only warnings; returns what it printed."""
        file = self.folder / "script.py"
        file.write_text(text)
        done = subprocess.run(
            [sys.executable, str(file), *arguments],
            env={**os.environ, **self.environment()},
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=ENDED_WITHIN,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def environment(self) -> dict[str, str]:
        """What a task finds."""
        return {
            "MLFLOW_TRACKING_URI": self.mlflow,
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "SPARK_REMOTE": self.spark,
            "GIT_PYTHON_REFRESH": "quiet",
        }


def _job(entry_point: str, arguments: list[str], output: str, environment: dict[str, str]) -> None:
    """In the job's process: as Databricks does it, with standard output and error in a file."""
    descriptor = os.open(output, os.O_WRONLY | os.O_CREAT)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.environ.update(environment)
    sys.argv = ["sluice_ml", *arguments]
    try:
        (found,) = distribution("sluice_ml").entry_points.select(name=entry_point)
        found.load()()
    except Exception:  # noqa: BLE001 - whatever it raises is how the job failed
        traceback.print_exc()
        sys.exit(1)


def rows(table: str, version: int | None = None, *, order: str = "ALL") -> list[tuple[Any, ...]]:
    """All rows of a Delta table, read without Spark."""
    files = DeltaTable(table, version=version).file_uris()
    with duckdb.connect() as db:
        found = db.read_parquet(files, hive_partitioning=True)
        return found.order(order).fetchall()
