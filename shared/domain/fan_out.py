"""A scoring plan and how far its parts have come.

A plan of many parts is cut into shards. A shard is a story of its own, so that whoever records the end of one part
reads the facts of a shard, and not those of ten thousand parts; for the plan of the whole, a shard is one part.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from shared.domain import facts as f
from shared.domain.commands import Command, FollowRun, PlanShard, ScorePart
from shared.domain.prediction import Summary, pooled
from shared.errors import Refused

SHARDED_ABOVE = 200
"""Parts that one story holds; more are cut into shards."""

SHARD_SIZE = 32

MOST_PARTS = 20_000
"""Parts of one plan. Databricks starts about 10,000 runs an hour."""


FILE_GROUP = "file_group"
"""The column that gold is partitioned by where parts are groups of files: the group's number."""

ROWS_PER_PART = 1_000_000
"""Rows of a group of files, where the use case says nothing."""


def file_groups(files: Sequence[tuple[str, int]], rows: int) -> dict[str, list[str]]:
    """Files with their rows, oldest first, in groups of at most so many rows (a larger file is its own), by number.

    What is appended later changes only the last group, or makes further ones.
    """
    groups: list[list[str]] = []
    filled = 0
    for name, count in files:
        if not groups or filled + count > rows:
            groups.append([])
            filled = 0
        groups[-1].append(name)
        filled += count
    return {f"{number:05}": names for number, names in enumerate(groups)}


def refuse_too_many(parts: int, table: str, part_by: str, *, by_rows: bool) -> None:
    """Raise Refused for more parts than a plan has."""
    if parts <= MOST_PARTS:
        return
    many = f"of {parts:,} parts, of which a plan has at most {MOST_PARTS:,}"
    if by_rows:
        raise Refused(f"{table} is one {many}: raise scoring.rows_per_part")
    raise Refused(f"{table} is one {many} (values of {part_by}): choose another scoring.part_by")


def groups_place(plan: f.ScoringPlanned) -> str:
    """Where it is kept which files each group of a plan has, below the lake; "" where parts are partitions."""
    return f"parts/{plan.table}/{plan.delta_version}-{plan.rows_per_part}.json" if plan.rows_per_part else ""


@dataclass(frozen=True, kw_only=True)
class FanOut:
    """A scoring plan and how far its parts have come."""

    plan: f.ScoringPlanned
    started: dict[str, f.PartStarted]
    scored: dict[str, f.PartScored]
    failed: dict[str, f.PartFailed]
    finished: f.ScoringFinished | None
    cancels: tuple[f.ScoringCancelled, ...] = ()
    resumes: tuple[f.ScoringResumed, ...] = ()

    @property
    def cancelled(self) -> f.ScoringCancelled | None:
        """Its end before it was done, unless it was resumed since."""
        newest = max(self.cancels, key=lambda one: one.number, default=None)
        resumed = newest is not None and any(one.number == newest.number for one in self.resumes)
        return None if resumed else newest

    @property
    def is_complete(self) -> bool:
        """Is every part in gold?"""
        return all(part in self.scored for part in self.plan.parts)

    @property
    def is_settled(self) -> bool:
        """Is every part in gold and that recorded, or is what is not a person's to look at, or wanted no more? What was
        ended has to have stopped; of shards each sees to its own.
        """
        if self.is_complete:
            return self.finished is not None or not self.plan.parts
        if self.cancelled:
            return bool(self.plan.shard_size) or not any(map(self.is_running, self.plan.parts))
        return self.is_over

    @property
    def is_over(self) -> bool:
        """Is every part in gold, or failed for good?"""
        return all(part in self.scored or self.failed_for_good(part) for part in self.plan.parts)

    def generation(self, part: str) -> int:
        """Of its newest run; 0 where none was started."""
        started = self.started.get(part)
        return started.generation if started else 0

    def is_running(self, part: str) -> bool:
        """Was its newest run started, and its end not told yet?"""
        failed = self.failed.get(part)
        return part not in self.scored and self.generation(part) > (failed.generation if failed else 0)

    def failed_for_good(self, part: str) -> bool:
        """Did its newest run fail, and nobody runs it again?"""
        failed = self.failed.get(part)
        return bool(failed and failed.final and failed.generation >= self.generation(part))

    @property
    def summary(self) -> Summary | None:
        """Of all predictions, if every part has one."""
        return pooled([one.summary for one in self.scored.values()])

    @property
    def rows(self) -> int:
        """The rows of the parts that are in gold."""
        return sum(one.rows for one in self.scored.values())


def fan_outs(story: Sequence[f.Fact]) -> list[FanOut]:
    """Every plan of the story, oldest first by its own time; of each part the newest generation."""
    return [
        FanOut(
            plan=plan,
            started=_by_part(story, f.PartStarted, plan),
            scored=_by_part(story, f.PartScored, plan),
            failed=_by_part(story, f.PartFailed, plan),
            finished=next((one for one in _of_kind(story, f.ScoringFinished) if one.plan == plan.plan), None),
            cancels=tuple(one for one in _of_kind(story, f.ScoringCancelled) if one.plan == plan.plan),
            resumes=tuple(one for one in _of_kind(story, f.ScoringResumed) if one.plan == plan.plan),
        )
        for plan in sorted(_of_kind(story, f.ScoringPlanned), key=lambda plan: (plan.at, plan.plan))
    ]


def plan_in(story: Sequence[f.Fact], plan: str) -> FanOut | None:
    """The plan of that id, if the story has it."""
    return next((one for one in fan_outs(story) if one.plan.plan == plan), None)


def _by_part[Kind: f.PartFact](story: Sequence[f.Fact], kind: type[Kind], plan: f.ScoringPlanned) -> dict[str, Kind]:
    of_plan = (one for one in _of_kind(story, kind) if one.plan == plan.plan)
    return {one.part: one for one in sorted(of_plan, key=lambda one: one.generation)}


def _of_kind[Kind: f.Fact](story: Sequence[f.Fact], kind: type[Kind]) -> list[Kind]:
    return [fact for fact in story if isinstance(fact, kind)]


def shards(parts: int) -> tuple[str, ...]:
    """The names of the shards of so many parts; none where they fit one story."""
    count = -(-parts // SHARD_SIZE) if parts > SHARDED_ABOVE else 0
    return tuple(f"{index:04}" for index in range(count))


def of_shard(parts: Sequence[str], shard: str, size: int) -> tuple[str, ...]:
    """The shard's share of all parts."""
    return tuple(parts[int(shard) * size : (int(shard) + 1) * size])


def start_of(fan_out: FanOut, part: str, use_case: str, *, cause: str = "") -> Command:
    """The command that starts a part which was never started, or lost."""
    plan, failed = fan_out.plan, fan_out.failed.get(part)
    if plan.shard_size:
        return PlanShard(story=plan.story, cause=cause, use_case=use_case, plan=plan.plan, shard=part)
    generation = failed.generation + 1 if failed else 1
    return ScorePart(story=plan.story, cause=cause, use_case=use_case, plan=plan.plan, part=part, generation=generation)


def parts_outstanding(fan_out: FanOut, use_case: str, cause: str) -> Iterator[Command]:
    """What would carry the parts on. A shard that has begun carries itself on: it is only asked whether it is done. Of
    what was ended, runs are looked at until they have stopped.
    """
    plan = fan_out.plan
    if fan_out.cancelled and not fan_out.is_complete:
        running = () if plan.shard_size else filter(fan_out.is_running, plan.parts)
        yield from (_look_at(fan_out, fan_out.started[part], use_case, cause) for part in running)
        return
    for part in plan.parts:
        if part in fan_out.scored:
            continue
        started, failed = fan_out.started.get(part), fan_out.failed.get(part)
        if started is None or (failed and not failed.final and failed.generation >= started.generation):
            yield start_of(fan_out, part, use_case, cause=cause)
        elif not failed or failed.generation < started.generation:
            yield _look_at(fan_out, started, use_case, cause)
    if fan_out.is_complete and (one := next(iter(fan_out.started.values()), None)):
        yield _look_at(fan_out, one, use_case, cause)


def _look_at(fan_out: FanOut, started: f.PartStarted, use_case: str, cause: str) -> Command:
    if fan_out.plan.shard_size:
        return start_of(fan_out, started.part, use_case, cause=cause)
    return FollowRun(story=started.story, cause=cause, workspace=started.workspace, job_run_id=started.job_run_id)
