"""What the check of a batch says beside that of the baseline: expectations whose verdict is another one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from shared.domain.quality import ExpectationOutcome
from shared.domain.verdicts import Verdict

KEPT = 40
"""So many are kept, those that got worse first."""


@dataclass(frozen=True, kw_only=True)
class VerdictChange:
    """An expectation in words, and its verdicts; None where it was not asked then, or is not asked now."""

    column: str
    asked: str
    before: Verdict | None
    now: Verdict | None

    @property
    def is_worse(self) -> bool:
        """Did it hold, and does not any more?"""
        return bool(self.before and self.before.lets_pass and self.now and not self.now.lets_pass)

    @property
    def sentence(self) -> str:
        """What changed."""
        if self.before is None:
            return f"{self.asked}: {self.now}, was not asked before"
        return f"{self.asked}: {self.now}, was {self.before}" if self.now else f"{self.asked}: is not asked any more"

    @classmethod
    def example(cls) -> Self:
        return cls(column="distance", asked="distance is between 1 and 6000", before=Verdict.PASSED, now=Verdict.FAILED)


def verdict_changes(
    before: Sequence[ExpectationOutcome], now: Sequence[ExpectationOutcome]
) -> tuple[VerdictChange, ...]:
    """Expectations are the same where they ask the same of the same columns. That a file landed before is of its batch
    alone.
    """
    then, today = (
        {
            (one.expectation, one.column, one.asked): one.verdict
            for one in outcomes
            if one.expectation != "landed_before"
        }
        for outcomes in (before, now)
    )
    found = [
        VerdictChange(column=key[1], asked=key[2], before=then.get(key), now=today.get(key))
        for key in dict.fromkeys((*today, *then))
        if then.get(key) is not today.get(key)
    ]
    return tuple(sorted(found, key=lambda one: not one.is_worse)[:KEPT])
