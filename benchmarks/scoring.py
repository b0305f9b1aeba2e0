"""Thousands of parts, from plan to end, while what carries them dies: `python -m benchmarks.scoring`.

The real broker and the real front; the workspace is a stub whose tasks do nothing. Twice on the way each of the two is
killed (kill -9) and started again; 1 % of the tasks are lost once; 5 % of the messages come twice, under another id,
and so do 5 % of the notifications; what is told while the front is down is told to nobody. Exit code 1 unless every
part was counted in, no run was started that need not be, nothing is left or parked, and the front's memory is flat.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from benchmarks.stub_workspace import StubWorkspace
from local.child import die_with_parent
from local.home import free_port
from shared import bootstrap
from shared.adapters.service_bus import ServiceBusOutbox, from_connection_string
from shared.domain import facts as f
from shared.domain import identity
from shared.domain import story as stories
from shared.domain.commands import PlanScoring, ScorePart
from shared.ports import Ledger
from shared.settings import Settings
from shared.views.progress import Progress, progress_of, progress_text

PROJECT = Path(__file__).parents[1]
STORY, PASSWORD = "0123456789abcdef", "benchmark"
LOSING, DOUBLING = 0.01, 0.05
BETWEEN_LINES = 15.0  # seconds
WARM_AT = 0.7
KILLED_AT = ((0.2, "front"), (0.4, "broker"), (0.6, "front"), (0.8, "broker"))
GROWTH, LONG = 1.25, 5_000
"""The front's memory at the end, as a multiple of what it was when its last life had scored a tenth of all parts; of
fewer parts than these, that life is too short to say anything.
"""


class Served:
    """A server of the local stack that can die and be started again, on the same port with the same state."""

    def __init__(self, log: Path, *arguments: str) -> None:
        self._log, self._arguments = log, arguments
        self.start()

    def start(self) -> None:
        """Until it accepts connections."""
        with self._log.open("a") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *self._arguments],
                cwd=PROJECT,
                stdout=subprocess.PIPE,
                stderr=output,
                text=True,
                preexec_fn=die_with_parent,  # noqa: PLW1509 - it calls prctl and nothing else
            )
        assert self.process.stdout is not None  # noqa: S101 - it is a pipe
        if not self.process.stdout.readline().startswith("ready "):
            raise SystemExit(f"{self._arguments[0]} did not start:\n{self._log.read_text()[-2000:]}")

    def kill(self) -> None:
        """Without a warning; and up again."""
        self.end(signal.SIGKILL)
        self.start()

    def end(self, how: signal.Signals = signal.SIGTERM) -> None:
        """And wait for it."""
        self.process.send_signal(how)
        self.process.wait()

    @property
    def megabytes(self) -> float:
        """Its resident memory."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024


def settings_file(folder: Path, *, broker: int, workspace: str) -> Path:
    """The sample settings, with this run's places; the stub answers for the registry too: there is no model."""
    values = json.loads((PROJECT / "local.settings.sample.json").read_text())["Values"]
    connection = f"Endpoint=sb://127.0.0.1:{broker};SharedAccessKeyName=k;SharedAccessKey=s;UseDevelopmentEmulator=true"
    values |= {"SERVICE_BUS": connection, "LEDGER": f"sqlite:///{folder}/ledger.db", "LAKE_ROOT": f"{folder}/lake"}
    values |= {"MLFLOW_TRACKING_URI": workspace, "DATABRICKS_HOST": workspace, "DATABRICKS_TOKEN": PASSWORD}
    values |= {"SCORING_WORKSPACES": f"ws2={workspace}", "JOB_NOTIFICATION_PASSWORD": PASSWORD}
    file = folder / "local.settings.json"
    file.write_text(json.dumps({"IsEncrypted": False, "Values": values}))
    return file


def lay_down(folder: Path, parts: int) -> None:
    """Silver with so many partitions of one row; gold is not there, as nobody writes it."""
    from arro3.core import Array, DataType, Table
    from deltalake import write_deltalake

    names = Array([f"P{number:05}" for number in range(parts)], DataType.utf8())
    rows = Table({"origin": names, "row": Array(list(range(parts)), DataType.int64())})
    write_deltalake(f"{folder}/lake/silver/flight_delays", rows, partition_by=["origin"])


def begin(ledger: Ledger, outbox: ServiceBusOutbox) -> None:
    """A version was promoted, and scores."""
    told = (
        replace(f.DataArrived.example(), story=STORY),
        replace(f.DataCommitted.example(), story=STORY, delta_version=0),
        replace(f.VersionRegistered.example(), story=STORY),
        replace(f.VersionPromoted.example(), story=STORY),
    )
    ledger.record(told)
    outbox.send([PlanScoring(story=STORY, use_case="flight_delays", model="flight_delays", version="1")])


def twice(ledger: Ledger, parts: int) -> list[ScorePart]:
    """Messages that come again, under an id that the broker has not seen."""
    plan = stories.of_kind(ledger.story(STORY), f.ScoringPlanned)[0]
    names = [f"P{number:05}" for number in range(0, parts, round(1 / DOUBLING))]
    again: list[ScorePart] = []
    for name in names:
        shard = plan.parts[int(name[1:]) // plan.shard_size]
        own = identity.shard_plan(plan.plan, shard)
        story = identity.story_of_plan(STORY, own)
        again.append(ScorePart(story=story, cause="doubled", use_case="flight_delays", plan=own, part=name))
    return again


def wrong(ledger: Ledger, workspace: StubWorkspace, parts: int) -> list[str]:
    """What is not as it should be, read from the ledger and the workspace."""
    found: list[str] = []
    plan = stories.of_kind(ledger.story(STORY), f.ScoringPlanned)[0]
    shards = [identity.story_of_plan(STORY, identity.shard_plan(plan.plan, shard)) for shard in plan.parts]
    scored = [one.part for story in shards for one in stories.of_kind(ledger.story(story), f.PartScored)]
    if sorted(scored) != [f"P{number:05}" for number in range(parts)]:
        found.append(f"{len(scored)} parts counted in, {len(set(scored))} of them different, of {parts}")
    needless = sum(workspace.started.values()) - parts - len(workspace.lost)
    if needless:
        found.append(f"{needless} runs started that need not be")
    if unsettled := ledger.unsettled():
        found.append(f"{len(unsettled)} stories are unsettled")
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; 0 if nothing was lost or doubled."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scoring", description=__doc__)
    parser.add_argument("--parts", type=int, default=10_000, help="(default: %(default)s)")
    parser.add_argument("--patience", type=float, default=1800, metavar="SECONDS", help="(default: %(default)s)")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        return measure(Path(name), options.parts, options.patience)


def measure(folder: Path, parts: int, patience: float) -> int:
    """One run in a folder of its own."""
    front_port, broker_port = free_port(), free_port()
    workspace = StubWorkspace(f"http://127.0.0.1:{front_port}", "sluice", PASSWORD, losing=LOSING, doubling=DOUBLING)
    lay_down(folder, parts)
    file = settings_file(folder, broker=broker_port, workspace=workspace.address)
    settings = Settings.load(file)
    queues = ("--queues", str(PROJECT / "infra/queues.json"), "--db", str(folder / "service-bus.db"))
    broker = Served(folder / "broker.log", "local.servicebus", "--port", str(broker_port), *queues)
    host = ("local.host", str(PROJECT), "--port", str(front_port), "--settings", str(file))
    front = Served(folder / "front.log", *host, "--home", str(folder / "host"), "--log-level", "error")
    ledger = bootstrap.ledger_of(settings)
    outbox = ServiceBusOutbox(
        partial(from_connection_string, settings.service_bus.get_secret_value()), settings.queue_name
    )
    began = time.monotonic()
    begin(ledger, outbox)
    memory, progress = carry(front, broker, (ledger, outbox), parts, began + patience)
    elapsed = time.monotonic() - began
    front.end()
    broker.end()
    faults = wrong(ledger, workspace, parts)
    faults += [f"parked: {one.message_id}: {one.detail}" for one in ledger.parked()]
    if parts >= LONG and memory[-1] > GROWTH * memory[0]:
        faults.append(f"the front's memory grew from {memory[0]:.0f} to {memory[-1]:.0f} MB")
    print(f"{parts:,} parts in {elapsed:.0f} s: {parts / elapsed:.0f} a second, {os.cpu_count()} cores")
    print(f"{len(workspace.lost)} lost once, {workspace.doubled} notifications twice, {workspace.untold} never told")
    print(f"front killed twice, broker killed twice; front's memory {memory[0]:.0f} MB, at the end {memory[-1]:.0f} MB")
    print(f"counted in: {progress.done if progress else 0:,} of {parts:,}; wrong: {'; '.join(faults) or 'nothing'}")
    return 1 if faults else 0


def carry(
    front: Served, broker: Served, seen: tuple[Ledger, ServiceBusOutbox], parts: int, deadline: float
) -> tuple[list[float], Progress | None]:
    """Until all is done, killing on the way; the memory of the front's last life, and how far it came."""
    (ledger, outbox), kills, memory, doubled, said = seen, list(KILLED_AT), [0.0], False, 0.0
    progress: Progress | None = None
    while time.monotonic() < deadline:
        progress = progress_of(ledger.story(STORY), ledger.story, now=datetime.now(UTC))
        share = progress.done / parts if progress else 0.0
        if progress and not doubled:
            outbox.send(twice(ledger, parts))
            doubled = True
        if progress and time.monotonic() - said > BETWEEN_LINES:
            print(progress_text(progress), flush=True)
            said = time.monotonic()
        if kills and share >= kills[0][0]:
            _, what = kills.pop(0)
            print(f"  kill -9 of the {what}", flush=True)
            (front if what == "front" else broker).kill()
        if share >= WARM_AT:
            memory = [*(one for one in memory if one), front.megabytes]
        if share == 1 and not ledger.unsettled():
            break
        time.sleep(min(3.0, 0.5 + parts / 5000))
    return memory, progress


if __name__ == "__main__":
    sys.exit(main())
