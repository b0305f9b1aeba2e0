"""What a person asks of scoring: score with what is in production, or only the parts that failed, once more."""

from collections.abc import Iterator
from dataclasses import dataclass

from shared.domain import identity
from shared.domain.commands import PlanScoring, ScorePart
from shared.domain.facts import ScoringRequested
from shared.domain.fan_out import MOST_PARTS, FanOut, fan_outs, plan_in
from shared.domain.usecase import UseCases
from shared.errors import Refused, UnknownUseCase
from shared.ports import Approvals, Clock, Lake, Ledger


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
class AskScoring:
    """Looks whether it can be done; what changes something is the caller's."""

    use_cases: UseCases
    ledger: Ledger
    approvals: Approvals
    lake: Lake
    clock: Clock

    def of_model(self, model: str, *, who: str, why: str) -> ToScore:
        """All of silver as it is now, with the version that is approved. Raises UnknownUseCase, or Refused with why."""
        use_case = self.use_cases.of_model(model)
        if use_case is None:
            raise UnknownUseCase(f"no use case has the model {model!r}")
        approval = self.approvals.approved(model, use_case.gate.slot)
        if approval is None:
            raise Refused(f"no version of {model} is approved for {use_case.gate.slot}: there is nothing to score with")
        table, part_by, now = use_case.data.table, use_case.scoring.part_by, self.clock.now()
        version = self.lake.rows(table, part_by, "").delta_version
        parts = tuple(self.lake.parts(table, version, part_by)) if version >= 0 else ()
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
        if not again:
            raise Refused(f"no part of story {story} failed for good: what was lost runs again by itself")
        return again

    def _shares(self, whole: FanOut) -> Iterator[FanOut]:
        """The plan itself, or those of its shards that failed."""
        if not whole.plan.shard_size:
            yield whole
            return
        for shard in whole.failed:
            plan = identity.shard_plan(whole.plan.plan, shard)
            if found := plan_in(self.ledger.story(identity.story_of_plan(whole.plan.story, plan)), plan):
                yield found
