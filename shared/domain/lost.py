"""What lies in the landing area and has no story."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from shared.domain.arrival import BlobCreated
from shared.domain.batch import ListedFile

SETTLED = timedelta(minutes=5)
"""What was written less long ago is left alone: its event may come yet, or it is still being written."""


class Left(StrEnum):
    """Why a file that would be an arrival is left where it lies."""

    YOUNG = "young"
    ARRIVED_BEFORE = "arrived-before"


@dataclass(frozen=True, kw_only=True)
class Lying:
    """A file without a story. `story` is the one that it would have; `reason` why it gets none by itself, a Drop's or a
    Left's, "" where it does; `why` the same in words.
    """

    file: ListedFile
    story: str
    reason: str = ""
    why: str = ""

    @property
    def is_lost(self) -> bool:
        """Is it an arrival that nobody was told of?"""
        return not self.reason


def as_event(one: ListedFile, *, found_by: str = "", reason: str = "") -> BlobCreated:
    """What its event would have said. A file that is still written to cannot be told from a whole one by its look."""
    return BlobCreated(
        event_id="",
        url=one.url,
        file=one.file,
        etag=one.etag,
        size=one.size,
        api="",
        found_by=found_by,
        reason=reason,
    )
