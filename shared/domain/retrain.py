"""When is trained: on new data, only on drift, by bad live metrics; not too soon, too often, too much at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from shared.domain import facts as f
from shared.domain import story as stories
from shared.domain.drift import Drift
from shared.domain.live_metrics import LiveSpec
from shared.domain.verdicts import RunResult


class When(StrEnum):
    """What asks for a training."""

    NEW_DATA = "new_data"
    DRIFT = "drift"
    LIVE_METRICS = "live_metrics"


class Skip(StrEnum):
    """Why there is none."""

    NO_DRIFT = "no-drift"
    NO_BAD_METRICS = "no-bad-metrics"
    SAME_DATA = "same-data"
    COOL_DOWN = "cool-down"
    AT_ONCE = "at-once"
    BUDGET = "budget"
    NO_JOB = "no-job"


@dataclass(frozen=True, kw_only=True)
class RetrainSpec:
    """A use case's `retrain`. What is None has no limit; a day is UTC's. `live`: bad live metrics begin a training too,
    beside what `when` says of new data.
    """

    when: When = When.NEW_DATA
    cool_down: timedelta | None = None
    at_once: int | None = None
    per_day: int | None = None
    live: LiveSpec | None = None


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A training that was let through: its story, and when. `runs`: its end is not known yet."""

    story: str
    at: datetime
    runs: bool


@dataclass(frozen=True, kw_only=True)
class Skipped:
    """No training, and why, in words."""

    reason: Skip
    detail: str


def claims_of(use_case: str) -> str:
    """The journal of a use case's trainings."""
    return f"trainings/{use_case}"


def asks_for_training(story: Sequence[f.Fact]) -> bool:
    """Did it drift so far? What had nothing to be compared with, or a person let out of quarantine, is trained on."""
    drift = stories.last(story, f.DriftMeasured)
    return drift is None or drift.drift in {Drift.TRAIN, Drift.STOPPED}


def runs(story: Sequence[f.Fact]) -> bool:
    """Was a training let through whose end is not known? One that waits for a person holds nobody up."""
    finished = stories.newest(story, f.TrainingFinished)
    over = finished is not None and finished.final
    return not over and not stories.of_kind(story, f.Parked)


def is_under_way(story: Sequence[f.Fact]) -> bool:
    """Is a training of the story still to come, or its end not known?"""
    skipped = stories.last(story, f.TrainingSkipped) and not stories.last(story, f.TrainingStarted)
    return not skipped and runs(story)


def has_failed(story: Sequence[f.Fact]) -> bool:
    """Did its training fail for good?"""
    finished = stories.newest(story, f.TrainingFinished)
    return finished is not None and finished.final and finished.result is not RunResult.SUCCEEDED


def is_tried(data_story: Sequence[f.Fact], version: str) -> bool:
    """Does a training of the data's own story stand against that version already, which did not fail?"""
    started = stories.newest(data_story, f.TrainingStarted)
    return started is not None and started.champion_version == version and not has_failed(data_story)


def not_asked(
    spec: RetrainSpec, story: Sequence[f.Fact], *, champion: str, values: Sequence[float], data_story: Sequence[f.Fact]
) -> Skipped | None:
    """Why nobody asks for a training; None to go on. `values` are the live ones of the champion, the newest first;
    `data_story` is what committed the data of a story that live metrics began. Where a person asks, somebody does.
    """
    if stories.last(story, f.TrainingRequested):
        return None
    if bad := stories.last(story, f.LiveMetricsBad):
        stood = champion or bad.version  # another one, where the bad one was rolled back
        if not is_tried(data_story, stood):
            return None
        what = f"version {bad.delta_version} of {bad.table} against version {stood}"
        return Skipped(reason=Skip.SAME_DATA, detail=f"story {bad.data_story} trained on {what} already")
    if spec.when is When.DRIFT and champion and not asks_for_training(story):
        drift = stories.last(story, f.DriftMeasured)
        against = f"version {drift.against_version}" if drift else "the baseline"
        return Skipped(reason=Skip.NO_DRIFT, detail=f"it is near enough to {against}")
    live = spec.live
    if spec.when is When.LIVE_METRICS and champion and live and not live.is_bad(values):
        counted = f"{live.count(values)} of the last {len(values[: live.of])} values of {live.metric}"
        detail = f"{counted} of version {champion} are not {live.bound}, {live.bad} of {live.of} ask for a training"
        return Skipped(reason=Skip.NO_BAD_METRICS, detail=detail)
    return None


def decide(
    spec: RetrainSpec, claims: Sequence[Claim], now: datetime, *, past_cool_down: bool = False
) -> Skipped | None:
    """None to train, of what is asked for; `claims` are the newest first, of other stories. Only the cool-down can be
    passed over: what runs at once and in a day costs.
    """
    running = [claim for claim in claims if claim.runs]
    if spec.at_once is not None and len(running) >= spec.at_once:
        which = ", ".join(claim.story for claim in running[:3])
        return Skipped(reason=Skip.AT_ONCE, detail=f"{len(running)} of {spec.at_once} run: {which}")
    if spec.cool_down and not past_cool_down and claims and now - claims[0].at < spec.cool_down:
        until = claims[0].at + spec.cool_down
        return Skipped(
            reason=Skip.COOL_DOWN, detail=f"{claims[0].story} began {claims[0].at:%H:%M}, wait until {until:%H:%M} UTC"
        )
    today = [claim for claim in claims if claim.at.date() == now.date()]
    if spec.per_day is not None and len(today) >= spec.per_day:
        return Skipped(reason=Skip.BUDGET, detail=f"{len(today)} of {spec.per_day} runs of today are used")
    return None
