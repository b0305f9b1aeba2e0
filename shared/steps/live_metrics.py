"""Live metrics of the version in production: kept, and when they are bad, what the use case says follows, in a story of
its own: a training, or the version before is put back.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.domain import identity
from shared.domain import story as stories
from shared.domain.commands import Command, StartTraining
from shared.domain.facts import DataCommitted, Fact, LiveMetricsBad, Parked, TrainingSkipped, TrainingStarted
from shared.domain.live_metrics import LiveMetric, LiveSpec, values_of
from shared.domain.profile import versions_of
from shared.domain.usecase import UseCase, UseCases
from shared.errors import Refused, UnknownUseCase
from shared.notes import Entry, Journals
from shared.ports import Approval, Approvals, Clock, Ledger
from shared.steps.decision import Decision
from shared.steps.live_rollback import ask_back, end_withheld
from shared.steps.live_values import live_spec, live_values


@dataclass(frozen=True, kw_only=True)
class LiveMetrics:
    """Keeps what is reported, and looks whether it asks for something."""

    use_cases: UseCases
    ledger: Ledger
    approvals: Approvals
    journals: Journals
    clock: Clock

    def report(self, reports: Sequence[LiveMetric]) -> Decision:
        """Keep each value once by model, version, metric and time; then look. All or, where one cannot be kept, none.

        Raises UnknownUseCase, Malformed, or Refused with why not.
        """
        watching = list(dict.fromkeys(self._of(one).name for one in reports))
        first = sum(
            self.journals.note(
                Entry(
                    scope=values_of(one.model, one.version, one.metric),
                    number=one.number,
                    story="",
                    at=self.clock.now(),
                    text=repr(one.value),
                )
            )
            for one in reports
        )
        send = [command for name in watching for command in self.look(self.use_cases.named(name))]
        asked = f", and ask for {', '.join(f'{one.kind} in {one.story}' for one in send)}" if send else ""
        return Decision(summary=f"{first} of {len(reports)} live metrics are new{asked}", send=tuple(send))

    def _of(self, one: LiveMetric) -> UseCase:
        """The use case that has the metric watched."""
        use_case = self.use_cases.of_model(one.model)
        if use_case is None:
            known = ", ".join(sorted(each.training.model for each in self.use_cases.all))
            raise UnknownUseCase(f"no use case has the model {one.model!r}: report for one of {known}")
        live = live_spec(use_case)
        if live is None:
            raise Refused(f"{use_case.name} has no retrain.live: say there which metric is watched, and its bound")
        if one.metric != live.metric:
            raise Refused(
                f"{use_case.name} has {live.metric} watched, not {one.metric!r}: report that one, or name this one in"
                " retrain.live.metric"
            )
        if not self.ledger.find(identity.model_at(one.model, one.version)):
            raise Refused(f"no version {one.version!r} of {one.model} was ever judged: report for the one that answers")
        one.check(self.clock.now())
        return use_case

    def look(self, use_case: UseCase) -> Sequence[Command]:
        """Record what the metrics of the version in production ask for; the commands that follow, as long as nothing
        else did. A training waits for the rollback, since its champion is what that puts back: the sweep begins it.
        """
        live = live_spec(use_case)
        approval = self.approvals.approved(use_case.training.model, use_case.gate.slot) if live else None
        if live is None or approval is None:
            return ()
        train = self._ask_training(use_case, live, approval) if live.trains else ()
        if not live.rolls_back:
            return train
        back = ask_back(use_case, live, approval, ledger=self.ledger, journals=self.journals, clock=self.clock)
        return back or train

    def end_withheld(self, withheld: Sequence[Sequence[Fact]]) -> None:
        """End the stories of rollbacks that could not be, of versions that are not in production any more."""
        end_withheld(withheld, ledger=self.ledger, approvals=self.approvals, clock=self.clock)

    def _ask_training(self, use_case: UseCase, live: LiveSpec, approval: Approval) -> Sequence[StartTraining]:
        """Record it once for the version and the newest data. Data whose own story is about to train on it is waited
        for.
        """
        model = approval.model
        values = live_values(use_case, approval.version, self.journals)
        newest = next(iter(self.journals.noted(versions_of(use_case.data.table), 1)), None)
        if not live.is_bad(values) or newest is None or _is_undecided(self.ledger.story(newest.story)):
            return ()
        story = identity.story_of_live_metrics(model, approval.version, newest.number, live.metric)
        found = LiveMetricsBad(
            story=story,
            at=self.clock.now(),
            use_case=use_case.name,
            model=model,
            version=approval.version,
            metric=live.metric,
            values=tuple(values),
            bound=live.bound,
            bad=live.bad,
            of=live.of,
            table=use_case.data.table,
            delta_version=newest.number,
            data_story=newest.story,
        )
        self.ledger.record([found])
        is_followed = any(not isinstance(one, LiveMetricsBad) for one in self.ledger.story(story))
        return () if is_followed else (stories.train_on(found, use_case.name),)


def _is_undecided(data_story: Sequence[Fact]) -> bool:
    """Is it not known yet whether the batch is trained on?"""
    known = any(isinstance(one, TrainingStarted | TrainingSkipped | Parked) for one in data_story)
    return stories.last(data_story, DataCommitted) is not None and not known
