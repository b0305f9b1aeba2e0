"""A person asks for a training of what is in silver now, in a story of its own: of one version one at a time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from shared.domain import identity
from shared.domain import story as stories
from shared.domain.commands import StartTraining
from shared.domain.facts import DataCommitted, TrainingRepeated, TrainingRequested
from shared.domain.profile import versions_of
from shared.domain.retrain import Skip, claims_of, decide, has_failed, is_under_way
from shared.domain.usecase import UseCase, UseCases
from shared.errors import Refused
from shared.notes import Entry, Journals
from shared.ports import Approvals, Clock, Ledger
from shared.steps.claim_training import LOOKED_AT, claims_in
from shared.steps.live_values import live_spec

_BACK = 10
"""So many versions back failed trainings are looked for, which the new one repeats."""

_THEN = {
    Skip.COOL_DOWN: "or ask with --past-cool-down",
    Skip.AT_ONCE: "ask again when one of them has ended",
    Skip.BUDGET: "ask again tomorrow, or raise retrain.per_day",
}


@dataclass(frozen=True, kw_only=True)
class ToTrain:
    """A training that could be asked for, and which version it has to beat ("": none). `is_new`: one of the same data
    that was asked for before goes on otherwise, and is this one.
    """

    requested: TrainingRequested
    champion: str
    is_new: bool

    @property
    def command(self) -> StartTraining:
        """The command that begins it; sent again, it is the same."""
        return stories.train_on(self.requested, self.requested.use_case)


@dataclass(frozen=True, kw_only=True)
class AskTraining:
    """Looks whether it can be done, and records that it is asked for."""

    use_cases: UseCases
    ledger: Ledger
    approvals: Approvals
    journals: Journals
    clock: Clock

    def of_use_case(self, name: str, *, who: str, why: str, past_cool_down: bool = False) -> ToTrain:
        """On the newest version of silver that a batch was committed as; nothing is changed. Raises UnknownUseCase, or
        Refused with why not, the retrain policy's reason among them: it is asked again where the training begins.
        """
        use_case = self.use_cases.named(name)
        if not use_case.training.job:
            where = "its model comes from elsewhere" if use_case.training.model else "it is a use case of data alone"
            raise Refused(f"{name} has no training.job: {where}")
        versions = self.journals.noted(versions_of(use_case.data.table), _BACK)
        if not versions:
            raise Refused(f"{use_case.data.table} has no version yet: there is nothing to train on")
        newest = versions[0]
        approval = self.approvals.approved(use_case.training.model, use_case.gate.slot)
        champion = approval.version if approval else ""
        before = list(self._asked(use_case, newest.number))
        if before and is_under_way(self.ledger.story(before[-1].story)):
            return ToTrain(requested=before[-1], champion=champion, is_new=False)
        self._refuse_under_way(newest, use_case)
        self._refuse_by_policy(use_case, past_cool_down=past_cool_down)
        number = len(before) + 1
        requested = TrainingRequested(
            story=identity.story_of_training(name, use_case.data.table, newest.number, number),
            at=self.clock.now(),
            use_case=name,
            table=use_case.data.table,
            delta_version=newest.number,
            data_story=newest.story,
            number=number,
            who=who,
            reason=why,
            past_cool_down=past_cool_down,
            repeats=tuple(self._failed(use_case, versions, champion)),
        )
        return ToTrain(requested=requested, champion=champion, is_new=True)

    def record(self, found: ToTrain) -> ToTrain:
        """Record it, once: of two that ask at the same time, the first counts for both."""
        (first,) = self.ledger.record([found.requested])
        known = stories.last(self.ledger.story(found.requested.story), TrainingRequested) or found.requested
        return replace(found, requested=known, is_new=first)

    def _asked(self, use_case: UseCase, delta_version: int) -> Iterator[TrainingRequested]:
        """What was asked for of that version, the oldest first."""
        number = 0
        while True:
            number += 1
            story = identity.story_of_training(use_case.name, use_case.data.table, delta_version, number)
            found = stories.last(self.ledger.story(story), TrainingRequested)
            if found is None:
                return
            yield found

    def _refuse_under_way(self, newest: Entry, use_case: UseCase) -> None:
        """Where the batch's own story trains, or is about to."""
        told, version = self.ledger.story(newest.story), f"version {newest.number} of {use_case.data.table}"
        if stories.last(told, DataCommitted) is None:
            raise Refused(f"the commit of {version} is not recorded yet: ask again when story {newest.story} says so")
        if is_under_way(told):
            raise Refused(f"story {newest.story} trains on {version} itself: ask again when that has ended")

    def _refuse_by_policy(self, use_case: UseCase, *, past_cool_down: bool) -> None:
        if use_case.retrain is None:
            return
        claims = claims_in(self.journals.noted(claims_of(use_case.name), LOOKED_AT), self.ledger)
        found = decide(use_case.retrain, claims, self.clock.now(), past_cool_down=past_cool_down)
        if found:
            raise Refused(f"{use_case.name} is not trained now, {found.reason}: {found.detail}; {_THEN[found.reason]}")

    def _failed(self, use_case: UseCase, versions: Sequence[Entry], champion: str) -> Iterator[str]:
        """The stories whose training on the rows failed, and was not asked for again since: the newest first."""
        live = live_spec(use_case)
        for entry in versions:
            led = [entry.story, *(one.story for one in self._asked(use_case, entry.number))]
            if live and champion:
                model = use_case.training.model
                led.append(identity.story_of_live_metrics(model, champion, entry.number, live.metric))
            for story in led:
                told = self.ledger.story(story)
                if has_failed(told) and stories.last(told, TrainingRepeated) is None:
                    yield story
