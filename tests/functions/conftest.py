"""The app, indexed once by Microsoft's engine, with a real broker behind it and everything else on disk."""

import asyncio
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from local.home import PROJECT, WORKSPACE, free_port
from local.host.engine import Engine
from local.host.outcome import Outcome
from local.host.payloads import Payload
from shared import bootstrap
from shared.settings import Settings
from shared.views.records import Records

SECRET, PASSWORD = "webhook-secret", "notification-password"


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A broker with the project's queues; its connection string."""
    db = tmp_path_factory.mktemp("broker") / "service-bus.db"
    arguments = ["--port", "0", "--queues", str(PROJECT / "infra/queues.json"), "--db", str(db)]
    command = [sys.executable, "-m", "local.servicebus", *arguments]
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = process.stdout.readline().removeprefix("ready ").strip()
        yield f"Endpoint={address};SharedAccessKeyName=k;SharedAccessKey=s;UseDevelopmentEmulator=true"
        process.terminate()


@pytest.fixture(scope="session")
def settings_values(broker: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The sample settings, with this test run's places; MLflow and the workspace do not answer. Rain has a live metric
    watched.
    """
    folder = tmp_path_factory.mktemp("functions")
    values: dict[str, str] = json.loads((PROJECT / "local.settings.sample.json").read_text())["Values"]
    nobody = free_port()
    use_cases = shutil.copytree(PROJECT / "usecases", folder / "usecases", ignore=shutil.ignore_patterns("__pycache__"))
    rain = use_cases / "rain/usecase.yml"
    rain.write_text(f"{rain.read_text()}\nretrain:\n  live: {{ metric: f1, at_least: 0.8, bad: 2, of: 3 }}\n")
    return {
        **values,
        "LANDING_ROOT": str(folder / "landing"),
        "LAKE_ROOT": str(folder / "lake"),
        "LEDGER": f"sqlite:///{folder / 'ledger.db'}",
        "USE_CASES": str(use_cases),
        "SERVICE_BUS": broker,
        "MLFLOW_TRACKING_URI": f"http://127.0.0.1:{nobody}",
        "DATABRICKS_HOST": f"http://127.0.0.1:{nobody}/{WORKSPACE}",
        "REGISTRY_WEBHOOK_SECRET": SECRET,
        "RELAY_SECRET": SECRET,
        "JOB_NOTIFICATION_PASSWORD": PASSWORD,
    }


@pytest.fixture(scope="session")
def engine(settings_values: dict[str, str]) -> Iterator[Engine]:
    """Microsoft's engine; it can index one app in a process."""
    indexed = Engine(PROJECT, settings_values)
    yield indexed
    indexed.close()


@pytest.fixture(scope="session")
def settings(settings_values: dict[str, str], engine: Engine) -> Settings:
    return Settings.load()


@pytest.fixture
def ledger(settings: Settings) -> Records:
    """The app's own ledger, read beside it."""
    return bootstrap.ledger_of(settings)


@pytest.fixture
def invoke(engine: Engine) -> Callable[[str, Payload], Outcome]:
    """Call one function as the host calls it."""

    def call(name: str, payload: Payload) -> Outcome:
        return asyncio.run(engine.invoke(name, payload))

    return call


@pytest.fixture
def waiting(settings: Settings) -> Callable[[str], list[dict[str, Any]]]:
    """The messages that wait in a queue, read with the unmodified SDK."""
    from azure.servicebus import ServiceBusClient

    def peek(queue: str) -> list[dict[str, Any]]:
        connection_string = settings.service_bus.get_secret_value()
        with (
            ServiceBusClient.from_connection_string(connection_string) as client,
            client.get_queue_receiver(queue) as receiver,
        ):
            return [json.loads(b"".join(message.body)) for message in receiver.peek_messages(max_message_count=100)]

    return peek
