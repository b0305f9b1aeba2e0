"""The gate: a policy, the evidence, and a pure judgement that fails closed.

Numbers are decimals made from the text of the float that was logged, so that 0.85 against 0.80 + 0.05 is equal.
"""

from dataclasses import dataclass

from shared.domain import first_version
from shared.domain.policy import Evidence, Policy, RuleOutcome
from shared.domain.rules import has_no_champion, outcome
from shared.domain.verdicts import Severity, Verdict, together


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
    outcomes = tuple(outcome(rule, evidence) for rule in policy.rules)
    if has_no_champion(evidence) and (first := first_version.outcome(policy)):
        outcomes = (*outcomes, first)
    return Judgement(outcomes=outcomes if evidence.trained_by_us else (_BY_HAND, *outcomes))


_BY_HAND = RuleOutcome(
    rule="trained_by_us",
    severity=Severity.BLOCKING,
    verdict=Verdict.MISCONFIGURED,
    asked="a version that a training of ours made",
    seen="one that somebody registered by hand",
    cause="by-hand",
)
