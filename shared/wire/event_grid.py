"""Event Grid's `Microsoft.Storage.BlobCreated`: the shape that Microsoft documents for storage events."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from shared.domain.arrival import BlobCreated
from shared.errors import Malformed
from shared.wire.json_text import is_encodable

BLOB_CREATED = "Microsoft.Storage.BlobCreated"


def decode_blob_created(event_id: str, event_type: str, data: Mapping[str, Any]) -> BlobCreated | None:
    """The event, or None for one of another type. Raises Malformed, naming the field."""
    if not event_type:
        raise Malformed(f"event {event_id}: neither Event Grid's schema nor a CloudEvent in structured mode: no type")
    if event_type != BLOB_CREATED:
        return None
    if not isinstance(data, Mapping):
        raise Malformed(f"event {event_id}: data is no object: {data!r}")
    url, etag, size = data.get("url"), _unquoted(data.get("eTag")), data.get("contentLength")
    path = _path(url)
    if not isinstance(url, str) or not path:
        raise Malformed(f"event {event_id}: data.url is no address of a blob: {url!r}")
    if not etag:
        raise Malformed(f"event {event_id}: data.eTag is missing; without it a repeat cannot be told from new content")
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise Malformed(f"event {event_id}: data.contentLength is no size: {size!r}")
    return BlobCreated(
        event_id=event_id,
        url=_as_blob(url),
        file=path,
        etag=etag,
        size=size,
        api=str(data.get("api", "")),
    )


def _as_blob(url: str) -> str:
    """The blob's address, where the event has that of the Data Lake: what is written through `dfs` is told with it.

    https://learn.microsoft.com/azure/event-grid/event-schema-blob-storage
    """
    parts = urlsplit(url)
    account, dot, rest = parts.netloc.partition(".dfs.core.")
    return urlunsplit(parts._replace(netloc=f"{account}.blob.core.{rest}")) if dot else url


def _unquoted(etag: object) -> str:
    """The ETag without the quotes that HTTP puts around it, "" where it is none."""
    return etag.strip('"') if isinstance(etag, str) and is_encodable(etag) else ""


def _path(url: object) -> str:
    """The container/path that the address names, "" where it is none."""
    if not isinstance(url, str) or not is_encodable(url):
        return ""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return unquote(parts.path).strip("/") if parts.scheme and parts.netloc else ""
