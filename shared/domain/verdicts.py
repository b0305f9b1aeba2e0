"""What a check, a rule or a gate says, and how a run ended."""

from collections.abc import Iterable
from enum import StrEnum


class Verdict(StrEnum):
    """`misconfigured` is not `failed`: the question itself was wrong, so nobody can say the thing is bad. Nor is
    `error`: it could not be asked, as the file cannot be read or the memory did not suffice. `warned` passes.
    """

    PASSED = "passed"
    WARNED = "warned"
    FAILED = "failed"
    MISCONFIGURED = "misconfigured"
    ERROR = "error"
    WAITING = "waiting"

    @property
    def lets_pass(self) -> bool:
        """Does what was judged go on?"""
        return self in {Verdict.PASSED, Verdict.WARNED}


class Severity(StrEnum):
    """`blocking` stops what it guards; `warning` is recorded only."""

    BLOCKING = "blocking"
    WARNING = "warning"


class RunResult(StrEnum):
    """How a Databricks run ended. `lost`: the platform lost it, so it is run again; `failed`: its own code failed."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LOST = "lost"


def together(verdicts: Iterable[Verdict]) -> Verdict:
    """The verdict of many: error before misconfigured, failed, waiting, warned and passed; of none: misconfigured."""
    seen = set(verdicts)
    for verdict in (Verdict.ERROR, Verdict.MISCONFIGURED, Verdict.FAILED, Verdict.WAITING, Verdict.WARNED):
        if verdict in seen:
            return verdict
    return Verdict.PASSED if seen else Verdict.MISCONFIGURED
