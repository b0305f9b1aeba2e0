"""Batches of the past, and what another suite makes of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.domain.facts import BatchChecked
from shared.domain.quality import CheckReport
from shared.domain.verdict_changes import VerdictChange, verdict_changes
from shared.domain.verdicts import Verdict


@dataclass(frozen=True, kw_only=True)
class PastBatch:
    """A batch that was checked. `delta_version` of its table is None where it was not committed; `apart` is where it is
    kept, or its bad rows are ("": nowhere). `was` is its check, None where there was none.
    """

    story: str
    subject: str
    at: datetime
    table: str
    rows: int
    delta_version: int | None
    apart: str
    was: BatchChecked | None


@dataclass(frozen=True, kw_only=True)
class CheckedAgain:
    """One of them, and what a suite says of it now: None where its rows are not kept any more."""

    batch: PastBatch
    now: CheckReport | None

    @property
    def differs(self) -> bool:
        """Would its verdict be another one?"""
        return bool(self.now and self.batch.was and self.now.verdict is not self.batch.was.verdict)

    @property
    def changed(self) -> Sequence[VerdictChange]:
        """The expectations whose verdict is another one; of those that only one suite has, what did not pass.

        What landed beside its table then is not asked again of a version, whose rows are as the table is.
        """
        if self.now is None or self.batch.was is None:
            return ()
        before = self.batch.was.expectations
        if self.batch.delta_version is not None:
            before = tuple(one for one in before if not one.expectation.startswith("schema_"))
        return [
            one
            for one in verdict_changes(before, self.now.expectations)
            if (one.before and one.now) or not (one.before or one.now or Verdict.ERROR).lets_pass
        ]
