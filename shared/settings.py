"""Settings: one frozen object, read from the environment by the Functions host's own names.

On a laptop the same names stand in the `Values` of a local.settings.json, which `python -m local up` writes.
"""

import json
import os
from datetime import timedelta
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.domain.commands import Queue
from shared.domain.people import Person
from shared.errors import Misconfigured, Refused

LOCAL_SETTINGS = Path(".sluice/local.settings.json")


class Settings(BaseSettings):
    """Everything that differs between a laptop and Azure."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", case_sensitive=True, hide_input_in_errors=True)

    landing_url: str = Field(
        min_length=1, alias="LANDING_URL", description="what the URL of every landed blob begins with"
    )
    landing_root: str = Field(min_length=1, alias="LANDING_ROOT", description="the same place as fsspec reads it")
    lake_root: str = Field(
        min_length=1, alias="LAKE_ROOT", description="where the silver, gold and quarantine tables are"
    )
    ledger: str = Field(
        min_length=1,
        alias="LEDGER",
        description="the ledger: sqlite:///PATH, or https://ACCOUNT.table.core.windows.net",
    )
    storage: SecretStr = Field(
        default=SecretStr(""),
        alias="STORAGE",
        description="connection string of a storage emulator; empty in Azure, where the managed identity signs in",
    )
    use_cases: str = Field(default="usecases", alias="USE_CASES", description="the folder of the use cases")
    use_cases_for_jobs: str = Field(
        default="", alias="USE_CASES_FOR_JOBS", description="where the jobs find that folder; empty: at the same path"
    )

    service_bus: SecretStr = Field(
        default=SecretStr(""), alias="SERVICE_BUS", description="Service Bus connection string; empty in Azure"
    )
    service_bus_namespace: str = Field(
        default="",
        alias="SERVICE_BUS__fullyQualifiedNamespace",
        validate_default=True,
        description="Service Bus namespace, where the managed identity signs in",
    )
    arrivals_queue: str = Field(default="arrivals", alias="ARRIVALS_QUEUE", description="name of the queue")
    trainings_queue: str = Field(default="trainings", alias="TRAININGS_QUEUE", description="name of the queue")
    job_events_queue: str = Field(default="job-events", alias="JOB_EVENTS_QUEUE", description="name of the queue")
    registry_events_queue: str = Field(
        default="registry-events", alias="REGISTRY_EVENTS_QUEUE", description="name of the queue"
    )
    scorings_queue: str = Field(default="scorings", alias="SCORINGS_QUEUE", description="name of the queue")
    scoring_parts_queue: str = Field(
        default="scoring-parts", alias="SCORING_PARTS_QUEUE", description="name of the queue"
    )

    mlflow_tracking_uri: str = Field(
        min_length=1, alias="MLFLOW_TRACKING_URI", description="the MLflow server, or databricks"
    )
    mlflow_registry_uri: str = Field(
        default="",
        alias="MLFLOW_REGISTRY_URI",
        description="the registry, where it is another place: databricks-uc is Unity Catalog",
    )
    registry_webhook_secret: SecretStr = Field(
        min_length=1,
        alias="REGISTRY_WEBHOOK_SECRET",
        description="what the registry's webhooks are signed with; several by commas, the first is given out",
    )
    databricks_webhook_secret: SecretStr = Field(
        default=SecretStr(""),
        alias="DATABRICKS_WEBHOOK_SECRET",
        description="the same of Databricks' workspace model registry; empty: nothing of it is believed",
    )
    relay_secret: SecretStr = Field(
        default=SecretStr(""),
        alias="RELAY_SECRET",
        description="the same of the relay of Unity Catalog's updates, and of live metrics; empty: nobody is believed",
    )
    databricks_workspace: str = Field(
        default="ws1", alias="DATABRICKS_WORKSPACE", description="our name for the workspace"
    )
    databricks_host: str = Field(min_length=1, alias="DATABRICKS_HOST", description="the workspace's address")
    databricks_token: SecretStr = Field(
        default=SecretStr(""), alias="DATABRICKS_TOKEN", description="its token; empty in Azure"
    )
    scoring_workspaces: str = Field(
        default="",
        alias="SCORING_WORKSPACES",
        validate_default=True,
        description="further workspaces that score, beside that one: NAME=ADDRESS; NAME=ADDRESS",
    )
    scoring_workspaces_tokens: SecretStr = Field(
        default=SecretStr(""), alias="SCORING_WORKSPACES_TOKENS", description="NAME=TOKEN; NAME=TOKEN; empty in Azure"
    )
    registry_for_jobs: str = Field(
        default="",
        alias="REGISTRY_FOR_JOBS",
        description="the registry as scoring jobs reach it; empty: as their workspace is set up",
    )
    job_notification_user: str = Field(
        default="sluice", alias="JOB_NOTIFICATION_USER", description="user of the job notifications' HTTP Basic"
    )
    job_notification_password: SecretStr = Field(
        min_length=1, alias="JOB_NOTIFICATION_PASSWORD", description="password of the job notifications' HTTP Basic"
    )

    platform_authentication: bool = Field(
        default=False,
        alias="PLATFORM_AUTHENTICATION",
        description="does Azure's authentication stand before the app? Only then X-MS-CLIENT-PRINCIPAL is believed",
    )
    development_users: str = Field(
        default="",
        alias="DEVELOPMENT_USERS",
        validate_default=True,
        description="who may approve where no platform signs people in: NAME: ROLE, ROLE; NAME: ROLE",
    )
    ops_form_secret: SecretStr = Field(
        default=SecretStr(""),
        alias="OPS_FORM_SECRET",
        description="what the forms of the ops page are signed with; without it nobody can answer there",
    )

    event_grid_topic: str = Field(
        default="",
        alias="EVENT_GRID_TOPIC",
        description="endpoint of the Event Grid topic where others hear of decisions and of data; empty: nowhere",
    )
    event_grid_topic_key: SecretStr = Field(
        default=SecretStr(""),
        alias="EVENT_GRID_TOPIC_KEY",
        description="one of its keys; empty in Azure, where the managed identity signs in",
    )
    ops_url: str = Field(
        default="",
        alias="OPS_URL",
        description="address of the ops page, for links in the registry and in events; empty: no such links",
    )

    reconcile_schedule: str = Field(
        default="0 */5 * * * *", alias="RECONCILE_SCHEDULE", description="when the sweep runs (NCrontab)"
    )
    reconcile_after_seconds: float = Field(
        default=300,
        ge=0,
        alias="RECONCILE_AFTER_SECONDS",
        description="how long a story is idle before the sweep carries it on",
    )
    check_memory_limit: str = Field(
        default="600MB", alias="CHECK_MEMORY_LIMIT", description="what DuckDB may use while it checks a batch"
    )

    telemetry: Literal["", "otlp", "azure"] = Field(
        default="",
        alias="TELEMETRY",
        description="where traces and metrics go: otlp, to OTEL_EXPORTER_OTLP_ENDPOINT; azure, to Application Insights",
    )

    @field_validator("registry_webhook_secret")
    @classmethod
    def _one_secret_at_least(cls, secret: SecretStr) -> SecretStr:
        if not secret.get_secret_value().replace(",", " ").strip():
            raise ValueError("there is no secret in it")
        return secret

    @field_validator("service_bus_namespace")
    @classmethod
    def _one_way_to_service_bus(cls, namespace: str, info: ValidationInfo) -> str:
        if not namespace and not info.data["service_bus"].get_secret_value():
            raise ValueError("SERVICE_BUS or SERVICE_BUS__fullyQualifiedNamespace is needed")
        return namespace

    @field_validator("development_users")
    @classmethod
    def _people_with_roles(cls, text: str, info: ValidationInfo) -> str:
        users = _users(text)
        if faulty := [name for name, roles in users.items() if not name or not roles]:
            raise ValueError(f"{', '.join(faulty) or 'somebody'} has no name or no role: NAME: ROLE, ROLE; NAME: ROLE")
        if users and info.data.get("platform_authentication"):
            raise ValueError("with PLATFORM_AUTHENTICATION the platform says who people are: leave it empty")
        return text

    @field_validator("scoring_workspaces")
    @classmethod
    def _workspaces_with_addresses(cls, text: str, info: ValidationInfo) -> str:
        named = _pairs(text)
        if faulty := [name for name, address in named.items() if not address.startswith(("https://", "http://127."))]:
            raise ValueError(f"{', '.join(faulty)} has no https address: NAME=ADDRESS; NAME=ADDRESS")
        if info.data.get("databricks_workspace") in named:
            raise ValueError("DATABRICKS_WORKSPACE is one of them: name only the others")
        return text

    @property
    def workspaces(self) -> dict[str, tuple[str, str]]:
        """Every workspace by name, home first: its address and its token."""
        tokens = _pairs(self.scoring_workspaces_tokens.get_secret_value())
        return {
            self.databricks_workspace: (self.databricks_host, self.databricks_token.get_secret_value()),
            **{name: (address, tokens.get(name, "")) for name, address in _pairs(self.scoring_workspaces).items()},
        }

    @property
    def users(self) -> dict[str, tuple[str, ...]]:
        """The development users and their roles."""
        return _users(self.development_users)

    def user(self, name: str) -> Person:
        """A development user. Raises Refused."""
        roles = self.users.get(name)
        if roles is None:
            raise Refused(f"{name!r} is none of DEVELOPMENT_USERS: {', '.join(self.users) or 'nobody is'}")
        return Person(name=name, roles=roles)

    def secrets_of(self, sender: str) -> tuple[str, ...]:
        """What a sender of registry events (mlflow, databricks, relay) signs with: while they are changed, several."""
        setting = {"mlflow": self.registry_webhook_secret, "databricks": self.databricks_webhook_secret}
        text = setting.get(sender, self.relay_secret).get_secret_value()
        return tuple(each.strip() for each in text.replace(",", "\n").splitlines() if each.strip())

    @property
    def reconcile_after(self) -> timedelta:
        """How long a story is idle before the sweep carries it on."""
        return timedelta(seconds=self.reconcile_after_seconds)

    def queue_name(self, queue: Queue) -> str:
        """The queue's name in the namespace."""
        return str(getattr(self, f"{queue.name.lower()}_queue"))

    @classmethod
    def load(cls, file: Path | None = None, *, found: Path = LOCAL_SETTINGS) -> Self:
        """Read the environment and the `Values` of a local.settings.json.

        A file that is named wins over the environment, so that a command for a laptop's stack never reaches another
        one; below the environment is the file that is merely found, where there is one.
        Raises Misconfigured with every fault at once, each naming the setting and what is wrong with it.
        """
        path = file or found
        values: dict[str, str] = {}
        if file or path.exists():
            try:
                values = {str(k): str(v) for k, v in json.loads(path.read_text())["Values"].items()}
            except OSError as error:
                raise Misconfigured(f"{path}: {error.strerror}; start the local stack, or name another file") from error
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise Misconfigured(f'{path}: {{"Values": {{NAME: TEXT}}}} is expected ({error})') from error
        try:
            return cls.model_validate({**os.environ, **values} if file else {**values, **os.environ})
        except ValidationError as error:
            faults = [f"  {cls._name(each['loc'])}: {each['msg']}" for each in error.errors(include_input=False)]
            hint = f"set them in the environment or in {path}; is the local stack up (python -m local up)?"
            raise Misconfigured("\n".join([f"{len(faults)} settings are wrong:", *faults, hint])) from error

    @classmethod
    def _name(cls, location: tuple[int | str, ...]) -> str:
        """The setting's name; where a default is wrong, pydantic names the field."""
        field = cls.model_fields.get(str(location[0])) if location else None
        return str(field.alias) if field else ".".join(map(str, location)) or "settings"


def _pairs(text: str) -> dict[str, str]:
    entries = [entry.partition("=") for entry in text.split(";") if entry.strip()]
    return {name.strip(): value.strip() for name, _, value in entries}


def _users(text: str) -> dict[str, tuple[str, ...]]:
    entries = [entry.partition(":") for entry in text.split(";") if entry.strip()]
    return {
        name.strip(): tuple(role.strip() for role in roles.split(",") if role.strip()) for name, _, roles in entries
    }
