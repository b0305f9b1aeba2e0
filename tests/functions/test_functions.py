"""Every function, invoked through Microsoft's engine with payloads of the host's shape."""

import base64
import hashlib
import hmac
import json
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from local.event_grid import blob_created
from local.host import payloads
from local.host.engine import Engine
from local.host.outcome import Outcome
from local.host.payloads import Payload
from shared.adapters.sqlite import SqliteLedger
from shared.domain import facts as f
from shared.domain import identity
from shared.domain.commands import CheckBatch, Queue
from shared.domain.profile import versions_of
from shared.notes import Entry
from shared.ports import Approval
from shared.settings import Settings
from shared.views.records import Records
from shared.wire.documents import encode_command
from tests.functions.conftest import PASSWORD, SECRET

Invoke = Callable[[str, Payload], Outcome]
Waiting = Callable[[str], list[dict[str, Any]]]

QUEUE_FUNCTIONS = {
    "arrivals": Queue.ARRIVALS,
    "trainings": Queue.TRAININGS,
    "job_events": Queue.JOB_EVENTS,
    "registry_events": Queue.REGISTRY_EVENTS,
    "scorings": Queue.SCORINGS,
    "scoring_parts": Queue.SCORING_PARTS,
}


def test_every_function_is_indexed(engine: Engine) -> None:
    """The engine finds each trigger of the design, and none that nobody knows."""
    parking = {f"park_{queue.name.lower()}" for queue in Queue}
    webhooks = {"registry_webhook", "registry_webhook_databricks", "registry_webhook_relay"}
    http = {*webhooks, "job_notification", "live_metrics", "health"}
    known = {"data_arrival", "reconcile", *QUEUE_FUNCTIONS, *parking, *http}
    assert {name for name in engine.functions if not name.startswith("ops")} == known


def test_service_bus_triggers_are_binary_and_single(engine: Engine) -> None:
    """A string body would have its properties merged over the message's own; a batch is abandoned as a whole."""
    for function in engine.functions.values():
        if function.kind == "serviceBusTrigger":
            assert str(function.trigger["dataType"]).upper() == "BINARY", function.name
            assert str(function.trigger["cardinality"]).upper() == "ONE", function.name


def _landed(settings: Settings, name: str, content: str) -> tuple[str, dict[str, Any]]:
    landing = Path(settings.landing_root)
    file = landing / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content)
    event = blob_created(file, landing, settings.landing_url)
    return identity.story_of_arrival(f"landing/{name}", event["data"]["eTag"]), event


def test_arrival_is_recorded_and_enqueued_once(
    invoke: Invoke, settings: Settings, ledger: SqliteLedger, waiting: Waiting
) -> None:
    """Three deliveries of one event: one fact, and one message on the queue."""
    story, event = _landed(settings, "flights/three-times.csv", "year\n2013\n")
    for _ in range(3):
        assert invoke("data_arrival", payloads.event_grid(event)).succeeded
    assert [fact.kind for fact in ledger.story(story)] == ["DataArrived"]
    assert [each["story"] for each in waiting("arrivals")].count(story) == 1


def test_cloud_event_is_an_arrival_too(
    invoke: Invoke, settings: Settings, ledger: SqliteLedger, waiting: Waiting
) -> None:
    """As Event Grid delivers it to a subscription whose delivery schema is CloudEvents 1.0: structured."""
    story, event = _landed(settings, "flights/cloud.csv", "year\n2013\n")
    cloud = {
        "specversion": "1.0",
        "type": event["eventType"],
        "source": event["topic"],
        **{name: event[name] for name in ("id", "subject", "data")},
        "time": event["eventTime"],
    }
    for each in (cloud, event):
        assert invoke("data_arrival", payloads.event_grid(each)).succeeded
    assert [fact.kind for fact in ledger.story(story)] == ["DataArrived"]
    assert [each["story"] for each in waiting("arrivals")].count(story) == 1


def test_event_of_another_type_is_dropped(invoke: Invoke, settings: Settings, ledger: SqliteLedger) -> None:
    """A deletion is no arrival."""
    story, event = _landed(settings, "flights/deleted.csv", "year\n2013\n")
    assert invoke(
        "data_arrival", payloads.event_grid({**event, "eventType": "Microsoft.Storage.BlobDeleted"})
    ).succeeded
    assert list(ledger.story(story)) == []


def test_damaged_batch_is_quarantined(invoke: Invoke, settings: Settings, ledger: SqliteLedger) -> None:
    """A file without most of its columns: judged by Great Expectations, kept apart with reasons, nothing sent."""
    story, event = _landed(settings, "flights/damaged.csv", "year,origin\n2013,JFK\n")
    assert invoke("data_arrival", payloads.event_grid(event)).succeeded
    data = event["data"]
    command = CheckBatch(
        story=story,
        use_case="flight_delays",
        file="landing/flights/damaged.csv",
        url=data["url"],
        etag=data["eTag"],
    )
    outcome = invoke(
        "arrivals",
        payloads.service_bus(encode_command(command), message_id=command.message_id, correlation_id=story),
    )
    assert outcome.succeeded, outcome.error
    told = ledger.story(story)
    assert [fact.kind for fact in told] == ["DataArrived", "BatchChecked", "AnnouncementDue", "DataQuarantined"]
    assert isinstance(told[-1], f.DataQuarantined)
    assert any("distance" in reason for reason in told[-1].reasons)


@pytest.mark.parametrize("name", QUEUE_FUNCTIONS)
def test_message_that_cannot_succeed_is_parked(name: str, invoke: Invoke, ledger: SqliteLedger) -> None:
    """Garbage is completed, not abandoned ten times, and waits for a person with its body."""
    assert invoke(name, payloads.service_bus(b"\xff{", message_id=f"garbage-{name}")).succeeded
    parked = {one.message_id: one for one in ledger.parked()}
    assert parked[f"garbage-{name}"].reason == "malformed"
    assert parked[f"garbage-{name}"].body == b"\xff{"
    assert parked[f"garbage-{name}"].queue == QUEUE_FUNCTIONS[name]


@pytest.mark.parametrize("queue", Queue)
def test_dead_letter_is_parked(queue: Queue, invoke: Invoke, ledger: SqliteLedger) -> None:
    """Every dead-letter queue leads to the one list, with the broker's reason."""
    payload = payloads.service_bus(
        b"{}",
        message_id=f"dead-{queue}",
        application_properties={"DeadLetterReason": "MaxDeliveryCountExceeded"},
    )
    assert invoke(f"park_{queue.name.lower()}", payload).succeeded
    parked = {one.message_id: one for one in ledger.parked()}
    assert "MaxDeliveryCountExceeded" in parked[f"dead-{queue}"].detail


def _delivery(body: bytes, secret: str = SECRET) -> Payload:
    delivery_id, timestamp = hashlib.sha256(body).hexdigest()[:20], str(int(time.time()))
    signed = f"{delivery_id}.{timestamp}.".encode() + body
    signature = base64.b64encode(hmac.new(secret.encode(), signed, hashlib.sha256).digest()).decode()
    headers = {
        "X-MLflow-Delivery-Id": delivery_id,
        "X-MLflow-Timestamp": timestamp,
        "X-MLflow-Signature": f"v1,{signature}",
    }
    return payloads.http("POST", "/api/registry-webhook/mlflow", headers=headers, body=body)


def _status(outcome: Outcome) -> int | None:
    assert outcome.succeeded, outcome.error
    return outcome.http.status if outcome.http else None


def test_registry_webhook(invoke: Invoke, waiting: Waiting) -> None:
    """Signed: 202 and one message, however often delivered. Forged: 401. Signed garbage: 400."""
    body = json.dumps(
        {"entity": "model_version", "action": "created", "data": {"name": "flight_delays", "version": "77"}}
    ).encode()
    assert [_status(invoke("registry_webhook", _delivery(body))) for _ in range(3)] == [202, 202, 202]
    assert [each["version"] for each in waiting("registry-events") if each["type"] == "JudgeVersion"] == ["77"]
    assert _status(invoke("registry_webhook", _delivery(body, secret="forged"))) == 401
    assert _status(invoke("registry_webhook", _delivery(b"[]"))) == 400


def test_registry_webhook_of_another_dialect(invoke: Invoke) -> None:
    """Without a signature, or where the setting is empty, nobody is believed; what is too large is not even read."""
    for function, route in (("registry_webhook_databricks", "databricks"), ("registry_webhook_relay", "relay")):
        url = f"/api/registry-webhook/{route}"
        assert _status(invoke(function, payloads.http("POST", url, body=b"{}"))) == 401
        assert _status(invoke(function, payloads.http("POST", url, body=b" " * 65_537))) == 413


def test_job_notification(invoke: Invoke, waiting: Waiting) -> None:
    """The right password: 202 and a wake-up. A wrong one: 401, and nothing is enqueued."""
    body = json.dumps({"event_type": "jobs.on_success", "run": {"run_id": "4711"}}).encode()

    def post(password: str) -> Payload:
        basic = base64.b64encode(f"sluice:{password}".encode()).decode()
        return payloads.http("POST", "/api/job-notification", headers={"Authorization": f"Basic {basic}"}, body=body)

    assert _status(invoke("job_notification", post("wrong"))) == 401
    assert [each for each in waiting("job-events") if each["job_run_id"] == 4711] == []
    assert _status(invoke("job_notification", post(PASSWORD))) == 202
    assert [each["workspace"] for each in waiting("job-events") if each["job_run_id"] == 4711] == ["ws1"]


def _live(*values: float, secret: str = SECRET, **changes: str) -> Payload:
    """One value an hour."""
    said = [
        {"model": "rain", "version": "41", "metric": "f1", "value": value, "at": f"2026-01-31T0{hour}:00Z", **changes}
        for hour, value in enumerate(values)
    ]
    body, timestamp = json.dumps({"metrics": said}).encode(), str(int(time.time()))
    digest = hmac.new(secret.encode(), f"live.{timestamp}.".encode() + body, hashlib.sha256).digest()
    headers = {
        "X-Sluice-Delivery-Id": "live",
        "X-Sluice-Timestamp": timestamp,
        "X-Sluice-Signature": f"v1,{base64.b64encode(digest).decode()}",
    }
    return payloads.http("POST", "/api/live-metrics", headers=headers, body=body)


def test_live_metrics_begin_a_training(invoke: Invoke, ledger: Records, waiting: Waiting) -> None:
    """Signed: 202, and one message however often delivered. Forged: 401. What cannot be kept: 400, and why."""
    story, at = "1a" * 8, f.VersionRegistered.example().at
    registered = replace(f.VersionRegistered.example(), story=story, model="rain", version="41")
    ledger.record([registered, replace(f.TrainingSkipped.example(), story=story)])
    ledger.note(Entry(scope=versions_of("silver/weather"), number=7, story=story, at=at, text="1"))
    ledger.approve(Approval(model="rain", slot="champion", version="41", story=story, at=at), replaces=None)
    bad = identity.story_of_live_metrics("rain", "41", 7, "f1")

    assert _status(invoke("live_metrics", _live(0.9, 0.7))) == 202
    assert list(ledger.story(bad)) == []
    assert [_status(invoke("live_metrics", _live(0.9, 0.7, 0.6))) for _ in range(3)] == [202, 202, 202]
    assert [fact.kind for fact in ledger.story(bad)] == ["LiveMetricsBad"]
    (command,) = [each for each in waiting("trainings") if each["story"] == bad]
    assert (command["use_case"], command["table"], command["delta_version"]) == ("rain", "silver/weather", 7)

    assert _status(invoke("live_metrics", _live(0.1, secret="forged"))) == 401
    for payload, told in (
        (_live(0.1, model="hail"), "no use case has the model 'hail'"),
        (_live(0.1, metric="auc"), "rain has f1 watched, not 'auc'"),
        (_live(0.1, version="99"), "no version '99' of rain was ever judged"),
        (_live(float("nan")), "f1 is nan, which is no number"),
        (_live(), "no live metrics"),
    ):
        outcome = invoke("live_metrics", payload)
        assert _status(outcome) == 400
        assert outcome.http
        assert told in outcome.http.body.decode()
    assert _status(invoke("live_metrics", payloads.http("POST", "/api/live-metrics", body=b" " * 65_537))) == 413


def test_file_that_no_event_told_of_is_found_by_the_sweep_once(
    invoke: Invoke, settings: Settings, ledger: SqliteLedger, waiting: Waiting
) -> None:
    """As long as its event may come it is left alone; the event that comes after all is known."""
    story, event = _landed(settings, "flights/lost.csv", "year\n2013\n")
    assert invoke("reconcile", payloads.timer(past_due=True)).succeeded
    assert list(ledger.story(story)) == []
    file = Path(settings.landing_root) / "flights/lost.csv"
    before = file.stat().st_mtime - 600
    os.utime(file, (before, before))
    event = blob_created(file, Path(settings.landing_root), settings.landing_url)
    story = identity.story_of_arrival("landing/flights/lost.csv", event["data"]["eTag"])
    for _ in range(2):
        assert invoke("reconcile", payloads.timer(past_due=True)).succeeded
    assert invoke("data_arrival", payloads.event_grid(event)).succeeded
    (arrived,) = ledger.story(story)
    assert isinstance(arrived, f.DataArrived)
    assert arrived.found_by == "sweep"
    assert [each["story"] for each in waiting("arrivals")].count(story) == 1


def test_sweep_survives_a_registry_that_does_not_answer(invoke: Invoke) -> None:
    """What does not need the registry is swept all the same."""
    outcome = invoke("reconcile", payloads.timer(past_due=True))
    assert outcome.succeeded, outcome.error


def test_health(invoke: Invoke) -> None:
    """Anybody may ask whether it is well."""
    assert _status(invoke("health", payloads.http("GET", "/api/health"))) == 200
