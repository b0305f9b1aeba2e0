"""What is done once for an installation: jobs and notifications in the workspaces, the webhook in the registry."""

from collections.abc import Mapping, Sequence
from typing import Any

from shared.adapters import databricks, mlflow_webhooks
from shared.settings import Settings
from shared.wire.registry_webhook import Dialect


def ensure_jobs(settings: Settings, jobs: Mapping[str, Mapping[str, Any]], notify: str) -> dict[str, dict[str, int]]:
    """Create or reset the jobs in every workspace, each with notifications to us at the address; ids by workspace."""
    user, password = settings.job_notification_user, settings.job_notification_password.get_secret_value()
    made: dict[str, dict[str, int]] = {}
    for name, reached in settings.workspaces.items():
        client = databricks.connect(*reached)
        destination = databricks.ensure_notification(client, f"{notify}?workspace={name}", user, password)
        events = {event: [{"id": destination}] for event in ("on_success", "on_failure")}
        told = {key: {**job, "webhook_notifications": events} for key, job in jobs.items()}
        made[name] = databricks.ensure_jobs(client, told)
    return made


def connect_jobs(settings: Settings, names: Sequence[str], notify: str) -> dict[str, list[str]]:
    """Have the jobs of every workspace tell us at the address when a run ended; by workspace, the jobs it lacks."""
    user, password = settings.job_notification_user, settings.job_notification_password.get_secret_value()
    missing: dict[str, list[str]] = {}
    for name, reached in settings.workspaces.items():
        client = databricks.connect(*reached)
        with databricks.reported(f"workspace {name}"):
            destination = databricks.ensure_notification(client, f"{notify}?workspace={name}", user, password)
            missing[name] = databricks.notify(client, names, destination)
    return missing


def ensure_webhook(settings: Settings, url: str) -> str:
    """Create the registry's webhook to us, or bring it to this address and secret; its id, the same over repeats."""
    return mlflow_webhooks.ensure(settings.mlflow_tracking_uri, url, settings.secrets_of(Dialect.MLFLOW)[0])


def webhooks(settings: Settings) -> Sequence[mlflow_webhooks.Webhook]:
    """The registry's webhooks, ours and others'."""
    return mlflow_webhooks.listed(settings.mlflow_tracking_uri)


def test_webhooks(settings: Settings) -> Mapping[str, str]:
    """Have the registry send a test of each event to us; by event: what is wrong, or ""."""
    return mlflow_webhooks.tested(settings.mlflow_tracking_uri)
