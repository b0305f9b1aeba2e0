"""The first version of a model has no champion beside it: what can the policy hold it to?"""

from collections.abc import Iterator

from shared.domain import expressions
from shared.domain.policy import NoChampion, Policy, Rule, RuleOutcome
from shared.domain.rules import CHAMPION, fault_of
from shared.domain.verdicts import Severity, Verdict

RULE = "first_version"


def only_compared(policy: Policy) -> list[str]:
    """The metrics that blocking rules compare with the champion's, where no blocking rule bounds any of them on its
    own: then nothing says how bad a first version may be. A slice counts as its metric.
    """
    compared = {name for rule in policy.rules for name in _compared(rule)}
    bounded = {name for rule in policy.rules for name in _bounded(rule)}
    return sorted(compared) if not compared & bounded else []


def outcome(policy: Policy) -> RuleOutcome | None:
    """What is said of a version that has no champion to be compared with, beside its rules; None where they do."""
    names = ", ".join(only_compared(policy))
    if not names:
        return None
    accepted = policy.no_champion is NoChampion.ACCEPT
    return RuleOutcome(
        rule=RULE,
        severity=Severity.WARNING if accepted else Severity.BLOCKING,
        verdict=Verdict.FAILED if accepted else Verdict.MISCONFIGURED,
        asked=f"a bound of its own for {names}, as there is no champion",
        seen="none: accepted as it is, as the policy says" if accepted else "only rules against the champion",
        cause="" if accepted else "no-champion",
    )


def warning(policy: Policy) -> str:
    """What an owner should know of the first version, or ""."""
    names = ", ".join(only_compared(policy))
    return f"no blocking rule bounds {names} on its own: the first version is taken as it is" if names else ""


def _compared(rule: Rule) -> Iterator[str]:
    if rule.severity is Severity.BLOCKING and not fault_of(rule):
        if rule.at_most_worse is not None or rule.at_most_percent_worse is not None:
            yield _head(rule.metric)
        yield from (_head(name.removeprefix(CHAMPION)) for name in _named(rule) if name.startswith(CHAMPION))


def _bounded(rule: Rule) -> Iterator[str]:
    if rule.severity is Severity.BLOCKING and not fault_of(rule):
        if rule.at_most is not None or rule.at_least is not None:
            yield _head(rule.metric)
        if not any(name.startswith(CHAMPION) for name in _named(rule)):
            yield from (_head(name) for name in _named(rule))


def _named(rule: Rule) -> frozenset[str]:
    return expressions.names(expressions.parse(rule.expression)) if rule.expression else frozenset()


def _head(metric: str) -> str:
    return metric.partition(".")[0]
