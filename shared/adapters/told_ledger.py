"""A ledger that tells telemetry of what was recorded: as each fact is recorded once, so is it told once."""

from collections.abc import Sequence

from shared.domain.facts import Fact
from shared.ports import Ledger, StoryHead
from shared.telemetry import Telemetry


class ToldLedger:
    """Ledger."""

    def __init__(self, ledger: Ledger, telemetry: Telemetry) -> None:
        self._ledger = ledger
        self._telemetry = telemetry

    def record(self, facts: Sequence[Fact]) -> Sequence[bool]:
        answers = self._ledger.record(facts)
        if new := {(fact.kind, fact.key) for fact, first in zip(facts, answers, strict=True) if first}:
            after = self._ledger.story(facts[0].story)
            self._telemetry.told([fact for fact in after if (fact.kind, fact.key) not in new], after)
        return answers

    def story(self, story: str) -> Sequence[Fact]:
        return self._ledger.story(story)

    def recent(self, limit: int) -> Sequence[StoryHead]:
        return self._ledger.recent(limit)

    def find(self, subject: str) -> Sequence[str]:
        return self._ledger.find(subject)

    def unsettled(self) -> Sequence[str]:
        return self._ledger.unsettled()
