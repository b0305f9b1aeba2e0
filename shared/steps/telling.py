"""What was decided, told: on the model version itself, and to whoever else wants to hear."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.domain import announcing, identity
from shared.domain.commands import AnnounceDecision
from shared.domain.description import section
from shared.domain.facts import AnnouncementDue, Fact, VersionJudged
from shared.domain.pages import NO_PAGES, Pages
from shared.ports import Ledger, Registry


@dataclass(frozen=True, kw_only=True)
class Telling:
    """How: with links to these pages, and whether other systems hear of it."""

    pages: Pages = NO_PAGES
    announces: bool = False

    def on_version(self, judged: VersionJudged, verdict: str, reason: str, *, registry: Registry) -> None:
        """In the tags, for programs, and in the description, for who reads the registry's page."""
        tags = {"sluice.verdict": verdict, "sluice.decision": reason}
        registry.annotate(judged.model, judged.version, tags, section=section(judged, verdict, reason, self.pages))

    def on_version_judged_before(
        self, model: str, version: str, verdict: str, reason: str, *, ledger: Ledger, registry: Registry
    ) -> None:
        """The same of a version that was judged long ago."""
        facts = [fact for story in ledger.find(identity.model_at(model, version)) for fact in ledger.story(story)]
        of_it = [
            one for one in facts if isinstance(one, VersionJudged) and (one.model, one.version) == (model, version)
        ]
        if of_it:
            self.on_version(of_it[-1], verdict, reason, registry=registry)
        else:
            registry.annotate(model, version, {"sluice.verdict": verdict, "sluice.decision": reason})

    def record(self, facts: Sequence[Fact], *, ledger: Ledger) -> Sequence[bool]:
        """Record the facts, and before each that others are told, that they are to be; of each fact, was it new?"""
        all_of_them = announcing.with_dues(facts) if self.announces else facts
        answers = zip(all_of_them, ledger.record(all_of_them), strict=True)
        return [first for fact, first in answers if not isinstance(fact, AnnouncementDue)]

    def wishes(self, story: str, *, ledger: Ledger) -> tuple[AnnounceDecision, ...]:
        """What is to be sent so that others hear of the story."""
        return announcing.wishes(ledger.story(story)) if self.announces else ()


QUIET = Telling()
