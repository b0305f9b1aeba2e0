"""A ledger as a busy night leaves it: a story in every state, and messages that wait for a person."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from shared.domain import facts as f
from shared.domain.policy import RuleOutcome
from shared.domain.quality import ExpectationOutcome
from shared.domain.verdicts import RunResult, Severity, Verdict
from shared.ports import Approval, ParkedMessage
from shared.views.records import Records

DONE, QUARANTINED, REJECTED = "d0" * 8, "aa" * 8, "b1" * 8
RUNNING, BROKEN, BY_HAND = "c2" * 8, "e3" * 8, "f4" * 8
HOSTILE = "landing/flights/<script>alert(1)</script>\x1b[2J\u202e.csv"
"""A file name is whatever its sender chose: markup, a terminal's commands, and a change of reading direction."""

MALFORMED = ParkedMessage(
    queue="event-grid",
    message_id="0f3a9c",
    reason="malformed",
    detail="contentLength: -1 is no size",
    body=b'{"url": "x"}',
    correlation_id="",
    at=datetime(2026, 1, 31, tzinfo=UTC),
)
REFUSED = ParkedMessage(
    queue="trainings",
    message_id=f"StartTraining/{BROKEN}/1",
    reason="refused",
    detail="job sluice-train does not exist in workspace ws1",
    body=b"{}",
    correlation_id=BROKEN,
    at=datetime(2026, 1, 31, tzinfo=UTC),
)


@dataclass
class _Teller:
    """Facts of one story, one after the other."""

    story: str
    at: datetime

    def __call__[Kind: f.Fact](self, fact: Kind, seconds: float, **changes: object) -> Kind:
        self.at += timedelta(seconds=seconds)
        return replace(fact, story=self.story, at=self.at, **changes)


def arrival(story: str, at: datetime, file: str = "landing/flights/2013-01.csv") -> f.DataArrived:
    """A file landed."""
    return replace(f.DataArrived.example(), story=story, at=at, file=file)


def trained(story: str, at: datetime, *, version: str, job_run_id: int, file: str) -> list[f.Fact]:
    """From the arrival to a registered version."""
    tell = _Teller(story, at)
    warning = ExpectationOutcome(
        expectation="expect_table_row_count_to_be_between",
        column="",
        severity=Severity.WARNING,
        verdict=Verdict.FAILED,
        asked="between 20,000 and 40,000 rows",
        detail="it has 12,004",
    )
    return [
        arrival(story, at, file),
        tell(f.BatchChecked.example(), 1.4, expectations=(ExpectationOutcome.example(), warning)),
        tell(f.DataCommitted.example(), 0.6, delta_version=int(version)),
        tell(f.TrainingStarted.example(), 0.4, job_run_id=job_run_id, delta_version=int(version)),
        tell(f.TrainingFinished.example(), 21.5, job_run_id=job_run_id),
        tell(f.VersionRegistered.example(), 0.2, version=version, mlflow_run_id=f"9f2c7a1be0d4{version}"),
    ]


def done(story: str, at: datetime) -> list[f.Fact]:
    """All the way into gold."""
    began = trained(story, at, version="1", job_run_id=1001, file="landing/flights/2013-01.csv")
    tell = _Teller(story, began[-1].at)
    told: list[f.Fact] = [
        *began,
        tell(f.VersionJudged.example(), 0.1),
        tell(f.VersionPromoted.example(), 0.2),
        tell(f.ScoringPlanned.example(), 0.3),
    ]
    for number, part in enumerate(("EWR", "JFK", "LGA")):
        told.append(tell(f.PartStarted.example(), 0.2, part=part, job_run_id=1002 + number))
    for number, part in enumerate(("EWR", "JFK", "LGA")):
        told.append(tell(f.PartScored.example(), 2.0, part=part, job_run_id=1002 + number, rows=9_000))
    return [*told, tell(f.ScoringFinished.example(), 0.1)]


def rejected(story: str, at: datetime) -> list[f.Fact]:
    """Trained, and noticeably worse than the champion."""
    began = trained(story, at, version="2", job_run_id=1010, file="landing/flights/2013-02.csv")
    tell = _Teller(story, began[-1].at)
    worse = RuleOutcome(
        rule="no_worse_than_champion",
        severity=Severity.BLOCKING,
        verdict=Verdict.FAILED,
        asked="rmse at most 1 % worse than the champion's",
        seen="rmse 21.9 against 21 of version 1",
    )
    judged = tell(
        f.VersionJudged.example(),
        0.1,
        version="2",
        verdict=Verdict.FAILED,
        champion_version="1",
        reason=worse.sentence,
        rules=(RuleOutcome.example(), worse),
    )
    return [*began, judged, tell(f.VersionRejected.example(), 0.1, reason=f"failed: {worse.sentence}")]


def quarantined(story: str, at: datetime, file: str = "landing/flights/2013-03.csv") -> list[f.Fact]:
    """Judged, and kept apart."""
    tell = _Teller(story, at)
    outcome = replace(
        ExpectationOutcome.example(), verdict=Verdict.FAILED, unexpected=12, detail="12 of 28,834 are not, such as -1"
    )
    checked = tell(
        f.BatchChecked.example(),
        1.2,
        verdict=Verdict.FAILED,
        rows=28_834,
        expectations=(outcome, *[ExpectationOutcome.example()] * 5),
    )
    return [arrival(story, at, file), checked, tell(f.DataQuarantined.example(), 0.3, reasons=(outcome.sentence,))]


def running(story: str, at: datetime, file: str = HOSTILE) -> list[f.Fact]:
    """In training."""
    return trained(story, at, version="3", job_run_id=1020, file=file)[:4]


def broken(story: str, at: datetime) -> list[f.Fact]:
    """Its training failed for good, and a message of it is parked."""
    began = trained(story, at, version="4", job_run_id=1030, file="landing/flights/2013-05.csv")[:4]
    tell = _Teller(story, began[-1].at)
    failed = tell(
        f.TrainingFinished.example(),
        8.0,
        job_run_id=1030,
        result=RunResult.FAILED,
        message="ValueError: column 'tailnum' is empty",
    )
    parked = f.Parked(
        story=story,
        at=tell.at + timedelta(seconds=1),
        queue=REFUSED.queue,
        message_id=REFUSED.message_id,
        reason=REFUSED.reason,
        detail=REFUSED.detail,
    )
    return [*began, failed, parked]


def by_hand(story: str, at: datetime) -> list[f.Fact]:
    """Somebody registered a version in a notebook, and moved the alias to it."""
    tell = _Teller(story, at)
    registered = tell(f.VersionRegistered.example(), 0, version="3", mlflow_run_id="")
    rule = replace(
        RuleOutcome.example(),
        rule="trained_by_us",
        verdict=Verdict.MISCONFIGURED,
        asked="a version that a training of ours made",
        seen="one that somebody registered by hand",
    )
    judged = tell(
        f.VersionJudged.example(), 0.2, version="3", verdict=Verdict.MISCONFIGURED, reason=rule.sentence, rules=(rule,)
    )
    return [
        registered,
        judged,
        tell(f.VersionRejected.example(), 0.1, version="3", reason=f"misconfigured: {rule.sentence}"),
        tell(f.PromotionReverted.example(), 42, reason="version 3 was rejected by the gate"),
    ]


def seed(ledger: Records, now: datetime) -> None:
    """All of it, as of now."""

    def before(**ago: float) -> datetime:
        return now - timedelta(**ago)

    told: Sequence[Sequence[f.Fact]] = (
        done(DONE, before(hours=5)),
        rejected(REJECTED, before(hours=3)),
        by_hand(BY_HAND, before(hours=2)),
        quarantined(QUARANTINED, before(minutes=50)),
        broken(BROKEN, before(minutes=12)),
        running(RUNNING, before(seconds=20)),
    )
    for facts in told:
        ledger.record(facts)
    approved = Approval(model="flight_delays", slot="champion", version="1", story=DONE, at=before(hours=4.9))
    ledger.approve(approved, replaces=None)
    ledger.park(replace(MALFORMED, at=before(minutes=2)))
    ledger.park(replace(REFUSED, at=before(minutes=11)))
