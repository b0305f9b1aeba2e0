"""Servers for the tests of the Functions front: the front itself and a broker, as real processes."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self

import httpx
from azure.servicebus import (
    ServiceBusClient,
    ServiceBusMessage,
    ServiceBusReceiver,
    ServiceBusSender,
    ServiceBusSubQueue,
)

PROJECT = Path(__file__).parents[2]
SAMPLE = Path(__file__).parent / "apps" / "sample"
DEADLINE = 30.0
NO_BROKER = "Endpoint=sb://127.0.0.1:1;SharedAccessKeyName=k;SharedAccessKey=k;UseDevelopmentEmulator=true"


def eventually[T](look: Callable[[], T], *, what: str, within: float = DEADLINE) -> T:
    """Look again until there is something to see."""
    end = time.monotonic() + within
    while not (seen := look()):
        assert time.monotonic() < end, f"not within {within} s: {what}"
        time.sleep(0.02)
    return seen


class Process:
    """A server that says `ready ADDRESS` on standard output; its standard error is kept for reading."""

    def __init__(self, *arguments: str | Path, environment: Mapping[str, str] | None = None) -> None:
        self._popen = subprocess.Popen(
            [sys.executable, *map(str, arguments)],
            cwd=PROJECT,
            env={**os.environ, **(environment or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.said: list[str] = []
        self.answered: list[str] = []
        assert self._popen.stdout is not None
        assert self._popen.stderr is not None
        self._readers = [
            threading.Thread(target=self.answered.extend, args=[self._popen.stdout], daemon=True),
            threading.Thread(target=self._follow, args=[self._popen.stderr], daemon=True),
        ]
        self._readers[1].start()
        self.address = self._ready()
        self._readers[0].start()

    def _ready(self) -> str:
        assert self._popen.stdout is not None
        line = self._popen.stdout.readline()
        match = re.fullmatch(r"ready (\S+)\n", line)
        assert match, f"said {line!r} and:\n{self.log}"
        return match[1]

    def _follow(self, stream: Any) -> None:
        for line in stream:
            self.said.append(line)

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._popen.pid

    @property
    def log(self) -> str:
        """What standard error said so far."""
        return "".join(self.said)

    def terminate(self) -> None:
        """Send SIGTERM and do not wait."""
        self._popen.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL."""
        self._popen.kill()
        self._close()

    def stop(self) -> int:
        """Send SIGTERM; returns the exit code."""
        self.terminate()
        return self.ended()

    def ended(self, within: float = DEADLINE) -> int:
        """Wait for the end; returns the exit code."""
        try:
            return self._popen.wait(within)
        finally:
            self._close()

    def _close(self) -> None:
        if self._popen.poll() is None:
            self._popen.kill()
        self._popen.wait()
        for reader in self._readers:
            reader.join()
        for stream in (self._popen.stdout, self._popen.stderr):
            if stream is not None:
                stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()


class Front(Process):
    """The sample app (or another), served."""

    def __init__(
        self,
        home: Path,
        *options: str,
        bus: str = NO_BROKER,
        app: Path = SAMPLE,
        values: Mapping[str, str] | None = None,
    ) -> None:
        home.mkdir(exist_ok=True)
        self.home = home
        self._record = home / "record.jsonl"
        settings = home / "local.settings.json"
        everything = {"Bus": bus, "WORK_QUEUE": "work", "EVERY": "0 0 5 * * *", "RECORD": str(self._record)}
        settings.write_text(json.dumps({"IsEncrypted": False, "Values": {**everything, **(values or {})}}))
        super().__init__("-m", "local.host", app, "--port", "0", "--settings", settings, "--home", home, *options)
        self.http = httpx.Client(base_url=self.address, timeout=DEADLINE)

    def records(self, function: str, **facts: object) -> list[dict[str, Any]]:
        """What a function of the sample app recorded, of that only what has these facts."""
        lines = self._record.read_text().splitlines() if self._record.exists() else []
        found = [json.loads(line) for line in lines]
        return [each for each in found if {"function": function, **facts}.items() <= each.items()]

    def await_record(self, function: str, **facts: object) -> dict[str, Any]:
        """Wait for such a record; return the first."""
        return eventually(lambda: self.records(function, **facts), what=f"{function} {facts} in:\n{self.log}")[0]

    def _close(self) -> None:
        self.http.close()
        super()._close()


class Broker(Process):
    """The local Service Bus broker with the sample app's queues; keeps its port and its messages over a restart."""

    def __init__(self, home: Path, port: int = 0) -> None:
        queues = home / "queues.json"
        locks = {"work": "PT5S", "work-2": "PT5S", "long-lock": "PT5M", "texts": "PT5S", "forwarded": "PT5S"}
        entries = [{"name": name, "lockDuration": lock, "maxDeliveryCount": 3} for name, lock in locks.items()]
        queues.write_text(json.dumps({"queues": entries}))
        super().__init__(
            "-m", "local.servicebus", "--port", str(port), "--queues", queues, "--db", home / "service-bus.db"
        )
        self.port = int(self.address.rpartition(":")[2])
        self._client = ServiceBusClient.from_connection_string(self.connection_string)
        self._senders: dict[str, ServiceBusSender] = {}
        self._peekers: dict[tuple[str, ServiceBusSubQueue | None], ServiceBusReceiver] = {}

    @property
    def connection_string(self) -> str:
        """What the setting of a Service Bus connection holds."""
        return (
            f"Endpoint=sb://127.0.0.1:{self.port};SharedAccessKeyName=local;SharedAccessKey=local;"
            "UseDevelopmentEmulator=true"
        )

    def send(self, queue: str, *messages: ServiceBusMessage) -> None:
        """Send messages."""
        if queue not in self._senders:
            self._senders[queue] = self._client.get_queue_sender(queue)
        self._senders[queue].send_messages(list(messages))

    def waiting(self, queue: str, sub_queue: ServiceBusSubQueue | None = None) -> list[str]:
        """Peek: the ids of messages in a queue, locked ones included."""
        if (queue, sub_queue) not in self._peekers:
            self._peekers[queue, sub_queue] = self._client.get_queue_receiver(queue, sub_queue=sub_queue)
        peeked = self._peekers[queue, sub_queue].peek_messages(max_message_count=100)
        return [str(each.message_id) for each in peeked]

    def kill(self) -> None:
        """Close what talks to the broker (a second each, so side by side), then kill it."""
        with ThreadPoolExecutor() as pool:
            for each in [*self._senders.values(), *self._peekers.values()]:
                pool.submit(each.close)
        self._senders.clear()
        self._peekers.clear()
        super().kill()
