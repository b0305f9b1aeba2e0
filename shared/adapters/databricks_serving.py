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
UNWELL = {"DEPLOYMENT_FAILED", "DEPLOYMENT_ABORTED"}
"""States of a served entity (Serving endpoints API, ServedModelStateDeployment) in which it does not answer."""


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

    def serve(self, spec: ServingSpec, model: str, version: str, *, canary: str = "") -> None:
        from databricks.sdk.errors import ResourceConflict
        from databricks.sdk.service.serving import (
            EndpointCoreConfigInput,
            Route,
            ServedEntityInput,
            TrafficConfig,
        )

        percent = spec.canary.percent if spec.canary and canary else 0
        shares = {version: 100 - percent, **({canary: percent} if percent else {})}
        entities = [
            ServedEntityInput(
                name=_name(each),
                entity_name=model,
                entity_version=each,
                workload_size=spec.workload_size,
                scale_to_zero_enabled=spec.scale_to_zero,
            )
            for each in shares
        ]
        routes = [Route(served_model_name=_name(each), traffic_percentage=share) for each, share in shares.items()]
        traffic = TrafficConfig(routes=routes)
        there = self.endpoint(spec.endpoint) is not None
        try:
            with reported(f"endpoint {spec.endpoint}"):
                endpoints = self._open().serving_endpoints
                if there:
                    endpoints.update_config(spec.endpoint, served_entities=entities, traffic_config=traffic)
                else:
                    config = EndpointCoreConfigInput(
                        name=spec.endpoint, served_entities=entities, traffic_config=traffic
                    )
                    endpoints.create(spec.endpoint, config=config)
        except Refused as refused:
            if isinstance(refused.__cause__, ResourceConflict):
                raise Conflict(str(refused)) from refused
            raise


def described(name: str, found: "ServingEndpointDetailed") -> Endpoint:
    """What the workspace says of an endpoint, in our words. Of two that answer the first is the older one, as we ask
    for them.
    """
    update = found.state.config_update.value if found.state and found.state.config_update else ""
    is_ready = bool(found.state and found.state.ready and found.state.ready.value == "READY")
    served = _entities(found.config)
    coming = _entities(found.pending_config) if update == "IN_PROGRESS" else []
    failed = ""
    if update in FAILED:
        said = [_message(each) for each in [*_entities(found.pending_config), *served]]
        failed = next(filter(None, said), "") or update.lower().replace("_", " ")
    beside = served[1] if is_ready and len(served) > 1 else None
    return Endpoint(
        name=name,
        version=str(served[0].entity_version or "") if served and is_ready else "",
        pending=str(coming[-1].entity_version or "") if coming else "",
        failed=failed,
        failed_version=next((str(each.entity_version or "") for each in _entities(found.pending_config)[::-1]), "")
        if failed
        else "",
        canary=str(beside.entity_version or "") if beside else "",
        percent=_percent(found.config, beside.name) if beside else 0,
        unwell=_unwell(served, is_ready=is_ready),
    )


def _name(version: str) -> str:
    return f"version-{version}"


def _percent(config: Any, name: str) -> int:
    """Of the requests, that the entity of that name answers."""
    routes = config.traffic_config.routes if config.traffic_config else None
    of_it = (one for one in routes or [] if name in (one.served_model_name, one.served_entity_name))
    return next((int(one.traffic_percentage) for one in of_it), 0)


def _unwell(served: list[Any], *, is_ready: bool) -> str:
    if served and not is_ready:
        return "it is not ready"
    for each in served:
        deployment = each.state.deployment.value if each.state and each.state.deployment else ""
        if deployment in UNWELL:
            return f"version {each.entity_version}: {_message(each) or deployment.lower().replace('_', ' ')}"
    return ""


def _entities(config: Any) -> list[Any]:
    return list(config.served_entities or []) if config else []


def _message(entity: Any) -> str:
    return str(entity.state.deployment_state_message or "") if entity.state else ""
