"""A story as a trace: what took how long, from the event to gold, read from its facts.

The ids are made from the story and the span's name, so that whoever tells of a span, and however often, tells of the
same one: trace id 32 and span id 16 hexadecimal digits, as W3C Trace Context has them (https://www.w3.org/TR/trace-context/).
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.domain import facts as f
from shared.domain import identity
from shared.domain import story as stories
from shared.domain.fan_out import fan_outs
from shared.domain.verdicts import RunResult, Verdict

ROOT = "story"


@dataclass(frozen=True, kw_only=True)
class Span:
    """A piece of work: `end` is None while it goes on. `name` is the kind of work, `what` tells it from others."""

    name: str
    what: str = ""
    begin: datetime
    end: datetime | None
    failed: bool = False

    @property
    def title(self) -> str:
        """Both, for people."""
        return f"{self.name} {self.what}".rstrip()


def trace_id(story: str) -> str:
    """Of the story, and of its shards: theirs is the same trace."""
    return _hex("trace", identity.whole_of(story))[:32]


def span_id(story: str, title: str = ROOT) -> str:
    """Of the span of that title; without one, of the story itself, which is every other's parent."""
    return _hex("span", identity.whole_of(story) if title == ROOT else story, title)[:16]


def traceparent(story: str) -> str:
    """The header that makes the story the parent of what is done for it."""
    return f"00-{trace_id(story)}-{span_id(story)}-01"


def spans_of(story: Sequence[f.Fact]) -> Sequence[Span]:
    """In the order in which they began."""
    found = [*_of_data(story), *_of_training(story), *_of_versions(story), *_of_scoring(story), *_of_endpoint(story)]
    return sorted(found, key=lambda span: (span.begin, span.title))


def _of_data(story: Sequence[f.Fact]) -> Iterator[Span]:
    arrived = stories.last(story, f.DataArrived)
    if arrived is None:
        return
    released = {one.generation: one for one in stories.of_kind(story, f.QuarantineReleased)}
    checks = {one.generation: one for one in stories.of_kind(story, f.BatchChecked)}
    over = stories.last(story, f.DataSuperseded)
    for generation in sorted({1, *released, *checks}):
        began = released.get(generation, arrived)
        check, what = checks.get(generation), f"again, {generation}" if generation > 1 else ""
        if generation > 1 and generation in released:
            kept = [one for one in stories.of_kind(story, f.DataQuarantined) if one.generation < generation]
            if kept:
                yield Span(name="wait for a person", what=what, begin=kept[-1].at, end=began.at)
        if check or not (isinstance(began, f.QuarantineReleased) and not began.check):
            end = check.at if check else over.at if over else None
            failed = bool(check and not check.verdict.lets_pass)
            yield Span(name="check", what=what, begin=began.at, end=end, failed=failed)
        if committed := next((o for o in stories.of_kind(story, f.DataCommitted) if o.generation == generation), None):
            yield Span(name="commit", what=what, begin=check.at if check else began.at, end=committed.at)


def _of_training(story: Sequence[f.Fact]) -> Iterator[Span]:
    ends = {one.generation: one for one in stories.of_kind(story, f.TrainingFinished)}
    for one in stories.of_kind(story, f.TrainingStarted):
        end = ends.get(one.generation)
        yield Span(
            name="training",
            what=f"run {one.job_run_id}",
            begin=one.at,
            end=end.at if end else None,
            failed=bool(end and end.result is not RunResult.SUCCEEDED),
        )


def _of_versions(story: Sequence[f.Fact]) -> Iterator[Span]:
    for one in stories.of_kind(story, f.VersionRegistered):
        judged = [each for each in stories.of_kind(story, f.VersionJudged) if each.version == one.version]
        failed = bool(judged and judged[-1].verdict is not Verdict.PASSED)
        end = judged[0].at if judged else None
        yield Span(name="gate", what=f"version {one.version}", begin=one.at, end=end, failed=failed)
    answers = (f.ApprovalGiven, f.ApprovalRefused, f.ApprovalExpired, f.ApprovalVoided, f.ApprovalClosed)
    for asked in stories.of_kind(story, f.ApprovalRequested):
        ends = [one.at for one in story if isinstance(one, answers) and one.version == asked.version]
        yield Span(name="approval", what=f"version {asked.version}", begin=asked.at, end=max(ends) if ends else None)


def _of_scoring(story: Sequence[f.Fact]) -> Iterator[Span]:
    for one in fan_outs(story):
        plan = one.plan
        closed = one.finished or one.cancelled
        over = max((each.at for each in one.failed.values()), default=None) if one.is_over else None
        yield Span(
            name="scoring",
            what=f"plan {plan.plan}",
            begin=plan.at,
            end=closed.at if closed else over,
            failed=bool(over and not closed),
        )
    ended = {(one.plan, one.part, one.generation): one for one in story if isinstance(one, f.PartScored | f.PartFailed)}
    for started in stories.of_kind(story, f.PartStarted):
        end = ended.get((started.plan, started.part, started.generation))
        again = f", again {started.generation}" if started.generation > 1 else ""
        what = "part" if started.job_run_id else "shard"
        yield Span(
            name=what,
            what=f"{started.part}{again} of plan {started.plan}",
            begin=started.at,
            end=end.at if end else None,
            failed=isinstance(end, f.PartFailed),
        )


def _of_endpoint(story: Sequence[f.Fact]) -> Iterator[Span]:
    for asked in stories.of_kind(story, f.EndpointRequested):
        ends = [
            one
            for one in story
            if isinstance(one, f.EndpointUpdated | f.EndpointFailed) and one.version == asked.version
        ]
        end = ends[-1] if ends else None
        yield Span(
            name="endpoint",
            what=f"version {asked.version}",
            begin=asked.at,
            end=end.at if end else None,
            failed=isinstance(end, f.EndpointFailed),
        )


def _hex(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
