"""What the whole path costs over the bare model: `python -m benchmarks.overhead`.

A local stack learns from January, then scores a year of flights three times over (1,010,328 rows, each in a year of its
own) by message: plan, parts, runs on Spark, gold. Beside it, in turns, one process applies the same model version to
the same Parquet files and writes the result as a Delta table. Printed are the ratio, and where the path's time goes.
Exit code 1 where a row of gold is not what the one process says.
"""

import argparse
import math
import os
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import mlflow.pyfunc
from databricks.sdk import WorkspaceClient
from deltalake import DeltaTable, write_deltalake

from local import flights
from local.event_grid import blob_created, deliver, endpoint, land
from local.home import Home
from local.stack import Stack
from shared import bootstrap, usecase
from shared.adapters.service_bus import ServiceBusOutbox, from_connection_string
from shared.domain import facts as f
from shared.domain import identity
from shared.domain import story as stories
from shared.domain.commands import PlanScoring
from shared.domain.usecase import UseCase
from shared.opened import lake_of
from shared.ports import Ledger
from sluice_ml import schemas

YEARS = (2013, 2014, 2015)
PATIENCE = 600.0  # seconds
INSIDE = ("model", "gold", "summary")
WORDS = {
    "plan": "message, plan",
    "start": "parts sent and started",
    "imports": "the job's process: imports, Spark session",
    "model": "model fetched, its example answered",
    "gold": "read, predicted, written to gold",
    "summary": "summary of the predictions",
    "count_in": "notification, count in, end recorded",
    "whole": "in all",
}
KEY = ["year", "month", "day", "carrier", "flight", "origin"]


@dataclass(frozen=True, kw_only=True)
class Stages:
    """Seconds of one scoring by the whole path. Those within a run are the slowest part's: parts run side by side."""

    plan: float
    start: float
    imports: float
    model: float
    gold: float
    summary: float
    count_in: float
    whole: float


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; 0 if gold is right."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.overhead", description=__doc__)
    parser.add_argument("--rounds", type=int, default=2, help="of both, in turns (default: %(default)s)")
    rounds = parser.parse_args(arguments).rounds
    os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"
    with tempfile.TemporaryDirectory() as name:
        home = Home(Path(name) / "home")
        with home.locked(), Stack(home, lambda line: print(f"  {line}", flush=True)) as stack:
            return _compare(stack, Path(name), rounds)


def _compare(stack: Stack, folder: Path, rounds: int) -> int:
    settings = stack.settings
    lake, ledger = lake_of(settings), bootstrap.ledger_of(settings)
    (use_case,) = usecase.load(Path(settings.use_cases)).all
    _learn(stack, ledger, folder)
    _fill(stack, use_case, folder)
    silver, gold = lake.uri(use_case.data.table), lake.uri(use_case.scoring.table)
    table = DeltaTable(silver)
    print(f"silver: version {table.version()} in {len(table.file_uris())} files", flush=True)
    ours: list[Stages] = []
    bare: list[float] = []
    for turn in range(rounds):
        ours.append(_score(stack, ledger, use_case, f"{turn:016x}"))
        bare.append(_apply(stack, silver, str(folder / f"bare-{turn}")))
        print(f"round {turn + 1}: the whole path {ours[-1].whole:.1f} s, one process {bare[-1]:.1f} s", flush=True)
    rows, wrong = _differences(gold, str(folder / "bare-0"))
    ratio = statistics.median(mine.whole / its for mine, its in zip(ours, bare, strict=True))
    print(f"\n{rows:,} rows, {wrong} of them not what the one process says; ratio {ratio:.1f}")
    for stage, words in WORDS.items():
        print(f"  {statistics.median(getattr(one, stage) for one in ours):6.1f} s  {words}")
    return 1 if wrong or not rows else 0


def _learn(stack: Stack, ledger: Ledger, folder: Path) -> None:
    """January lands, and what it trains becomes champion."""
    target = land(flights.month(1, folder), stack.home.landing, "flights/2013-01.csv")
    event = blob_created(target, stack.home.landing, stack.settings.landing_url)
    deliver(endpoint(stack.addresses["front"], "data_arrival"), event)
    _finished(stack, ledger, identity.story_of_arrival("landing/flights/2013-01.csv", event["data"]["eTag"]))


def _fill(stack: Stack, use_case: UseCase, folder: Path) -> None:
    """The other months, and the whole year again as the next ones."""
    header, *lines = "".join(path.read_text() for path in flights.months(flights.MONTHS, folder)).splitlines()
    lines = [line for line in lines if line != header]
    for year in YEARS:
        rows = [line for line in lines if year != flights.YEAR or not line.startswith(f"{flights.YEAR},1,")]
        file = folder / f"{year}.csv"
        file.write_text("\n".join([header, *(f"{year}{line[4:]}" for line in rows), ""]))
        lake_of(stack.settings).commit(file, use_case.data, f"filled-{year}", 1)


def _score(stack: Stack, ledger: Ledger, use_case: UseCase, story: str) -> Stages:
    settings = stack.settings
    outbox = ServiceBusOutbox(
        partial(from_connection_string, settings.service_bus.get_secret_value()), settings.queue_name
    )
    began = time.time()
    outbox.send([PlanScoring(story=story, use_case=use_case.name, model=use_case.training.model, version="1")])
    finished = _finished(stack, ledger, story)
    told = ledger.story(story)
    (planned,), started = stories.of_kind(told, f.ScoringPlanned), stories.of_kind(told, f.PartStarted)
    host, token = settings.workspaces[settings.databricks_workspace]
    client = WorkspaceClient(host=host, token=token)
    runs = [client.jobs.get_run(one.job_run_id) for one in started]
    slowest = max(runs, key=lambda run: run.end_time or 0)
    said = client.jobs.get_run_output((slowest.tasks or [])[0].run_id or 0).logs or ""
    model, gold, summary = (float(re.findall(rf"{stage} ([0-9.]+) s", said)[-1]) for stage in INSIDE)
    running = ((slowest.end_time or 0) - (slowest.start_time or 0)) / 1000
    planned_at = planned.at.timestamp()
    return Stages(
        plan=planned_at - began,
        start=(slowest.start_time or 0) / 1000 - planned_at,
        imports=running - model - gold - summary,
        model=model,
        gold=gold,
        summary=summary,
        count_in=finished - (slowest.end_time or 0) / 1000,
        whole=finished - began,
    )


def _finished(stack: Stack, ledger: Ledger, story: str) -> float:
    """When its scoring was over. Raises TimeoutError."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        stack.check()
        if finished := stories.last(ledger.story(story), f.ScoringFinished):
            return finished.at.timestamp()
        time.sleep(0.05)
    raise TimeoutError(f"story {story} is not scored after {PATIENCE:.0f} s: {ledger.story(story)}")


def _apply(stack: Stack, silver: str, target: str) -> float:
    """Fetch the model, read silver, predict, write: as one does in a notebook without Spark."""
    began = time.perf_counter()
    mlflow.set_tracking_uri(stack.addresses["mlflow"])
    model = mlflow.pyfunc.load_model("models:/flight_delays/1")
    inputs = schemas.of_model(model.metadata, "flight_delays@1")
    frame = DeltaTable(silver).to_pandas()
    scored = frame[KEY].assign(prediction=model.predict(schemas.conform(frame, inputs)))
    write_deltalake(target, scored, partition_by=["origin"])
    return time.perf_counter() - began


def _differences(gold: str, bare: str) -> tuple[int, int]:
    """Rows of gold, and how many are not as the other says."""
    both = [
        DeltaTable(each).to_pandas()[[*KEY, "prediction"]].sort_values(KEY, ignore_index=True) for each in (gold, bare)
    ]
    mine, its = both
    if len(mine) != len(its) or not mine[KEY].equals(its[KEY]):
        return len(mine), max(len(mine), len(its))
    pairs = zip(mine["prediction"], its["prediction"], strict=True)
    same = sum(
        math.isclose(one, other, rel_tol=1e-9) or (math.isnan(one) and math.isnan(other)) for one, other in pairs
    )
    return len(mine), len(mine) - same


if __name__ == "__main__":
    sys.exit(main())
