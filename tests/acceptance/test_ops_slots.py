"""`python -m ops` about production: approvals, rollback, score, webhooks; against real servers, without the app."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from azure.servicebus import ServiceBusClient
from mlflow import MlflowClient

from local import flights
from local.home import PROJECT
from shared import usecase
from shared.adapters.delta import DeltaLake
from shared.domain import facts as f
from shared.domain import identity
from shared.domain import story as stories
from shared.ports import Approval
from tests.acceptance.test_ops_cli import Operator
from tests.contracts.ml_laptop import server

MODEL, SLOT, STORY = "flight_delays", "champion", "ab" * 8


@pytest.fixture(scope="module")
def mlflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("mlflow")
    with server(folder / "mlflow.log", "local.mlflow_server", "--home", str(folder / "mlflow")) as address:
        yield address


@pytest.fixture
def operator(tmp_path: Path, broker: str, mlflow: str) -> Operator:
    one = Operator(tmp_path)
    one.configure(SERVICE_BUS=broker, MLFLOW_TRACKING_URI=mlflow, DEVELOPMENT_USERS="ada: owner; bob: scientist")
    return one


def sent(broker: str, kind: str, queue: str = "registry-events") -> list[dict[str, Any]]:
    with (
        ServiceBusClient.from_connection_string(broker) as client,
        client.get_queue_receiver(queue) as receiver,
    ):
        found = [json.loads(b"".join(one.body)) for one in receiver.peek_messages(max_message_count=100)]
    return [one for one in found if one["type"] == kind]


def waiting(operator: Operator, version: str) -> str:
    """A version that waits for an owner; its name."""
    now = datetime.now(UTC)
    role = f.AskedRole(role="owner", quorum=1, not_requester=True, expires_at=now + timedelta(days=1))
    changes: dict[str, Any] = {"story": STORY, "at": now, "version": version}
    asked = replace(f.ApprovalRequested.example(), **changes, asked=(role,), requester="")
    operator.ledger.record([replace(f.VersionRegistered.example(), **changes), asked])
    return f"{MODEL}@{version}"


def test_approve(operator: Operator, broker: str) -> None:
    name = waiting(operator, "11")
    status = operator.json("status", code=1)
    assert [one["why"] for one in status["attention"]] == [f"{name} waits for 1 owner"]
    assert "bob has none of the roles" in operator("approve", name, "--as", "bob", "--because", "x", code=2)
    assert "'eve' is none of DEVELOPMENT_USERS" in operator("approve", name, "--as", "eve", "--because", "x", code=2)
    assert "nobody was asked" in operator("approve", f"{MODEL}@99", "--as", "ada", "--because", "x", code=2)
    said = operator("approve", name, "--as", "ada", "--because", "better at JFK", code=0)
    assert said.startswith(f"{name} approved by ada: better at JFK")
    given = stories.last(operator.ledger.story(STORY), f.ApprovalGiven)
    assert given is not None
    assert (given.who, given.roles, given.reason) == ("ada", ("owner",), "better at JFK")
    assert [one["cause"] for one in sent(broker, "JudgeVersion") if one["version"] == "11"] == ["ApprovalGiven-ada"]
    assert "waits for nobody any more" in operator("reject", name, "--as", "ada", "--because", "x", code=2)


def test_reject_as_json(operator: Operator) -> None:
    name = waiting(operator, "12")
    told = operator.json("reject", name, "--as", "ada", "--because", "not now", code=0)
    assert (told["request"], told["state"], told["reason"]) == (name, "refused", "refused by ada: not now")


def test_terminal_proves_nobody_to_the_platform(operator: Operator) -> None:
    name = waiting(operator, "13")
    values = json.loads(operator.settings.read_text())["Values"]
    operator.configure(**{**values, "PLATFORM_AUTHENTICATION": "true", "DEVELOPMENT_USERS": ""})
    assert "answer on the ops page" in operator("approve", name, "--as", "ada", "--because", "x", code=2)


@pytest.fixture
def two_champions(operator: Operator, mlflow: str, tmp_path: Path) -> Operator:
    """Version 2 is in production, version 1 was, and both are whole."""
    client = MlflowClient(tracking_uri=mlflow, registry_uri=mlflow)
    if not client.search_registered_models(f"name = '{MODEL}'"):
        client.create_registered_model(MODEL)
        made = tmp_path / "made"
        made.mkdir()
        (made / "MLmodel").write_text("flavors:\n  python_function:\n    loader_module: x\n")
        for _ in range(2):
            run = client.create_run("0").info
            client.log_artifacts(run.run_id, str(made), "model")
            client.create_model_version(MODEL, f"{run.artifact_uri}/model", run.run_id, await_creation_for=0)
    now, approval = datetime.now(UTC), None
    for version, previous in (("1", ""), ("2", "1")):
        promoted = replace(f.VersionPromoted.example(), at=now, version=version, previous=previous)
        operator.ledger.record([replace(promoted, story=f"{version}" * 16)])
        wanted = Approval(model=MODEL, slot=SLOT, version=version, story=f"{version}" * 16, at=now)
        approval = operator.ledger.approve(wanted, replaces=approval)
    return operator


def test_rollback_is_looked_at_and_nothing_is_sent(two_champions: Operator, broker: str) -> None:
    before = len(sent(broker, "RollBack"))
    told = two_champions.json("rollback", MODEL, "--dry-run", code=0)
    assert (told["from"], told["to"], told["dry_run"], told["done"]) == ("2", "1", True, False)
    assert "nothing was changed" in two_champions("rollback", MODEL, "--to", "1", "--dry-run", code=0)
    assert "never passed the gate" in two_champions("rollback", MODEL, "--to", "7", "--dry-run", code=2)
    assert "no use case has the model" in two_champions("rollback", "nope", code=2)
    assert len(sent(broker, "RollBack")) == before


def test_rollback_is_asked_for_and_awaited(two_champions: Operator, broker: str) -> None:
    """The app, which is not there, would record it: here the test does."""
    story = identity.story_of_rollback(MODEL, SLOT, "2", "1")
    two_champions.ledger.record([replace(f.VersionRolledBack.example(), story=story, at=datetime.now(UTC))])
    told = two_champions.json("rollback", MODEL, "--because", "nonsense at JFK", code=0)
    assert (told["story"], told["done"], told["why"]) == (story, True, "nonsense at JFK")
    (command,) = [one for one in sent(broker, "RollBack") if one["story"] == story]
    assert (command["version"], command["previous"], command["etag"]) == ("1", "2", "2")


def test_webhooks(operator: Operator) -> None:
    assert operator("webhooks", "list", code=1) == "the registry has no webhook\n"
    assert "ops webhooks ensure" in operator("webhooks", "test", code=2)
    url = "http://127.0.0.1:9/api/registry-webhook/mlflow"
    first = operator.json("webhooks", "ensure", "--url", url, code=0)
    assert operator.json("webhooks", "ensure", "--url", url, code=0) == first
    (one,) = operator.json("webhooks", "list", code=0)["webhooks"]
    assert (one["id"], one["url"], one["right"]) == (first["id"], url, True)
    assert all(not each["taken"] for each in operator.json("webhooks", "test", code=1)["events"])


@pytest.fixture
def silver(two_champions: Operator, tmp_path: Path) -> Operator:
    """Three airports lie in silver."""
    values = json.loads(two_champions.settings.read_text())["Values"]
    two_champions.configure(**{**values, "LAKE_ROOT": str(tmp_path / "lake")})
    spec = usecase.load_one(PROJECT / "usecases/flight_delays").data
    DeltaLake(str(tmp_path / "lake"), "500MB").commit(flights.month(1, tmp_path), spec, STORY, 1)
    return two_champions


def test_score_run_is_looked_at_asked_for_and_followed(silver: Operator, broker: str) -> None:
    dry = silver("score", "run", MODEL, "--dry-run", code=0)
    assert dry == (
        "version 2 of flight_delays scores version 1 of silver/flight_delays in 3 parts: EWR, JFK, LGA;"
        " nothing was sent\n"
    )
    assert "no use case has the model" in silver("score", "run", "nope", code=2)
    told = silver.json("score", "run", MODEL, "--because", "silver was mended", code=0)
    (requested,) = silver.ledger.story(told["story"])
    assert isinstance(requested, f.ScoringRequested)
    assert (requested.version, requested.reason, told["parts"]) == ("2", "silver was mended", 3)
    (command,) = sent(broker, "PlanScoring", "scorings")
    assert (command["story"], command["version"]) == (told["story"], "2")


def test_score_status_and_retry(silver: Operator, broker: str) -> None:
    """Of three parts one is in gold, one runs, and one failed: that one is sent again."""
    story, now = "cd" * 8, datetime.now(UTC)
    of: dict[str, Any] = {"story": story, "at": now, "plan": "p1"}
    parts = ("EWR", "JFK", "LGA")
    silver.ledger.record(
        [
            replace(f.ScoringPlanned.example(), **of, parts=parts, use_case=MODEL),
            *(replace(f.PartStarted.example(), **of, part=part, job_run_id=n) for n, part in enumerate(parts, 5)),
            replace(f.PartScored.example(), **of, part="EWR", job_run_id=5, rows=10),
            replace(f.PartFailed.example(), **of, part="LGA", job_run_id=7, final=True),
        ]
    )
    assert "scored 1 of 3 parts, 10 rows · 1 running · 1 failed" in silver("score", "status", story, code=1)
    assert "leads to no scoring" in silver("score", "status", "nope", code=2)
    assert silver.json("score", "retry", story, "--dry-run", code=0)["parts"] == ["LGA"]
    assert "1 of the parts of story" in silver("score", "retry", story, code=0)
    (command,) = [one for one in sent(broker, "ScorePart", "scoring-parts") if one["story"] == story]
    assert (command["part"], command["generation"]) == ("LGA", 2)


def test_score_cancel_of_one_that_waits(silver: Operator) -> None:
    story = "ef" * 8
    silver.ledger.record([replace(f.ScoringRequested.example(), story=story, at=datetime.now(UTC))])
    told = silver.json("score", "cancel", story, "--because", "not now", code=0)
    assert (told["story"], told["parts"], told["stopped"]) == (story, 0, 0)
    assert "before it began: not now" in silver.ledger.story(story)[-1].reason  # type: ignore[attr-defined]  # ScoringSkipped's
    assert "leads to no scoring" in silver("score", "cancel", story, code=2)
