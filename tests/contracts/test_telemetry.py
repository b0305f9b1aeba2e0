"""Telemetry as a collector gets it: OTLP over HTTP, from the real exporters."""

import gzip
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from local.home import PROJECT
from shared.adapters.telemetry import to_collector
from shared.domain import facts as f
from shared.domain.trace import span_id, trace_id


@contextmanager
def collector() -> Iterator[tuple[str, dict[str, list[bytes]]]]:
    """Its address, and the bodies that it got, by path."""
    got: dict[str, list[bytes]] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            packed = self.headers.get("content-encoding") == "gzip"
            got.setdefault(self.path, []).append(gzip.decompress(body) if packed else body)
            answer = b'{"itemsReceived": 1, "itemsAccepted": 1, "errors": []}' if "track" in self.path else b""
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", got
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_collector_gets_spans_and_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    arrived, checked = f.DataArrived.example(), f.BatchChecked.example()
    with collector() as (address, got):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", address)
        telemetry = to_collector()
        telemetry.told([arrived], [arrived, checked])
        telemetry.parked("arrivals", "refused")
        telemetry.close()
    request = ExportTraceServiceRequest.FromString(got["/v1/traces"][0])
    (span,) = request.resource_spans[0].scope_spans[0].spans
    assert span.name == "check"
    assert span.trace_id.hex() == trace_id(arrived.story)
    assert span.parent_span_id.hex() == span_id(arrived.story)
    assert {each.key: each.value.string_value for each in span.attributes}["sluice.story"] == arrived.story
    numbers = ExportMetricsServiceRequest.FromString(got["/v1/metrics"][0])
    assert {metric.name for metric in numbers.resource_metrics[0].scope_metrics[0].metrics} >= {
        "sluice.work.duration",
        "sluice.parked",
    }


TO_AZURE = """
from shared.adapters.telemetry import to_azure_monitor
from shared.domain import facts as f
arrived, checked = f.DataArrived.example(), f.BatchChecked.example()
telemetry = to_azure_monitor(None)
telemetry.told([arrived], [arrived, checked])
telemetry.parked("arrivals", "refused")
telemetry.close()
"""


def test_application_insights_gets_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a process of its own, as its exporter sets what holds for all of one."""
    story = f.DataArrived.example().story
    with collector() as (address, got):
        key = "InstrumentationKey=00000000-0000-0000-0000-000000000000"
        monkeypatch.setenv("APPLICATIONINSIGHTS_CONNECTION_STRING", f"{key};IngestionEndpoint={address}/")
        monkeypatch.setenv("APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL", "true")
        command = [sys.executable, "-c", TO_AZURE]
        done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    told = [each for body in got["/v2.1/track"] for each in json.loads(body)]
    (span,) = [each for each in told if each["data"]["baseType"] == "RemoteDependencyData"]
    assert span["tags"]["ai.operation.id"] == trace_id(story)
    assert span["tags"]["ai.operation.parentId"] == span_id(story)
    assert span["data"]["baseData"]["properties"]["sluice.story"] == story
    numbers = [one["name"] for each in told for one in each["data"]["baseData"].get("metrics", [])]
    assert {"sluice.parked", "sluice.work.duration"} <= set(numbers)
