"""The host's admin routes: ``/admin/functions``, ``/admin/functions/NAME``, ``/admin/host/status``."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

from starlette.responses import JSONResponse, PlainTextResponse, Response

from local.host import payloads
from local.host.engine import HOST_VERSION
from local.host.functions import Function
from local.host.incoming import Incoming
from local.host.invocations import Invocations
from local.host.keys import Keys, NoKeys


class Admin:
    """Lists the functions, and starts one that no HTTP route can start (a timer, a queue's)."""

    def __init__(self, invocations: Invocations, *, route_prefix: str, keys: Keys | NoKeys) -> None:
        self._invocations = invocations
        self._functions = {name.lower(): function for name, function in invocations.functions.items()}
        self._route_prefix = route_prefix
        self._keys = keys
        self._started: set[asyncio.Task[Any]] = set()

    def answer(self, request: Incoming) -> Response:
        """Answer a request whose path begins with ``admin/``."""
        action = request.path.lower().removeprefix("admin").strip("/")
        if action == "host/ping":
            return Response(status_code=200)
        if not self._keys.allows("ADMIN", request.headers, request.query):
            return Response(status_code=401)
        if action.startswith("functions/"):
            return self._one(request, action.removeprefix("functions/"))
        if request.method == "GET" and action == "functions":
            return JSONResponse([self._describe(each, request.origin) for each in self._functions.values()])
        if request.method == "GET" and action == "host/status":
            return JSONResponse({"id": "local", "state": "Running", "version": HOST_VERSION})
        return Response(status_code=404)

    def _one(self, request: Incoming, name: str) -> Response:
        function = self._functions.get(name)
        if function is None:
            return Response(status_code=404)
        if request.method == "GET":
            return JSONResponse(self._describe(function, request.origin))
        if request.method != "POST" or function.kind == "httpTrigger":
            return PlainTextResponse(f"call {function.name} through its own route", status_code=400)
        try:
            payload = payload_by_hand(function, request.body)
        except ValueError as error:
            return PlainTextResponse(str(error), status_code=400)
        task = asyncio.create_task(self._invocations.run(function, payload))
        self._started.add(task)
        task.add_done_callback(self._started.discard)
        return Response(status_code=202)

    def _describe(self, function: Function, origin: str) -> dict[str, Any]:
        route = "/".join(filter(None, (origin, self._route_prefix, function.trigger.get("route", function.name))))
        return {
            "name": function.name,
            "href": f"{origin}/admin/functions/{function.name}",
            "invoke_url_template": route if function.kind == "httpTrigger" else None,
            "language": "python",
            "config": {"bindings": [function.trigger, *function.inputs, *function.outputs.values()]},
            "isDisabled": False,
        }


def payload_by_hand(function: Function, body: bytes) -> payloads.Payload:
    """Build the payload of a call by hand from a body ``{"input": ...}``; a timer needs none.

    Raises:
        ValueError: The body does not fit the function's trigger.

    """
    content = json.loads(body) if body.strip() else {}
    given = content.get("input") if isinstance(content, dict) else None
    match function.kind:
        case "timerTrigger":
            return payloads.timer(last_updated=datetime.now(UTC))
        case "eventGridTrigger":
            event = json.loads(given) if isinstance(given, str) else given
            if isinstance(event, dict):
                return payloads.event_grid(event)
            raise ValueError('the body must be {"input": <an event>}')
        case _:
            return payloads.service_bus(given if isinstance(given, str) else json.dumps(given))
