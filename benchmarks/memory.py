"""A CSV of a gigabyte from landing to silver, and into quarantine: `python -m benchmarks.memory`.

Twenty mixed columns. One process checks, profiles and commits it; another, whose suite fails, checks it, sorts its rows
and keeps them apart. Printed are seconds by stage, and the peak of each process's memory. Exit code 1 above 1 GiB.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.quality import expect, generate, suite
from shared.domain.usecase import DataSpec

AT_MOST = 1024  # MiB
ROWS = 8_700_000  # of about 125 bytes


def main() -> int:
    """Make the file, run both, print what they took."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=ROWS, help="how many rows (about 1 GiB)")
    parser.add_argument("--memory", default="600MB", help="DuckDB's memory limit, as CHECK_MEMORY_LIMIT (600MB)")
    parser.add_argument("--run", metavar="WHICH", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.run:
        run(arguments.run, arguments.folder, arguments.memory)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        file = write(Path(folder), arguments.rows)
        print(f"{arguments.rows:,} rows, {file.stat().st_size / 2**30:.2f} GiB of CSV", flush=True)
        peaks = [measured(which, Path(folder), arguments.memory) for which in ("silver", "quarantine")]
    if too_much := [peak for peak in peaks if peak > AT_MOST]:
        print(f"MISSED: {too_much[0]} MiB, at most {AT_MOST} are the aim")
    return int(bool(too_much))


def write(folder: Path, rows: int) -> Path:
    """The data of the other benchmark, as it lands."""
    import duckdb

    generate(folder / "rows.parquet", rows)
    duckdb.sql(f"COPY (FROM '{folder / 'rows.parquet'}') TO '{folder / 'landed.csv'}' (FORMAT csv, HEADER)")
    (folder / "rows.parquet").unlink()
    return folder / "landed.csv"


def measured(which: str, folder: Path, memory: str) -> int:
    """One way, in a process of its own; its peak in MiB."""
    command = [sys.executable, "-m", "benchmarks.memory", "--run", which, "--folder", str(folder), "--memory", memory]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{which}: {done.stderr[-2000:]}")
    said = json.loads(done.stdout.splitlines()[-1])
    stages = ", ".join(f"{stage} {seconds:.1f} s" for stage, seconds in said["stages"].items())
    print(f"  into {which:<11} peak {said['peak']:>5} MiB   {stages}", flush=True)
    return int(said["peak"])


def run(which: str, folder: Path, memory: str) -> None:
    """What the step does, stage by stage."""
    from shared.adapters.delta import DeltaLake
    from shared.adapters.delta_quarantine import DeltaQuarantine
    from shared.adapters.duckdb_profiler import DuckdbProfiler
    from shared.adapters.failing_rows import RowSorter
    from shared.adapters.great_expectations import GreatExpectations

    stages: dict[str, float] = {}

    @contextmanager
    def stage(name: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        stages[name] = time.perf_counter() - began

    lenient = [{**one, "severity": "warning"} for one in suite()] + [expect("column_to_exist", column="id")]
    spec = DataSpec(
        arrives="landing/*.csv",
        expectations=json.dumps({"expectations": lenient if which == "silver" else suite()}),
        table="silver/t",
        partition_by="origin",
        columns={},
    )
    quality, lake = GreatExpectations(memory), DeltaLake(str(folder / which), memory)
    file = folder / "landed.csv"
    with stage("reading"):
        prepared = quality.prepared(file, spec)
        rows = prepared.__enter__()
    with stage("check"):
        report = quality.check(rows, spec)
    if which == "silver":
        with stage("profile"):
            DuckdbProfiler(memory, quality.one_at_a_time).profile(rows, spec, None)
        with stage("commit"):
            lake.commit(rows, spec, "story", 1)
    else:
        with stage("sorting"):
            sorting = RowSorter(memory, quality.one_at_a_time).sort_out(rows, spec, report)
            found = sorting.__enter__()
        if found is None:
            sys.exit("nothing was sorted")
        with stage("keeping"):
            DeltaQuarantine(lake, memory).keep(
                file, found.rows, location="quarantine/t/story", story="story", generation=1, reasons=report.reasons
            )
        sorting.__exit__(None, None, None)
    prepared.__exit__(None, None, None)
    print(json.dumps({"stages": stages, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}))


if __name__ == "__main__":
    sys.exit(main())
