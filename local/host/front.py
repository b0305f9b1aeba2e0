"""The HTTP front: HTTP-triggered functions, the Event Grid webhook and the host's admin routes, as one ASGI app."""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from local.host import payloads
from local.host.admin import Admin
from local.host.errors import HostError
from local.host.eventgrid import EventGridWebhook
from local.host.functions import Function
from local.host.incoming import BODY_LIMIT, BodyTooLargeError, Incoming, read
from local.host.invocations import Invocations
from local.host.keys import Keys, NoKeys
from local.host.outcome import HttpAnswer
from local.host.routes import Route, compile_route

UP = "Your function app is up and running (local front)."
OWN_HEADERS = {"content-length", "transfer-encoding", "connection", "keep-alive"}  # the server writes these itself


@dataclass(frozen=True, kw_only=True)
class HttpFunction:
    """A function with its compiled route; no methods means any."""

    function: Function
    route: Route
    methods: frozenset[str]
    level: str


class Front:
    """An ASGI app.

    Args:
        invocations: Calls the functions.
        route_prefix: Of HTTP triggers, from host.json; usually ``api``.
        keys: Checks function keys.
        body_limit: The largest request body in bytes; a larger one is answered 413.

    """

    def __init__(
        self,
        invocations: Invocations,
        *,
        route_prefix: str = "api",
        keys: Keys | NoKeys | None = None,
        body_limit: int = BODY_LIMIT,
    ) -> None:
        self._invocations = invocations
        self._keys = keys or NoKeys()
        self._webhook = EventGridWebhook(invocations)
        self._admin = Admin(invocations, route_prefix=route_prefix, keys=self._keys)
        self._body_limit = body_limit
        self._prefix = f"{route_prefix}/" if route_prefix else ""
        self._http_functions = sorted(
            (_http_function(each) for each in invocations.functions.values() if each.kind == "httpTrigger"),
            key=lambda each: each.route.precedence,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        response: Response
        try:
            response = await self._answer(await read(Request(scope, receive), self._body_limit))
        except BodyTooLargeError:
            text = f"the body is larger than {self._body_limit} bytes"
            response = PlainTextResponse(text, status_code=413, headers={"connection": "close"})
        await response(scope, receive, send)

    async def _answer(self, request: Incoming) -> Response:
        path = request.path.lower().rstrip("/")
        if path == "runtime/webhooks/eventgrid":
            if not self._keys.allows("SYSTEM", request.headers, request.query):
                return Response(status_code=401)
            return await self._webhook.answer(request)
        if path.startswith("admin/"):
            return self._admin.answer(request)
        if answer := await self._http_trigger(request):
            return answer
        return Response(status_code=404) if path else PlainTextResponse(UP)

    async def _http_trigger(self, request: Incoming) -> Response | None:
        """Call the most specific function whose route and methods match; None when there is none.

        A known path with another method is 404, not 405, and HEAD is a method of its own: so answers the real host.
        """
        if not f"{request.path}/".lower().startswith(self._prefix.lower()):
            return None
        for each in self._http_functions:
            params = each.route.match(request.path[len(self._prefix) :])
            if params is None or (each.methods and request.method not in each.methods):
                continue
            if not self._keys.allows(each.level, request.headers, request.query):
                return Response(status_code=401)
            payload = payloads.http(
                request.method, request.url, headers=request.headers, route_params=params, body=request.body
            )
            outcome = await self._invocations.run(each.function, payload)
            if not outcome.succeeded or outcome.http is None:
                return Response(status_code=204 if outcome.succeeded else 500)
            return _response(outcome.http, request.method)
        return None


def _http_function(function: Function) -> HttpFunction:
    template = str(function.trigger.get("route") or function.name)
    try:
        route = compile_route(template)
    except ValueError as error:
        raise HostError(f"function {function.name}, route {template!r}: {error}") from error
    return HttpFunction(
        function=function,
        route=route,
        methods=frozenset(str(method).upper() for method in function.trigger.get("methods") or ()),
        level=str(function.trigger.get("authLevel") or "FUNCTION"),
    )


def _response(answer: HttpAnswer, method: str) -> Response:
    bodiless = answer.status in {204, 304} or answer.status < 200
    response = Response(content=b"" if bodiless or method == "HEAD" else answer.body, status_code=answer.status)
    response.raw_headers = [
        (name.lower().encode("latin-1"), value.encode("latin-1", "replace"))
        for name, value in answer.headers.items()
        if name.lower() not in OWN_HEADERS
    ]
    response.raw_headers += [(b"set-cookie", cookie.encode("latin-1", "replace")) for cookie in answer.cookies]
    if not bodiless:
        response.raw_headers.append((b"content-length", str(len(answer.body)).encode()))
    return response
