"""Serving endpoints through databricks-sdk (Serving endpoints API 2.0)."""

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from shared.adapters.databricks import reported
from shared.domain.usecase import ServingSpec
from shared.errors import Conflict, Refused
from shared.ports import Endpoint

if TYPE_CHECKING:
    from databricks.sdk import WorkspaceClient
    from databricks.sdk.service.serving import ServingEndpointDetailed

FAILED = {"UPDATE_FAILED", "UPDATE_CANCELED"}


class DatabricksServing:
    """Serving, in one workspace."""

    def __init__(self, connect: "Callable[[], WorkspaceClient]") -> None:
        self._connect = connect
        self._lock = threading.Lock()
        self._client: WorkspaceClient | None = None

    def _open(self) -> "WorkspaceClient":
        with self._lock:
            if self._client is None:
                self._client = self._connect()
            return self._client

    def endpoint(self, name: str) -> Endpoint | None:
        from databricks.sdk.errors import NotFound

        try:
            with reported(f"endpoint {name}"):
                found = self._open().serving_endpoints.get(name)
        except Refused as refused:
            if isinstance(refused.__cause__, NotFound):
                return None
            raise
        return described(name, found)

    def serve(self, spec: ServingSpec, model: str, version: str) -> None:
        from databricks.sdk.errors import ResourceConflict
        from databricks.sdk.service.serving import EndpointCoreConfigInput, ServedEntityInput

        entity = ServedEntityInput(
            name=f"version-{version}",
            entity_name=model,
            entity_version=version,
            workload_size=spec.workload_size,
            scale_to_zero_enabled=spec.scale_to_zero,
        )
        there = self.endpoint(spec.endpoint) is not None
        try:
            with reported(f"endpoint {spec.endpoint}"):
                endpoints = self._open().serving_endpoints
                if there:
                    endpoints.update_config(spec.endpoint, served_entities=[entity])
                else:
                    config = EndpointCoreConfigInput(name=spec.endpoint, served_entities=[entity])
                    endpoints.create(spec.endpoint, config=config)
        except Refused as refused:
            if isinstance(refused.__cause__, ResourceConflict):
                raise Conflict(str(refused)) from refused
            raise


def described(name: str, found: "ServingEndpointDetailed") -> Endpoint:
    """What the workspace says of an endpoint, in our words."""
    update = found.state.config_update.value if found.state and found.state.config_update else ""
    is_ready = bool(found.state and found.state.ready and found.state.ready.value == "READY")
    served = _entities(found.config)
    coming = _entities(found.pending_config) if update == "IN_PROGRESS" else []
    failed = ""
    if update in FAILED:
        said = [_message(each) for each in [*_entities(found.pending_config), *served]]
        failed = next(filter(None, said), "") or update.lower().replace("_", " ")
    return Endpoint(
        name=name,
        version=str(served[0].entity_version or "") if served and is_ready else "",
        pending=str(coming[0].entity_version or "") if coming else "",
        failed=failed,
        failed_version=next((str(each.entity_version or "") for each in _entities(found.pending_config)), "")
        if failed
        else "",
    )


def _entities(config: Any) -> list[Any]:
    return list(config.served_entities or []) if config else []


def _message(entity: Any) -> str:
    return str(entity.state.deployment_state_message or "") if entity.state else ""
