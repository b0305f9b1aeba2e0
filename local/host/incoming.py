"""A request as this front reads it: whole, and bounded."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from starlette.datastructures import Headers
from starlette.requests import Request

BODY_LIMIT = 100 * 1024 * 1024


class BodyTooLargeError(Exception):
    """The request's body is over the limit."""


@dataclass(frozen=True, kw_only=True)
class Incoming:
    """One request.

    Attributes:
        path: Decoded, without its leading slash; an escaped slash stays escaped, so that it cannot cut a segment.
        headers: Names in lower case; a header given twice is joined by a comma, as the host does.

    """

    method: str
    url: str
    path: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes

    @property
    def origin(self) -> str:
        """Scheme, host and port as the caller wrote them."""
        return "/".join(self.url.split("/")[:3])


async def read(request: Request, limit: int) -> Incoming:
    """Read a request, but never more than `limit` bytes of body.

    Raises:
        BodyTooLargeError: The body is larger.

    """
    if int(request.headers.get("content-length") or 0) > limit:
        raise BodyTooLargeError
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise BodyTooLargeError
    return Incoming(
        method=request.method,
        url=str(request.url),
        path=_path(request),
        headers=_joined(request.headers),
        query=dict(request.query_params),
        body=bytes(body),
    )


def _path(request: Request) -> str:
    raw: bytes = request.scope["raw_path"]
    return unquote(re.sub("%2f", "%252F", raw.decode("ascii"), flags=re.IGNORECASE)).lstrip("/")


def _joined(headers: Headers) -> dict[str, str]:
    return {name: ",".join(headers.getlist(name)) for name in headers}
