"""Live metrics from outside: from who can prove it, bounded, each value with a time of its own, or refused."""

import json
import os
import re
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest

from local.home import PROJECT
from shared.domain.live_metrics import LiveMetric, values_of
from shared.errors import Malformed, Refused, TooLarge, Unauthenticated
from shared.wire.live_metrics import decode, receive
from shared.wire.registry_webhook import MAX_BODY, Dialect
from shared.wire.registry_webhook import receive as receive_webhook
from tests.ports import START
from tests.unit.test_live_metrics import BAD, begun, in_production, trained
from tests.unit.test_wire_registry_dialects import OURS, relayed
from tests.world import SECRET

ONE = {"model": "flight_delays", "version": "1", "metric": "rmse", "value": 24.5, "at": "2026-01-31T03:00:00Z"}


def body(*said: dict[str, Any]) -> bytes:
    return json.dumps({"metrics": said}).encode()


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"version": 1},
        {"value": 24.50},
        {"at": "2026-01-31T04:00:00+01:00"},
        {"at": "2026-01-31T03:00:00.000000+00:00"},
        {"unknown": "is passed over"},
    ],
)
def test_value_is_read_however_it_is_written(changes: dict[str, Any]) -> None:
    assert decode(body({**ONE, **changes})) == [LiveMetric.example()]


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"[]",
        b"\xff",
        b'{"updates": []}',
        b'{"metrics": {}}',
        body(),
        body(*[ONE] * 101),
        *[body({name: value for name, value in ONE.items() if name != missing}) for missing in ONE],
        *[body({**ONE, "value": value}) for value in (None, True, "24.5", [24.5], 10**400)],
        *[body({**ONE, "version": value}) for value in (None, True, "", 1.5, [1], "1" * 251)],
        *[body({**ONE, "at": value}) for value in (None, 1769828400, "", "soon", "2026-01-31T03:00:00")],
        body({**ONE, "at": "0001-01-01T00:00:00+14:00"}),
        body({**ONE, "model": "\ud800"}),
    ],
)
def test_what_is_none_is_malformed(said: bytes) -> None:
    with pytest.raises(Malformed, match="no live metrics: "):
        decode(said)


def test_only_a_signed_young_and_small_delivery_is_believed() -> None:
    said = body(ONE)
    assert receive(relayed(said, at=START), said, secrets=[OURS], now=START) == [LiveMetric.example()]
    with pytest.raises(Unauthenticated):
        receive(relayed(said, at=START, secret="another"), said, secrets=[OURS], now=START)
    with pytest.raises(Unauthenticated):
        receive(relayed(said, at=START), said.replace(b"24.5", b"99.9"), secrets=[OURS], now=START)
    with pytest.raises(Unauthenticated):
        receive(relayed(said, at=START), said, secrets=[OURS], now=START + timedelta(minutes=6))
    with pytest.raises(Unauthenticated):
        receive(relayed(said, at=START, secret=""), said, secrets=[], now=START)
    with pytest.raises(TooLarge):
        receive({}, b" " * (MAX_BODY + 1), secrets=[OURS], now=START)


def test_delivery_of_the_relay_is_no_live_metric_nor_the_other_way() -> None:
    """They have one secret: what is taken at one route means nothing at the other."""
    updates, metrics = b'{"updates": []}', body(ONE)
    with pytest.raises(Malformed):
        receive(relayed(updates, at=START), updates, secrets=[OURS], now=START)
    with pytest.raises(Malformed):
        receive_webhook(Dialect.RELAY, relayed(metrics, at=START), metrics, secrets=[OURS], now=START)


def test_delivery_begins_a_training_however_often_it_comes() -> None:
    world = in_production()
    now = world.clock.now()
    said = body(*({**ONE, "value": BAD, "at": (now - timedelta(hours=hour)).isoformat()} for hour in range(3)))
    for _ in range(3):
        world.sluice.live_metrics_delivery(relayed(said, at=now, secret=SECRET), said)
        world.collect()
        world.run()
    assert [len(begun(world)), len(trained(world))] == [1, 2]


def test_delivery_with_what_cannot_be_kept_is_refused() -> None:
    world = in_production()
    now = world.clock.now()
    for changes, error in (({"metric": "mae"}, Refused), ({"value": float("nan")}, Malformed)):
        said = body({**ONE, "at": now.isoformat()}, {**ONE, "at": now.isoformat(), **changes})
        with pytest.raises(error):
            world.sluice.live_metrics_delivery(relayed(said, at=now, secret=SECRET), said)
    assert world.ledger.noted(values_of("flight_delays", "1", "rmse"), 9) == []


class _Takes(BaseHTTPRequestHandler):
    taken: ClassVar[list[LiveMetric]] = []

    def do_POST(self) -> None:
        said = self.rfile.read(int(self.headers["Content-Length"]))
        self.taken.extend(receive(dict(self.headers.items()), said, secrets=[OURS], now=datetime.now(UTC)))
        self.send_response(202)
        self.end_headers()


def test_sender_in_the_reference_is_believed() -> None:
    """In a process of its own, as somebody copies it."""
    page = (PROJECT / "docs/reference/functions.md").read_text()
    (block,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    (said,) = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    with ThreadingHTTPServer(("127.0.0.1", 0), _Takes) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}/api/live-metrics"
        code = f"{block}\nreport({url!r}, *json.loads({said!r})['metrics'])"
        subprocess.run([sys.executable, "-c", code], env={**os.environ, "RELAY_SECRET": OURS}, check=True, timeout=60)
        server.shutdown()
    assert _Takes.taken == [LiveMetric.example()]


def test_place_of_a_value_is_its_time_to_the_microsecond() -> None:
    one = replace(LiveMetric.example(), at=datetime(2026, 1, 31, 3, 0, 0, 1, tzinfo=UTC))
    assert one.number == LiveMetric.example().number + 1 == 1769828400000001
