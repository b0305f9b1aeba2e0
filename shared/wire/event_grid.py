"""Event Grid's `Microsoft.Storage.BlobCreated`: the shape that Microsoft documents for storage events."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from shared.domain.arrival import BlobCreated
from shared.errors import Malformed

BLOB_CREATED = "Microsoft.Storage.BlobCreated"


def decode_blob_created(event_id: str, event_type: str, data: Mapping[str, Any]) -> BlobCreated | None:
    """The event, or None for one of another type. Raises Malformed, naming the field."""
    if event_type != BLOB_CREATED:
        return None
    url, etag, size = data.get("url"), data.get("eTag"), data.get("contentLength", 0)
    if not isinstance(url, str) or not urlsplit(url).scheme or not urlsplit(url).path.strip("/"):
        raise Malformed(f"event {event_id}: data.url is no address of a blob: {url!r}")
    if not isinstance(etag, str) or not etag:
        raise Malformed(f"event {event_id}: data.eTag is missing; without it a repeat cannot be told from new content")
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise Malformed(f"event {event_id}: data.contentLength is no size: {size!r}")
    return BlobCreated(
        event_id=event_id,
        url=url,
        file=unquote(urlsplit(url).path).strip("/"),
        etag=etag.strip('"'),
        size=size,
        api=str(data.get("api", "")),
    )
