"""The HTTP side: routes, the token, errors in Databricks' shape, and faults that tests ask for."""

import hmac
import json
import logging
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from local.databricks.errors import ApiError, malformed
from local.databricks.runs import Json
from local.databricks.workspace import Workspace

JOBS: Final = "/api/2.2/jobs"
DESTINATIONS: Final = "/api/2.0/notification-destinations"
ENDPOINTS: Final = "/api/2.0/serving-endpoints"
FAULTS: Final = "/_local/faults"
log = logging.getLogger(__name__)


class Faults:
    """Answers that tests ordered: `{"path": "run-now", "status": 429, "headers": {"Retry-After": "1"}, "times": 1}`.

    `path` is a part of the request's path. With `"after": true` the request takes effect first and only its answer
    is replaced, as when an answer is lost on its way.
    """

    def __init__(self) -> None:
        self._ordered: list[Json] = []

    def order(self, request: Json) -> Json:
        """Remember a fault; it is used up after `times` requests."""
        if not isinstance(request.get("path"), str) or not isinstance(request.get("status"), int):
            raise malformed("A fault needs a path and a status.")
        self._ordered.append({"times": 1, **request})
        return {}

    def clear(self, request: Json) -> Json:
        """Forget all of them."""
        del request  # there is nothing to choose by
        self._ordered.clear()
        return {}

    def take(self, path: str) -> Json | None:
        """The fault this request meets, if there is one."""
        for fault in self._ordered:
            if fault["path"] in path and fault["times"] > 0:
                fault["times"] -= 1
                return fault
        return None


def _fault_answer(fault: Json) -> JSONResponse:
    status = HTTPStatus(fault["status"])
    code = {429: "REQUEST_LIMIT_EXCEEDED", 500: "INTERNAL_ERROR", 503: "TEMPORARILY_UNAVAILABLE"}.get(
        status, status.name
    )
    return _error_answer(
        ApiError(status, fault.get("error_code", code), "A fault that was ordered.", fault.get("headers"))
    )


def _error_answer(error: ApiError) -> JSONResponse:
    return JSONResponse(error.body(), error.status, error.headers)


def _check_token(request: Request, token: str) -> None:
    given = request.headers.get("authorization")
    if given is None:
        raise ApiError(
            401,
            "UNAUTHENTICATED",
            "Credential was not sent or was of an unsupported type for this API.",
            {"WWW-Authenticate": "Bearer"},
        )
    if not hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
        raise ApiError(403, "PERMISSION_DENIED", "Invalid access token.")


async def _fields(request: Request) -> Json:
    if request.method in ("GET", "DELETE"):
        return {**request.query_params, **request.path_params}
    try:
        body = json.loads(await request.body() or b"{}")
    except ValueError as error:
        raise malformed(f"The body is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise malformed("The body is not a JSON object.")
    return {**body, **request.path_params}


def _calls(workspace: Workspace, faults: Faults) -> Mapping[tuple[str, str], Callable[[Json], Json]]:
    return {
        ("POST", f"{JOBS}/create"): workspace.create_job,
        ("GET", f"{JOBS}/get"): workspace.get_job,
        ("GET", f"{JOBS}/list"): workspace.list_jobs,
        ("POST", f"{JOBS}/reset"): workspace.reset_job,
        ("POST", f"{JOBS}/update"): workspace.update_job,
        ("POST", f"{JOBS}/delete"): workspace.delete_job,
        ("POST", f"{JOBS}/run-now"): workspace.run_now,
        ("GET", f"{JOBS}/runs/get"): workspace.get_run,
        ("GET", f"{JOBS}/runs/list"): workspace.list_runs,
        ("POST", f"{JOBS}/runs/cancel"): workspace.cancel_run,
        ("GET", f"{JOBS}/runs/get-output"): workspace.get_output,
        ("POST", DESTINATIONS): workspace.create_destination,
        ("GET", DESTINATIONS): workspace.list_destinations,
        ("GET", DESTINATIONS + "/{id}"): workspace.get_destination,
        ("DELETE", DESTINATIONS + "/{id}"): workspace.delete_destination,
        ("GET", "/api/2.0/preview/scim/v2/Me"): workspace.me,
        ("POST", ENDPOINTS): workspace.endpoints.create,
        ("GET", ENDPOINTS): workspace.endpoints.list,
        ("GET", ENDPOINTS + "/{name}"): workspace.endpoints.get,
        ("PUT", ENDPOINTS + "/{name}/config"): workspace.endpoints.update_config,
        ("DELETE", ENDPOINTS + "/{name}"): workspace.endpoints.delete,
        ("POST", FAULTS): faults.order,
        ("DELETE", FAULTS): faults.clear,
    }


def _routes(workspace: Workspace, token: str) -> list[BaseRoute]:
    faults = Faults()

    def route(method: str, path: str, call: Callable[[Json], Json]) -> Route:
        async def answer(request: Request) -> JSONResponse:
            try:
                _check_token(request, token)
                fault = None if path == FAULTS else faults.take(path)
                if fault and not fault.get("after"):
                    return _fault_answer(fault)
                answered = call(await _fields(request))
            except ApiError as error:
                return _error_answer(error)
            return (
                _fault_answer(fault)
                if fault
                else JSONResponse(answered, headers={"X-Databricks-Org-Id": str(workspace.id)})
            )

        return Route(path, answer, methods=[method])

    async def host_metadata(request: Request) -> JSONResponse:
        del request  # the answer is the same for everybody
        return JSONResponse(workspace.host_metadata())

    calls = [route(method, path, call) for (method, path), call in _calls(workspace, faults).items()]

    async def invocations(request: Request) -> Response:
        try:
            _check_token(request, token)
            content_type = request.headers.get("content-type", "application/json")
            name = request.path_params["name"]
            status, answer = await workspace.endpoints.invoke(name, await request.body(), content_type)
        except ApiError as error:
            return _error_answer(error)
        return Response(answer, status, media_type="application/json")

    return [
        *calls,
        Route("/.well-known/databricks-config", host_metadata),
        Route("/serving-endpoints/{name}/invocations", invocations, methods=["POST"]),
    ]


async def _no_such_path(request: Request, error: Exception) -> JSONResponse:
    del error  # path and method say it all
    path = f"{request.method} {request.url.path}"
    return _error_answer(ApiError(404, "ENDPOINT_NOT_FOUND", f"No API found for '{path}'."))


async def _fault_of_ours(request: Request, error: Exception) -> JSONResponse:
    log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return _error_answer(ApiError(500, "INTERNAL_ERROR", f"The local workspace failed: {error!r}"))


def make_app(workspaces: Mapping[str, tuple[Workspace, str]]) -> Starlette:
    """The application: every workspace, with its token, under the path prefix of its name."""
    mounts = [Mount(f"/{name}", routes=_routes(workspace, token)) for name, (workspace, token) in workspaces.items()]
    handlers: dict[Any, Any] = {404: _no_such_path, 405: _no_such_path, Exception: _fault_of_ours}
    return Starlette(routes=mounts, exception_handlers=handlers)
