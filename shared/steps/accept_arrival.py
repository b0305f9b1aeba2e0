"""An event says that a file landed: is it an arrival, and whose?"""

from shared.domain import identity, story
from shared.domain.arrival import BlobCreated, Dropping, whose
from shared.domain.facts import DataArrived
from shared.domain.silence import arrivals_of, number_of
from shared.domain.usecase import UseCases
from shared.notes import Entry, Journals, Tally
from shared.ports import Clock, Ledger
from shared.steps.close_batches import note_landed
from shared.steps.decision import Decision


def accept_arrival(
    blob: BlobCreated,
    *,
    landing_url: str,
    use_cases: UseCases,
    ledger: Ledger,
    tally: Tally,
    journals: Journals,
    clock: Clock,
) -> Decision:
    """Record the arrival once and ask for its check; drop what is no arrival, counting why."""
    use_case = whose(blob, landing_url, use_cases)
    if isinstance(use_case, Dropping):
        tally.count_dropped(use_case.reason, blob.file, clock.now())
        return Decision(summary=f"dropped {blob.file}: {use_case.reason}: {use_case.why}")
    if use_case.data.quiet is not None:
        first = note_landed(blob, use_case, journals=journals, now=clock.now())
        return Decision(summary=f"{blob.file} {'waits until nothing more lands' if first else 'landed before'}")
    arrived = DataArrived(
        story=identity.story_of_arrival(blob.file, blob.etag),
        at=clock.now(),
        use_case=use_case.name,
        file=blob.file,
        url=blob.url,
        etag=blob.etag,
        size=blob.size,
        found_by=blob.found_by,
        reason=blob.reason,
    )
    if use_case.data.every and blob.found_by:  # noted first: who records it and dies is asked by no event again
        _note(arrived, journals)
    (first,) = ledger.record([arrived])
    if use_case.data.every:
        known = arrived if first else story.last(ledger.story(arrived.story), DataArrived) or arrived
        _note(known, journals)
    if not first and len(ledger.story(arrived.story)) > 1:
        return Decision(summary=f"{blob.file} at {blob.etag} arrived before: story {arrived.story} goes on")
    return Decision(summary=f"{blob.file} arrived: story {arrived.story}", send=(story.check_of(arrived),))


def _note(arrived: DataArrived, journals: Journals) -> None:
    """For the sweep, which looks whether data comes as often as it should; a repeat notes the same."""
    number = number_of(arrived.at)
    scope = arrivals_of(arrived.use_case)
    journals.note(Entry(scope=scope, number=number, name=arrived.story, story=arrived.story, at=arrived.at))
