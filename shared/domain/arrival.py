"""What an event says that landed."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class BlobCreated:
    """A blob that was written. `file` is container/path, from the URL; `size` in bytes; `api` is who wrote it."""

    event_id: str
    url: str
    file: str
    etag: str
    size: int
    api: str


def local_etag(modified_ns: int, size: int) -> str:
    """What stands in for an ETag on a local disk: modification time in nanoseconds and size in bytes."""
    return f"0x{modified_ns:X}-{size:X}"
