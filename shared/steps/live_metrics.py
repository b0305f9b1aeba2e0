"""Live metrics of the version in production: kept, and when they are bad, a training begins in a story of its own."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.domain import identity
from shared.domain import story as stories
from shared.domain.commands import StartTraining
from shared.domain.facts import DataCommitted, Fact, LiveMetricsBad, Parked, TrainingSkipped, TrainingStarted
from shared.domain.live_metrics import LiveMetric, LiveSpec, values_of
from shared.domain.profile import versions_of
from shared.domain.usecase import UseCase, UseCases
from shared.errors import Refused, UnknownUseCase
from shared.notes import Entry, Journals
from shared.ports import Approvals, Clock, Ledger
from shared.steps.decision import Decision


def live_spec(use_case: UseCase) -> LiveSpec | None:
    """The live metric that the use case has watched, if any."""
    return use_case.retrain.live if use_case.retrain else None


def live_values(use_case: UseCase, version: str, journals: Journals) -> Sequence[float]:
    """The last values of a version that its rule looks at, measured last first."""
    live = live_spec(use_case)
    if live is None:
        return ()
    entries = journals.noted(values_of(use_case.training.model, version, live.metric), live.of)
    return [float(entry.text) for entry in entries]


@dataclass(frozen=True, kw_only=True)
class LiveMetrics:
    """Keeps what is reported, and looks whether it asks for a training."""

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
                    at=one.at,
                    text=repr(one.value),
                )
            )
            for one in reports
        )
        send = [command for name in watching for command in self.look(self.use_cases.named(name))]
        asked = f", and ask for a training: {', '.join(one.story for one in send)}" if send else ""
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

    def look(self, use_case: UseCase) -> Sequence[StartTraining]:
        """Record that the metrics of the version in production are bad, once for it and the newest data; the command
        that follows, as long as nothing else did. Data whose own story is about to train on it is waited for.
        """
        live, model = live_spec(use_case), use_case.training.model
        approval = self.approvals.approved(model, use_case.gate.slot) if live else None
        if live is None or approval is None:
            return ()
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
