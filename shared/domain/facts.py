"""What happened, in the past tense. Each fact is written once, under its key within its story."""

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from shared.domain import identity
from shared.domain.batch import LandedFile
from shared.domain.drift import Drift, DriftFinding, Then
from shared.domain.policy import RuleOutcome
from shared.domain.prediction import Summary
from shared.domain.quality import CheckReport, CheckStep, ExpectationOutcome
from shared.domain.verdict_changes import VerdictChange
from shared.domain.verdicts import RunResult, Verdict

_EXAMPLE_STORY = "0123456789abcdef"
_EXAMPLE_TIME = datetime(2026, 1, 31, 3, 0, tzinfo=UTC)
_EXAMPLE_ENDPOINT = {
    "use_case": "flight_delays",
    "endpoint": "flight-delays",
    "model": "flight_delays",
    "version": "1",
}


@dataclass(frozen=True, kw_only=True)
class Fact:
    """One thing that happened in a story, and when (aware UTC)."""

    story: str
    at: datetime

    @property
    def kind(self) -> str:
        """The fact's name, as people and the ledger write it."""
        return type(self).__name__

    @property
    def key(self) -> str:
        """Unique within the story."""
        return identity.fact_key(self.kind)

    @property
    def subjects(self) -> tuple[str, ...]:
        """What leads a reader to this story: files, run ids, `model@version`."""
        return ()

    @classmethod
    def example(cls) -> Self:
        """One that tests, docs and simulations share."""
        raise NotImplementedError(f"{cls.__name__} gives no example")


@dataclass(frozen=True, kw_only=True)
class DataArrived(Fact):
    """A file landed and a use case owns it. `file` is container/path; `size` in bytes. `found_by` is who found it where
    no event said so (`sweep`, or a person), and `reason` why that person looked.
    """

    use_case: str
    file: str
    url: str
    etag: str
    size: int
    found_by: str = ""
    reason: str = ""

    @property
    def subjects(self) -> tuple[str, ...]:
        names = (self.file, self.file.partition("/")[2], self.file.rpartition("/")[2])
        return tuple(dict.fromkeys(name for name in names if name))

    @classmethod
    def example(cls) -> Self:
        return cls(
            story=_EXAMPLE_STORY,
            at=_EXAMPLE_TIME,
            use_case="flight_delays",
            file="landing/flights/2013-01.csv",
            url="https://account.blob.core.windows.net/landing/flights/2013-01.csv",
            etag="0x8DC",
            size=2_500_000,
        )


@dataclass(frozen=True, kw_only=True)
class BatchAssembled(Fact):
    """Which files are in the batch: those its marker or manifest stands for, or that landed before it was quiet."""

    files: tuple[LandedFile, ...]

    @property
    def subjects(self) -> tuple[str, ...]:
        return tuple(one.file for one in self.files[:20])

    @classmethod
    def example(cls) -> Self:
        return cls(story=_EXAMPLE_STORY, at=_EXAMPLE_TIME, files=(LandedFile.example(),))


@dataclass(frozen=True, kw_only=True)
class CheckRunStarted(Fact):
    """A Databricks run looks into a batch that is too large for here, or keeps what failed of it apart; `reason` is why
    it is not done here.
    """

    generation: int
    step: CheckStep
    attempt: int
    workspace: str
    job_run_id: int
    reason: str

    @property
    def key(self) -> str:
        return identity.fact_key(self.kind, str(self.generation), self.step, str(self.attempt))

    @property
    def subjects(self) -> tuple[str, ...]:
        return (str(self.job_run_id),)

    @classmethod
    def example(cls) -> Self:
        return cls(
            story=_EXAMPLE_STORY,
            at=_EXAMPLE_TIME,
            generation=1,
            step=CheckStep.CHECK,
            attempt=1,
            workspace="ws1",
            job_run_id=1000,
            reason="flights/2013-01.csv makes more than 10,240 MB (data.largest_mb)",
        )


@dataclass(frozen=True, kw_only=True)
class CheckRunFinished(Fact):
    """That run ended. `lost` means that its driver died with it, so the next attempt runs again."""

    generation: int
    step: CheckStep
    attempt: int
    job_run_id: int
    result: RunResult
    message: str
    final: bool

    @property
    def key(self) -> str:
        return identity.fact_key(self.kind, str(self.generation), self.step, str(self.attempt))

    @classmethod
    def example(cls) -> Self:
        return cls(
            story=_EXAMPLE_STORY,
            at=_EXAMPLE_TIME,
            generation=1,
            step=CheckStep.CHECK,
            attempt=1,
            job_run_id=1000,
            result=RunResult.SUCCEEDED,
            message="",
            final=True,
        )


@dataclass(frozen=True, kw_only=True)
class BatchChecked(Fact):
    """The batch was judged by its expectation suite. `suite` is the fingerprint of the suite, and of the settings by
    which the batch was read.
    """

    generation: int
    verdict: Verdict
    suite: str
    rows: int
    expectations: tuple[ExpectationOutcome, ...]

    @property
    def report(self) -> CheckReport:
        """What the engine found."""
        return CheckReport(rows=self.rows, expectations=self.expectations)

    @property
    def reasons(self) -> tuple[str, ...]:
        """The failing blocking expectations, in words."""
        return self.report.reasons

    @property
    def key(self) -> str:
        return identity.fact_key(self.kind, str(self.generation))

    @classmethod
    def example(cls) -> Self:
        return cls(
            story=_EXAMPLE_STORY,
            at=_EXAMPLE_TIME,
            generation=1,
            verdict=Verdict.PASSED,
            suite="a1b2c3d4e5f6",
            rows=27_004,
            expectations=(ExpectationOutcome.example(),),
        )


@dataclass(frozen=True, kw_only=True)
class DriftMeasured(Fact):
    """The batch was compared with the rows of a baseline version: `against_version`, of the story `against`; and its
    check with that one's, `verdicts`: the expectations whose verdict changed.
    """

    generation: int
    drift: Drift
    against: str
    against_version: int
    findings: tuple[DriftFinding, ...]
    verdicts: tuple[VerdictChange, ...] = ()

    @property
    def key(self) -> str:
        return identity.fact_key(self.kind, str(self.generation))

    @property
    def exceeding(self) -> tuple[DriftFinding, ...]:
        """What is beyond its limit."""
        return tuple(one for one in self.findings if one.exceeds)

    def added_to(self, report: CheckReport) -> CheckReport:
        """The report with what stops the batch as expectations that it did not meet."""
        stopping = tuple(one.as_outcome() for one in self.exceeding if one.then is Then.STOP)
        return replace(report, expectations=(*report.expectations, *stopping))

    @classmethod
    def example(cls) -> Self:
        return cls(
            story=_EXAMPLE_STORY,
            at=_EXAMPLE_TIME,
            generation=1,
            drift=Drift.TRAIN,
            against="fedcba9876543210",
            against_version=1,
            findings=(DriftFinding.example(),),
            verdicts=(VerdictChange.example(),),
        )


@dataclass(frozen=True, kw_only=True)
class DataCommitted(Fact):
    """The batch is in the silver table, as one Delta version."""

    generation: int
    table: str
    delta_version: int
    rows: int

    @property
    def key(self) -> str:
        return identity.fact_key(self.kind, str(self.generation))

    @classmethod
    def example(cls) -> Self:
        return cls(
            story=_EXAMPLE_STORY,
            at=_EXAMPLE_TIME,
            generation=1,
            table="silver/flight_delays",
            delta_version=1,
            rows=27_004,
        )


@dataclass(frozen=True, kw_only=True)
class DataQuarantined(Fact):
    """The batch failed its check: kept apart, with the reasons; nothing is trained on it. `location` is a Delta table
    of its `rows`, none where the file could not be read; `bad_rows` of them break something themselves.
    """

    generation: int
    location: str
    reasons: tuple[str, ...]
    rows: int = 0
    bad_rows: int = 0

    @property
    def key(self) -> str:
        return identity.fact_key(self.kind, str(self.generation))

    @classmethod
    def example(cls) -> Self:
        return cls(
            story=_EXAMPLE_STORY,
            at=_EXAMPLE_TIME,
            generation=1,
            location="quarantine/flight_delays/0123456789abcdef",
            reasons=("distance: values must be between 1 and 6000 (12 of 28834 are not)",),
            rows=28_834,
            bad_rows=12,
        )


@dataclass(frozen=True, kw_only=True)
class RowsQuarantined(Fact):
    """Some rows failed their check: they are kept apart, with the reasons, and the others go on without them."""

    generation: int
    location: str
    reasons: tuple[str, ...]
    rows: int

    @property
    def key(self) -> str:
        return identity.fact_key(self.kind, str(self.generation))

    @classmethod
    def example(cls) -> Self:
        return cls(
            story=_EXAMPLE_STORY,
            at=_EXAMPLE_TIME,
            generation=1,
            location="quarantine/flight_delays/0123456789abcdef",
            reasons=("distance: values must be between 1 and 6000 (12 of 28834 are not)",),
            rows=12,
        )


@dataclass(frozen=True, kw_only=True)
class QuarantineReleased(Fact):
    """A person let out what was kept apart; it goes on under this generation. `check`: judged once more first.

    Rows whose batch went on without them go on in a story of their own, `continues`.
    """

    generation: int
    who: str
    reason: str
    location: str
    check: bool
    continues: str = ""

    @property
    def key(self) -> str:
        return identity.fact_key(self.kind, str(self.generation))

    @classmethod
    def example(cls) -> Self:
        return cls(
            story=_EXAMPLE_STORY,
            at=_EXAMPLE_TIME,
            generation=2,
            who="ada@laptop",
            reason="the carrier is new, and the model copes with it",
            location="quarantine/flight_delays/0123456789abcdef",
            check=False,
        )


@dataclass(frozen=True, kw_only=True)
class DataSuperseded(Fact):
    """The file changed or vanished before it was read: what replaced it has a story of its own."""

    reason: str

    @classmethod
    def example(cls) -> Self:
        return cls(story=_EXAMPLE_STORY, at=_EXAMPLE_TIME, reason="the file is now at ETag 0x8DD")


@dataclass(frozen=True, kw_only=True)
class DataMissing(Fact):
    """Data that the use case expects every `every_seconds` did not come: so many periods since the last arrival. The
    silence has a story of its own.
    """

    use_case: str
    since: datetime
    every_seconds: int
    period: int

    @property
    def key(self) -> str:
        return identity.fact_key(self.kind, str(self.period))

    @property
    def subjects(self) -> tuple[str, ...]:
        return (f"{self.use_case}/no-data",)

    @classmethod
    def example(cls) -> Self:
        return cls(
            story=_EXAMPLE_STORY,
            at=_EXAMPLE_TIME,
            use_case="flight_delays",
            since=datetime(2026, 1, 29, 3, 0, tzinfo=UTC),
            every_seconds=86_400,
            period=2,
        )


@dataclass(frozen=True, kw_only=True)
class DataResumed(Fact):
    """Data came again, in the story `arrived`; empty where the use case does not expect any more."""

    use_case: str
    arrived: str

    @classmethod
    def example(cls) -> Self:
        return cls(story=_EXAMPLE_STORY, at=_EXAMPLE_TIME, use_case="flight_delays", arrived="fedcba9876543210")


@dataclass(frozen=True, kw_only=True)
class LiveMetricsBad(Fact):
    """Of the last `of` values that were measured of the version in production, the newest first, `bad` or more are not
    within the bound. What follows trains on the newest version of silver, which the story `data_story` committed.
    """

    use_case: str
    model: str
    version: str
    metric: str
    values: tuple[float, ...]
    bound: str
    bad: int
    of: int
    table: str
    delta_version: int
    data_story: str

    @property
    def subjects(self) -> tuple[str, ...]:
        return (identity.model_at(self.model, self.version),)

    @classmethod
    def example(cls) -> Self:
        return cls(
            story=_EXAMPLE_STORY,
            at=_EXAMPLE_TIME,
            use_case="flight_delays",
            model="flight_delays",
            version="1",
            metric="rmse",
            values=(24.5, 23.1, 19.8, 26.0),
            bound="at most 20",
            bad=3,
            of=5,
            table="silver/flight_delays",
            delta_version=1,
            data_story="fedcba9876543210",
        )


@dataclass(frozen=True, kw_only=True)
class TrainingRequested(Fact):
    """A person asked for a training on the newest version of silver, which the story `data_story` committed. It has a
    story of its own. `number` counts how often that was asked of this version; `past_cool_down`: whatever the cool-down
    says; `repeats` are the stories whose training on it or an earlier version failed.
    """

    use_case: str
    table: str
    delta_version: int
    data_story: str
    number: int
    who: str
    reason: str
    past_cool_down: bool = False
    repeats: tuple[str, ...] = ()

    @property
    def subjects(self) -> tuple[str, ...]:
        return (f"{self.use_case}/training",)

    @classmethod
    def example(cls) -> Self:
        return cls(
            story=_EXAMPLE_STORY,
            at=_EXAMPLE_TIME,
            use_case="flight_delays",
            table="silver/flight_delays",
            delta_version=1,
            data_story="fedcba9876543210",
            number=1,
            who="ada@laptop",
            reason="features.py was mended",
        )


@dataclass(frozen=True, kw_only=True)
class TrainingRepeated(Fact):
    """The training of this story failed, and one that a person asked for began, on the same data or more, in the story
    `continues`.
    """

    who: str
    reason: str
    continues: str

    @property
    def key(self) -> str:
        return identity.fact_key(self.kind, self.continues)

    @classmethod
    def example(cls) -> Self:
        return cls(
            story=_EXAMPLE_STORY,
            at=_EXAMPLE_TIME,
            who="ada@laptop",
            reason="features.py was mended",
            continues="fedcba9876543210",
        )


@dataclass(frozen=True, kw_only=True)
class TrainingSkipped(Fact):
    """No training follows: the retrain policy lets none, or the use case has no training job. `reason` is no-drift,
    no-bad-metrics, same-data, cool-down, at-once, budget or no-job.
    """

    reason: str
    detail: str

    @classmethod
    def example(cls) -> Self:
        return cls(
            story=_EXAMPLE_STORY,
            at=_EXAMPLE_TIME,
            reason="budget",
            detail="4 of 4 runs of today are used",
        )


@dataclass(frozen=True, kw_only=True)
class TrainingStarted(Fact):
    """A Databricks run trains on exactly this Delta version."""

    generation: int
    workspace: str
    job_run_id: int
    table: str
    delta_version: int
    champion_version: str

    @property
    def key(self) -> str:
        return identity.fact_key(self.kind, str(self.generation))

    @property
    def subjects(self) -> tuple[str, ...]:
        return (str(self.job_run_id),)

    @classmethod
    def example(cls) -> Self:
        return cls(
            story=_EXAMPLE_STORY,
            at=_EXAMPLE_TIME,
            generation=1,
            workspace="ws1",
            job_run_id=1001,
            table="silver/flight_delays",
            delta_version=1,
            champion_version="",
        )


@dataclass(frozen=True, kw_only=True)
class TrainingFinished(Fact):
    """The run ended. `lost` means that its driver died with it, so the next generation runs again."""

    generation: int
    job_run_id: int
    result: RunResult
    message: str
    final: bool

    @property
    def key(self) -> str:
        return identity.fact_key(self.kind, str(self.generation))

    @classmethod
    def example(cls) -> Self:
        return cls(
            story=_EXAMPLE_STORY,
            at=_EXAMPLE_TIME,
            generation=1,
            job_run_id=1001,
            result=RunResult.SUCCEEDED,
            message="",
            final=True,
        )


@dataclass(frozen=True, kw_only=True)
class VersionRegistered(Fact):
    """The registry holds a new model version."""

    model: str
    version: str
    mlflow_run_id: str

    @property
    def key(self) -> str:
        return identity.fact_key(self.kind, self.model, self.version)

    @property
    def subjects(self) -> tuple[str, ...]:
        run = (self.mlflow_run_id,) if self.mlflow_run_id else ()
        return (identity.model_at(self.model, self.version), *run)

    @classmethod
    def example(cls) -> Self:
        return cls(
            story=_EXAMPLE_STORY, at=_EXAMPLE_TIME, model="flight_delays", version="1", mlflow_run_id="9f2c7a1be0d44"
        )


@dataclass(frozen=True, kw_only=True)
class VersionJudged(Fact):
    """The gate's decision, with every rule's outcome. `policy` and `evidence` are fingerprints, `seen` is the evidence
    itself as JSON, so that another policy can be tried on it.
    """

    model: str
    version: str
    verdict: Verdict
    champion_version: str
    policy: str
    evidence: str
    reason: str
    rules: tuple[RuleOutcome, ...]
    seen: str = ""

    @property
    def key(self) -> str:
        return identity.fact_key(self.kind, self.model, self.version)

    @classmethod
    def example(cls) -> Self:
        return cls(
            story=_EXAMPLE_STORY,
            at=_EXAMPLE_TIME,
            model="flight_delays",
            version="1",
            verdict=Verdict.PASSED,
            champion_version="",
            policy="a1b2c3d4e5f6",
            evidence="f6e5d4c3b2a1",
            reason="every blocking rule passed",
            rules=(RuleOutcome.example(),),
            seen=json.dumps({"metrics": {"rmse": 21.4}}),
        )


@dataclass(frozen=True, kw_only=True)
class AskedRole:
    """So many people of a role, until then; those who asked for the version do not count where `not_requester`."""

    role: str
    quorum: int
    not_requester: bool
    expires_at: datetime


@dataclass(frozen=True, kw_only=True)
class ApprovalRequested(Fact):
    """The version passed every rule and waits for people, who approve what that policy made of that evidence."""

    model: str
    version: str
    slot: str
    policy: str
    evidence: str
    champion_version: str
    requester: str
    asked: tuple[AskedRole, ...]

    @property
    def key(self) -> str:
        return identity.fact_key(self.kind, self.model, self.version)

    @classmethod
    def example(cls) -> Self:
        return cls(
            story=_EXAMPLE_STORY,
            at=_EXAMPLE_TIME,
            model="flight_delays",
            version="1",
            slot="champion",
            policy="a1b2c3d4e5f6",
            evidence="f6e5d4c3b2a1",
            champion_version="",
            requester="grace",
            asked=(
                AskedRole(
                    role="model-owner", quorum=1, not_requester=True, expires_at=datetime(2026, 2, 7, tzinfo=UTC)
                ),
            ),
        )


@dataclass(frozen=True, kw_only=True)
class ApprovalGiven(Fact):
    """A person with an asked role approved the version."""

    model: str
    version: str
    who: str
    roles: tuple[str, ...]
    reason: str
    policy: str
    evidence: str

    @property
    def key(self) -> str:
        return identity.fact_key(self.kind, self.model, self.version, self.who)

    @classmethod
    def example(cls) -> Self:
        return cls(
            story=_EXAMPLE_STORY,
            at=_EXAMPLE_TIME,
            model="flight_delays",
            version="1",
            who="ada",
            roles=("model-owner",),
            reason="better where it matters",
            policy="a1b2c3d4e5f6",
            evidence="f6e5d4c3b2a1",
        )


@dataclass(frozen=True, kw_only=True)
class ApprovalRefused(Fact):
    """A person with an asked role said no: that is enough to reject the version."""

    model: str
    version: str
    who: str
    roles: tuple[str, ...]
    reason: str
    policy: str
    evidence: str

    @property
    def key(self) -> str:
        return identity.fact_key(self.kind, self.model, self.version, self.who)

    @classmethod
    def example(cls) -> Self:
        return cls(
            story=_EXAMPLE_STORY,
            at=_EXAMPLE_TIME,
            model="flight_delays",
            version="1",
            who="ada",
            roles=("model-owner",),
            reason="not before the holidays",
            policy="a1b2c3d4e5f6",
            evidence="f6e5d4c3b2a1",
        )


@dataclass(frozen=True, kw_only=True)
class ApprovalExpired(Fact):
    """Too few people answered in time."""

    model: str
    version: str
    reason: str

    @property
    def key(self) -> str:
        return identity.fact_key(self.kind, self.model, self.version)

    @classmethod
    def example(cls) -> Self:
        return cls(
            story=_EXAMPLE_STORY,
            at=_EXAMPLE_TIME,
            model="flight_delays",
            version="1",
            reason="not approved in time: it lacked 1 model-owner",
        )


@dataclass(frozen=True, kw_only=True)
class ApprovalVoided(Fact):
    """The policy or the evidence is not what people were asked about any more."""

    model: str
    version: str
    reason: str

    @property
    def key(self) -> str:
        return identity.fact_key(self.kind, self.model, self.version)

    @classmethod
    def example(cls) -> Self:
        return cls(
            story=_EXAMPLE_STORY,
            at=_EXAMPLE_TIME,
            model="flight_delays",
            version="1",
            reason="void: the policy changed after people were asked",
        )


@dataclass(frozen=True, kw_only=True)
class ApprovalClosed(Fact):
    """How a request ended: `granted`, `refused` (also when void) or `expired`. The first who sees it end decides."""

    model: str
    version: str
    outcome: str
    reason: str

    @property
    def key(self) -> str:
        return identity.fact_key(self.kind, self.model, self.version)

    @classmethod
    def example(cls) -> Self:
        return cls(
            story=_EXAMPLE_STORY,
            at=_EXAMPLE_TIME,
            model="flight_delays",
            version="1",
            outcome="granted",
            reason="approved by ada (better where it matters)",
        )


@dataclass(frozen=True, kw_only=True)
class VersionPromoted(Fact):
    """The slot points at the version now. `previous` is empty when there was none."""

    model: str
    version: str
    slot: str
    previous: str
    reason: str

    @property
    def key(self) -> str:
        return identity.fact_key(self.kind, self.model, self.version)

    @property
    def subjects(self) -> tuple[str, ...]:
        return (identity.slot_history(self.model, self.slot),)

    @classmethod
    def example(cls) -> Self:
        return cls(
            story=_EXAMPLE_STORY,
            at=_EXAMPLE_TIME,
            model="flight_delays",
            version="1",
            slot="champion",
            previous="",
            reason="every blocking rule passed",
        )


@dataclass(frozen=True, kw_only=True)
class VersionRejected(Fact):
    """The version may not reach production, and why."""

    model: str
    version: str
    reason: str

    @property
    def key(self) -> str:
        return identity.fact_key(self.kind, self.model, self.version)

    @classmethod
    def example(cls) -> Self:
        return cls(
            story=_EXAMPLE_STORY,
            at=_EXAMPLE_TIME,
            model="flight_delays",
            version="2",
            reason="no_worse_than_champion: rmse 21.9 is 4.1 % worse than 21.0, allowed 1 %",
        )


@dataclass(frozen=True, kw_only=True)
class PromotionReverted(Fact):
    """Somebody moved the slot around the gate; it was put back. `restored` is empty when nothing was approved."""

    model: str
    slot: str
    found: str
    restored: str
    reason: str
    cause: str
    number: int = 0

    @property
    def key(self) -> str:
        return identity.fact_key(self.kind, self.model, self.slot, f"{self.number}" if self.number else self.cause)

    @property
    def subjects(self) -> tuple[str, ...]:
        versions = (identity.model_at(self.model, version) for version in (self.found, self.restored) if version)
        return *versions, identity.slot_history(self.model, self.slot), identity.slot_contest(self.model, self.slot)

    @classmethod
    def example(cls) -> Self:
        return cls(
            story=_EXAMPLE_STORY,
            at=_EXAMPLE_TIME,
            model="flight_delays",
            slot="champion",
            found="3",
            restored="1",
            reason="version 3 was rejected by the gate",
            cause="777db6ca",
            number=1,
        )


@dataclass(frozen=True, kw_only=True)
class RevertWithheld(Fact):
    """Somebody moved the slot around the gate, and it was left so: `contested` after a fight, else only warned of."""

    model: str
    slot: str
    found: str
    approved: str
    contested: bool
    reason: str
    cause: str

    @property
    def key(self) -> str:
        return identity.fact_key(self.kind, self.model, self.slot, self.cause)

    @property
    def subjects(self) -> tuple[str, ...]:
        versions = (identity.model_at(self.model, version) for version in (self.found,) if version)
        return *versions, identity.slot_history(self.model, self.slot), identity.slot_contest(self.model, self.slot)

    @classmethod
    def example(cls) -> Self:
        return cls(
            story=_EXAMPLE_STORY,
            at=_EXAMPLE_TIME,
            model="flight_delays",
            slot="champion",
            found="3",
            approved="1",
            contested=True,
            reason="version 3 was rejected by the gate; it was put back 3 times within 1:00:00, and moved again",
            cause="777db6ca",
        )


@dataclass(frozen=True, kw_only=True)
class SlotRestored(Fact):
    """A slot that was left as somebody had moved it is again what was approved."""

    model: str
    slot: str
    version: str
    cause: str

    @property
    def key(self) -> str:
        return identity.fact_key(self.kind, self.model, self.slot, self.cause)

    @property
    def subjects(self) -> tuple[str, ...]:
        return identity.slot_history(self.model, self.slot), identity.slot_contest(self.model, self.slot)

    @classmethod
    def example(cls) -> Self:
        return cls(
            story=_EXAMPLE_STORY,
            at=_EXAMPLE_TIME,
            model="flight_delays",
            slot="champion",
            version="1",
            cause="sweep-20260131T031000",
        )


@dataclass(frozen=True, kw_only=True)
class RollbackRequested(Fact):
    """The live metrics of the version in production are bad, and the use case has `target`, the version before, put
    back; empty where there was none. `values` are those since it came there, the newest first; `etag` is of the
    approval that the rollback replaces. It has a story of its own, one for each time that the version is there.
    """

    use_case: str
    model: str
    slot: str
    version: str
    target: str
    etag: str
    metric: str
    values: tuple[float, ...]
    reason: str

    @property
    def subjects(self) -> tuple[str, ...]:
        return (identity.model_at(self.model, self.version),)

    @classmethod
    def example(cls) -> Self:
        return cls(
            story=_EXAMPLE_STORY,
            at=_EXAMPLE_TIME,
            use_case="flight_delays",
            model="flight_delays",
            slot="champion",
            version="2",
            target="1",
            etag="2",
            metric="rmse",
            values=(24.5, 23.1, 19.8, 26.0),
            reason="3 of the last 4 values of rmse are not at most 20: 24.5, 23.1, 19.8, 26 (too many are 3 of 5)",
        )


@dataclass(frozen=True, kw_only=True)
class RollbackWithheld(Fact):
    """Nothing was put back for the version that is bad in production, and why."""

    model: str
    slot: str
    version: str
    reason: str

    @classmethod
    def example(cls) -> Self:
        return cls(
            story=_EXAMPLE_STORY,
            at=_EXAMPLE_TIME,
            model="flight_delays",
            slot="champion",
            version="1",
            reason="version 1 was the first in production",
        )


@dataclass(frozen=True, kw_only=True)
class RollbackOvertaken(Fact):
    """The version that was bad is not in production any more: `approved` is; empty for none."""

    model: str
    slot: str
    version: str
    approved: str

    @classmethod
    def example(cls) -> Self:
        return cls(
            story=_EXAMPLE_STORY,
            at=_EXAMPLE_TIME,
            model="flight_delays",
            slot="champion",
            version="2",
            approved="3",
        )


@dataclass(frozen=True, kw_only=True)
class VersionRolledBack(Fact):
    """A person, or `live-metrics`, put an earlier production version back into the slot. It has a story of its own."""

    use_case: str
    model: str
    version: str
    slot: str
    previous: str
    who: str
    reason: str

    @property
    def subjects(self) -> tuple[str, ...]:
        return identity.model_at(self.model, self.version), identity.slot_history(self.model, self.slot)

    @classmethod
    def example(cls) -> Self:
        return cls(
            story=_EXAMPLE_STORY,
            at=_EXAMPLE_TIME,
            use_case="flight_delays",
            model="flight_delays",
            version="1",
            slot="champion",
            previous="2",
            who="ada@laptop",
            reason="gate agents see nonsense at JFK",
        )


@dataclass(frozen=True, kw_only=True)
class ScoringRequested(Fact):
    """A person asked to score with the version that is in production, or the sweep found that it is due. It has a story
    of its own. `since` is the version of silver after which what changed is scored; -1: all of it.
    """

    use_case: str
    model: str
    version: str
    who: str
    reason: str
    since: int = -1

    @property
    def subjects(self) -> tuple[str, ...]:
        return (identity.model_at(self.model, self.version),)

    @classmethod
    def example(cls) -> Self:
        return cls(
            story=_EXAMPLE_STORY,
            at=_EXAMPLE_TIME,
            use_case="flight_delays",
            model="flight_delays",
            version="2",
            who="ada@laptop",
            reason="silver was mended by hand",
        )


@dataclass(frozen=True, kw_only=True)
class AnnouncementDue(Fact):
    """Other systems are to be told of a fact of this story. `about` is its key."""

    about: str

    @property
    def key(self) -> str:
        return identity.fact_key(self.kind, self.about)

    @classmethod
    def example(cls) -> Self:
        return cls(story=_EXAMPLE_STORY, at=_EXAMPLE_TIME, about="VersionPromoted:flight_delays:1")


@dataclass(frozen=True, kw_only=True)
class AnnouncementDelayed(Fact):
    """The topic could not take the event, which the sweep publishes when it can: written at the first failure only."""

    about: str
    what: str
    reason: str

    @property
    def key(self) -> str:
        return identity.fact_key(self.kind, self.about)

    @classmethod
    def example(cls) -> Self:
        return cls(
            story=_EXAMPLE_STORY,
            at=_EXAMPLE_TIME,
            about="VersionPromoted:flight_delays:1",
            what="VersionPromoted",
            reason="the Event Grid topic does not answer: Connection refused",
        )


@dataclass(frozen=True, kw_only=True)
class DecisionAnnounced(Fact):
    """Other systems were told, by the event of that id; "" when the topic was turned off before."""

    about: str
    what: str
    event_id: str

    @property
    def key(self) -> str:
        return identity.fact_key(self.kind, self.about)

    @classmethod
    def example(cls) -> Self:
        return cls(
            story=_EXAMPLE_STORY,
            at=_EXAMPLE_TIME,
            about="VersionPromoted:flight_delays:1",
            what="VersionPromoted",
            event_id="0123456789abcdef0123456789abcdef",
        )


@dataclass(frozen=True, kw_only=True)
class ScoringPlanned(Fact):
    """Which parts will be scored, with model version and data version pinned: all of them, or those that changed after
    version `since` of the table, where that is not -1. With `rows_per_part` a part is a group of files of about so many
    rows, by its number, and `part_by` the column that gold has for it.

    Of many parts, shards are made: then `parts` names the shards, each of `shard_size` of the `total` parts, and each
    shard has a story of its own with a plan of its own.
    """

    plan: str
    model: str
    version: str
    table: str
    delta_version: int
    gold: str
    part_by: str
    parts: tuple[str, ...]
    use_case: str = ""
    shard_size: int = 0
    total: int = 0
    since: int = -1
    rows_per_part: int = 0

    @property
    def key(self) -> str:
        return identity.fact_key(self.kind, self.plan)

    @property
    def counts(self) -> tuple[int, ...]:
        """How many parts each of `parts` stands for."""
        if not self.shard_size:
            return (1,) * len(self.parts)
        return tuple(min(self.shard_size, self.total - index * self.shard_size) for index in range(len(self.parts)))

    @classmethod
    def example(cls) -> Self:
        return cls(
            story=_EXAMPLE_STORY,
            at=_EXAMPLE_TIME,
            plan="0123456789ab",
            model="flight_delays",
            version="1",
            table="silver/flight_delays",
            delta_version=1,
            gold="gold/flight_delays",
            part_by="origin",
            parts=("EWR", "JFK", "LGA"),
        )


@dataclass(frozen=True, kw_only=True)
class ScoringSkipped(Fact):
    """No scoring follows, as the use case has no scoring job, the version is not in production any more, or a person
    ended it before it began.
    """

    reason: str

    @classmethod
    def example(cls) -> Self:
        return cls(story=_EXAMPLE_STORY, at=_EXAMPLE_TIME, reason="flight_delays has no scoring.job")


@dataclass(frozen=True, kw_only=True)
class ScoringDelayed(Fact):
    """Another scoring writes the same gold table: plan `behind`, in the story `behind_story`. This one begins after
    it.
    """

    gold: str
    behind: str
    behind_story: str

    @property
    def key(self) -> str:
        return identity.fact_key(self.kind, self.behind)

    @classmethod
    def example(cls) -> Self:
        return cls(
            story=_EXAMPLE_STORY,
            at=_EXAMPLE_TIME,
            gold="gold/flight_delays",
            behind="0123456789ab",
            behind_story="fedcba9876543210",
        )


@dataclass(frozen=True, kw_only=True)
class PartFact(Fact):
    """Something about one part of a plan; `generation` counts deliberate re-runs of the part.

    Where the part is a shard there is no single run: `job_run_id` is 0.
    """

    plan: str
    part: str
    generation: int
    job_run_id: int

    @property
    def key(self) -> str:
        return identity.fact_key(self.kind, self.plan, self.part, str(self.generation))

    @property
    def subjects(self) -> tuple[str, ...]:
        return (str(self.job_run_id),) if self.job_run_id else ()


@dataclass(frozen=True, kw_only=True)
class PartStarted(PartFact):
    """A Databricks run scores the part."""

    workspace: str

    @classmethod
    def example(cls) -> Self:
        return cls(
            story=_EXAMPLE_STORY,
            at=_EXAMPLE_TIME,
            plan="0123456789ab",
            part="JFK",
            generation=1,
            job_run_id=1002,
            workspace="ws1",
        )


@dataclass(frozen=True, kw_only=True)
class PartScored(PartFact):
    """The part's rows are in gold: written once, whichever generation wrote them. `summary` is of its predictions, if
    the job left one.
    """

    rows: int
    summary: Summary | None = None

    @property
    def key(self) -> str:
        return identity.fact_key(self.kind, self.plan, self.part)

    @classmethod
    def example(cls) -> Self:
        return cls(
            story=_EXAMPLE_STORY,
            at=_EXAMPLE_TIME,
            plan="0123456789ab",
            part="JFK",
            generation=1,
            job_run_id=1002,
            rows=9_161,
            summary=Summary(rows=9_161, mean=6.1, deviation=18.2, minimum=-40.5, maximum=310.25),
        )


@dataclass(frozen=True, kw_only=True)
class PartFailed(PartFact):
    """The part's run did not succeed. Not `final`: it was lost with its driver and runs again."""

    result: RunResult
    message: str
    final: bool

    @classmethod
    def example(cls) -> Self:
        return cls(
            story=_EXAMPLE_STORY,
            at=_EXAMPLE_TIME,
            plan="0123456789ab",
            part="JFK",
            generation=1,
            job_run_id=1002,
            result=RunResult.LOST,
            message="the driver was lost",
            final=False,
        )


@dataclass(frozen=True, kw_only=True)
class PredictionsJumped(Fact):
    """The predictions are further from those of the scoring before, in the story `against`, than they may be."""

    plan: str
    gold: str
    model: str
    version: str
    against: str
    reasons: tuple[str, ...]

    @property
    def key(self) -> str:
        return identity.fact_key(self.kind, self.plan)

    @classmethod
    def example(cls) -> Self:
        return cls(
            story=_EXAMPLE_STORY,
            at=_EXAMPLE_TIME,
            plan="0123456789ab",
            gold="gold/flight_delays",
            model="flight_delays",
            version="2",
            against="fedcba9876543210",
            reasons=("31.2 on average, after 6.1, 1.4 standard deviations",),
        )


@dataclass(frozen=True, kw_only=True)
class ScoringFinished(Fact):
    """Every part of the plan is in gold. `summary` is of all its predictions, if every part has one."""

    plan: str
    gold: str
    gold_version: int
    rows: int
    summary: Summary | None = None

    @property
    def key(self) -> str:
        return identity.fact_key(self.kind, self.plan)

    @classmethod
    def example(cls) -> Self:
        return cls(
            story=_EXAMPLE_STORY,
            at=_EXAMPLE_TIME,
            plan="0123456789ab",
            gold="gold/flight_delays",
            gold_version=3,
            rows=27_004,
        )


@dataclass(frozen=True, kw_only=True)
class ScoringCancelled(Fact):
    """A scoring was ended: no further part of the plan is started, and what ran was stopped. `number` counts how often,
    as one that was resumed can be ended again.
    """

    plan: str
    who: str
    reason: str
    number: int = 1

    @property
    def key(self) -> str:
        return identity.fact_key(self.kind, self.plan, str(self.number))

    @classmethod
    def example(cls) -> Self:
        return cls(
            story=_EXAMPLE_STORY,
            at=_EXAMPLE_TIME,
            plan="0123456789ab",
            who="ada@laptop",
            reason="the predictions are wrong",
        )


@dataclass(frozen=True, kw_only=True)
class VersionDemoted(Fact):
    """The version of a scoring under way is not in production any more: `by` is. `then` is what its use case has become
    of that scoring, finish or stop.
    """

    plan: str
    model: str
    version: str
    by: str
    then: str

    @property
    def key(self) -> str:
        return identity.fact_key(self.kind, self.plan)

    @classmethod
    def example(cls) -> Self:
        return cls(
            story=_EXAMPLE_STORY,
            at=_EXAMPLE_TIME,
            plan="0123456789ab",
            model="flight_delays",
            version="1",
            by="2",
            then="finish",
        )


@dataclass(frozen=True, kw_only=True)
class ScoringResumed(Fact):
    """A scoring that was ended goes on with what is not in gold yet. `number` is that of the end."""

    plan: str
    who: str
    number: int = 1

    @property
    def key(self) -> str:
        return identity.fact_key(self.kind, self.plan, str(self.number))

    @classmethod
    def example(cls) -> Self:
        return cls(story=_EXAMPLE_STORY, at=_EXAMPLE_TIME, plan="0123456789ab", who="ada@laptop")


@dataclass(frozen=True, kw_only=True)
class EndpointFact(Fact):
    """Something of a serving endpoint that is brought to a version."""

    use_case: str
    endpoint: str
    model: str
    version: str

    @property
    def key(self) -> str:
        return identity.fact_key(self.kind, self.endpoint, self.version)

    def then[Kind: EndpointFact](self, kind: type[Kind], at: datetime, **more: Any) -> Kind:
        """Another fact of the same endpoint and version."""
        return kind(
            story=self.story,
            at=at,
            use_case=self.use_case,
            endpoint=self.endpoint,
            model=self.model,
            version=self.version,
            **more,
        )


@dataclass(frozen=True, kw_only=True)
class EndpointRequested(EndpointFact):
    """The workspace was asked to serve the version; until it does, the one before is served."""

    @classmethod
    def example(cls) -> Self:
        return cls(story=_EXAMPLE_STORY, at=_EXAMPLE_TIME, **_EXAMPLE_ENDPOINT)


@dataclass(frozen=True, kw_only=True)
class CanaryStarted(EndpointFact):
    """The version answers `percent` of the requests, beside the one that was served before, until then."""

    previous: str
    percent: int
    until: datetime

    @classmethod
    def example(cls) -> Self:
        names = {**_EXAMPLE_ENDPOINT, "version": "2"}
        until = _EXAMPLE_TIME + timedelta(minutes=30)
        return cls(story=_EXAMPLE_STORY, at=_EXAMPLE_TIME, previous="1", percent=10, until=until, **names)


@dataclass(frozen=True, kw_only=True)
class CanaryEnded(EndpointFact):
    """Its time beside the version before is over: it is to serve all, or, where it was not well, nothing; `reason` says
    why.
    """

    healthy: bool
    reason: str = ""

    @classmethod
    def example(cls) -> Self:
        names = {**_EXAMPLE_ENDPOINT, "version": "2"}
        reason = "the process of version 2 stopped"
        return cls(story=_EXAMPLE_STORY, at=_EXAMPLE_TIME, healthy=False, reason=reason, **names)


@dataclass(frozen=True, kw_only=True)
class EndpointUpdated(EndpointFact):
    """The endpoint serves the version."""

    @classmethod
    def example(cls) -> Self:
        return cls(story=_EXAMPLE_STORY, at=_EXAMPLE_TIME, **_EXAMPLE_ENDPOINT)


@dataclass(frozen=True, kw_only=True)
class EndpointFailed(EndpointFact):
    """The endpoint does not serve the version: it could not be loaded, or (`superseded`) another one is in the slot
    by now. What was served before is served on.
    """

    message: str
    superseded: bool = False

    @classmethod
    def example(cls) -> Self:
        message = "the container could not be started"
        return cls(story=_EXAMPLE_STORY, at=_EXAMPLE_TIME, message=message, superseded=False, **_EXAMPLE_ENDPOINT)


@dataclass(frozen=True, kw_only=True)
class Parked(Fact):
    """A message of this story can not succeed; it waits in the parked list for a person."""

    queue: str
    message_id: str
    reason: str
    detail: str

    @property
    def key(self) -> str:
        return identity.fact_key(self.kind, self.queue, self.message_id)

    @classmethod
    def example(cls) -> Self:
        return cls(
            story=_EXAMPLE_STORY,
            at=_EXAMPLE_TIME,
            queue="trainings",
            message_id="StartTraining/0123456789abcdef/1",
            reason="refused",
            detail="job sluice-train does not exist in workspace ws1",
        )


def happened_at(fact: Fact, at: datetime) -> Fact:
    """The same fact at another time."""
    return replace(fact, at=at)


KINDS: dict[str, type[Fact]] = {
    kind.__name__: kind
    for kind in (
        DataArrived,
        BatchAssembled,
        CheckRunStarted,
        CheckRunFinished,
        BatchChecked,
        DriftMeasured,
        DataCommitted,
        DataQuarantined,
        RowsQuarantined,
        QuarantineReleased,
        DataSuperseded,
        DataMissing,
        DataResumed,
        LiveMetricsBad,
        TrainingRequested,
        TrainingSkipped,
        TrainingStarted,
        TrainingFinished,
        TrainingRepeated,
        VersionRegistered,
        VersionJudged,
        ApprovalRequested,
        ApprovalGiven,
        ApprovalRefused,
        ApprovalExpired,
        ApprovalVoided,
        ApprovalClosed,
        VersionPromoted,
        VersionRejected,
        PromotionReverted,
        RevertWithheld,
        SlotRestored,
        RollbackRequested,
        RollbackWithheld,
        RollbackOvertaken,
        VersionRolledBack,
        AnnouncementDue,
        AnnouncementDelayed,
        DecisionAnnounced,
        ScoringRequested,
        ScoringPlanned,
        ScoringSkipped,
        ScoringDelayed,
        PartStarted,
        PartScored,
        PartFailed,
        PredictionsJumped,
        ScoringFinished,
        ScoringCancelled,
        ScoringResumed,
        VersionDemoted,
        EndpointRequested,
        CanaryStarted,
        CanaryEnded,
        EndpointUpdated,
        EndpointFailed,
        Parked,
    )
}
"""Every kind of fact, by name, in the order of a story."""
