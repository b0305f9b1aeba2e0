"""A Databricks workspace whose tasks do nothing: each run ends at once, and its notification is sent once, or twice.

It speaks as much of Jobs 2.2 as the adapter asks for. A token makes one run, however often it comes.
"""

import base64
import http.client
import itertools
import json
import queue
import random
import sys
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

NOTIFIERS = 4
LOST = {"code": "DRIVER_ERROR", "message": "the driver was lost"}


class StubWorkspace(ThreadingHTTPServer):
    """Of `losing` a share of the parts the first run is lost, of `doubling` the notifications come twice."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, front: str, user: str, password: str, *, losing: float, doubling: float) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.runs: dict[int, dict[str, str]] = {}
        self.started: Counter[str] = Counter()
        self.lost: set[int] = set()
        self.untold = self.doubled = 0
        self._by_token: dict[str, int] = {}
        self._ids = itertools.count(1001)
        self._lock = threading.Lock()
        self._chance = random.Random(7)  # noqa: S311 - the same parts each time, no secret
        self._losing, self._doubling = losing, doubling
        self._to_tell: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._front = urlsplit(front).netloc
        credentials = base64.b64encode(f"{user}:{password}".encode()).decode()
        self._headers = {"authorization": f"Basic {credentials}", "content-type": "application/json"}
        threading.Thread(target=self.serve_forever, daemon=True).start()
        for _ in range(NOTIFIERS):
            threading.Thread(target=self._notify, daemon=True).start()

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def run_now(self, asked: dict[str, Any]) -> int:
        """The token's run: the one there is, or a new one, which ends."""
        with self._lock:
            token = asked["idempotency_token"]
            if token in self._by_token:
                return self._by_token[token]
            run_id = self._by_token[token] = next(self._ids)
            self.runs[run_id] = asked["job_parameters"]
            part = self.runs[run_id]["part"]
            self.started[part] += 1
            if self.started[part] == 1 and self._chance.random() < self._losing:
                self.lost.add(run_id)
            twice = self._chance.random() < self._doubling
            self.doubled += twice
        for _ in range(1 + twice):
            self._to_tell.put(run_id)
        return run_id

    def run(self, run_id: int) -> dict[str, Any]:
        """The run as Jobs 2.2 shows it."""
        lost = run_id in self.lost
        return {
            "run_id": run_id,
            "run_name": "sluice-score",
            "state": {"life_cycle_state": "TERMINATED", "result_state": "FAILED" if lost else "SUCCESS"},
            "status": {"state": "TERMINATED", "termination_details": LOST if lost else {"code": "SUCCESS"}},
            "job_parameters": [{"name": name, "value": value} for name, value in self.runs[run_id].items()],
        }

    def handle_error(self, request: object, client_address: object) -> None:
        """Of those who were killed, nothing is said."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]  # as it was called

    def _notify(self) -> None:
        connection = http.client.HTTPConnection(self._front, timeout=20)
        while True:
            body = json.dumps({"event_type": "jobs.on_success", "run": {"run_id": self._to_tell.get()}})
            try:
                connection.request("POST", "/api/job-notification", body, self._headers)
                answer = connection.getresponse()
                answer.read()
                told = answer.status == 202
            except (OSError, http.client.HTTPException):
                connection.close()
                told = False
            self.untold += not told  # nobody tells it again: the sweep finds the run


class _Handler(BaseHTTPRequestHandler):
    server: StubWorkspace
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        path, asked = urlsplit(self.path).path, parse_qs(urlsplit(self.path).query)
        if path.endswith("/jobs/list"):
            self._answer({"jobs": [{"job_id": 1, "settings": {"name": asked["name"][0]}}], "has_more": False})
        elif path.endswith("/jobs/runs/get"):
            self._answer(self.server.run(int(asked["run_id"][0])))
        else:
            self._answer({"error_code": "RESOURCE_DOES_NOT_EXIST", "message": path}, status=404)

    def do_POST(self) -> None:
        length = int(self.headers.get("content-length", 0))
        body = self.rfile.read(length)
        if len(body) < length:  # who asked was killed
            self.close_connection = True
            return
        asked = json.loads(body or b"{}")
        if self.path.endswith("/jobs/run-now"):
            self._answer({"run_id": self.server.run_now(asked)})
        else:
            self._answer({"error_code": "RESOURCE_DOES_NOT_EXIST", "message": self.path}, status=404)

    def _answer(self, document: dict[str, Any], status: int = 200) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Nothing is written."""
