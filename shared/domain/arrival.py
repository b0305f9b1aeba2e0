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
