"""What a check of data says, independent of the engine that ran it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from shared.domain.verdicts import Severity, Verdict, together


@dataclass(frozen=True, kw_only=True)
class ExpectationOutcome:
    """One expectation of the suite: what it asks in words, and what was found.

    `unexpected` counts the rows that break it, where the expectation is row-wise, else None; of one about the whole
    table `observed` is what was found.
    """

    expectation: str
    column: str
    severity: Severity
    verdict: Verdict
    asked: str
    unexpected: int | None = None
    detail: str = ""
    observed: str = ""

    @property
    def sentence(self) -> str:
        """What failed, as a person reads it."""
        return f"{self.asked}: {self.detail}" if self.detail else self.asked

    @classmethod
    def example(cls) -> Self:
        return cls(
            expectation="expect_column_values_to_be_between",
            column="distance",
            severity=Severity.BLOCKING,
            verdict=Verdict.PASSED,
            asked="distance is between 1 and 6000",
            unexpected=0,
        )


class CheckStep(StrEnum):
    """What a run of the check job is for: to look into the batch; to keep what failed apart, its bad rows alone if the
    use case says so; to keep all of it apart.
    """

    CHECK = "check"
    KEEP = "keep"
    KEEP_ALL = "keep_all"


@dataclass(frozen=True, kw_only=True)
class CheckReport:
    """What the engine found in one batch. `document` is Great Expectations' own result as JSON ("" where it was not
    asked), of which its Data Docs can be made.
    """

    rows: int
    expectations: tuple[ExpectationOutcome, ...]
    document: str = ""

    @property
    def verdict(self) -> Verdict:
        """A warning that does not hold makes a pass a `warned`; a suite that blocks nothing is misconfigured."""
        verdict = together(one.verdict for one in self.expectations if one.severity is Severity.BLOCKING)
        warned = any(one.severity is Severity.WARNING and not one.verdict.lets_pass for one in self.expectations)
        return Verdict.WARNED if warned and verdict is Verdict.PASSED else verdict

    @property
    def reasons(self) -> tuple[str, ...]:
        """The failing blocking expectations, in words."""
        return tuple(
            one.sentence
            for one in self.expectations
            if one.severity is Severity.BLOCKING and one.verdict is not Verdict.PASSED
        )


def unreadable(name: str, why: str) -> CheckReport:
    """The report of a batch that nobody could look into."""
    outcome = ExpectationOutcome(
        expectation="readable",
        column="",
        severity=Severity.BLOCKING,
        verdict=Verdict.ERROR,
        asked=f"{name} can be read",
        detail=why,
    )
    return CheckReport(rows=0, expectations=(outcome,))


def result_of(use_case: str, story: str, generation: int) -> str:
    """Where Great Expectations' own result of a check is kept, below the lake."""
    return f"checks/{use_case}/{story}-{generation}.json"
