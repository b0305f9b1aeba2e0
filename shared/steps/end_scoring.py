"""A scoring is ended before it is done: nothing of it begins any more, and what runs is stopped."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from shared.domain import identity
from shared.domain.facts import ScoringCancelled
from shared.domain.fan_out import FanOut, plan_in
from shared.errors import Unreachable
from shared.ports import Clock, Jobs, Ledger


@dataclass(frozen=True, kw_only=True)
class Cancelling:
    """A scoring that was ended: of how many parts, how many runs were stopped, and how many are left to the sweep, as
    their workspace did not answer.
    """

    story: str
    parts: int
    stopped: int
    left: int


def end_scoring(whole: FanOut, *, who: str, why: str, ledger: Ledger, jobs: Jobs, clock: Clock) -> Cancelling:
    """End it; again, it finds what is left to stop. So does the sweep, where a workspace does not answer.

    It is recorded before runs are looked for, as who starts one records that before looking whether it was ended.
    """
    fact = ScoringCancelled(
        story=whole.plan.story,
        at=clock.now(),
        plan=whole.plan.plan,
        who=who,
        reason=why,
        number=len(whole.resumes) + 1,
    )
    ledger.record([fact])
    stopped = left = 0
    for share in begun(whole, whole.plan.parts, ledger):
        of = share.plan
        ledger.record([replace(fact, story=of.story, plan=of.plan)])
        now = plan_in(ledger.story(of.story), of.plan) or share
        for started in (now.started[part] for part in of.parts if now.is_running(part)):
            try:
                stopped += jobs.cancel(started.workspace, started.job_run_id)
            except Unreachable:
                left += 1
    return Cancelling(story=whole.plan.story, parts=sum(whole.plan.counts), stopped=stopped, left=left)


def begun(whole: FanOut, shards: Iterable[str], ledger: Ledger) -> Iterator[FanOut]:
    """The plan itself; where it is cut into shards, those of them that have begun."""
    if not whole.plan.shard_size:
        yield whole
        return
    for shard in shards:
        plan = identity.shard_plan(whole.plan.plan, shard)
        if found := plan_in(ledger.story(identity.story_of_plan(whole.plan.story, plan)), plan):
            yield found
