"""A story as an OpenTelemetry trace, told by the real SDK to an exporter in memory."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from shared.adapters.memory import MemoryLedger
from shared.adapters.telemetry import OpenTelemetry
from shared.adapters.told_ledger import ToldLedger
from shared.domain.fan_out import SHARDED_ABOVE
from shared.domain.trace import span_id, trace_id
from tests.world import World


class _Ledger(ToldLedger):
    """The other ports that the ledger in memory is."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)


class Watched:
    """A world whose telemetry is kept."""

    def __init__(self, *, copies: int = 1) -> None:
        self.exported, self.reader = InMemorySpanExporter(), InMemoryMetricReader()
        self.telemetry = OpenTelemetry(self.exported, self.reader)
        self.world = World(
            lambda port: _Ledger(port, self.telemetry) if isinstance(port, MemoryLedger) else port, copies=copies
        )
        self.world.sluice = replace(self.world.sluice, telemetry=self.telemetry)

    def spans(self) -> dict[str, ReadableSpan]:
        self.telemetry.flush()
        told = self.exported.get_finished_spans()
        found = {f"{one.name} {(one.attributes or {}).get('sluice.what', '')}".rstrip(): one for one in told}
        assert len(found) == len(told), "each is told once"
        return found

    def numbers(self) -> dict[str, list[Any]]:
        data = self.reader.get_metrics_data()
        assert data is not None
        return {
            metric.name: list(metric.data.data_points)
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }


@pytest.fixture
def watched() -> Iterator[Watched]:
    one = Watched()
    yield one
    one.telemetry.close()


def test_story_is_one_trace_from_the_event_to_gold(watched: Watched) -> None:
    story = watched.world.land()
    watched.world.run()
    watched.world.land("flights/other.csv", "origin,x\nJFK,-1\n")
    spans = {title: one for title, one in watched.spans().items() if (one.attributes or {})["sluice.story"] == story}
    root = spans.pop("story")
    names = [title.partition(" ")[0] for title in spans]
    assert sorted(names) == ["check", "commit", "gate", "part", "part", "scoring", "training"]
    assert root.parent is None
    assert (root.context.trace_id, root.context.span_id) == (int(trace_id(story), 16), int(span_id(story), 16))
    assert root.start_time
    assert root.end_time
    for one in spans.values():
        assert one.parent == root.context
        assert one.context.trace_id == root.context.trace_id
        assert one.status.is_ok
        assert one.start_time
        assert one.end_time
        assert root.start_time <= one.start_time <= one.end_time <= root.end_time


def test_repeats_tell_nothing_twice() -> None:
    watched = Watched(copies=3)
    watched.world.land()
    watched.world.run()
    watched.world.sweep_until_quiet()
    assert "story" in watched.spans()
    watched.telemetry.close()


def test_what_failed_is_an_error(watched: Watched) -> None:
    watched.world.land(content="origin,x\nJFK,-1\n")
    watched.world.run()
    spans = watched.spans()
    assert not spans["check"].status.is_ok
    assert spans["story"].status.is_ok, "quarantine is an outcome, not a fault"


def test_shards_are_in_the_trace_of_the_whole(watched: Watched) -> None:
    rows = "".join(f"{number:04},1\n" for number in range(SHARDED_ABOVE + 1))
    story = watched.world.land(content=f"origin,x\n{rows}")
    watched.world.run()
    traces = {one.context.trace_id for one in watched.spans().values()}
    assert traces == {int(trace_id(story), 16)}


def test_work_is_counted(watched: Watched) -> None:
    watched.world.land()
    watched.world.run()
    watched.world.land("flights/bad.csv", "origin,x\nJFK,-1\nJFK,2\n")
    watched.world.run()
    watched.world.sluice.event(None, None, {"url": "x"})
    numbers = watched.numbers()
    assert sum(point.count for point in numbers["sluice.time_to_train"]) == 1
    assert {point.attributes["work"] for point in numbers["sluice.work.duration"]} >= {"check", "training", "part"}
    checks = {point.attributes["verdict"]: point.value for point in numbers["sluice.check"]}
    assert checks == {"passed": 1, "failed": 1}
    ((kept),) = numbers["sluice.rows.quarantined"]
    assert (kept.value, dict(kept.attributes)) == (2, {"use_case": "flight_delays"})
    ((judged),) = numbers["sluice.gate"]
    assert (judged.value, judged.attributes["verdict"]) == (1, "passed")
    ((parked),) = numbers["sluice.parked"]
    assert dict(parked.attributes) == {"queue": "event-grid", "reason": "malformed"}


class Broken(SpanExporter):
    """A collector that is down."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        raise OSError("down")


def test_what_cannot_be_told_holds_nothing_up() -> None:
    telemetry = OpenTelemetry(Broken(), InMemoryMetricReader())
    world = World(lambda port: _Ledger(port, telemetry) if isinstance(port, MemoryLedger) else port)
    story = world.land()
    world.run()
    telemetry.close()
    assert "ScoringFinished" in world.kinds(story)
