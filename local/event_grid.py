"""A watched folder that does what a storage account and Event Grid do: a blob is written, an event is delivered.

An event is delivered until the subscriber takes it, also after a restart: what was taken is remembered on disk.
"""

import json
import sqlite3
import threading
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from shared.domain.arrival import local_etag

POLL_SECONDS = 0.2
RETRY_SECONDS = (1, 2, 4, 8, 15, 30)
"""Event Grid's own schedule begins at ten seconds; a laptop's user does not want to wait that long."""


class EventGrid(threading.Thread):
    """Watches `landing`, whose blobs have URLs below `landing_url`, and posts to the function at `endpoint`."""

    def __init__(self, landing: Path, landing_url: str, endpoint: str, memory: Path) -> None:
        super().__init__(name="event-grid", daemon=True)
        self._landing = landing
        self._landing_url = landing_url.rstrip("/")
        self._endpoint = endpoint
        self._memory = memory
        self._ended = threading.Event()
        self._sizes: dict[Path, tuple[int, int]] = {}

    def stop(self) -> None:
        """End after the delivery under way."""
        self._ended.set()
        self.join(timeout=5)

    def run(self) -> None:
        """Until stopped."""
        with sqlite3.connect(self._memory, isolation_level=None) as db:
            db.execute("CREATE TABLE IF NOT EXISTS delivered (url TEXT, etag TEXT, PRIMARY KEY (url, etag))")
            failures = 0
            while not self._ended.wait(
                RETRY_SECONDS[min(failures, len(RETRY_SECONDS)) - 1] if failures else POLL_SECONDS
            ):
                failures = failures + 1 if not self._deliver_new(db) else 0
        db.close()

    def _deliver_new(self, db: sqlite3.Connection) -> bool:
        """Deliver what landed since; False when the subscriber did not take one."""
        for file in list(self._settled()):
            event = blob_created(file, self._landing, self._landing_url)
            key = (event["data"]["url"], event["data"]["eTag"])
            if db.execute("SELECT 1 FROM delivered WHERE url = ? AND etag = ?", key).fetchone():
                continue
            if not deliver(self._endpoint, event):
                return False
            db.execute("INSERT OR IGNORE INTO delivered VALUES (?, ?)", key)
        return True

    def _settled(self) -> Iterator[Path]:
        """Files that did not change between two looks: what is still being written is no blob yet."""
        seen: dict[Path, tuple[int, int]] = {}
        for file in sorted(self._landing.rglob("*")):
            if not file.is_file() or file.is_symlink() or file.name.startswith("."):
                continue
            found = file.stat()
            seen[file] = (found.st_mtime_ns, found.st_size)
            if self._sizes.get(file) == seen[file]:
                yield file
        self._sizes = seen


def blob_created(file: Path, landing: Path, landing_url: str) -> dict[str, Any]:
    """The event for a landed file, in Event Grid's schema for storage; the same content has the same id."""
    found, name = file.stat(), file.relative_to(landing).as_posix()
    url = f"{landing_url.rstrip('/')}/{quote(name)}"
    etag = local_etag(found.st_mtime_ns, found.st_size)
    return {
        "id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{url}#{etag}")),
        "topic": "/subscriptions/local/resourceGroups/local/providers/Microsoft.Storage/storageAccounts/local",
        "subject": f"/blobServices/default/containers/landing/blobs/{name}",
        "eventType": "Microsoft.Storage.BlobCreated",
        "eventTime": datetime.fromtimestamp(found.st_mtime, UTC).isoformat(),
        "dataVersion": "",
        "metadataVersion": "1",
        "data": {
            "api": "PutBlob",
            "eTag": etag,
            "contentType": "application/octet-stream",
            "contentLength": found.st_size,
            "blobType": "BlockBlob",
            "url": url,
            "sequencer": f"{found.st_mtime_ns:032X}",
        },
    }


def endpoint(front: str, function: str) -> str:
    """The webhook of a function's Event Grid trigger."""
    return f"{front}/runtime/webhooks/EventGrid?functionName={function}"


def deliver(address: str, event: dict[str, Any]) -> bool:
    """Post the event as Event Grid does; True when it was taken."""
    request = urllib.request.Request(  # noqa: S310 - the address is our own front's
        address,
        data=json.dumps([event]).encode(),
        headers={"content-type": "application/json", "aeg-event-type": "Notification"},
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - as above
            return bool(answer.status < 300)
    except (urllib.error.URLError, OSError):
        return False


def land(file: Path, landing: Path, name: str) -> Path:
    """Copy a file into the landing folder as one step: nobody sees a part of it."""
    target = landing / name
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}")
    partial.write_bytes(file.read_bytes())
    partial.replace(target)
    return target
