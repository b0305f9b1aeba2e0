"""Other systems hear of a decision: after it stands, and never in its way."""

from shared.domain import announcing
from shared.domain.commands import AnnounceDecision
from shared.domain.facts import AnnouncementDelayed, DecisionAnnounced
from shared.domain.pages import NO_PAGES, Pages
from shared.errors import Transient
from shared.ports import Announcer, Clock, Ledger
from shared.steps.decision import Decision


def announce_decision(
    command: AnnounceDecision, *, ledger: Ledger, announcer: Announcer | None, clock: Clock, pages: Pages = NO_PAGES
) -> Decision:
    """Publish the fact as the ledger has it, under an id of its own; then record that it was published.

    Between the two it may die, and publishes again: the same event under the same id. A topic that cannot take it is no
    error of this message: it is recorded, people see it, and the sweep asks again until the topic takes it. Without a
    topic (it was turned off since) that is recorded, and nobody waits any longer.
    """
    story = ledger.story(command.story)
    fact = next((one for one in story if one.key == command.about), None)
    if command.about not in {one.about for one in announcing.open_dues(story)}:
        return Decision(summary=f"{command.about} is not to be announced, or was before")
    if fact is None:
        return Decision(summary=f"{command.about} is not decided yet")
    event = announcing.event_of(fact, story, pages)
    if announcer is not None:
        try:
            announcer.publish(event)
        except Transient as error:
            delayed = AnnouncementDelayed(
                story=fact.story, at=clock.now(), about=fact.key, what=fact.kind, reason=str(error)
            )
            ledger.record([delayed])
            return Decision(summary=f"{fact.key} could not be announced yet: {error}")
    published = announcer is not None
    announced = DecisionAnnounced(
        story=fact.story,
        at=clock.now(),
        about=fact.key,
        what=fact.kind,
        event_id=event.id if published else "",
    )
    ledger.record([announced])
    return Decision(summary=f"{fact.key} {'announced' if published else 'not announced: there is no topic'}")
