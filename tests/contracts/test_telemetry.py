"""Telemetry as a collector gets it: OTLP over HTTP, from the real exporters."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from shared.adapters.telemetry import to_collector
from shared.domain import facts as f
from shared.domain.trace import span_id, trace_id


@contextmanager
def collector() -> Iterator[tuple[str, dict[str, list[bytes]]]]:
    """Its address, and the bodies that it got, by path."""
    got: dict[str, list[bytes]] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.setdefault(self.path, []).append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.end_headers()

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
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "none")
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
