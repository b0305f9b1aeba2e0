"""Ports for what failed its check: sorted row by row, and kept apart until a person decides.

Every method may raise Unreachable (transient).
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from shared.domain.quality import CheckReport
from shared.domain.usecase import DataSpec

REASONS = "_reasons"
"""The column, in a quarantine table, with the reasons of each row: what it breaks itself, then what the whole batch
does; empty for one that breaks nothing in a batch where only single rows do.
"""


@dataclass(frozen=True, kw_only=True)
class Sorted:
    """A batch in the form that lake and profiler read: `rows` are all of it with their reasons, `bad` those that break
    something, `good` the others, without the column of reasons.

    `by_row`: does every failing expectation speak of single rows, so that without the bad ones nothing failed?
    """

    rows: Path
    bad: Path
    good: Path
    counted: int
    counted_bad: int
    by_row: bool


class Sorting(Protocol):
    """Which rows break what."""

    def sort_out(self, file: Path, spec: DataSpec, report: CheckReport) -> AbstractContextManager[Sorted | None]:
        """The batch sorted by the failing blocking expectations of its report, for as long as the context lasts; None
        where it cannot be read. Changes nothing.
        """


@dataclass(frozen=True, kw_only=True)
class Kept:
    """What is in a quarantine table: how many rows, in all and by reason, and a sample, the most reasons first.

    The first column is the row's reasons in one text.
    """

    rows: int
    by_reason: Mapping[str, int]
    columns: tuple[str, ...]
    sample: Sequence[Sequence[str]]


class Quarantine(Protocol):
    """Delta tables of rows with their reasons, one for each story, the landed file beside each."""

    def keep(
        self, file: Path, rows: Path | None, *, location: str, story: str, generation: int, reasons: Sequence[str]
    ) -> int:
        """Keep the file, and its rows where they can be read, at that place below the lake; how many rows.

        Again for the same generation it changes nothing; a later generation replaces the rows.
        """

    def rows(self, location: str, largest: int) -> AbstractContextManager[Path | None]:
        """The rows that are kept there, without their reasons, while the context lasts; None where none are. Raises
        TooLarge for files of more bytes than `largest` together.
        """

    def file(self, location: str) -> AbstractContextManager[Path | None]:
        """A local copy of the landed file, for as long as the context lasts; None where there is none."""

    def look(self, location: str) -> Kept | None:
        """What is kept there; None where no rows are. The table itself is not read."""
