"""The registry's webhook under load, beside a function that does nothing: `python -m benchmarks.webhook`.

Both are asked in turns, over the same connections, of the same front; what is printed are ratios. Every valid delivery
has to be answered with 202 and be in the queue once, every forged one with 401. Exit code 1 if one is not.
"""

import argparse
import base64
import hashlib
import hmac
import http.client
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from local.child import die_with_parent

PROJECT = Path(__file__).parents[1]
SECRET = "benchmark"  # noqa: S105 - it opens nothing
ROUNDS = 5


@dataclass
class Load:
    """What came of the requests of one kind: seconds for each, and how they were answered."""

    seconds: list[float] = field(default_factory=list)
    answers: Counter[int] = field(default_factory=Counter)
    elapsed: float = 0.0

    @property
    def per_second(self) -> float:
        """Requests answered in a second."""
        return len(self.seconds) / self.elapsed

    @property
    def p99(self) -> float:
        """Seconds within which 99 of 100 were answered."""
        return sorted(self.seconds)[int(0.99 * (len(self.seconds) - 1))]


@dataclass(frozen=True)
class Request:
    """One request, made before the clock runs."""

    method: str
    path: str
    body: bytes
    headers: dict[str, str]


def signed(delivery: str, secret: str) -> Request:
    """A delivery as MLflow signs it."""
    body = json.dumps(
        {"entity": "model_version", "action": "created", "timestamp": "", "data": {"name": delivery, "version": "1"}}
    ).encode()
    timestamp = str(int(time.time()))
    digest = hmac.new(secret.encode(), f"{delivery}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    headers = {
        "content-type": "application/json",
        "X-MLflow-Signature": f"v1,{base64.b64encode(digest).decode()}",
        "X-MLflow-Delivery-Id": delivery,
        "X-MLflow-Timestamp": timestamp,
    }
    return Request("POST", "/api/registry-webhook/mlflow", body, headers)


def run(address: str, requests: Sequence[Request], load: Load, workers: int) -> None:
    """Send them all, over as many connections as there are workers."""
    host = urlsplit(address).netloc

    def send(share: Sequence[Request]) -> list[tuple[float, int]]:
        connection, answers = http.client.HTTPConnection(host, timeout=60), []
        for each in share:
            began = time.perf_counter()
            connection.request(each.method, each.path, each.body, each.headers)
            answer = connection.getresponse()
            answer.read()
            answers.append((time.perf_counter() - began, answer.status))
        connection.close()
        return answers

    began = time.perf_counter()
    with ThreadPoolExecutor(workers) as pool:
        for answers in pool.map(send, [requests[worker::workers] for worker in range(workers)]):
            for seconds, status in answers:
                load.seconds.append(seconds)
                load.answers[status] += 1
    load.elapsed += time.perf_counter() - began


@contextmanager
def server(log: Path, *arguments: str) -> Iterator[str]:
    """A server of the local stack; its address."""
    with (
        log.open("w") as output,
        subprocess.Popen(
            [sys.executable, "-m", *arguments],
            cwd=PROJECT,
            stdout=subprocess.PIPE,
            stderr=output,
            text=True,
            preexec_fn=die_with_parent,  # noqa: PLW1509 - it calls prctl and nothing else
        ) as process,
    ):
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        try:
            address = process.stdout.readline().removeprefix("ready ").strip()
            if not address:
                raise SystemExit(f"{arguments[0]} did not start:\n{log.read_text()[-2000:]}")
            yield address
        finally:
            process.terminate()


def settings(folder: Path, broker: str) -> Path:
    """The sample settings, with this run's places; what takes messages off the queues is switched off."""
    values = json.loads((PROJECT / "local.settings.sample.json").read_text())["Values"]
    connection = f"Endpoint={broker};SharedAccessKeyName=k;SharedAccessKey=s;UseDevelopmentEmulator=true"
    values |= {"SERVICE_BUS": connection, "REGISTRY_WEBHOOK_SECRET": SECRET, "LEDGER": f"sqlite:///{folder}/ledger.db"}
    values |= {"AzureWebJobs.registry_events.Disabled": "true", "AzureWebJobs.reconcile.Disabled": "true"}
    file = folder / "local.settings.json"
    file.write_text(json.dumps({"IsEncrypted": False, "Values": values}))
    return file


def in_queue(db: Path) -> int:
    """How many messages wait in registry-events."""
    command = [sys.executable, "-m", "local.servicebus", "counts", "--db", str(db), "--json"]
    counted = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True)
    return int(json.loads(counted.stdout)["registry-events"]["active"])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; 0 if nothing was lost, doubled, or wrongly answered."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.webhook", description=__doc__)
    parser.add_argument("--deliveries", type=int, default=2000, help="valid ones (default: %(default)s)")
    parser.add_argument("--connections", type=int, default=8, help="at once (default: %(default)s)")
    options = parser.parse_args(arguments)
    nothing, webhook, forged = Load(), Load(), Load()
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        db = folder / "service-bus.db"
        queues = str(PROJECT / "infra/queues.json")
        broker = stack.enter_context(
            server(folder / "broker.log", "local.servicebus", "--port", "0", "--queues", queues, "--db", str(db))
        )
        host = ["local.host", str(PROJECT), "--port", "0", "--settings", str(settings(folder, broker))]
        front = stack.enter_context(
            server(folder / "front.log", *host, "--home", str(folder / "host"), "--log-level", "error")
        )
        ask: Callable[[Sequence[Request], Load], None] = lambda requests, load: run(  # noqa: E731 - it names the rest
            front, requests, load, options.connections
        )
        health = [Request("GET", "/api/health", b"", {})] * (options.deliveries // ROUNDS)
        ask(health, Load())  # what is done once is not measured
        ask([signed("warm", SECRET)], Load())
        for turn in range(ROUNDS):
            ids = [f"d{turn}-{number}" for number in range(options.deliveries // ROUNDS)]
            ask(health, nothing)
            ask([signed(each, SECRET) for each in ids], webhook)
            ask([signed(each, SECRET) for each in ids[::10]], Load())  # MLflow sends again what was not answered
            ask([signed(f"forged-{each}", "other") for each in ids[::10]], forged)
        sent, waiting = len(webhook.seconds) + 1, in_queue(db)
    print(f"{'':24}{'requests/s':>12}{'p99 ms':>10}")
    for what, load in (("a function that does nothing", nothing), ("the webhook", webhook), ("forged", forged)):
        print(f"{what:28}{load.per_second:>8.0f}{1000 * load.p99:>10.1f}")
    throughput, p99 = webhook.per_second / nothing.per_second, webhook.p99 / nothing.p99
    print(f"throughput {throughput:.2f} of nothing's, p99 {p99:.1f} times")
    print(f"valid: {dict(webhook.answers)}  forged: {dict(forged.answers)}  in the queue: {waiting} of {sent}")
    well = set(webhook.answers) == {202} and set(forged.answers) == {401} and waiting == sent
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
