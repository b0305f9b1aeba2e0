"""An event says that a file landed: is it an arrival, and whose?"""

from shared.domain import identity, story
from shared.domain.arrival import BlobCreated
from shared.domain.facts import DataArrived
from shared.domain.usecase import UseCases
from shared.ports import Clock, Ledger
from shared.steps.decision import Decision


def accept_arrival(
    blob: BlobCreated, *, landing_url: str, use_cases: UseCases, ledger: Ledger, clock: Clock
) -> Decision:
    """Record the arrival once and ask for its check; drop what is no arrival, saying why.

    `landing_url` is what a blob's URL has to begin with: an event can name any URL, and only ours is read.
    """
    if not blob.url.startswith(landing_url.rstrip("/") + "/"):
        return Decision(summary=f"dropped {blob.url}: not below {landing_url}")
    if blob.size == 0:
        return Decision(summary=f"dropped {blob.file}: it is empty")
    use_case = use_cases.of_file(blob.file)
    if use_case is None:
        return Decision(summary=f"dropped {blob.file}: it matches no use case's data.arrives")
    arrived = DataArrived(
        story=identity.story_of_arrival(blob.file, blob.etag),
        at=clock.now(),
        use_case=use_case.name,
        file=blob.file,
        url=blob.url,
        etag=blob.etag,
        size=blob.size,
    )
    (first,) = ledger.record([arrived])
    if not first and len(ledger.story(arrived.story)) > 1:
        return Decision(summary=f"{blob.file} at {blob.etag} arrived before: story {arrived.story} goes on")
    return Decision(summary=f"{blob.file} arrived: story {arrived.story}", send=(story.check_of(arrived),))
