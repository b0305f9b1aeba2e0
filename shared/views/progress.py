"""How far a scoring has come, counted from the facts."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.domain import identity
from shared.domain.facts import Fact
from shared.domain.fan_out import FanOut, fan_outs, plan_in
from shared.views.sentences import many
from shared.views.text import span


@dataclass(frozen=True, kw_only=True)
class Progress:
    """The parts of the newest plan. `left` is how long the rest takes if it goes on as until now; None where nothing
    is left, or nothing can be said yet. `cancelled` is who ended it, if somebody did.
    """

    plan: str
    parts: int
    done: int
    running: int
    failed: int
    waiting: int
    rows: int
    left: timedelta | None
    cancelled: str = ""


def progress_of(story: Sequence[Fact], read: Callable[[str], Sequence[Fact]], *, now: datetime) -> Progress | None:
    """None where no scoring is planned. `read` gives the facts of another story: those of shards under way."""
    plans = fan_outs(story)
    if not plans:
        return None
    whole = plans[-1]
    parts = sum(whole.plan.counts)
    shares = list(_shares(whole, read))
    done, running, failed = (sum(share[index] for share in shares) for index in range(3))
    ahead, elapsed = parts - done - failed, now - whole.plan.at
    return Progress(
        plan=whole.plan.plan,
        parts=parts,
        done=done,
        running=running,
        failed=failed,
        waiting=ahead - running,
        rows=sum(share[3] for share in shares),
        left=elapsed * ahead / done if done and ahead and not whole.cancelled else None,
        cancelled=whole.cancelled.who if whole.cancelled and not whole.finished else "",
    )


def _shares(whole: FanOut, read: Callable[[str], Sequence[Fact]]) -> Iterator[tuple[int, int, int, int]]:
    """For each shard done, running, failed and rows; a plan without shards is one share."""
    if not whole.plan.shard_size:
        yield _counted(whole)
        return
    for shard, count in zip(whole.plan.parts, whole.plan.counts, strict=True):
        if scored := whole.scored.get(shard):
            yield count, 0, 0, scored.rows
        elif shard in whole.started:
            plan = identity.shard_plan(whole.plan.plan, shard)
            if fan_out := plan_in(read(identity.story_of_plan(whole.plan.story, plan)), plan):
                yield _counted(fan_out)


def _counted(one: FanOut) -> tuple[int, int, int, int]:
    failed = sum(one.failed_for_good(part) for part in one.plan.parts if part not in one.scored)
    ended = {
        part
        for part, end in one.failed.items()
        if part not in one.started or end.generation >= one.started[part].generation
    }
    return len(one.scored), len(one.started.keys() - one.scored.keys() - ended), failed, one.rows


def progress_text(progress: Progress) -> str:
    """One line: how many parts are where, and how long it takes still."""
    counts = [
        f"{count:,} {what}"
        for count, what in (
            (progress.running, "running"),
            (progress.failed, "failed"),
            (progress.waiting, "waiting"),
        )
        if count
    ]
    left = [f"about {span(progress.left)} left"] if progress.left else []
    done = f"scored {progress.done:,} of {progress.parts:,} parts, {many(progress.rows, 'row')}"
    cancelled = [f"cancelled by {progress.cancelled}"] if progress.cancelled else []
    return " · ".join([done, *counts, *left, *cancelled])
