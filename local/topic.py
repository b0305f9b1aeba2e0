"""A topic as Event Grid has it: the unmodified SDK publishes to it; what was published is kept, and can be read.

| request | does |
|---|---|
| `POST /api/events` | takes events in Event Grid's own schema, with the topic's key in `aeg-sas-key` |
| `GET /api/events` | what was published, oldest first, each with how often it came |

The same id is the same event, told by how often it came: Event Grid itself would deliver it again, and its subscribers
tell a repeat by the id.
"""

import hmac
import json
import sqlite3
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

PATH = "/api/events"
LARGEST = 1_048_576
NEEDED = ("id", "subject", "eventType", "eventTime", "data", "dataVersion")

_MADE = """CREATE TABLE IF NOT EXISTS published (
    position INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL, event TEXT NOT NULL, times INTEGER NOT NULL)"""
_KEPT = """INSERT INTO published (id, event, times) VALUES (?, ?, 1)
    ON CONFLICT (id) DO UPDATE SET times = times + 1, event = excluded.event"""


class Topic:
    """Serves on 127.0.0.1 from when it is made until `stop`. `memory` keeps the events over a restart."""

    def __init__(self, port: int, key: str, memory: Path) -> None:
        self._key = key
        self._lock = threading.Lock()
        self._db = sqlite3.connect(memory, isolation_level=None, check_same_thread=False)
        self._db.execute(_MADE)
        self._server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self._server.daemon_threads = True
        self.endpoint = f"http://127.0.0.1:{self._server.server_address[1]}{PATH}"
        threading.Thread(target=self._server.serve_forever, name="topic", daemon=True).start()

    def stop(self) -> None:
        """Answer nobody any more."""
        self._server.shutdown()
        self._server.server_close()
        with self._lock:
            self._db.close()

    def published(self) -> list[dict[str, Any]]:
        """Each event once, oldest first, with how often it came."""
        with self._lock:
            rows = self._db.execute("SELECT event, times FROM published ORDER BY position").fetchall()
        return [{**json.loads(event), "times": times} for event, times in rows]

    def take(self, headers: Any, body: bytes) -> tuple[int, str]:
        """What Event Grid answers: a status, and why."""
        if not hmac.compare_digest(headers.get("aeg-sas-key", "").encode(), self._key.encode()):
            return 401, "The request authorization key is not authorized for the topic"
        if len(body) > LARGEST:
            return 413, f"The maximum size of a request is {LARGEST} bytes"
        if not headers.get("content-type", "").startswith("application/json"):
            return 400, "This topic takes events in Event Grid's own schema, as application/json"
        try:
            events = json.loads(body)
            missing = [name for event in events for name in NEEDED if name not in event]
        except (ValueError, TypeError) as error:
            return 400, f"A JSON array of events is expected: {error}"
        if missing:
            return 400, f"Inputs are invalid: missing {', '.join(missing)}"
        with self._lock:
            for event in events:
                self._db.execute(_KEPT, (event["id"], json.dumps(event)))
        return 200, ""

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        topic = self

        class Handler(BaseHTTPRequestHandler):
            timeout = 10

            def do_POST(self) -> None:
                body = self.rfile.read(min(int(self.headers.get("content-length") or 0), LARGEST + 1))
                status, why = topic.take(self.headers, body) if self._is_here() else (404, "there is no such topic")
                self._answer(status, {"error": {"code": str(status), "message": why}} if why else None)

            def do_GET(self) -> None:
                self._answer(200, topic.published()) if self._is_here() else self._answer(404, None)

            def _is_here(self) -> bool:
                return self.path.partition("?")[0] == PATH

            def _answer(self, status: int, document: Any) -> None:
                body = b"" if document is None else json.dumps(document).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - its base class says so
                """Nothing: what was published can be read."""

        return Handler
