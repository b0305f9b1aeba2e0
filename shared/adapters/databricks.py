"""A Databricks workspace through databricks-sdk: Jobs 2.2."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from shared.adapters import entra
from shared.domain.verdicts import RunResult
from shared.errors import Refused, Unreachable
from shared.ports import Run

if TYPE_CHECKING:
    from databricks.sdk import WorkspaceClient
    from databricks.sdk.service.jobs import Run as SdkRun

LOST_CODES = {
    "BUDGET_POLICY_LIMIT_EXCEEDED",
    "CLOUD_FAILURE",
    "CLUSTER_ERROR",
    "CLUSTER_REQUEST_LIMIT_EXCEEDED",
    "DRIVER_ERROR",
    "INTERNAL_ERROR",
    "MAX_CONCURRENT_RUNS_EXCEEDED",
    "MAX_JOB_QUEUE_SIZE_EXCEEDED",
    "MAX_SPARK_CONTEXTS_EXCEEDED",
    "RESOURCE_NOT_FOUND",
    "WORKSPACE_RUN_LIMIT_EXCEEDED",
}
"""Termination codes (Jobs API, TerminationCodeCode) that are the platform's doing: the run's own code did not fail."""

ENDED = {"TERMINATED", "SKIPPED", "INTERNAL_ERROR"}


class DatabricksJobs:
    """Jobs, in one workspace."""

    def __init__(self, workspace: str, connect: "Callable[[], WorkspaceClient]") -> None:
        self._workspace = workspace
        self._connect = connect
        self._lock = threading.Lock()
        self._client: WorkspaceClient | None = None
        self._job_ids: dict[str, int] = {}

    def start(self, job: str, *, token: str, parameters: dict[str, str]) -> tuple[str, int]:
        from databricks.sdk.service.jobs import QueueSettings

        with reported(f"job {job} in workspace {self._workspace}"):
            client = self._open()
            waiter = client.jobs.run_now(
                self._job_id(client, job),
                idempotency_token=token,
                job_parameters=parameters,
                queue=QueueSettings(enabled=True),
            )
        return self._workspace, int(waiter.bind()["run_id"])

    def run(self, workspace: str, job_run_id: int) -> Run:
        from databricks.sdk.errors import InvalidParameterValue, NotFound

        try:
            with reported(f"run {job_run_id} in workspace {workspace}"):
                found = self._open().jobs.get_run(job_run_id)
        except Refused as refused:
            if isinstance(refused.__cause__, NotFound | InvalidParameterValue):
                return Run(
                    workspace=workspace,
                    job_run_id=job_run_id,
                    job="",
                    result=RunResult.LOST,
                    message=str(refused),
                    parameters={},
                )
            raise
        result, message = result_of(found)
        return Run(
            workspace=workspace,
            job_run_id=job_run_id,
            job=found.run_name or "",
            result=result,
            message=message,
            parameters={
                each.name: each.value if each.value is not None else each.default or ""
                for each in found.job_parameters or []
                if each.name
            },
        )

    def cancel(self, workspace: str, job_run_id: int) -> bool:
        """Stop the run; one that has ended, or is not known any more, was not stopped by us."""
        if self.run(workspace, job_run_id).result is not RunResult.RUNNING:
            return False
        with reported(f"run {job_run_id} in workspace {workspace}"):
            self._open().jobs.cancel_run(job_run_id)
        return True

    def _open(self) -> "WorkspaceClient":
        with self._lock:
            if self._client is None:
                self._client = self._connect()
            return self._client

    def _job_id(self, client: "WorkspaceClient", job: str) -> int:
        if job not in self._job_ids:
            found = [each.job_id for each in client.jobs.list(name=job) if each.job_id is not None]
            if len(found) != 1:
                raise Refused(
                    f"workspace {self._workspace} has {len(found)} jobs named {job!r}:"
                    " deploy the jobs of ml/databricks.yml"
                )
            self._job_ids[job] = found[0]
        return self._job_ids[job]


def result_of(run: "SdkRun") -> tuple[RunResult, str]:
    """How the run ended, and what the platform says of it."""
    state = run.state
    life_cycle = state.life_cycle_state.value if state and state.life_cycle_state else ""
    if life_cycle not in ENDED:
        return RunResult.RUNNING, life_cycle.lower()
    details = run.status.termination_details if run.status else None
    code = details.code.value if details and details.code else ""
    message = (details.message if details else "") or (state.state_message if state else "") or ""
    result = state.result_state.value if state and state.result_state else ""
    if result == "SUCCESS":
        return RunResult.SUCCEEDED, ""
    if result == "CANCELED":
        return RunResult.CANCELLED, message
    if code in LOST_CODES or (life_cycle == "INTERNAL_ERROR" and not code):
        return RunResult.LOST, message
    return RunResult.FAILED, message or code


@contextmanager
def reported(what: str) -> Iterator[None]:
    """The SDK's errors as ours: 4xx are final, the rest may pass."""
    from databricks.sdk import errors
    from databricks.sdk.errors.base import DatabricksError
    from requests import RequestException

    final = (
        errors.BadRequest,
        errors.InvalidParameterValue,
        errors.NotFound,
        errors.PermissionDenied,
        errors.Unauthenticated,
        errors.ResourceConflict,
    )
    try:
        yield
    except final as error:
        raise Refused(f"{what}: {error}") from error
    except (DatabricksError, RequestException, TimeoutError, OSError, ValueError) as error:
        raise Unreachable(f"{what}: {error}") from error


def connect(host: str, token: str) -> "WorkspaceClient":
    """A client that gives up in seconds: the SDK's own patience of five minutes would outlast the message's lock."""
    from databricks.sdk import WorkspaceClient
    from databricks.sdk.core import Config
    from databricks.sdk.credentials_provider import credentials_strategy

    @credentials_strategy("managed-identity", [])  # type: ignore[untyped-decorator]  # the SDK gives it no types
    def managed_identity(_: Config) -> Callable[[], dict[str, str]]:
        """The SDK knows none; it asks this for the headers of each request."""
        return lambda: {"Authorization": f"Bearer {entra.token(entra.DATABRICKS)}"}

    settings: dict[str, Any] = (
        {"token": token, "auth_type": "pat"} if token else {"credentials_strategy": managed_identity}
    )
    return WorkspaceClient(config=Config(host=host, retry_timeout_seconds=20, http_timeout_seconds=20, **settings))


def ensure_jobs(client: "WorkspaceClient", jobs: dict[str, dict[str, Any]]) -> dict[str, int]:
    """Create each job, or reset it to the given settings (Jobs API, JobSettings as a dictionary). Returns the ids."""
    ids: dict[str, int] = {}
    for settings in jobs.values():
        name = settings["name"]
        found = [each.job_id for each in client.jobs.list(name=name) if each.job_id is not None]
        if found:
            ids[name] = found[0]
            client.api_client.do("POST", "/api/2.2/jobs/reset", body={"job_id": found[0], "new_settings": settings})
        else:
            answer: Any = client.api_client.do("POST", "/api/2.2/jobs/create", body=settings)
            ids[name] = int(answer["job_id"])
    return ids


def notify(client: "WorkspaceClient", names: Sequence[str], destination: str) -> list[str]:
    """Have each job tell the destination when a run of it ended; the names of those that are not there."""
    from databricks.sdk.service.jobs import JobSettings, Webhook, WebhookNotifications

    to_us = [Webhook(id=destination)]
    missing: list[str] = []
    for name in names:
        found = [each.job_id for each in client.jobs.list(name=name) if each.job_id is not None]
        if not found:
            missing.append(name)
        for job_id in found:
            told = JobSettings(webhook_notifications=WebhookNotifications(on_success=to_us, on_failure=to_us))
            client.jobs.update(job_id, new_settings=told)
    return missing


NOTIFICATION = "sluice"


def ensure_notification(client: "WorkspaceClient", url: str, user: str, password: str) -> str:
    """A notification destination that calls us with HTTP Basic: made anew, because its password cannot be read back."""
    from databricks.sdk.service.settings import Config, GenericWebhookConfig

    for found in client.notification_destinations.list():
        if found.display_name == NOTIFICATION and found.id:
            client.notification_destinations.delete(found.id)
    made = client.notification_destinations.create(
        display_name=NOTIFICATION,
        config=Config(generic_webhook=GenericWebhookConfig(url=url, username=user, password=password)),
    )
    return str(made.id)
