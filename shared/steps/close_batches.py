"""A batch of all that lands until nothing more does: what landed is noted, and the sweep finds that it has ended."""

from collections.abc import Sequence
from datetime import UTC, datetime

from shared.domain import identity
from shared.domain import story as stories
from shared.domain.arrival import BlobCreated
from shared.domain.batch import MOST_FILES, LandedFile, batches_of, landed_of, newest_of_each
from shared.domain.commands import CheckBatch
from shared.domain.facts import BatchAssembled, DataArrived
from shared.domain.silence import arrivals_of, number_of
from shared.domain.usecase import UseCase
from shared.notes import Entry, Journals
from shared.ports import Ledger

_BACK = 20
"""So many batches back one looks for what was in them. Older files were in older ones: they are noted as they land."""

NOTED, _MOST_NOTED = 2 * MOST_FILES, 20 * MOST_FILES
"""So many files are looked at, and where all of them may still wait, so many."""


def note_landed(blob: BlobCreated, use_case: UseCase, *, journals: Journals, now: datetime) -> bool:
    """Note the file once, however often its event comes; was it the first time?"""
    name = identity.story_of_arrival(blob.file, blob.etag)
    found = f"{blob.found_by}\n{blob.reason}" if blob.found_by else ""
    once = Entry(scope=f"{landed_of(use_case.name)}/{name}", number=0, story=name, at=now, text=found)
    first = journals.note(once)
    at = now if first else journals.noted(once.scope, 1)[0].at
    journals.note(
        Entry(
            scope=landed_of(use_case.name),
            number=number_of(at),
            name=name,
            story=name,
            at=at,
            text=f"{blob.size} {blob.etag} {blob.file} {blob.url}",
        )
    )
    return first


def close_batches(use_case: UseCase, *, ledger: Ledger, journals: Journals, now: datetime) -> Sequence[CheckBatch]:
    """Begin the story of what landed, where nothing did for `data.quiet` since, or where there are enough files.

    Whoever does it at the same time, or again after a crash, begins the same story: its name is that of the first file.
    """
    quiet = use_case.data.quiet
    if quiet is None:
        return ()
    files, newest = _waiting(use_case, ledger=ledger, journals=journals)
    begun: list[CheckBatch] = []
    while files and (now - newest >= quiet or len(files) >= MOST_FILES):
        begun.append(_begin(use_case, files[:MOST_FILES], ledger=ledger, journals=journals, now=now))
        files = files[MOST_FILES:]
    return begun


def _waiting(use_case: UseCase, *, ledger: Ledger, journals: Journals) -> tuple[Sequence[LandedFile], datetime]:
    """The files that are in no batch yet, the oldest first, each as it was written last; and when the last landed."""
    batches = journals.noted(batches_of(use_case.name), _BACK)
    since = batches[-1].number if len(batches) == _BACK else 0
    noted = journals.noted(landed_of(use_case.name), NOTED)
    if len(noted) == NOTED and noted[-1].number > since:
        noted = journals.noted(landed_of(use_case.name), _MOST_NOTED)
    taken = {
        (one.file, one.etag)
        for entry in batches
        for fact in stories.of_kind(ledger.story(entry.story), BatchAssembled)
        for one in fact.files
    }
    landed = newest_of_each(landed_in(entry) for entry in reversed(noted) if entry.number > since)
    waiting = [one for one in landed if (one.file, one.etag) not in taken]
    return waiting, noted[0].at if noted else datetime.min.replace(tzinfo=UTC)


def _begin(
    use_case: UseCase, files: Sequence[LandedFile], *, ledger: Ledger, journals: Journals, now: datetime
) -> CheckBatch:
    first = files[0]
    story = identity.story_of_arrival(first.file, first.etag)
    once = journals.noted(f"{landed_of(use_case.name)}/{story}", 1)
    found_by, _, reason = once[0].text.partition("\n") if once else ("", "", "")
    arrived = DataArrived(
        story=story,
        at=now,
        use_case=use_case.name,
        file=first.file,
        url=first.url,
        etag=first.etag,
        size=sum(one.size for one in files),
        found_by=found_by,
        reason=reason,
    )
    ledger.record([arrived, BatchAssembled(story=story, at=now, files=tuple(files))])
    known = stories.last(ledger.story(story), DataArrived) or arrived
    for scope in (batches_of(use_case.name), *([arrivals_of(use_case.name)] if use_case.data.every else [])):
        journals.note(Entry(scope=scope, number=number_of(known.at), name=story, story=story, at=known.at))
    return stories.check_of(known)


def landed_in(entry: Entry) -> LandedFile:
    """The file that the entry notes."""
    size, etag, rest = entry.text.split(" ", 2)
    file, _, url = rest.rpartition(" ")  # a URL has no blank
    return LandedFile(file=file, url=url, etag=etag, size=int(size))
