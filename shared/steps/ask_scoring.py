"""What a person asks of scoring: score with what is in production, or only the parts that failed, once more."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from shared.domain import identity
from shared.domain.commands import PlanScoring, ScorePart
from shared.domain.facts import ScoringCancelled, ScoringRequested
from shared.domain.fan_out import MOST_PARTS, FanOut, fan_outs, plan_in
from shared.domain.usecase import UseCases
from shared.errors import Refused, UnknownUseCase
from shared.notes import Journals
from shared.ports import Approvals, Clock, Jobs, Lake, Ledger
from shared.steps.due_scorings import newest_scoring


@dataclass(frozen=True, kw_only=True)
class ToScore:
    """A scoring that could be asked for: what is recorded of it, which version of silver it reads, and its parts."""

    requested: ScoringRequested
    table: str
    delta_version: int
    parts: tuple[str, ...]

    @property
    def command(self) -> PlanScoring:
        """The command that begins it."""
        one = self.requested
        return PlanScoring(story=one.story, use_case=one.use_case, model=one.model, version=one.version)


@dataclass(frozen=True, kw_only=True)
class Cancelling:
    """A scoring that was ended: of how many parts, and how many runs were stopped."""

    story: str
    parts: int
    stopped: int


@dataclass(frozen=True, kw_only=True)
class AskScoring:
    """Looks whether it can be done; what changes something is the caller's."""

    use_cases: UseCases
    ledger: Ledger
    approvals: Approvals
    journals: Journals
    jobs: Jobs
    lake: Lake
    clock: Clock

    def of_model(self, model: str, *, who: str, why: str, full: bool = True) -> ToScore:
        """All of silver as it is now, with the version that is approved; or, not `full`, what changed since that
        version scored last. Raises UnknownUseCase, or Refused with why.
        """
        use_case = self.use_cases.of_model(model)
        if use_case is None:
            raise UnknownUseCase(f"no use case has the model {model!r}")
        if not use_case.scoring.job:
            raise Refused(f"{use_case.name} has no scoring.job: nothing scores it")
        approval = self.approvals.approved(model, use_case.gate.slot)
        if approval is None:
            raise Refused(f"no version of {model} is approved for {use_case.gate.slot}: there is nothing to score with")
        table, part_by, now = use_case.data.table, use_case.scoring.part_by, self.clock.now()
        version = self.lake.rows(table, part_by, "").delta_version
        last = newest_scoring(use_case.scoring.table, ledger=self.ledger, journals=self.journals)
        is_by_it = last is not None and last.plan.version == approval.version
        since = last.plan.delta_version if last and is_by_it and not full else -1
        parts = tuple(self.lake.parts(table, version, part_by, since)) if version >= 0 else ()
        if not parts and since >= 0:
            raise Refused(
                f"nothing of {table} changed since version {since}, which {model} version {approval.version} scored:"
                " ask for --full"
            )
        if not parts:
            raise Refused(f"{table} has no rows yet: there is nothing to score")
        if len(parts) > MOST_PARTS:
            raise Refused(f"{table} has {len(parts)} values of {part_by}, and a plan at most {MOST_PARTS} parts")
        requested = ScoringRequested(
            story=identity.story_of_scoring(model, approval.version, now.isoformat()),
            at=now,
            use_case=use_case.name,
            model=model,
            version=approval.version,
            who=who,
            reason=why,
            since=since,
        )
        return ToScore(requested=requested, table=table, delta_version=version, parts=parts)

    def failed_parts(self, story: str) -> tuple[ScorePart, ...]:
        """The commands that run the failed parts of the story's newest plan once more. Raises Refused with why not."""
        plans = fan_outs(self.ledger.story(story))
        if not plans:
            raise Refused(f"story {story} has no scoring")
        use_case = self.use_cases.named(plans[-1].plan.use_case)
        again = tuple(
            ScorePart(
                story=one.plan.story,
                use_case=use_case.name,
                plan=one.plan.plan,
                part=part,
                generation=one.failed[part].generation + 1,
            )
            for one in self._shares(plans[-1])
            for part in one.plan.parts
            if part not in one.scored and one.failed_for_good(part)
        )
        if plans[-1].cancelled:
            raise Refused(f"the scoring of story {story} was cancelled by {plans[-1].cancelled.who}: ask for a new one")
        if not again:
            raise Refused(f"no part of story {story} failed for good: what was lost runs again by itself")
        return again

    def cancel(self, story: str, *, who: str, why: str) -> Cancelling:
        """End the story's newest scoring: nothing of it is started any more, and what runs is stopped.

        Again it finds what is left to stop. Raises Refused where nothing of it goes on, Unreachable where a workspace
        does not answer: then it can be asked again.
        """
        plans = fan_outs(self.ledger.story(story))
        if not plans:
            raise Refused(f"story {story} has no scoring")
        whole = plans[-1]
        if whole.finished or (whole.is_over and not whole.cancelled):
            raise Refused(f"no part of story {story} goes on: there is nothing to cancel")
        fact = ScoringCancelled(story=story, at=self.clock.now(), plan=whole.plan.plan, who=who, reason=why)
        self.ledger.record([fact])
        stopped = 0
        for shard in self._begun(whole):
            if shard.plan.story != story:
                self.ledger.record([replace(fact, story=shard.plan.story, plan=shard.plan.plan)])
            for part, started in shard.started.items():
                if part not in shard.scored and shard.generation(part) > _ended(shard, part):
                    stopped += self.jobs.cancel(started.workspace, started.job_run_id)
        return Cancelling(story=story, parts=sum(whole.plan.counts), stopped=stopped)

    def _begun(self, whole: FanOut) -> Iterator[FanOut]:
        """The plan itself, or those of its shards that have begun."""
        if not whole.plan.shard_size:
            yield whole
            return
        for shard in whole.plan.parts:
            plan = identity.shard_plan(whole.plan.plan, shard)
            if found := plan_in(self.ledger.story(identity.story_of_plan(whole.plan.story, plan)), plan):
                yield found

    def _shares(self, whole: FanOut) -> Iterator[FanOut]:
        """The plan itself, or those of its shards that failed."""
        if not whole.plan.shard_size:
            yield whole
            return
        for shard in whole.failed:
            plan = identity.shard_plan(whole.plan.plan, shard)
            if found := plan_in(self.ledger.story(identity.story_of_plan(whole.plan.story, plan)), plan):
                yield found


def _ended(one: FanOut, part: str) -> int:
    """The newest generation of the part that is known to have failed; 0 where none is."""
    return one.failed[part].generation if part in one.failed else 0
