"""The laptop's MLflow and Spark servers: real ones, at one address, that come back with what they knew."""

import socket
from pathlib import Path

import pytest
from mlflow import MlflowClient

from tests.contracts.ml_laptop import server


def _port(address: str) -> int:
    return int(address.rpartition(":")[2])


def _elsewhere(port: int) -> int:
    """How connecting to this machine by another of its addresses ends: 0 if somebody answers."""
    with socket.socket() as probe:
        probe.settimeout(2)
        return probe.connect_ex(("127.0.0.2", port))


def test_spark_serves_this_machine_only(tmp_path: Path) -> None:
    """The port it is told, on 127.0.0.1 and nowhere else."""
    with server(tmp_path / "spark.log", "local.spark", "--port", "0") as address:
        assert address.startswith("sc://127.0.0.1:")
        socket.create_connection(("127.0.0.1", _port(address)), timeout=5).close()
        assert _elsewhere(_port(address)) != 0


def test_mlflow_keeps_models_and_webhooks_over_a_restart(tmp_path: Path) -> None:
    """The webhook's secret is readable only with the key that was made the first time."""
    home = tmp_path / "mlflow"
    with server(tmp_path / "mlflow.log", "local.mlflow_server", "--home", str(home)) as address:
        assert address.startswith("http://127.0.0.1:")
        assert _elsewhere(_port(address)) != 0
        client = MlflowClient(tracking_uri=address, registry_uri=address)
        client.create_registered_model("kept")
        client.create_webhook("ours", "http://127.0.0.1:9/hook", events=["model_version.created"], secret="s" * 24)
    key = home / "webhook-secrets.key"
    assert key.stat().st_mode & 0o077 == 0
    made = key.read_text()
    port = str(_port(address))
    with server(tmp_path / "again.log", "local.mlflow_server", "--home", str(home), "--port", port) as again:
        assert again == address
        client = MlflowClient(tracking_uri=again, registry_uri=again)
        assert [model.name for model in client.search_registered_models()] == ["kept"]
        (webhook,) = client.list_webhooks()
        assert client.test_webhook(webhook.webhook_id).success is False, "nobody listens there, but it was signed"
        assert key.read_text() == made


@pytest.mark.parametrize("module", ["local.spark", "local.mlflow_server"])
def test_a_port_that_is_taken_is_told(tmp_path: Path, module: str) -> None:
    """It ends with an error, and is not ready."""
    home = ["--home", str(tmp_path / "mlflow")] if module == "local.mlflow_server" else []
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with (
            pytest.raises(AssertionError, match="in use"),
            server(tmp_path / "server.log", module, "--port", port, *home),
        ):
            pass
