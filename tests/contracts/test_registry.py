"""The registry's adapter and the sweep, against the real MLflow server with no webhook registered."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from mlflow import MlflowClient

from shared.adapters import mlflow_webhooks
from shared.adapters.memory import MemoryLedger
from shared.adapters.mlflow import MlflowRegistry
from shared.bootstrap import wire
from shared.dispatch import Sluice
from shared.domain import facts as f
from shared.domain import identity
from shared.domain.commands import Command
from shared.domain.usecase import SlotKind, UseCase, UseCases
from shared.errors import Refused
from shared.steps.batch_ports import BatchPorts
from shared.steps.roll_back import history
from shared.wire.documents import encode_command
from tests.contracts.ml_laptop import server
from tests.ports import (
    FakeClock,
    MemoryCheckJob,
    MemoryDocuments,
    MemoryJobs,
    MemoryLake,
    MemoryLanding,
    MemoryProfiler,
    MemoryProfiles,
    MemoryQuality,
    MemoryQuarantine,
    MemoryServing,
    MemorySorting,
    measured,
)
from tests.world import SETTINGS, SLOT, USE_CASE, WORKSPACE


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("registry")


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    with server(folder / "mlflow.log", "local.mlflow_server", "--home", str(folder / "mlflow")) as at:
        yield at


@pytest.fixture(scope="module")
def client(address: str) -> MlflowClient:
    return MlflowClient(tracking_uri=address, registry_uri=address)


class Swept:
    """A control plane with the real registry, whose messages go round in this process. It hears of nothing."""

    def __init__(self, client: MlflowClient, address: str, slot: str = SLOT) -> None:
        self.model = f"model_{uuid4().hex[:8]}"
        kind = SlotKind.STAGE if slot == "Production" else SlotKind.ALIAS
        self.use_case: UseCase = replace(
            USE_CASE,
            training=replace(USE_CASE.training, model=self.model),
            gate=replace(USE_CASE.gate, slot=slot, slot_kind=kind),
        )
        self.slot, self._client = slot, client
        self.ledger, self.clock = MemoryLedger(), FakeClock()
        self.lake, landing, quarantine = MemoryLake(), MemoryLanding(), MemoryQuarantine()
        check_job = MemoryCheckJob(landing, quarantine, self.lake)
        stages = {(self.model, slot)} if kind is SlotKind.STAGE else set()
        self.registry = MlflowRegistry(address, stages)
        self._queue: list[Command] = []
        self.sluice: Sluice = wire(
            SETTINGS,
            use_cases=UseCases.of(self.use_case),
            batch=BatchPorts(
                ledger=self.ledger,
                journals=self.ledger,
                approvals=self.ledger,
                landing=landing,
                quality=MemoryQuality(),
                sorting=MemorySorting(),
                profiler=MemoryProfiler(),
                profiles=MemoryProfiles(),
                quarantine=quarantine,
                lake=self.lake,
                documents=MemoryDocuments(),
                runs=check_job,
                reads=check_job,
                files=check_job,
                jobs=MemoryJobs(WORKSPACE, ["sluice-train", "sluice-score"]),
                clock=self.clock,
            ),
            parking=self.ledger,
            tally=self.ledger,
            outbox=self,
            serving=MemoryServing(),
            registry=self.registry,
            artefacts=self.registry,
        )
        client.create_registered_model(self.model)

    def send(self, commands: Any) -> None:
        self._queue += [one for one in commands if one.queue == "registry-events"]

    def resend(self, *_: object, **__: object) -> None:
        raise NotImplementedError

    def sweep(self) -> int:
        """Sweep once, and do what it asks for; how much that was."""
        self.clock.advance(timedelta(minutes=10))
        self.sluice.sweep()
        return self.deliver()

    def deliver(self) -> int:
        sent = list(self._queue)
        self._queue.clear()
        for command in sent:
            self.sluice.message(command.queue, command.message_id, encode_command(command), command.story)
        return len(sent)

    def trained(self, number: int, champion: str = "", rmse: float = 20.0) -> str:
        """A version that a training of ours registered, with a run that has its numbers."""
        story, client = f"{number:x}" * 16, self._client
        examples = [
            f.DataArrived.example(),
            f.DataCommitted.example(),
            replace(f.TrainingStarted.example(), job_run_id=1000 + number, champion_version=champion),
        ]
        self.ledger.record([replace(one, story=story, at=self.clock.now()) for one in examples])
        run = client.create_run("0")
        client.log_metric(run.info.run_id, "rmse", rmse)
        for name, value in measured(champion).items():
            client.log_param(run.info.run_id, name, value)
        if champion:
            client.log_metric(run.info.run_id, "champion.rmse", 21.0)
        client.set_terminated(run.info.run_id)
        tags = {
            "sluice.story": story,
            "sluice.job_run_id": str(1000 + number),
            "sluice.champion_version": champion,
        }
        found = client.create_model_version(
            self.model, f"runs:/{run.info.run_id}/model", run.info.run_id, tags=tags, await_creation_for=0
        )
        return str(found.version)

    def facts[Kind: f.Fact](self, kind: type[Kind]) -> list[Kind]:
        return [one for one in history(self.ledger, self.model, self.slot) if isinstance(one, kind)]


@pytest.mark.parametrize("slot", [SLOT, "Production"])
def test_sweep_alone_finds_everything(client: MlflowClient, address: str, slot: str) -> None:
    """A new version, a manual promotion, a vanished slot, a deleted version: no webhook says any of it."""
    assert client.list_webhooks() == []
    here = Swept(client, address, slot)
    first = here.trained(1)
    assert here.sweep() == 1
    assert here.registry.slot(here.model, slot) == first, "a new version"
    assert here.sweep() == 0

    source = client.get_model_version(here.model, first).source
    assert source
    copy = client.create_model_version(here.model, source, run_id=source.split("/")[1], await_creation_for=0)
    by_hand = str(copy.version)
    move(client, here, by_hand)
    here.sweep()
    here.sweep()
    assert here.registry.slot(here.model, slot) == first, "a manual promotion"
    assert [(one.found, one.restored) for one in here.facts(f.PromotionReverted)] == [
        (f"{first},{by_hand}" if slot == "Production" else by_hand, first)
    ]

    move(client, here, "")
    assert here.registry.slot(here.model, slot) == ""
    here.sweep()
    assert here.registry.slot(here.model, slot) == first, "a vanished slot"
    assert here.sweep() == 0

    client.delete_model_version(here.model, first)
    here.sweep()
    (parked,) = here.ledger.parked()
    assert f"the approved version {first} is gone" in parked.detail
    assert here.sweep() == 0


def move(client: MlflowClient, here: Swept, version: str) -> None:
    """What a colleague does. In a stage, beside what is there already."""
    if here.slot != "Production":
        if version:
            client.set_registered_model_alias(here.model, here.slot, version)
        else:
            client.delete_registered_model_alias(here.model, here.slot)
        return
    for each in [version] if version else here.registry.slot(here.model, here.slot).split(","):
        with pytest.warns(FutureWarning, match="stages"):
            client.transition_model_version_stage(here.model, each, "Production" if version else "Archived")


def test_the_decision_stands_in_the_description_beside_the_owners_words(client: MlflowClient, address: str) -> None:
    """Written once however often it is told, and anew where it changed; a version that is gone is no error."""
    here = Swept(client, address)
    version = here.trained(1)
    client.update_model_version(here.model, version, "Trained by ada.")
    here.sweep()
    told = client.get_model_version(here.model, version)
    assert told.description
    assert told.description.startswith("Trained by ada.\n\n<!-- sluice: ")
    assert "### The gate: promoted" in told.description
    client.update_model_version(here.model, version, f"{told.description}\n\nSeen by grace.")
    for verdict in ("promoted", "rolled back", "rolled back"):
        here.registry.annotate(here.model, version, {"sluice.verdict": verdict}, section=f"### The gate: {verdict}")
        updated = client.get_model_version(here.model, version).last_updated_timestamp
    here.registry.annotate(here.model, version, {"sluice.verdict": "rolled back"}, section="### The gate: rolled back")
    last = client.get_model_version(here.model, version)
    assert last.description
    assert last.description.endswith("<!-- /sluice -->\n\nSeen by grace.")
    assert last.description.count("### The gate") == 1
    assert last.last_updated_timestamp == updated, "the same again writes nothing"
    here.registry.annotate(here.model, "99", {"sluice.verdict": "promoted"}, section="x")


def test_stage_holds_one_version(client: MlflowClient, address: str) -> None:
    here = Swept(client, address, "Production")
    versions = [here.trained(1), here.trained(2)]
    for version in versions:
        here.registry.point(here.model, "Production", version)
        assert here.registry.slot(here.model, "Production") == version
    with pytest.raises(Refused):
        here.registry.point(here.model, "Production", "9")
    assert here.registry.slot(here.model, "Production") == "2"


def test_what_is_loadable(client: MlflowClient, address: str, folder: Path) -> None:
    """The version is there, READY, its MLmodel is stored, and so is what that names."""
    here = Swept(client, address)
    version = here.trained(1)
    asked = here.registry.why_not_loadable
    assert asked(here.model, "9") == "version 9 does not exist"
    assert "no MLmodel" in asked(here.model, version) or "cannot be read" in asked(here.model, version)
    run_id = client.get_model_version(here.model, version).run_id
    assert run_id
    made = folder / "made"
    made.mkdir()
    (made / "MLmodel").write_text("flavors:\n  python_function:\n    loader_module: x\n    model_path: model.pkl\n")
    (made / "model.pkl").write_bytes(b"weights")
    client.log_artifacts(run_id, str(made), "model")
    assert asked(here.model, version) == ""
    (stored,) = (folder / "mlflow/artifacts").rglob(f"{run_id}/artifacts/model")
    (stored / "model.pkl").unlink()
    assert asked(here.model, version).startswith(f"version {version} lacks model.pkl")
    shutil.rmtree(stored)
    assert asked(here.model, version)


def test_webhooks_are_ensured_listed_and_tested(client: MlflowClient, address: str) -> None:
    """Once, however often; brought back when somebody changed it; others' are left alone."""
    url, other = "http://127.0.0.1:9/api/registry-webhook/mlflow", "http://127.0.0.1:9/theirs"
    client.create_webhook("theirs", other, events=["registered_model.created"])
    try:
        first = mlflow_webhooks.ensure(address, "http://127.0.0.1:9/before", "s" * 24)
        client.update_webhook(first, events=["model_version.created"], status="DISABLED")
        assert [one.is_right for one in mlflow_webhooks.listed(address) if one.is_ours] == [False]
        assert mlflow_webhooks.ensure(address, url, "t" * 24) == first
        assert mlflow_webhooks.ensure(address, url, "t" * 24) == first
        found = {one.name: one for one in mlflow_webhooks.listed(address)}
        assert (found["sluice"].url, found["sluice"].is_right, found["theirs"].url) == (url, True, other)
        assert len(mlflow_webhooks.listed(address)) == 2
        assert all(mlflow_webhooks.tested(address).values()), "nobody listens there"
    finally:
        for one in client.list_webhooks():
            client.delete_webhook(one.webhook_id)
    with pytest.raises(Refused, match="ops webhooks ensure"):
        mlflow_webhooks.tested(address)


def test_story_of_a_rollback_is_known_by_what_it_replaces() -> None:
    assert identity.story_of_rollback("m", "s", "1", "2") != identity.story_of_rollback("m", "s", "1", "3")
