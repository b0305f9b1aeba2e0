"""Without any secret of ours: the unmodified azure-identity asks App Service's identity endpoint, and the unmodified
SDKs of Databricks, MLflow and storage carry what it says.

The endpoint's protocol: Microsoft Learn, "How to use managed identities for App Service", REST endpoint reference.
"""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from shared.adapters import entra
from shared.adapters.databricks import DatabricksJobs, connect
from shared.adapters.mlflow import MlflowRegistry, sign_in_to_databricks
from shared.adapters.storage import PATIENCE, Storage
from shared.errors import Unreachable

HEADER = "the-header-that-app-service-gives"


class Platform:
    """The identity endpoint, and an API that writes down who asks."""

    def __init__(self) -> None:
        self.refuses = False
        self.asked: list[dict[str, str]] = []
        self.seen: list[tuple[str, str]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.answer(*outer.get(self.path, dict(self.headers)))

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("content-length", 0)))
                self.answer(*outer.get(self.path, dict(self.headers)))

            def answer(self, status: int, body: dict[str, Any]) -> None:
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.end_headers()
                self.wfile.write(json.dumps(body).encode())

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def get(self, path: str, headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
        headers = {name.lower(): value for name, value in headers.items()}
        url = urlsplit(path)
        if url.path != "/msi/token":
            self.seen.append((url.path, headers.get("authorization", "")))
            return 200, {"jobs": [], "registered_models": [], "model_versions": []}
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        self.asked.append(query)
        if self.refuses or headers.get("x-identity-header") != HEADER:
            return 403, {"statusCode": 403, "message": "not for you"}
        expires = int(time.time()) + 86400
        return 200, {
            "access_token": f"token for {query['resource']}",
            "expires_on": str(expires),
            "resource": query["resource"],
            "token_type": "Bearer",
            "client_id": query.get("client_id", ""),
        }


@pytest.fixture
def platform(monkeypatch: pytest.MonkeyPatch) -> Iterator[Platform]:
    found = Platform()
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"{found.address}/msi/token")
    monkeypatch.setenv("IDENTITY_HEADER", HEADER)
    monkeypatch.setenv("AZURE_CLIENT_ID", "0000-client")
    for name in ("MLFLOW_ENABLE_DB_SDK", "DATABRICKS_HOST", "DATABRICKS_TOKEN"):
        monkeypatch.setenv(name, "")  # so that it is as before afterwards
    entra.credential.cache_clear()
    yield found
    entra.credential.cache_clear()
    found.server.shutdown()
    found.server.server_close()


DATABRICKS = entra.DATABRICKS.removesuffix("/.default")


def test_databricks_is_asked_as_the_identity(platform: Platform) -> None:
    client = connect(platform.address, "")
    assert list(client.jobs.list()) == []
    assert [said for path, said in platform.seen if "jobs/list" in path] == [f"Bearer token for {DATABRICKS}"]
    assert platform.asked[0]["client_id"] == "0000-client"


def test_a_token_is_asked_for_once_and_kept(platform: Platform) -> None:
    for _ in range(3):
        assert entra.token(entra.DATABRICKS) == f"token for {DATABRICKS}"
    assert len(platform.asked) == 1


@pytest.mark.parametrize("registry", ["", "databricks-uc"])
def test_mlflow_is_asked_as_the_identity(platform: Platform, registry: str) -> None:
    def sign_in() -> None:
        sign_in_to_databricks(platform.address, "")

    mlflow = MlflowRegistry("databricks", registry_uri=registry, sign_in=sign_in)
    assert mlflow.versions("main.ml.flights" if registry else "flights") == []
    assert platform.seen
    assert {said for _, said in platform.seen} == {f"Bearer token for {DATABRICKS}"}
    assert ("unity-catalog" in platform.seen[-1][0]) == bool(registry)


def test_storage_is_opened_as_the_identity(platform: Platform) -> None:
    options = Storage().delta_options("abfss://lake@account.dfs.core.windows.net/silver/flights")
    assert options == {**PATIENCE, "bearer_token": "token for https://storage.azure.com"}


def test_who_gets_no_token_is_told_what_to_do(platform: Platform) -> None:
    platform.refuses = True
    with pytest.raises(Unreachable, match=r"AZURE_CLIENT_ID .* az login"):
        entra.token(entra.STORAGE)
    jobs = DatabricksJobs("ws1", lambda: connect(platform.address, ""))
    with pytest.raises(Unreachable, match=r"no token for"):
        jobs.start("sluice-train", token="t", parameters={})
