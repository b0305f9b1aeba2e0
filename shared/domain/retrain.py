"""When new data is trained on: always or only on drift, not too soon, not too often, not too much at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from shared.domain import facts as f
from shared.domain import story as stories
from shared.domain.drift import Drift


class When(StrEnum):
    """What asks for a training."""

    NEW_DATA = "new_data"
    DRIFT = "drift"


class Skip(StrEnum):
    """Why there is none."""

    NO_DRIFT = "no-drift"
    COOL_DOWN = "cool-down"
    AT_ONCE = "at-once"
    BUDGET = "budget"
    NO_JOB = "no-job"


@dataclass(frozen=True, kw_only=True)
class RetrainSpec:
    """A use case's `retrain`. What is None has no limit; a day is UTC's."""

    when: When = When.NEW_DATA
    cool_down: timedelta | None = None
    at_once: int | None = None
    per_day: int | None = None


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


def decide(
    spec: RetrainSpec, story: Sequence[f.Fact], claims: Sequence[Claim], now: datetime, *, champion: str
) -> Skipped | None:
    """None to train; `claims` are the newest first, of other stories. Without a champion no drift is waited for."""
    if spec.when is When.DRIFT and champion and not asks_for_training(story):
        drift = stories.last(story, f.DriftMeasured)
        against = f"version {drift.against_version}" if drift else "the baseline"
        return Skipped(reason=Skip.NO_DRIFT, detail=f"it is near enough to {against}")
    running = [claim for claim in claims if claim.runs]
    if spec.at_once is not None and len(running) >= spec.at_once:
        which = ", ".join(claim.story for claim in running[:3])
        return Skipped(reason=Skip.AT_ONCE, detail=f"{len(running)} of {spec.at_once} run: {which}")
    if spec.cool_down and claims and now - claims[0].at < spec.cool_down:
        until = claims[0].at + spec.cool_down
        return Skipped(
            reason=Skip.COOL_DOWN, detail=f"{claims[0].story} began {claims[0].at:%H:%M}, wait until {until:%H:%M} UTC"
        )
    today = [claim for claim in claims if claim.at.date() == now.date()]
    if spec.per_day is not None and len(today) >= spec.per_day:
        return Skipped(reason=Skip.BUDGET, detail=f"{len(today)} of {spec.per_day} runs of today are used")
    return None
