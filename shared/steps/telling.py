"""What was decided, told on the model version itself."""

from shared.domain import identity
from shared.domain.description import section
from shared.domain.facts import VersionJudged
from shared.domain.pages import Pages
from shared.ports import Ledger, Registry


def tell(judged: VersionJudged, verdict: str, reason: str, *, registry: Registry, pages: Pages) -> None:
    """In the tags, for programs, and in the description, for who reads the registry's page."""
    tags = {"sluice.verdict": verdict, "sluice.decision": reason}
    registry.annotate(judged.model, judged.version, tags, section=section(judged, verdict, reason, pages))


def tell_of(
    model: str, version: str, verdict: str, reason: str, *, ledger: Ledger, registry: Registry, pages: Pages
) -> None:
    """The same of a version that was judged long ago."""
    facts = [fact for story in ledger.find(identity.model_at(model, version)) for fact in ledger.story(story)]
    judged = [one for one in facts if isinstance(one, VersionJudged) and (one.model, one.version) == (model, version)]
    if judged:
        tell(judged[-1], verdict, reason, registry=registry, pages=pages)
    else:
        registry.annotate(model, version, {"sluice.verdict": verdict, "sluice.decision": reason})
