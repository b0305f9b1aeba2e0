"""What a gate is made of: rules, the policy that holds them, the evidence they look at, and what each rule says."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from decimal import Decimal
from enum import StrEnum
from typing import Self

from shared.domain.verdicts import Severity, Verdict

AGE = "data.age_hours"
"""How long ago the data was checked: a metric that no training logs."""


class Condition(StrEnum):
    """What holds or does not, beside numbers. Why one does not is in the evidence."""

    SIGNATURE = "signature"
    INPUT_EXAMPLE = "input_example"
    LIBRARIES_PINNED = "libraries_pinned"
    DATA_PASSED = "data_passed"
    TRAINED_ON_CHECKED_DATA = "trained_on_checked_data"
    GIT_COMMIT_KNOWN = "git_commit_known"


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One sentence of the policy, about exactly one of `metric`, `artefact`, `tag`, `condition`, `expression`.

    A metric has an absolute bound (`at_most`, `at_least`), or one against the champion (`at_most_worse`,
    `at_most_percent_worse`), where `higher_is_better` says which way worse is. With `slices`, a column, it is about
    the worst of the column's slices; `spread_at_most` bounds how far the best and the worst are apart.
    """

    name: str
    why: str
    severity: Severity = Severity.BLOCKING
    metric: str = ""
    slices: str = ""
    at_most: Decimal | None = None
    at_least: Decimal | None = None
    at_most_worse: Decimal | None = None
    at_most_percent_worse: Decimal | None = None
    spread_at_most: Decimal | None = None
    higher_is_better: bool = False
    artefact: str = ""
    tag: str = ""
    equals: str = ""
    condition: Condition | None = None
    expression: str = ""


class NoChampion(StrEnum):
    """What becomes of a first version that the rules could only compare: `refuse`, or `accept` it as it is."""

    REFUSE = "refuse"
    ACCEPT = "accept"


@dataclass(frozen=True, kw_only=True)
class Policy:
    """The gate of a use case, with the fingerprint of the file it came from."""

    rules: tuple[Rule, ...]
    fingerprint: str
    no_champion: NoChampion = NoChampion.REFUSE


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Everything the gate looks at, gathered before it looks.

    `conditions` says for each condition why it does not hold, or "". `artefacts` are files and their sizes in bytes.
    `metrics` are the challenger's, `champion_metrics` the champion's, measured by the challenger's run on the same
    held-out rows. `champion_version` is the version they belong to ("" for none), `approved_version` the version that
    is approved now. `holdout` tells which rows the challenger was measured on, `champion_holdout` which the champion
    was; "" where the run does not say, and then nothing is compared. A version that no training of ours made proves
    nothing: its numbers are whatever its author wrote.
    """

    metrics: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    artefacts: Mapping[str, int] = field(default_factory=dict)
    conditions: Mapping[str, str] = field(default_factory=dict)
    champion_metrics: Mapping[str, float] = field(default_factory=dict)
    champion_version: str = ""
    approved_version: str = ""
    holdout: str = ""
    champion_holdout: str = ""
    trained_by_us: bool = True

    def lasting(self) -> Self:
        """Without what changes by time alone: what people's approvals are bound to."""
        return replace(self, metrics={name: value for name, value in self.metrics.items() if name != AGE})

    def as_json(self) -> str:
        """As text: the same evidence is the same text."""
        return json.dumps(asdict(self), sort_keys=True, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The evidence in such a text. What a newer version wrote beside it is passed over."""
        known = {each.name for each in fields(cls)}
        return cls(**{name: value for name, value in json.loads(text).items() if name in known})


@dataclass(frozen=True, kw_only=True)
class RuleOutcome:
    """What one rule asked, what it saw, and what it says. `cause` names, in a word that stays, why nothing could be
    compared, or is empty.
    """

    rule: str
    severity: Severity
    verdict: Verdict
    asked: str
    seen: str
    cause: str = ""

    @property
    def sentence(self) -> str:
        """As a person reads it."""
        return f"{self.rule}: asked {self.asked}, saw {self.seen}"

    @classmethod
    def example(cls) -> Self:
        return cls(
            rule="accurate_enough",
            severity=Severity.BLOCKING,
            verdict=Verdict.PASSED,
            asked="rmse at most 30",
            seen="rmse 21.4",
        )
