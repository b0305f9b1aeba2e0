"""What is done once for an installation, against local workspaces through the unmodified SDK."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from databricks.sdk.service.jobs import Task

from shared import installation
from shared.adapters.databricks import connect
from shared.settings import Settings
from tests.contracts.ml_laptop import server
from tests.world import SETTINGS

URL = "https://app.example/api/job-notification"


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    arguments = ("--home", str(tmp_path / "home"), "--workspace", "ws1=one", "--workspace", "ws2=two")
    with server(tmp_path / "databricks.log", "local.databricks", *arguments) as address:
        known = {str(field.alias): getattr(SETTINGS, name) for name, field in Settings.model_fields.items()}
        yield Settings.model_validate(
            {
                **known,
                "DATABRICKS_HOST": f"{address}/ws1",
                "DATABRICKS_TOKEN": "one",
                "SCORING_WORKSPACES": f"ws2={address}/ws2",
                "SCORING_WORKSPACES_TOKENS": "ws2=two",
            }
        )


def test_jobs_tell_the_app_each_with_its_workspace(settings: Settings, tmp_path: Path) -> None:
    clients = {name: connect(*reached) for name, reached in settings.workspaces.items()}
    for client in clients.values():
        client.jobs.create(name="sluice-score", tasks=[_task()])
    clients["ws1"].jobs.create(name="sluice-train", tasks=[_task()], max_concurrent_runs=7)
    for _ in range(2):  # again, it changes nothing
        missing = installation.connect_jobs(settings, ["sluice-score", "sluice-train"], URL)
        assert missing == {"ws1": [], "ws2": ["sluice-train"]}
    for name, client in clients.items():
        (destination,) = client.notification_destinations.list()
        assert f'"{URL}?workspace={name}"' in _destination(tmp_path / f"home/{name}/workspace.sqlite")
        for job in client.jobs.list(expand_tasks=True):
            assert job.settings is not None
            told = job.settings.webhook_notifications
            assert told is not None
            assert [each.id for each in [*(told.on_success or []), *(told.on_failure or [])]] == [destination.id] * 2
            assert job.settings.tasks, "the rest of the job is as it was"


def _destination(store: Path) -> str:
    """The API tells nobody where a destination leads, as Databricks' does not."""
    with closing(sqlite3.connect(store)) as db:
        ((document,),) = db.execute("SELECT document FROM destinations").fetchall()
    return str(document)


def _task() -> Task:
    from databricks.sdk.service.jobs import SparkPythonTask

    return Task(task_key="t", spark_python_task=SparkPythonTask(python_file="/nowhere.py"))
