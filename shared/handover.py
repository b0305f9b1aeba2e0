"""Ports for a batch that a job on Spark checks: what is left for it to read, what it leaves, the files that it wrote.

What the documents look like: docs/reference/check-job.md. Every method may raise Unreachable (transient).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from shared.domain.batch import LandedFile
from shared.domain.check_run import CheckAnswer, KeepAnswer
from shared.domain.usecase import DataSpec
from shared.ports import Commit
from shared.quarantine import Kept

type Document = Mapping[str, Any]
"""What JSON can say. A schema is Delta's, which is Spark's: `{"type": "struct", "fields": [...]}`."""


class Documents(Protocol):
    """Texts by name, below the lake."""

    def leave(self, name: str, text: str) -> None:
        """Keep it; what was there is replaced."""

    def read(self, name: str) -> str | None:
        """The text, whether it is a file or, as Spark leaves it, a folder with one; None where there is none."""


class CheckRuns(Protocol):
    """What runs of the check job are asked, and what they leave, by place below the lake."""

    def ask(self, place: str, request: Document) -> None:
        """Leave what it reads; what is there already stays as it was."""

    def asked(self, place: str) -> Document | None:
        """What was left; None where nothing was."""

    def looked(self, place: str) -> CheckAnswer:
        """What one left that looked into a batch. Raises Malformed where it is none, or there is none."""

    def kept(self, place: str) -> KeepAnswer:
        """What one left that kept a batch apart. Raises Malformed where it is none, or there is none."""

    def forget(self, folder: str) -> None:
        """Take away all that is there; nothing is no error."""


class JobReads(Protocol):
    """How a job reads a batch: the parts `format`, `reads`, `schema` and what else of the request says so.

    Each raises Refused as Landing does.
    """

    def of_files(self, files: Sequence[LandedFile], spec: DataSpec, *, without_changed: bool) -> Document | None:
        """Landed files, each at its ETag; None as `Landing.fetch_all`. Text is looked into, at its beginning only, for
        the types of the columns. Raises Malformed.
        """

    def of_commit(self, url: str, etag: str, spec: DataSpec) -> Document | None:
        """What a commit of a Delta table added; None as `Landing.fetch_commit`. Raises Malformed."""

    def of_kept(self, location: str) -> Document | None:
        """The rows of a quarantine table, without their reasons; None where none are kept."""


@dataclass(frozen=True, kw_only=True)
class Written:
    """Files that a job wrote below `folder` for a Delta table, whose log does not name them yet.

    `schema` is that of the batch as it was read, `known` the table's at that time (None: there was none), to whose
    types the files are converted; `changed` says of each column of another type how many `values` it had, and how
    many of them were `lost` by that.
    """

    folder: str
    files: Sequence[str]
    rows: int
    schema: Document
    known: Document | None = None
    changed: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


class JobFiles(Protocol):
    """Delta tables of files that a job wrote: adding them is a line in the log each, no data is read."""

    def schema(self, table: str) -> Document | None:
        """Of a table now; None where there is none yet."""

    def commit(self, written: Written, spec: DataSpec, story: str, generation: int, notes: Mapping[str, str]) -> Commit:
        """Make the files part of the silver table exactly once for this story and generation, as `Lake.commit`.

        Raises Poison where they do not fit the table, Refused where they hold another number of rows.
        """

    def keep(
        self, written: Written, sample: Kept, *, location: str, story: str, generation: int, told: Document
    ) -> int:
        """Make the files the quarantine's for that story, as `Quarantine.keep`; how many rows. `told` is kept beside
        them: the batch's `file` and the `reasons`. Raises Refused.
        """
