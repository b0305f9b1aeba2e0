"""Wishes, in the imperative. Each travels on one queue and has one handler."""

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Self

from shared.domain import identity


class Queue(StrEnum):
    """The queues, by the names that infra/queues.json gives them."""

    ARRIVALS = "arrivals"
    TRAININGS = "trainings"
    JOB_EVENTS = "job-events"
    REGISTRY_EVENTS = "registry-events"
    SCORINGS = "scorings"
    SCORING_PARTS = "scoring-parts"


@dataclass(frozen=True, kw_only=True)
class Command:
    """A wish. `story` is empty where the sender cannot know it.

    `cause` tells a deliberate repeat (a delivery id, a sweep, a replay) from a repeated delivery: it becomes part of
    the message id, so that duplicate detection lets the former through and drops the latter.
    """

    story: str = ""
    cause: str = ""

    queue: ClassVar[Queue]

    @property
    def kind(self) -> str:
        """The command's name on the wire."""
        return type(self).__name__

    @property
    def names(self) -> tuple[str, ...]:
        """What makes this wish this wish, without its cause."""
        return (self.story,)

    @property
    def message_id(self) -> str:
        """The deterministic Service Bus message id."""
        return identity.message_id(self.kind, *self.names, self.cause)

    @classmethod
    def example(cls) -> Self:
        """One that tests, docs and simulations share."""
        raise NotImplementedError(f"{cls.__name__} gives no example")


@dataclass(frozen=True, kw_only=True)
class CheckBatch(Command):
    """Judge the batch; commit it or quarantine it."""

    queue = Queue.ARRIVALS
    use_case: str
    file: str
    url: str
    etag: str
    generation: int = 1

    @property
    def names(self) -> tuple[str, ...]:
        return (self.story, str(self.generation))

    @classmethod
    def example(cls) -> Self:
        return cls(
            story="0123456789abcdef",
            use_case="flight_delays",
            file="landing/flights/2013-01.csv",
            url="https://account.blob.core.windows.net/landing/flights/2013-01.csv",
            etag="0x8DC",
        )


@dataclass(frozen=True, kw_only=True)
class StartTraining(Command):
    """Train on exactly this Delta version."""

    queue = Queue.TRAININGS
    use_case: str
    table: str
    delta_version: int
    generation: int = 1

    @property
    def names(self) -> tuple[str, ...]:
        return (self.story, str(self.generation))

    @classmethod
    def example(cls) -> Self:
        return cls(story="0123456789abcdef", use_case="flight_delays", table="silver/flight_delays", delta_version=1)


@dataclass(frozen=True, kw_only=True)
class FollowRun(Command):
    """Read the run and record how it ended."""

    queue = Queue.JOB_EVENTS
    workspace: str
    job_run_id: int

    @property
    def names(self) -> tuple[str, ...]:
        return (self.workspace, str(self.job_run_id))

    @classmethod
    def example(cls) -> Self:
        return cls(workspace="ws1", job_run_id=1001, cause="jobs.on_success")


@dataclass(frozen=True, kw_only=True)
class JudgeVersion(Command):
    """Judge the model version by the gate of its use case; promote it or reject it."""

    queue = Queue.REGISTRY_EVENTS
    model: str
    version: str

    @property
    def names(self) -> tuple[str, ...]:
        return (self.model, self.version)

    @classmethod
    def example(cls) -> Self:
        return cls(model="flight_delays", version="1", cause="cb9d6d0b-ce74-47dd-9158-86694168207b")


@dataclass(frozen=True, kw_only=True)
class EnforceSlot(Command):
    """Make the slot point at what was approved."""

    queue = Queue.REGISTRY_EVENTS
    model: str
    slot: str

    @property
    def names(self) -> tuple[str, ...]:
        return (self.model, self.slot)

    @classmethod
    def example(cls) -> Self:
        return cls(model="flight_delays", slot="champion", cause="777db6ca-0a02-4f4b-b7c6-4ad805df38ec")


@dataclass(frozen=True, kw_only=True)
class RollBack(Command):
    """Put an earlier production version back into the slot, if the approval is still the one that was looked at.

    `story` is the rollback's own, `etag` and `previous` are those of the approval that it replaces.
    """

    queue = Queue.REGISTRY_EVENTS
    model: str
    slot: str
    version: str
    previous: str
    etag: str
    who: str
    why: str

    @property
    def names(self) -> tuple[str, ...]:
        return (self.story, self.version)

    @classmethod
    def example(cls) -> Self:
        return cls(
            story="0123456789abcdef",
            model="flight_delays",
            slot="champion",
            version="1",
            previous="2",
            etag="2",
            who="ada@laptop",
            why="gate agents see nonsense at JFK",
        )


@dataclass(frozen=True, kw_only=True)
class AnnounceDecision(Command):
    """Publish a fact of the story for other systems. `about` is the fact's key."""

    queue = Queue.REGISTRY_EVENTS
    about: str

    @property
    def names(self) -> tuple[str, ...]:
        return (self.story, self.about)

    @classmethod
    def example(cls) -> Self:
        return cls(story="0123456789abcdef", about="VersionPromoted:flight_delays:1")


@dataclass(frozen=True, kw_only=True)
class PlanScoring(Command):
    """Pin model version and data version, and cut the parts."""

    queue = Queue.SCORINGS
    use_case: str
    model: str
    version: str
    generation: int = 1

    @property
    def names(self) -> tuple[str, ...]:
        return (self.story, self.model, self.version, str(self.generation))

    @classmethod
    def example(cls) -> Self:
        return cls(story="0123456789abcdef", use_case="flight_delays", model="flight_delays", version="1")


@dataclass(frozen=True, kw_only=True)
class UpdateEndpoint(Command):
    """Have the serving endpoint serve the version, and see how far that has come."""

    queue = Queue.SCORINGS
    use_case: str
    model: str
    version: str

    @property
    def names(self) -> tuple[str, ...]:
        return (self.story, self.model, self.version)

    @classmethod
    def example(cls) -> Self:
        return cls(story="0123456789abcdef", use_case="flight_delays", model="flight_delays", version="1")


@dataclass(frozen=True, kw_only=True)
class PlanShard(Command):
    """Cut one shard of a plan into its parts, and see whether it is done."""

    queue = Queue.SCORINGS
    use_case: str
    plan: str
    shard: str

    @property
    def names(self) -> tuple[str, ...]:
        return (self.plan, self.shard)

    @classmethod
    def example(cls) -> Self:
        return cls(story="0123456789abcdef", use_case="flight_delays", plan="0123456789ab", shard="0007")


@dataclass(frozen=True, kw_only=True)
class ScorePart(Command):
    """Score one part of a plan. It names the plan; the plan in the ledger says the rest."""

    queue = Queue.SCORING_PARTS
    use_case: str
    plan: str
    part: str
    generation: int = 1

    @property
    def names(self) -> tuple[str, ...]:
        return (self.plan, self.part, str(self.generation))

    @classmethod
    def example(cls) -> Self:
        return cls(story="0123456789abcdef", use_case="flight_delays", plan="0123456789ab", part="JFK")


KINDS: dict[str, type[Command]] = {
    kind.__name__: kind
    for kind in (
        CheckBatch,
        StartTraining,
        FollowRun,
        JudgeVersion,
        EnforceSlot,
        RollBack,
        PlanScoring,
        UpdateEndpoint,
        PlanShard,
        AnnounceDecision,
        ScorePart,
    )
}
"""Every kind of command, by its name on the wire."""
