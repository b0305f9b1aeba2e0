"""Sluice in a world in memory, and what carries messages between them: at least once, in any order, or never."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from shared.adapters.memory import MemoryLedger, MemoryOutbox
from shared.bootstrap import wire
from shared.dispatch import Sluice
from shared.domain import identity
from shared.domain import story as stories
from shared.domain.commands import Command
from shared.domain.facts import Fact
from shared.domain.policy import Policy, Rule
from shared.domain.prediction import Summary
from shared.domain.usecase import DataSpec, GateSpec, ScoringSpec, TrainingSpec, UseCase, UseCases
from shared.domain.verdicts import RunResult
from shared.ports import Run
from shared.settings import Settings
from shared.steps.batch_ports import BatchPorts
from shared.wire import documents
from shared.wire.event_grid import BLOB_CREATED
from tests.ports import (
    LANDING_URL,
    CrashError,
    FakeClock,
    MemoryAnnouncer,
    MemoryCheckJob,
    MemoryDocuments,
    MemoryJobs,
    MemoryLake,
    MemoryLanding,
    MemoryProfiler,
    MemoryProfiles,
    MemoryQuality,
    MemoryQuarantine,
    MemoryRegistry,
    MemoryServing,
    MemorySorting,
)

SECRET, USER, PASSWORD = "webhook-secret", "sluice", "notification-password"
MODEL, SLOT, WORKSPACE = "flight_delays", "champion", "ws1"
AFTER = timedelta(minutes=5)
BATCH = "origin,x\nEWR,1\nJFK,2\nJFK,3\n"

SETTINGS = Settings.model_validate(
    {
        "LANDING_URL": LANDING_URL,
        "LANDING_ROOT": "memory://landing",
        "LAKE_ROOT": "memory://lake",
        "LEDGER": "sqlite:///none",
        "SERVICE_BUS": "none",
        "MLFLOW_TRACKING_URI": "http://127.0.0.1:1",
        "DATABRICKS_HOST": "http://127.0.0.1:1",
        "DATABRICKS_WORKSPACE": WORKSPACE,
        "REGISTRY_WEBHOOK_SECRET": SECRET,
        "DATABRICKS_WEBHOOK_SECRET": SECRET,
        "RELAY_SECRET": SECRET,
        "JOB_NOTIFICATION_USER": USER,
        "JOB_NOTIFICATION_PASSWORD": PASSWORD,
        "RECONCILE_AFTER_SECONDS": str(AFTER.total_seconds()),
    }
)

USE_CASE = UseCase(
    name="flight_delays",
    folder="/usecases/flight_delays",
    data=DataSpec(
        arrives="landing/flights/*.csv",
        expectations="",
        table="silver/flight_delays",
        partition_by="origin",
        columns={},
    ),
    training=TrainingSpec(job="sluice-train", model=MODEL),
    gate=GateSpec(
        policy=Policy(
            rules=(
                Rule(name="accurate_enough", why="", metric="rmse", at_most=Decimal(30)),
                Rule(name="no_worse", why="", metric="rmse", at_most_percent_worse=Decimal(1)),
            ),
            fingerprint="a1b2c3d4e5f6",
        ),
        slot=SLOT,
    ),
    scoring=ScoringSpec(job="sluice-score", table="gold/flight_delays", part_by="origin"),
)


@dataclass
class Delivery:
    """Something on its way to Sluice; `what` names it without ids that differ from run to run."""

    what: str
    hand_over: Callable[[], None]


class World:
    """Everything around one Sluice. What is on its way stands in `pending`, until `deliver` hands it over."""

    def __init__(
        self,
        proxy: Callable[[Any], Any] = lambda port: port,
        *,
        copies: int = 1,
        use_case: UseCase = USE_CASE,
        announcer: MemoryAnnouncer | None = None,
    ) -> None:
        self.clock, self.quality, self.lake = FakeClock(), MemoryQuality(), MemoryLake()
        self.landing = MemoryLanding(self.clock)
        self.quarantine, self.profiles = MemoryQuarantine(), MemoryProfiles()
        self.documents = MemoryDocuments()
        self.check_job = MemoryCheckJob(self.landing, self.quarantine, self.lake)
        self.ledger, self.outbox = MemoryLedger(), MemoryOutbox()
        self.jobs = MemoryJobs(WORKSPACE, ["sluice-check", "sluice-train", "sluice-score"])
        self.serving = MemoryServing()
        self.registry = MemoryRegistry(listener=self._webhook)
        self.jobs.on_success = self._worked
        self.rmse, self.champion_rmse, self.predicted = 20.0, 21.0, 6.0
        self.pending: list[Delivery] = []
        self._copies = copies
        self._taken = 0
        self._deliveries = 0
        self._proxy, self.requester, self.announcer = proxy, "", announcer
        self.wire(use_case)

    def wire(self, use_case: UseCase) -> None:
        """Sluice starts, as if anew, with that use case."""
        proxy = self._proxy
        ledger, job = proxy(self.ledger), proxy(self.check_job)
        self.sluice: Sluice = wire(
            SETTINGS,
            use_cases=UseCases.of(use_case),
            batch=BatchPorts(
                ledger=ledger,
                journals=ledger,
                approvals=ledger,
                landing=proxy(self.landing),
                quality=proxy(self.quality),
                sorting=proxy(MemorySorting()),
                quarantine=proxy(self.quarantine),
                profiler=proxy(MemoryProfiler()),
                profiles=proxy(self.profiles),
                lake=proxy(self.lake),
                documents=proxy(self.documents),
                runs=job,
                reads=job,
                files=job,
                jobs=proxy(self.jobs),
                clock=self.clock,
            ),
            parking=ledger,
            tally=ledger,
            outbox=proxy(self.outbox),
            serving=proxy(self.serving),
            registry=proxy(self.registry),
            artefacts=self.registry,
            announcer=proxy(self.announcer) if self.announcer else None,
        )

    # What happens in the world

    def land(self, name: str = "flights/2013-01.csv", content: str = BATCH) -> str:
        """A file lands and Event Grid says so; the id of the story that should follow."""
        url, etag = self.landing.put(name, content)
        self.announce(name, url, etag, len(content))
        return identity.story_of_arrival(f"landing/{name}", etag)

    def announce(self, name: str, url: str, etag: str, size: int) -> None:
        data = {"api": "PutBlob", "url": url, "eTag": etag, "contentLength": size}
        self._on_its_way(f"event {name}", lambda: self.sluice.event(f"event-of-{etag}", BLOB_CREATED, data))

    def end_runs(self, result: RunResult = RunResult.SUCCEEDED, message: str = "") -> int:
        """Every run that still runs ends, and its notification is sent; how many they were."""
        running = self.jobs.running
        for run in running:
            self.end(run.job_run_id, result, message)
        return len(running)

    def end(self, job_run_id: int, result: RunResult = RunResult.SUCCEEDED, message: str = "") -> None:
        self.jobs.end(job_run_id, result, message)
        run = self.jobs.run(WORKSPACE, job_run_id)
        what = f"notification {run.job} {run.parameters.get('part', run.parameters.get('generation'))}"
        self.notify(job_run_id, what)

    def notify(self, job_run_id: int, what: str = "notification") -> None:
        authorization = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        body = json.dumps({"event_type": "jobs.on_success", "run": {"run_id": job_run_id}}).encode()
        self._on_its_way(what, lambda: self.sluice.job_notification(authorization, body))

    def _worked(self, run: Run) -> None:
        asked = run.parameters
        if run.job == "sluice-check":
            self.check_job.work(run)
            return
        if run.job == "sluice-score":
            self.lake.replace_part(
                self.lake.table_of(asked["gold"]),
                asked["part"],
                source=self.lake.table_of(asked["table"]),
                delta_version=int(asked["delta_version"]),
                model_version=asked["model_version"],
            )
            place = self.lake.table_of(asked["summary"])
            self.lake.summaries[place] = Summary(rows=100, mean=self.predicted, deviation=10.0)
            return
        trained = self.registry.models.get(asked["model"], {}).values()
        if any(one.tags.get("sluice.story") == asked["story"] for one in trained):
            return  # a run before this one registered it, and was lost then
        champion = asked["champion_version"]
        self.registry.register(
            asked["model"],
            tags={
                "sluice.story": asked["story"],
                "sluice.job_run_id": str(run.job_run_id),
                "sluice.champion_version": champion,
                **({"sluice.requester": self.requester} if self.requester else {}),
            },
            metrics={"rmse": self.rmse, **({"champion.rmse": self.champion_rmse} if champion else {})},
            run_id=f"mlflow-{run.job_run_id}",
        )

    def _webhook(self, entity: str, action: str, data: dict[str, str]) -> None:
        self._deliveries += 1
        delivery_id = f"delivery-{self._deliveries}"
        body = json.dumps({"entity": entity, "action": action, "timestamp": "", "data": data}).encode()
        what = f"webhook {entity}.{action} {data.get('version', '')}"
        self._on_its_way(what, lambda: self.sluice.registry_delivery(self._signed(delivery_id, body), body))

    def _signed(self, delivery_id: str, body: bytes) -> dict[str, str]:
        timestamp = str(int(self.clock.now().timestamp()))
        signed = hmac.new(SECRET.encode(), f"{delivery_id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
        return {
            "X-MLflow-Delivery-Id": delivery_id,
            "X-MLflow-Timestamp": timestamp,
            "X-MLflow-Signature": "v1," + base64.b64encode(signed).decode(),
        }

    # What carries messages

    def _on_its_way(self, what: str, hand_over: Callable[[], None]) -> None:
        self.pending += [Delivery(what, hand_over)] * self._copies

    def collect(self) -> None:
        """What Sluice sent since is on its way."""
        for command in self.outbox.sent[self._taken :]:
            self._on_its_way(_name(command), partial(self.hand_over, command))
        self._taken = len(self.outbox.sent)

    def hand_over(self, command: Command) -> None:
        """The queue delivers the command."""
        body = documents.encode_command(command)
        self.sluice.message(command.queue, command.message_id, body, command.story)

    def deliver(self, index: int = 0, *, drop: str = "") -> str:
        """Hand over one of `pending`; what crashes comes again, after everything else. Returns what it was."""
        delivery = self.pending.pop(index)
        if delivery.what != drop:
            try:
                delivery.hand_over()
            except CrashError:
                self.pending.append(delivery)
        self.collect()
        return delivery.what

    def run(self, *, drop: str = "", choose: Callable[[int], int] = lambda _: 0, runs_end: bool = True) -> list[str]:
        """Until nothing is on its way and no run runs; what was delivered. `drop` is lost on the way, once."""
        delivered: list[str] = []
        while self.pending or (runs_end and self.jobs.running):
            index = choose(len(self.pending) + (len(self.jobs.running) if runs_end else 0))
            if index < len(self.pending):
                delivered.append(self.deliver(index, drop=drop))
                drop = "" if delivered[-1] == drop else drop
            else:
                self.end(self.jobs.running[index - len(self.pending)].job_run_id)
        return delivered

    def sweep_until_quiet(self, **options: Any) -> int:
        """Sweep, and deliver what it sends, until it sends nothing; how often it sent something."""
        for times in range(20):
            self.clock.advance(AFTER)
            before = len(self.outbox.sent)
            while True:
                try:
                    self.sluice.sweep()
                    break
                except CrashError:
                    continue
            self.collect()
            if len(self.outbox.sent) == before:
                return times
            self.run(**options)
        raise AssertionError(f"the sweep never comes to rest: {self.outbox.sent[-3:]}")

    # What is there now

    def story(self, story: str) -> list[Fact]:
        return list(self.ledger.story(story))

    def kinds(self, story: str) -> list[str]:
        return [fact.kind for fact in self.ledger.story(story)]

    def keys(self, story: str) -> set[str]:
        return {fact.key for fact in self.ledger.story(story)}

    def last[Kind: Fact](self, story: str, kind: type[Kind]) -> Kind:
        found = stories.last(self.ledger.story(story), kind)
        assert found is not None, f"{kind.__name__} is not in {self.kinds(story)}"
        return found


def _name(command: Command) -> str:
    cause = "" if command.cause.startswith("delivery") else command.cause
    return " ".join(part for part in (command.kind, *command.names, cause) if part)


class CrashAfter:
    """Makes ports that die after the nth call to any of them: its effect is there, its answer is not."""

    def __init__(self, calls: int) -> None:
        self.left = calls
        self.crashed = ""

    def proxy(self, port: object) -> Any:
        return _Dying(port, self)


class _Dying:
    def __init__(self, port: object, fate: CrashAfter) -> None:
        self._port, self._fate = port, fate

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._port, name)

        def call(*arguments: Any, **named: Any) -> Any:
            answer = method(*arguments, **named)
            self._fate.left -= 1
            if self._fate.left == 0:
                self._fate.crashed = f"{type(self._port).__name__}.{name}"
                raise CrashError(self._fate.crashed)
            return answer

        return call
