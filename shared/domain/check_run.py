"""Runs of the check job: what they leave, where it is below the lake, what is asked of a batch that failed.

docs/reference/check-job.md says which field of the documents means what.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from shared.domain.profile import Profile
from shared.domain.quality import CheckReport, CheckStep, ExpectationOutcome
from shared.domain.verdicts import Severity, Verdict


@dataclass(frozen=True, kw_only=True)
class CheckAnswer:
    """Of one that looked into a batch. `unreadable` says why it could not; then nothing else is said."""

    unreadable: str = ""
    rows: int = 0
    schema: Mapping[str, Any] = field(default_factory=dict)
    changed: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    refused: Mapping[int, str] = field(default_factory=dict)
    results: tuple[Mapping[str, Any], ...] = ()
    profile: Profile | None = None
    files: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class KeepAnswer:
    """Of one that kept apart what failed: the `bad` of the `rows` where it `split` them, else all."""

    unreadable: str = ""
    rows: int = 0
    bad: int = 0
    by_row: bool = False
    split: bool = False
    kept_schema: Mapping[str, Any] = field(default_factory=dict)
    kept_files: tuple[str, ...] = ()
    by_reason: Mapping[str, int] = field(default_factory=dict)
    columns: tuple[str, ...] = ()
    sample: tuple[tuple[str, ...], ...] = ()
    schema: Mapping[str, Any] = field(default_factory=dict)
    changed: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    profile: Profile | None = None
    files: tuple[str, ...] = ()


def folder_of(use_case: str, story: str, generation: int) -> str:
    """All of a generation's; nothing in it is needed once the batch is committed or kept apart."""
    return f"checks/{use_case}/{story}-{generation}"


def request_of(folder: str, step: CheckStep, attempt: int) -> str:
    """What a run is asked."""
    return f"{folder}/{step}-{attempt}/request.json"


def answer_of(folder: str, step: CheckStep, attempt: int) -> str:
    """What it leaves."""
    return f"{folder}/{step}-{attempt}/answer"


def files_of(table: str, story: str, generation: int, step: CheckStep, attempt: int) -> str:
    """Where it writes rows for a table: inside the table's folder, as its log names files below that only."""
    return f"{table}/batches/{story}-{generation}-{step}-{attempt}"


def asked_of(expectations: str) -> Sequence[Mapping[str, Any]]:
    """The suite's expectations for a job to ask; none of a text that is no suite."""
    try:
        found = json.loads(expectations)["expectations"] if expectations else []
    except (ValueError, KeyError, TypeError, RecursionError):
        return ()
    is_suite = isinstance(found, list) and all(isinstance(each, dict) and "type" in each for each in found)
    return [{**each, "kwargs": each.get("kwargs") or {}} for each in found] if is_suite else ()


def stopping(report: CheckReport, expectations: str) -> tuple[list[Mapping[str, Any]], list[str]]:
    """The suite's expectations that stop the batch, in words too, and the other reasons, which every row has."""
    found: list[Mapping[str, Any]] = []
    of_all: list[str] = []
    suite = asked_of(expectations)
    for place, one in enumerate(report.expectations):
        if one.severity is not Severity.BLOCKING or one.verdict is Verdict.PASSED:
            continue
        each = suite[place] if place < len(suite) else None
        if each and _is_of_rows(one, str(each["type"])):
            found.append({**each, "asked": one.asked, "sentence": one.sentence})
        else:
            of_all.append(one.sentence)
    return found, of_all


def _is_of_rows(outcome: ExpectationOutcome, kind: str) -> bool:
    return outcome.expectation == kind and outcome.verdict is Verdict.FAILED and outcome.unexpected is not None
