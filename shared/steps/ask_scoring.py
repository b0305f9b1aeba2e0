"""What a person asks of scoring: with what is in production; to end it; what is not in gold once more."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.domain import identity
from shared.domain import story as stories
from shared.domain.commands import PlanScoring, PlanShard, ScorePart
from shared.domain.facts import ScoringPlanned, ScoringRequested, ScoringResumed, ScoringSkipped
from shared.domain.fan_out import FanOut, fan_outs, refuse_too_many
from shared.domain.usecase import UseCases
from shared.errors import Refused, UnknownUseCase
from shared.notes import Journals
from shared.ports import Approvals, Clock, Jobs, Lake, Ledger
from shared.steps.due_scorings import note_begin, scored_until
from shared.steps.end_scoring import Cancelling, begun, end_scoring


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
class Again:
    """What is sent to score once more, and what is recorded before that where a person had ended it: of shards first,
    so that until the last it can be asked for again.
    """

    plan: ScoringPlanned
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
        table, scoring, now = use_case.data.table, use_case.scoring, self.clock.now()
        version = self.lake.rows(table, scoring.part_by, "").delta_version
        until = scored_until(use_case.scoring.table, approval.version, ledger=self.ledger, journals=self.journals)
        since = -1 if full else until
        parts: Sequence[str] = ()
        if version >= 0:
            parts = self.lake.parts(table, version, scoring.part_by, since, rows=scoring.rows_per_part)
        if not parts and since >= 0:
            raise Refused(
                f"nothing of {table} changed since version {since}, which {model} version {approval.version} scored:"
                " ask for --full"
            )
        if not parts:
            raise Refused(f"{table} has no rows yet: there is nothing to score")
        refuse_too_many(len(parts), table, scoring.part_by, by_rows=bool(scoring.rows_per_part))
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
        return ToScore(requested=requested, table=table, delta_version=version, parts=tuple(parts))

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
        shares = list(begun(whole, whole.plan.parts if ended else whole.failed, self.ledger))
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
            plan=whole.plan,
            commands=tuple(commands),
            resumed=tuple(
                ScoringResumed(story=one.story, at=self.clock.now(), plan=one.plan, who=who, number=ended.number)
                for one in dict.fromkeys(plans_ended)
                if ended
            ),
        )

    def record(self, again: Again) -> None:
        """It goes on, and writes the gold table: maybe over what a later one wrote."""
        note_begin(again.plan, self.clock.now(), self.journals)
        for one in again.resumed:
            self.ledger.record([one])

    def cancel(self, story: str, *, who: str, why: str) -> Cancelling:
        """End the story's newest scoring, or one that waits for its turn. Raises Refused where nothing goes on."""
        told = self.ledger.story(story)
        plans = fan_outs(told)
        if not plans:
            if stories.to_score(told) is None or stories.last(told, ScoringSkipped):
                raise Refused(f"story {story} has no scoring")
            reason = f"cancelled by {who} before it began: {why}"
            self.ledger.record([ScoringSkipped(story=story, at=self.clock.now(), reason=reason)])
            return Cancelling(story=story, parts=0, stopped=0, left=0)
        whole = plans[-1]
        if whole.finished or (whole.is_over and not whole.cancelled):
            raise Refused(f"no part of story {story} goes on: there is nothing to cancel")
        return end_scoring(whole, who=who, why=why, ledger=self.ledger, jobs=self.jobs, clock=self.clock)


def _ended(one: FanOut, part: str) -> int:
    """The newest generation of the part that is known to have failed; 0 where none is."""
    return one.failed[part].generation if part in one.failed else 0
