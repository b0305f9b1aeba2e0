"""The relay job tells the control plane what Unity Catalog told it: signed, retried, once, and never in silence."""

import json
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from databricks.sdk.service.jobs import TriggerSettings

from shared.domain.commands import Command, EnforceSlot, JudgeVersion
from shared.errors import Unauthenticated
from shared.wire import registry_webhook
from shared.wire.registry_webhook import Dialect
from sluice_ml.errors import BadInput
from sluice_ml.parameters import RelayParameters
from sluice_ml.relay import ATTEMPTS, relay

PROJECT = Path(__file__).parents[2]
SECRET = "relay-s3cret"
UPDATES = json.loads((PROJECT / "tests/fixtures/unity_catalog/model_updates.json").read_text())["updates"]


class Front:
    """An address that takes what the app would take, after so many failures."""

    def __init__(self) -> None:
        self.failures = 0
        self.deliveries: list[tuple[str, Sequence[Command]]] = []
        front = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.send_response(front.take(dict(self.headers), self.rfile.read(int(self.headers["Content-Length"]))))
                self.end_headers()

            def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - its base class says so
                """Nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/api/registry-webhook/relay"

    def take(self, headers: dict[str, str], body: bytes) -> int:
        if self.failures:
            self.failures -= 1
            return 503
        try:
            found = registry_webhook.receive(Dialect.RELAY, headers, body, secrets=[SECRET], now=datetime.now(UTC))
        except Unauthenticated:
            return 401
        self.deliveries.append((headers["X-Sluice-Delivery-Id"], found))
        return 202


@pytest.fixture
def front() -> Iterator[Front]:
    one = Front()
    thread = threading.Thread(target=one.server.serve_forever)
    thread.start()
    yield one
    one.server.shutdown()
    thread.join()
    one.server.server_close()


def told(url: str, updates: str = json.dumps(UPDATES)) -> RelayParameters:
    return RelayParameters.parse([f"--updates={updates}", f"--url={url}", "--job_run_id=4711"])


def test_updates_become_commands(front: Front) -> None:
    relay(told(front.url), SECRET)
    ((delivery, commands),) = front.deliveries
    assert delivery == "relay-4711"
    assert [one.kind for one in commands] == [JudgeVersion.__name__, EnforceSlot.__name__]
    assert {getattr(one, "model", "") for one in commands} == {"main.flights.delays"}


def test_a_front_that_is_down_is_asked_again(front: Front, capsys: pytest.CaptureFixture[str]) -> None:
    front.failures = 2
    relay(told(front.url), SECRET, first_pause=0.01)
    assert len(front.deliveries) == 1
    assert capsys.readouterr().out.count("503") == 2


def test_one_that_stays_down_fails_the_run(front: Front) -> None:
    front.failures = ATTEMPTS
    with pytest.raises(BadInput, match=f"in {ATTEMPTS} attempts: 503"):
        relay(told(front.url), SECRET, first_pause=0.001)


def test_what_is_forged_is_refused_at_once(front: Front) -> None:
    with pytest.raises(BadInput, match="refuses it: 401"):
        relay(told(front.url), "another")
    assert front.deliveries == []


@pytest.mark.parametrize(
    ("updates", "url", "secret", "said"),
    [
        ("{", "https://app/x", SECRET, "updates is no JSON"),
        ("{}", "https://app/x", SECRET, "updates is no list"),
        ("[]", "https://app/x", "", "RELAY_SECRET"),
        ("[]", "http://app/x", SECRET, "url: .* https"),
        ("[]", "file:///etc/passwd", SECRET, "url: .* https"),
    ],
)
def test_bad_input_is_told(updates: str, url: str, secret: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        relay(told(url, updates), secret)


def test_the_jobs_are_what_the_sdk_knows() -> None:
    jobs = yaml.safe_load((PROJECT / "ml/resources/relay.yml").read_text())["resources"]["jobs"]
    wanted = {"sluice_relay_versions": "MODEL_VERSION_READY", "sluice_relay_aliases": "MODEL_ALIAS_SET"}
    assert jobs.keys() == wanted.keys()
    bundle = yaml.safe_load((PROJECT / "ml/databricks.yml").read_text())
    assert {"relay_schema", "relay_url", "relay_secret"} <= bundle["variables"].keys()
    for name, job in jobs.items():
        trigger = TriggerSettings.from_dict(job["trigger"])
        assert trigger.model is not None
        assert trigger.model.condition is not None
        assert trigger.model.condition.value == wanted[name]
        assert trigger.as_dict() == job["trigger"], "nothing of it is unknown"
        (task,) = job["tasks"]
        given = task["python_wheel_task"]
        assert given["entry_point"] == "relay"
        assert given["named_parameters"].keys() == RelayParameters.names()
