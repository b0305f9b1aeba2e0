"""Serving endpoints: the unmodified databricks-sdk against the local workspace, whose endpoints really answer."""

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from databricks.sdk.service.serving import (
    Route,
    ServedEntityInput,
    TrafficConfig,
)

from shared.adapters.databricks import connect
from shared.adapters.databricks_serving import DatabricksServing
from shared.domain.usecase import CanarySpec, ServingSpec
from shared.errors import Conflict, Refused
from shared.ports import Endpoint
from tests.acceptance.stacks import wait_for
from tests.contracts.ml_laptop import PROJECT, server

pytestmark = pytest.mark.timeout(300)
MODEL, NAME = "constant", "constants"
SPEC = ServingSpec(endpoint=NAME)
CANARY = ServingSpec(endpoint=NAME, canary=CanarySpec(percent=40, lasts=timedelta(minutes=30)))
MODELS = f"""
import mlflow, mlflow.sklearn, pandas as pd
from sklearn.dummy import DummyRegressor
x = pd.DataFrame({{"x": [1.0, 2.0]}})
for value in (1, 2):
    model = DummyRegressor(strategy="constant", constant=value).fit(x, [0, 0])
    mlflow.sklearn.log_model(model, name="model", registered_model_name="{MODEL}", pip_requirements=[])
"""


@dataclass
class Workspace:
    url: str
    serving: DatabricksServing

    def state(self) -> Endpoint:
        found = self.serving.endpoint(NAME)
        assert found is not None
        return found

    def settled(self) -> Endpoint:
        wait_for("the update to end", lambda: not self.state().pending)
        return self.state()

    def predicted(self, bearer: str = "one") -> list[float]:
        request = urllib.request.Request(  # noqa: S310 - the address is our own server's
            f"{self.url}/serving-endpoints/{NAME}/invocations",
            data=json.dumps({"dataframe_records": [{"x": 5.0}, {"x": 6.0}]}).encode(),
            headers={"content-type": "application/json", "authorization": f"Bearer {bearer}"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - as above
            return [float(each) for each in json.load(answer)["predictions"]]


@pytest.fixture(scope="module")
def mlflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("mlflow")
    with server(folder / "mlflow.log", "local.mlflow_server", "--home", str(folder / "home")) as address:
        environment = {
            **os.environ,
            "MLFLOW_TRACKING_URI": address,
            "SPARK_HOME": "none",
        }  # MLflow looks whether Spark runs
        subprocess.run([sys.executable, "-W", "ignore", "-c", MODELS], env=environment, cwd=PROJECT, check=True)
        yield address


@pytest.fixture
def workspace(mlflow: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow)
    arguments = ("local.databricks", "--home", str(tmp_path / "home"), "--workspace", "ws1=one")
    with server(tmp_path / "databricks.log", *arguments) as address:
        url = f"{address}/ws1"
        yield Workspace(url, DatabricksServing(lambda: connect(url, "one")))


def test_an_endpoint_is_made_brought_to_another_version_and_left_when_that_fails(workspace: Workspace) -> None:
    serving = workspace.serving
    assert serving.endpoint(NAME) is None

    serving.serve(SPEC, MODEL, "1")
    assert (workspace.state().version, workspace.state().pending) == ("", "1")
    with pytest.raises(Conflict):
        serving.serve(SPEC, MODEL, "2")
    assert workspace.settled() == Endpoint(name=NAME, version="1", pending="", failed="")
    assert workspace.predicted() == [1.0, 1.0]

    serving.serve(SPEC, MODEL, "2")
    assert (workspace.state().version, workspace.state().pending) == ("1", "2")
    assert workspace.predicted() == [1.0, 1.0]  # until the other one answers
    assert workspace.settled().version == "2"
    assert workspace.predicted() == [2.0, 2.0]

    serving.serve(SPEC, MODEL, "3")  # there is none
    failed = workspace.settled()
    assert (failed.version, failed.failed_version) == ("2", "3")
    assert "version 3 cannot be loaded" in failed.failed
    assert workspace.predicted() == [2.0, 2.0]

    serving.serve(SPEC, MODEL, "1")
    assert workspace.settled() == Endpoint(name=NAME, version="1", pending="", failed="")


def test_without_the_token_nobody_is_answered(workspace: Workspace) -> None:
    workspace.serving.serve(SPEC, MODEL, "1")
    workspace.settled()
    with pytest.raises(urllib.error.HTTPError) as refused:
        workspace.predicted(bearer="another")
    assert refused.value.code == 403
    refused.value.close()


def test_what_cannot_be_served_is_refused(workspace: Workspace) -> None:
    with pytest.raises(Refused, match="entity"):
        workspace.serving.serve(SPEC, "", "1")


def test_a_canary_answers_its_share_until_it_serves_all_or_is_taken_back(workspace: Workspace) -> None:
    serving = workspace.serving
    serving.serve(CANARY, MODEL, "1")
    workspace.settled()
    serving.serve(CANARY, MODEL, "1", canary="2")
    assert (workspace.state().version, workspace.state().pending) == ("1", "2")
    assert workspace.settled() == Endpoint(name=NAME, version="1", pending="", failed="", canary="2", percent=40)
    answers = [workspace.predicted()[0] for _ in range(100)]
    assert 15 <= answers.count(2.0) <= 65  # 40 of 100: five standard deviations
    assert set(answers) == {1.0, 2.0}

    (process,) = serving_processes(MODEL, "2")
    os.kill(process, signal.SIGKILL)
    wait_for("the endpoint to say so", lambda: "its process stopped" in workspace.state().unwell)
    assert workspace.state().unwell == "version 2: its process stopped"
    serving.serve(CANARY, MODEL, "1")
    assert workspace.settled() == Endpoint(name=NAME, version="1", pending="", failed="")
    assert {workspace.predicted()[0] for _ in range(20)} == {1.0}

    serving.serve(CANARY, MODEL, "1", canary="3")  # there is none
    failed = workspace.settled()
    assert (failed.version, failed.canary, failed.failed_version) == ("1", "", "3")
    serving.serve(CANARY, MODEL, "2")
    assert workspace.settled() == Endpoint(name=NAME, version="2", pending="", failed="")
    assert {workspace.predicted()[0] for _ in range(20)} == {2.0}


def serving_processes(model: str, version: str) -> list[int]:
    """Those that serve the version."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            told = (process / "cmdline").read_bytes()
        except OSError:
            continue  # it is gone
        if f"models:/{model}/{version}\0".encode() in told:
            found.append(int(process.name))
    return found


def test_traffic_is_shared_out(workspace: Workspace) -> None:
    """As anybody else may ask for it, with names of their own."""
    workspace.serving.serve(SPEC, MODEL, "1")
    workspace.settled()
    entities = [
        ServedEntityInput(name=f"v{version}", entity_name=MODEL, entity_version=version, workload_size="Small")
        for version in ("1", "2")
    ]
    shares = TrafficConfig(
        routes=[
            Route(served_model_name="v1", traffic_percentage=50),
            Route(served_model_name="v2", traffic_percentage=50),
        ]
    )
    client = workspace.serving._open()
    client.serving_endpoints.update_config(NAME, served_entities=entities, traffic_config=shares)
    workspace.settled()
    answers = {workspace.predicted()[0] for _ in range(40)}
    assert answers == {1.0, 2.0}
