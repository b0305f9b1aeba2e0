"""One scoring at a time writes a gold table, so that none overtakes another: whose turn it is, and who waits."""

from dataclasses import dataclass
from datetime import timedelta

from shared.domain import identity
from shared.domain import story as stories
from shared.domain.commands import PlanScoring
from shared.domain.facts import Parked, ScoringDelayed, ScoringPlanned, ScoringSkipped, VersionDemoted
from shared.domain.fan_out import FanOut, fan_outs, plan_in
from shared.domain.usecase import UseCase, UseCases, WhenDemoted
from shared.notes import Journals
from shared.ports import Approvals, Clock, Jobs, Ledger
from shared.steps.due_scorings import note_begin
from shared.steps.end_scoring import end_scoring

SILENT = timedelta(hours=1)
"""A scoring of which nothing was heard for so long holds up no other."""


@dataclass(frozen=True, kw_only=True)
class Turns:
    """Asks the ledger which scorings are under way."""

    ledger: Ledger
    approvals: Approvals
    journals: Journals
    jobs: Jobs
    clock: Clock

    def wait(self, command: PlanScoring, use_case: UseCase) -> str:
        """Why the scoring does not begin now, or "". Its version may not be in production any more: then it never does.
        Or another one is under way; if that one's version is not in production any more, the use case says whether it
        is ended.
        """
        approval = self.approvals.approved(command.model, use_case.gate.slot)
        approved = approval.version if approval else command.version
        if approved != command.version:
            reason = f"version {command.version} is not in production any more: version {approved} is"
            self.ledger.record([ScoringSkipped(story=command.story, at=self.clock.now(), reason=reason)])
            return reason
        under_way = self._under_way(use_case.scoring.table, besides=command.story)
        for one in under_way:
            if one.plan.model == command.model and one.plan.version != approved:
                self._demote(one, approved, use_case)
        ahead = next((one.plan for one in under_way if self._goes_on(one)), None)
        return self._delayed(command, ahead) if ahead else ""

    def _delayed(self, command: PlanScoring, ahead: ScoringPlanned) -> str:
        whole = identity.whole_of(ahead.story)
        delayed = ScoringDelayed(
            story=command.story,
            at=self.clock.now(),
            gold=ahead.gold,
            behind=ahead.plan.partition(".")[0],
            behind_story=whole,
        )
        self.ledger.record([delayed])
        return f"that of story {whole} is under way"

    def begin(self, plan: ScoringPlanned) -> None:
        """Note that it writes its gold table; a repeat notes the same."""
        note_begin(plan, plan.at, self.journals)

    def _under_way(self, gold: str, *, besides: str) -> list[FanOut]:
        now, found = self.clock.now(), list[FanOut]()
        for story in self.ledger.unsettled():
            told = self.ledger.story(story)
            if identity.whole_of(story) != besides and told and stories.idle_for(told, now) < SILENT:
                found += [one for one in fan_outs(told) if one.plan.gold == gold and not one.is_settled]
        return found

    def _demote(self, one: FanOut, by: str, use_case: UseCase) -> None:
        """Recorded once, after it was ended: whoever comes again ends it again. A shard follows its whole."""
        plan, then = one.plan, use_case.scoring.when_demoted
        told = stories.of_kind(self.ledger.story(plan.story), VersionDemoted)
        if identity.is_shard(plan.story) or any(each.plan == plan.plan for each in told):
            return
        if then is WhenDemoted.STOP:
            why = f"version {plan.version} is not in production any more"
            end_scoring(one, who="scoring.when_demoted", why=why, ledger=self.ledger, jobs=self.jobs, clock=self.clock)
        demoted = VersionDemoted(
            story=plan.story,
            at=self.clock.now(),
            plan=plan.plan,
            model=plan.model,
            version=plan.version,
            by=by,
            then=then,
        )
        self.ledger.record([demoted])

    def _goes_on(self, one: FanOut) -> bool:
        now = plan_in(self.ledger.story(one.plan.story), one.plan.plan)
        return now is not None and not now.is_settled


def next_turn(ended: FanOut, use_cases: UseCases, *, ledger: Ledger) -> tuple[PlanScoring, ...]:
    """What begins the scorings that wait for the gold table of one that has ended; the sweep would, too."""
    story, plan = identity.whole_of(ended.plan.story), ended.plan.plan.partition(".")[0]
    whole = plan_in(ledger.story(story), plan)
    if whole is None or not whole.is_settled:
        return ()
    waiting = []
    for other in ledger.unsettled():
        told = ledger.story(other)
        reason = stories.to_score(told)
        if reason is None or fan_outs(told) or stories.last(told, ScoringSkipped) or stories.last(told, Parked):
            continue
        use_case = use_cases.of_model(reason.model)
        if use_case and use_case.scoring.table == ended.plan.gold:
            waiting.append(
                PlanScoring(
                    story=other, cause=f"after-{plan}", use_case=use_case.name, model=reason.model,
                    version=reason.version,
                )
            )  # fmt: skip
    return tuple(waiting)
