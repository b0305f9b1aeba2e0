"""What a check, a rule or a gate says, and how a run ended."""

from collections.abc import Iterable
from enum import StrEnum


class Verdict(StrEnum):
    """`misconfigured` is not `failed`: the question itself was wrong, so nobody can say the thing is bad."""

    PASSED = "passed"
    FAILED = "failed"
    MISCONFIGURED = "misconfigured"
    WAITING = "waiting"


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
    """The verdict of many: misconfigured before failed before waiting before passed; of none: misconfigured."""
    seen = set(verdicts)
    for verdict in (Verdict.MISCONFIGURED, Verdict.FAILED, Verdict.WAITING):
        if verdict in seen:
            return verdict
    return Verdict.PASSED if seen else Verdict.MISCONFIGURED
