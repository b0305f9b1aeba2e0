"""The registry, through the MLflow client (mlflow-skinny is enough)."""

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from shared.errors import Refused, Unreachable
from shared.ports import ModelVersion

if TYPE_CHECKING:
    from mlflow import MlflowClient

GONE = {"RESOURCE_DOES_NOT_EXIST", "NOT_FOUND"}
FINAL = GONE | {
    "INVALID_PARAMETER_VALUE",
    "PERMISSION_DENIED",
    "UNAUTHENTICATED",
    "BAD_REQUEST",
    "RESOURCE_ALREADY_EXISTS",
}
"""Error codes of the tracking server's REST API that trying again does not mend."""

TAG_LIMIT = 5000  # the REST API's limit of a model version tag's value, characters


class MlflowRegistry:
    """Registry."""

    def __init__(self, tracking_uri: str) -> None:
        self._uri = tracking_uri
        self._lock = threading.Lock()
        self._client: MlflowClient | None = None

    def _open(self) -> "MlflowClient":
        with self._lock:
            if self._client is None:
                # One call must not block for minutes: the step retries, and the message's lock runs.
                os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
                os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
                os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
                from mlflow import MlflowClient

                self._client = MlflowClient(tracking_uri=self._uri, registry_uri=self._uri)
            return self._client

    @contextmanager
    def _errors(self) -> Iterator["MlflowClient"]:
        client = self._open()
        from mlflow.exceptions import MlflowException
        from requests import RequestException

        try:
            yield client
        except MlflowException as error:
            if error.error_code in FINAL:
                raise Refused(f"MLflow at {self._uri}: {error.message}") from error
            raise Unreachable(f"MLflow at {self._uri}: {error.message}") from error
        except (RequestException, OSError) as error:
            raise Unreachable(f"MLflow at {self._uri}: {error}") from error

    @contextmanager
    def _may_be_gone(self) -> Iterator["MlflowClient"]:
        try:
            with self._errors() as client:
                yield client
        except Refused as refused:
            if getattr(refused.__cause__, "error_code", "") not in GONE:
                raise

    def version(self, model: str, version: str) -> ModelVersion | None:
        with self._may_be_gone() as client:
            found = client.get_model_version(model, version)
            run_id = found.run_id or found.tags.get("sluice.mlflow_run_id", "")
            return ModelVersion(
                model=model,
                version=version,
                mlflow_run_id=run_id,
                tags=dict(found.tags),
                metrics=self._metrics(run_id),
            )
        return None

    def _metrics(self, run_id: str) -> dict[str, float]:
        if run_id:
            with self._may_be_gone() as client:
                return dict(client.get_run(run_id).data.metrics)
        return {}

    def versions(self, model: str) -> Sequence[str]:
        with self._errors() as client:
            found: list[Any] = []
            page: str | None = None
            while page != "":
                answer = client.search_model_versions(f"name = '{model}'", max_results=1000, page_token=page)
                found += answer
                page = answer.token or ""
        return sorted((str(one.version) for one in found), key=int)

    def annotate(self, model: str, version: str, tags: dict[str, str]) -> None:
        with self._may_be_gone() as client:
            for key, value in tags.items():
                client.set_model_version_tag(model, version, key, value[:TAG_LIMIT])

    def slot(self, model: str, slot: str) -> str:
        with self._may_be_gone() as client:
            aliases = client.get_registered_model(model).aliases
            return str(aliases.get(slot, ""))
        return ""

    def point(self, model: str, slot: str, version: str) -> None:
        if version:
            with self._errors() as client:
                client.set_registered_model_alias(model, slot, version)
        else:
            with self._may_be_gone() as client:
                client.delete_registered_model_alias(model, slot)


WEBHOOK = "sluice"


def ensure_webhook(tracking_uri: str, url: str, secret: str) -> None:
    """Create the registry's webhook to us, or bring it to this address and secret."""
    from mlflow import MlflowClient

    events: list[Any] = ["model_version.created", "model_version_alias.created", "model_version_alias.deleted"]
    client = MlflowClient(tracking_uri=tracking_uri, registry_uri=tracking_uri)
    for webhook in client.list_webhooks(max_results=100):
        if webhook.name == WEBHOOK:
            client.update_webhook(webhook.webhook_id, url=url, secret=secret, events=events)
            return
    client.create_webhook(WEBHOOK, url, events=events, secret=secret)
