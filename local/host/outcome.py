"""How an invocation ended: an error, or an HTTP answer and output values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import formatdate

from local.host.functions import Function
from local.host.protos import InvocationResponse, RpcHttp, RpcHttpCookie, SameSite, StatusResult, TypedData

type OutputValue = str | bytes

SAME_SITE_TEXT = {SameSite["Lax"]: "Lax", SameSite["Strict"]: "Strict", SameSite["ExplicitNone"]: "None"}


@dataclass(frozen=True, kw_only=True)
class HttpAnswer:
    """Status, headers (names as the function spelled them), one text per Set-Cookie header, and the body."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    cookies: tuple[str, ...] = ()
    body: bytes = b""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What one invocation gave back.

    Attributes:
        error: Type and text of the exception, ``ValueError: no rows``; None when the function succeeded.
        traceback: The exception's traceback, as the engine formatted it.
        http: The answer, for functions with an HTTP output.
        outputs: Values of the other output bindings by parameter name; ``$return`` is the returned value.

    """

    function: Function
    invocation_id: str
    seconds: float = 0.0
    error: str | None = None
    traceback: str = ""
    http: HttpAnswer | None = None
    outputs: Mapping[str, OutputValue] = field(default_factory=dict)

    @property
    def succeeded(self) -> bool:
        """Whether the function ended without an exception."""
        return self.error is None


def read_response(function: Function, response: InvocationResponse, seconds: float) -> Outcome:
    """Translate the engine's answer."""
    invocation_id = response.invocation_id
    if response.result.status != StatusResult.Success:
        exception = response.result.exception
        return Outcome(
            function=function,
            invocation_id=invocation_id,
            seconds=seconds,
            error=exception.message if exception else "the engine gave no reason",
            traceback=exception.stack_trace if exception else "",
        )
    values = {each.name: each.data for each in response.output_data}
    if response.return_value is not None:
        values["$return"] = response.return_value
    http_output = function.http_output
    return Outcome(
        function=function,
        invocation_id=invocation_id,
        seconds=seconds,
        http=_answer(values.get(http_output)) if http_output else None,
        outputs={
            name: _value(typed) for name, typed in values.items() if typed is not None and name in _sent(function)
        },
    )


def _sent(function: Function) -> set[str]:
    return {name for name, binding in function.outputs.items() if binding["type"] != "http"}


def _value(typed: TypedData) -> OutputValue:
    value = getattr(typed, typed.WhichOneof("data") or "string") or ""
    return value if isinstance(value, bytes) else str(value)


def _answer(typed: TypedData | None) -> HttpAnswer:
    """Nothing set is 204, a bare string 200 as text; everything else is an HttpResponse."""
    if typed is None or typed.WhichOneof("data") is None:
        return HttpAnswer(status=204)
    if typed.http is None:
        value = _value(typed)
        body = value if isinstance(value, bytes) else value.encode()
        return HttpAnswer(status=200, headers={"content-type": "text/plain; charset=utf-8"}, body=body)
    http: RpcHttp = typed.http
    body_value = _value(http.body) if http.body is not None else b""
    return HttpAnswer(
        status=int(http.status_code or 200),
        headers=http.headers,
        cookies=tuple(_cookie(each) for each in http.cookies or ()),
        body=body_value if isinstance(body_value, bytes) else body_value.encode(),
    )


def _cookie(cookie: RpcHttpCookie) -> str:
    """Write one Set-Cookie header."""
    text = f"{cookie.name}={cookie.value}"
    if cookie.domain and cookie.domain.value:
        text += f"; Domain={cookie.domain.value}"
    if cookie.path and cookie.path.value:
        text += f"; Path={cookie.path.value}"
    if cookie.expires:
        text += f"; Expires={formatdate(cookie.expires.value.seconds, usegmt=True)}"
    if cookie.max_age:
        text += f"; Max-Age={int(cookie.max_age.value)}"
    if cookie.secure and cookie.secure.value:
        text += "; Secure"
    if cookie.http_only and cookie.http_only.value:
        text += "; HttpOnly"
    if same_site := SAME_SITE_TEXT.get(SameSite(cookie.same_site)):
        text += f"; SameSite={same_site}"
    return text
