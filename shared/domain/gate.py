"""The gate: a policy, the evidence, and a pure judgement that fails closed.

Numbers are decimals made from the text of the float that was logged, so that 0.85 against 0.80 + 0.05 is equal.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Self

from shared.domain.verdicts import Severity, Verdict, together


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One sentence of the policy about one metric.

    Either an absolute bound (`at_most`, `at_least`), or a bound against the champion: at most so many percent worse
    (`at_most_percent_worse`), where `higher_is_better` says which way worse is.
    """

    name: str
    why: str
    metric: str
    severity: Severity = Severity.BLOCKING
    at_most: Decimal | None = None
    at_least: Decimal | None = None
    at_most_percent_worse: Decimal | None = None
    higher_is_better: bool = False


@dataclass(frozen=True, kw_only=True)
class Policy:
    """The gate of a use case, with the fingerprint of the file it came from."""

    rules: tuple[Rule, ...]
    fingerprint: str


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Everything the gate looks at, gathered before it looks.

    `metrics` are the challenger's, `champion_metrics` the champion's, measured by the challenger's run on the same
    held-out rows. `champion_version` is the version they belong to ("" for none), `approved_version` the version that
    is approved now. A version that no training of ours made proves nothing: its numbers are whatever its author wrote.
    """

    metrics: Mapping[str, float] = field(default_factory=dict)
    champion_metrics: Mapping[str, float] = field(default_factory=dict)
    champion_version: str = ""
    approved_version: str = ""
    trained_by_us: bool = True


@dataclass(frozen=True, kw_only=True)
class RuleOutcome:
    """What one rule asked, what it saw, and what it says."""

    rule: str
    severity: Severity
    verdict: Verdict
    asked: str
    seen: str

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


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """The decision: every rule's outcome, and what they come to together."""

    outcomes: tuple[RuleOutcome, ...]

    @property
    def verdict(self) -> Verdict:
        """Warnings do not count; a policy that blocks nothing is misconfigured."""
        return together(one.verdict for one in self.outcomes if one.severity is Severity.BLOCKING)

    @property
    def reason(self) -> str:
        """Why, in one line."""
        stopped = [
            one.sentence
            for one in self.outcomes
            if one.severity is Severity.BLOCKING and one.verdict is not Verdict.PASSED
        ]
        if stopped:
            return "; ".join(stopped)
        return "every blocking rule passed" if self.verdict is Verdict.PASSED else "the policy has no blocking rule"


def judge(policy: Policy, evidence: Evidence) -> Judgement:
    """Judge the evidence by the policy. Pure, total, and independent of the order of the rules."""
    outcomes = tuple(_outcome(rule, evidence) for rule in policy.rules)
    return Judgement(outcomes=outcomes if evidence.trained_by_us else (_BY_HAND, *outcomes))


_BY_HAND = RuleOutcome(
    rule="trained_by_us",
    severity=Severity.BLOCKING,
    verdict=Verdict.MISCONFIGURED,
    asked="a version that a training of ours made",
    seen="one that somebody registered by hand",
)


def _outcome(rule: Rule, evidence: Evidence) -> RuleOutcome:
    if fault := _fault(rule):
        verdict, asked, seen = Verdict.MISCONFIGURED, f"{rule.metric}, {fault}", "nothing that could be compared"
    elif rule.at_most_percent_worse is None:
        verdict, asked, seen = _absolute(rule, evidence)
    else:
        verdict, asked, seen = _against_champion(rule, evidence)
    return RuleOutcome(rule=rule.name, severity=rule.severity, verdict=verdict, asked=asked, seen=seen)


def _fault(rule: Rule) -> str:
    """Why the rule cannot be asked, or ""."""
    absolute = [bound for bound in (rule.at_most, rule.at_least) if bound is not None]
    relative = [bound for bound in (rule.at_most_percent_worse,) if bound is not None]
    if not absolute and not relative:
        return "with no bound"
    if absolute and relative:
        return "with a bound of its own and one against the champion"
    return "" if all(bound.is_finite() for bound in absolute + relative) else "with a bound that is no number"


def _number(metrics: Mapping[str, float], name: str) -> Decimal | str:
    """The metric as a decimal, or why it is none."""
    if name not in metrics:
        return f"no metric {name}"
    value = Decimal(repr(float(metrics[name])))
    return value if value.is_finite() else f"{name} is {metrics[name]}"


def _absolute(rule: Rule, evidence: Evidence) -> tuple[Verdict, str, str]:
    bounds = [
        f"{words} {bound}"
        for words, bound in (("at most", rule.at_most), ("at least", rule.at_least))
        if bound is not None
    ]
    asked = f"{rule.metric} {' and '.join(bounds)}"
    value = _number(evidence.metrics, rule.metric)
    if isinstance(value, str):
        return Verdict.MISCONFIGURED, asked, value
    inside = (rule.at_most is None or value <= rule.at_most) and (rule.at_least is None or value >= rule.at_least)
    return (Verdict.PASSED if inside else Verdict.FAILED), asked, f"{rule.metric} {_short(value)}"


def _against_champion(rule: Rule, evidence: Evidence) -> tuple[Verdict, str, str]:
    assert rule.at_most_percent_worse is not None  # noqa: S101 - the caller's condition, for the type checker
    asked = f"{rule.metric} at most {rule.at_most_percent_worse} % worse than the champion's"
    challenger = _number(evidence.metrics, rule.metric)
    if isinstance(challenger, str):
        return Verdict.MISCONFIGURED, asked, challenger
    if not evidence.approved_version and not evidence.champion_version:
        return Verdict.PASSED, asked, "no champion yet: the absolute rules decide"
    if evidence.champion_version != evidence.approved_version:
        compared = f"version {evidence.champion_version}" if evidence.champion_version else "no champion"
        return Verdict.MISCONFIGURED, asked, f"compared with {compared}, approved is {evidence.approved_version or '-'}"
    champion = _number(evidence.champion_metrics, rule.metric)
    if isinstance(champion, str):
        return Verdict.MISCONFIGURED, asked, f"champion: {champion}"
    worse = champion - challenger if rule.higher_is_better else challenger - champion
    inside = worse * 100 <= rule.at_most_percent_worse * abs(champion)
    seen = f"{rule.metric} {_short(challenger)} against {_short(champion)} of version {evidence.champion_version}"
    return (Verdict.PASSED if inside else Verdict.FAILED), asked, seen


def _short(value: Decimal) -> str:
    """Enough digits to argue about, not more."""
    return f"{value:.6g}"
