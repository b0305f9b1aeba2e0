"""What a person asks of scoring: with what is in production; to end it; what is not in gold once more."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from shared.domain import identity
from shared.domain.commands import PlanScoring, PlanShard, ScorePart
from shared.domain.facts import ScoringCancelled, ScoringRequested, ScoringResumed
from shared.domain.fan_out import MOST_PARTS, FanOut, fan_outs, plan_in
from shared.domain.usecase import UseCases
from shared.errors import Refused, UnknownUseCase, Unreachable
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
    """A scoring that was ended: of how many parts, how many runs were stopped, and how many are left to the sweep, as
    their workspace did not answer.
    """

    story: str
    parts: int
    stopped: int
    left: int


@dataclass(frozen=True, kw_only=True)
class Again:
    """What is sent to score once more, and what is recorded before that where a person had ended it: of shards first,
    so that until the last it can be asked for again.
    """

    commands: tuple[ScorePart | PlanShard, ...]
    resumed: tuple[ScoringResumed, ...] = ()


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

    def again(self, story: str, *, who: str) -> Again:
        """What is not in gold of the story's newest plan and will not come by itself: what failed for good, and of one
        that was ended also what never began. Raises Refused with why not.
        """
        plans = fan_outs(self.ledger.story(story))
        if not plans:
            raise Refused(f"story {story} has no scoring")
        whole = plans[-1]
        use_case, ended = self.use_cases.named(whole.plan.use_case), whole.cancelled
        if whole.finished:
            raise Refused(f"every part of story {story} is in gold")
        shares = list(self._begun(whole, whole.plan.parts if ended else whole.failed))
        cause = f"resumed-{ended.number}" if ended else ""  # what never began was sent before: told from that
        if ended and (runs := sum(share.is_running(part) for share in shares for part in share.plan.parts)):
            raise Refused(f"{runs} runs of story {story} are being stopped still: ask again when they have ended")
        commands: list[ScorePart | PlanShard] = [
            ScorePart(
                story=share.plan.story,
                cause=cause,
                use_case=use_case.name,
                plan=share.plan.plan,
                part=part,
                generation=max(share.generation(part), _ended(share, part)) + 1,
            )
            for share in shares
            for part in share.plan.parts
            if part not in share.scored and (ended or share.failed_for_good(part))
        ]
        if ended and whole.plan.shard_size:
            commands += [
                PlanShard(story=story, cause=cause, use_case=use_case.name, plan=whole.plan.plan, shard=shard)
                for shard in whole.plan.parts
                if shard not in whole.started and shard not in whole.scored
            ]
        if not commands and not ended:
            raise Refused(f"no part of story {story} failed for good: what was lost runs again by itself")
        plans_ended = [one.plan for one in (*shares, whole) if one.cancelled] if ended else []
        return Again(
            commands=tuple(commands),
            resumed=tuple(
                ScoringResumed(story=one.story, at=self.clock.now(), plan=one.plan, who=who, number=ended.number)
                for one in dict.fromkeys(plans_ended)
                if ended
            ),
        )

    def cancel(self, story: str, *, who: str, why: str) -> Cancelling:
        """End the story's newest scoring: nothing of it is started any more, and what runs is stopped.

        Again it finds what is left to stop; so does the sweep, where a workspace does not answer. It is recorded before
        runs are looked for, as who starts one records it before looking whether the scoring was ended. Raises Refused
        where nothing of it goes on.
        """
        plans = fan_outs(self.ledger.story(story))
        if not plans:
            raise Refused(f"story {story} has no scoring")
        whole = plans[-1]
        if whole.finished or (whole.is_over and not whole.cancelled):
            raise Refused(f"no part of story {story} goes on: there is nothing to cancel")
        number = len(whole.resumes) + 1
        fact = ScoringCancelled(
            story=story, at=self.clock.now(), plan=whole.plan.plan, who=who, reason=why, number=number
        )
        self.ledger.record([fact])
        stopped = left = 0
        for share in self._begun(whole, whole.plan.parts):
            of = share.plan
            self.ledger.record([replace(fact, story=of.story, plan=of.plan)])
            now = plan_in(self.ledger.story(of.story), of.plan) or share
            for started in (now.started[part] for part in of.parts if now.is_running(part)):
                try:
                    stopped += self.jobs.cancel(started.workspace, started.job_run_id)
                except Unreachable:
                    left += 1
        return Cancelling(story=story, parts=sum(whole.plan.counts), stopped=stopped, left=left)

    def _begun(self, whole: FanOut, shards: Iterable[str]) -> Iterator[FanOut]:
        """The plan itself; where it is cut into shards, those of them that have begun."""
        if not whole.plan.shard_size:
            yield whole
            return
        for shard in shards:
            plan = identity.shard_plan(whole.plan.plan, shard)
            if found := plan_in(self.ledger.story(identity.story_of_plan(whole.plan.story, plan)), plan):
                yield found


def _ended(one: FanOut, part: str) -> int:
    """The newest generation of the part that is known to have failed; 0 where none is."""
    return one.failed[part].generation if part in one.failed else 0
