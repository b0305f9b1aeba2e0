"""A story as an OpenTelemetry trace, and numbers about the work: through the SDK, to a collector or to Azure Monitor.

Spans are made of facts when the work has ended, under ids that everybody who knows the story can make: no context has
to be kept anywhere. Work that takes hours and several processes is one span, with the times of the ledger.
"""

import atexit
import logging
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from shared.domain import facts as f
from shared.domain import identity
from shared.domain import story as stories
from shared.domain.trace import ROOT, Span, span_id, spans_of, trace_id

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential
    from opentelemetry.sdk.metrics.export import MetricReader
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.trace.export import SpanExporter

log = logging.getLogger("sluice")

SERVICE = "sluice"


class OpenTelemetry:
    """Telemetry."""

    def __init__(self, exporter: "SpanExporter", reader: "MetricReader") -> None:
        from opentelemetry.sdk.metrics import MeterProvider
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        self._resource = Resource.create({"service.name": SERVICE})
        self._spans = BatchSpanProcessor(exporter)
        self._meters = MeterProvider([reader], resource=self._resource)
        atexit.register(self.close)
        meter = self._meters.get_meter(SERVICE)
        self._work = meter.create_histogram("sluice.work.duration", "s", "How long each kind of work takes")
        self._to_train = meter.create_histogram("sluice.time_to_train", "s", "From an arrival to its training's end")
        self._checks = meter.create_counter("sluice.check", description="Batches checked, by verdict")
        self._kept_apart = meter.create_counter("sluice.rows.quarantined", description="Rows kept apart")
        self._gate = meter.create_counter("sluice.gate", description="Versions judged, by verdict")
        self._parked = meter.create_counter("sluice.parked", description="Messages that wait for a person")

    def told(self, before: Sequence[f.Fact], after: Sequence[f.Fact]) -> None:
        try:
            self._told(before, after)
        except Exception:
            log.exception("telemetry of story %s is lost", after[0].story if after else "-")

    def parked(self, queue: str, reason: str) -> None:
        self._parked.add(1, {"queue": queue, "reason": reason})

    def close(self) -> None:
        """Send what waits."""
        atexit.unregister(self.close)
        self._spans.shutdown()  # type: ignore[no-untyped-call]  # it has no types
        self._meters.shutdown()

    def flush(self) -> None:
        """Send what waits, and go on."""
        self._spans.force_flush()

    def _told(self, before: Sequence[f.Fact], after: Sequence[f.Fact]) -> None:
        if not after:
            return
        story, use_case = after[0].story, stories.use_case_of(after)
        ended = {one.title for one in spans_of(before) if one.end}
        for one in spans_of(after):
            if one.end and one.title not in ended:
                self._spans.on_end(self._span(one, story, use_case))
                of_it: dict[str, str | bool] = {"work": one.name, "use_case": use_case, "failed": one.failed}
                self._work.record((one.end - one.begin).total_seconds(), of_it)
        if not identity.is_shard(story) and stories.is_settled(after) and not (before and stories.is_settled(before)):
            self._spans.on_end(self._root(after, use_case))
        known = {(fact.kind, fact.key) for fact in before}
        for fact in after:
            if (fact.kind, fact.key) not in known:
                self._count(fact, after, use_case)

    def _count(self, fact: f.Fact, story: Sequence[f.Fact], use_case: str) -> None:
        arrived = stories.last(story, f.DataArrived)
        if isinstance(fact, f.VersionJudged):
            self._gate.add(1, {"verdict": str(fact.verdict), "model": fact.model})
        elif isinstance(fact, f.BatchChecked):
            self._checks.add(1, {"verdict": str(fact.verdict), "use_case": use_case})
        elif isinstance(fact, f.DataQuarantined | f.RowsQuarantined):
            self._kept_apart.add(fact.rows, {"use_case": use_case})
        elif isinstance(fact, f.TrainingFinished) and arrived:
            took = (fact.at - arrived.at).total_seconds()
            self._to_train.record(took, {"use_case": use_case, "result": str(fact.result)})

    def _root(self, story: Sequence[f.Fact], use_case: str) -> "ReadableSpan":
        subject = next((fact.subjects[0] for fact in story if fact.subjects), "")
        failed = bool(stories.needs_attention(story))
        whole = Span(name=ROOT, begin=story[0].at, end=max(fact.at for fact in story), failed=failed)
        return self._span(whole, story[0].story, use_case, subject=subject)

    def _span(self, one: Span, story: str, use_case: str, *, subject: str = "") -> "ReadableSpan":
        from opentelemetry.sdk.trace import ReadableSpan
        from opentelemetry.sdk.util.instrumentation import InstrumentationScope
        from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

        def context(title: str) -> SpanContext:
            ids = int(trace_id(story), 16), int(span_id(story, title), 16)
            return SpanContext(*ids, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))

        is_root = one.name == ROOT
        said = {"sluice.story": story, "sluice.use_case": use_case, "sluice.what": one.what, "sluice.subject": subject}
        return ReadableSpan(
            name=one.name,
            context=context(ROOT if is_root else one.title),
            parent=None if is_root else context(ROOT),
            resource=self._resource,
            attributes={name: value for name, value in said.items() if value},
            kind=SpanKind.INTERNAL,
            status=Status(StatusCode.ERROR if one.failed else StatusCode.OK),
            start_time=_nanoseconds(one.begin),
            end_time=_nanoseconds(one.end or one.begin),
            instrumentation_scope=InstrumentationScope(SERVICE),
        )


def _nanoseconds(at: datetime) -> int:
    return int(at.timestamp() * 1_000_000) * 1000


def to_collector() -> OpenTelemetry:
    """By OTLP over HTTP, to where the environment variables of OpenTelemetry say (OTEL_EXPORTER_OTLP_ENDPOINT)."""
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader

    return OpenTelemetry(OTLPSpanExporter(), PeriodicExportingMetricReader(OTLPMetricExporter()))


def to_azure_monitor(credential: "TokenCredential | None") -> OpenTelemetry:
    """To the Application Insights of APPLICATIONINSIGHTS_CONNECTION_STRING, signed in by the credential."""
    from azure.monitor.opentelemetry.exporter import AzureMonitorMetricExporter, AzureMonitorTraceExporter
    from opentelemetry import trace
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider

    trace.set_tracer_provider(TracerProvider(resource=Resource.create({"service.name": SERVICE})))  # it asks for it
    metrics = AzureMonitorMetricExporter(credential=credential)
    return OpenTelemetry(AzureMonitorTraceExporter(credential=credential), PeriodicExportingMetricReader(metrics))
