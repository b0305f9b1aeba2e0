"""Batches of several files: what ends one, which files are in it, and who keeps count of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self

MOST_FILES = 1000
"""A batch of more files is cut, where a quiet period ends it, else refused."""


@dataclass(frozen=True, kw_only=True)
class LandedFile:
    """A file as it is there now. `file` is container/path; `size` in bytes."""

    file: str
    url: str
    etag: str
    size: int

    @classmethod
    def example(cls) -> Self:
        return cls(
            file="landing/flights/2013-01/part-0.csv",
            url="https://account.blob.core.windows.net/landing/flights/2013-01/part-0.csv",
            etag="0x8DC",
            size=1_250_000,
        )


@dataclass(frozen=True, kw_only=True)
class ListedFile(LandedFile):
    """A file as a listing of the landing area shows it: with when it was written last."""

    at: datetime


def landed_of(use_case: str) -> str:
    """The journal of files that wait for their batch to end; its numbers are microseconds."""
    return f"landed/{use_case}"


def batches_of(use_case: str) -> str:
    """The journal of batches that a quiet period ended; its numbers are microseconds."""
    return f"batches/{use_case}"


def newest_of_each(landed: Iterable[LandedFile]) -> Sequence[LandedFile]:
    """Of a file that was written again only the last, at the place of the first. The oldest come first."""
    found: dict[str, LandedFile] = {}
    for one in landed:
        found[one.file] = one
    return tuple(found.values())
