"""The gate: what each rule asks, what it makes of numbers that are none, and that nothing missing ever passes."""

import itertools
import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.gate import Judgement, judge
from shared.domain.policy import Evidence, Policy, Rule
from shared.domain.verdicts import Severity, Verdict, together

NO_NUMBERS = [math.nan, math.inf, -math.inf]
CHAMPION = "7"


def rule(name: str = "rule", **asked: Any) -> Rule:
    return Rule(name=name, why="", **{"metric": "rmse", **asked})


def worse(percent: str, **asked: Any) -> Rule:
    return rule(at_most_percent_worse=Decimal(percent), **asked)


def judged(*rules: Rule, **evidence: Any) -> Judgement:
    return judge(Policy(rules=rules, fingerprint=""), Evidence(**evidence))


def against(champion: float, challenger: float, *rules: Rule) -> Judgement:
    return judged(
        *rules,
        metrics={"rmse": challenger},
        champion_metrics={"rmse": champion},
        champion_version=CHAMPION,
        approved_version=CHAMPION,
        holdout="10-ab",
        champion_holdout="10-ab",
    )


@pytest.mark.parametrize(
    ("asked", "value", "verdict"),
    [
        ({"at_most": "30"}, 30.0, Verdict.PASSED),
        ({"at_most": "30"}, 30.000001, Verdict.FAILED),
        ({"at_least": "0.85"}, 0.85, Verdict.PASSED),
        ({"at_least": "0.85"}, 0.8499999, Verdict.FAILED),
        ({"at_least": "0.3"}, 0.1 + 0.2, Verdict.PASSED),
        ({"at_most": "0.3"}, 0.1 + 0.2, Verdict.FAILED),
        ({"at_least": "1", "at_most": "2"}, 1.5, Verdict.PASSED),
        ({"at_least": "1", "at_most": "2"}, 0.5, Verdict.FAILED),
        ({"at_least": "1", "at_most": "2"}, 2.5, Verdict.FAILED),
        ({"at_most": "0"}, -0.0, Verdict.PASSED),
        ({"at_most": "-1"}, -2.0, Verdict.PASSED),
    ],
)
def test_bounds_hold_to_the_last_digit(asked: dict[str, str], value: float, verdict: Verdict) -> None:
    bounds: dict[str, Any] = {name: Decimal(bound) for name, bound in asked.items()}
    assert judged(rule(**bounds), metrics={"rmse": value}).verdict is verdict


@pytest.mark.parametrize(
    ("champion", "challenger", "percent", "higher_is_better", "verdict"),
    [
        (20.0, 20.2, "1", False, Verdict.PASSED),
        (20.0, 20.2000001, "1", False, Verdict.FAILED),
        (20.0, 5.0, "0", False, Verdict.PASSED),
        (0.80, 0.76, "5", True, Verdict.PASSED),
        (0.80, 0.7599999, "5", True, Verdict.FAILED),
        (0.80, 0.99, "0", True, Verdict.PASSED),
        (0.0, 0.0, "50", False, Verdict.PASSED),
        (0.0, 1e-300, "50", False, Verdict.FAILED),
        (0.0, -1.0, "50", False, Verdict.PASSED),
        (0.0, -1e-300, "50", True, Verdict.FAILED),
        (-10.0, -9.0, "10", False, Verdict.PASSED),
        (-10.0, -8.99, "10", False, Verdict.FAILED),
        (-10.0, -11.0, "10", True, Verdict.PASSED),
        (-10.0, -11.01, "10", True, Verdict.FAILED),
    ],
)
def test_percent_worse_than_the_champion(
    champion: float, challenger: float, percent: str, higher_is_better: bool, verdict: Verdict
) -> None:
    """Of the champion's size, whatever its sign; of a champion at zero no percentage is allowed."""
    assert against(champion, challenger, worse(percent, higher_is_better=higher_is_better)).verdict is verdict


def test_without_a_champion_the_absolute_rules_decide() -> None:
    rules = rule("bound", at_most=Decimal(30)), worse("1")
    assert judged(*rules, metrics={"rmse": 29.0}).verdict is Verdict.PASSED
    assert judged(*rules, metrics={"rmse": 31.0}).verdict is Verdict.FAILED


@pytest.mark.parametrize("asked", [{"at_most": Decimal(30)}, {"at_most_percent_worse": Decimal(1)}], ids=str)
@pytest.mark.parametrize("versions", [{}, {"champion_version": CHAMPION, "approved_version": CHAMPION}], ids=str)
@pytest.mark.parametrize(
    ("metrics", "seen"),
    [
        ({}, "no metric rmse"),
        ({"mae": 1.0}, "no metric rmse"),
        ({"rmse": math.nan}, "rmse is nan"),
        ({"rmse": math.inf}, "rmse is inf"),
        ({"rmse": -math.inf}, "rmse is -inf"),
    ],
)
def test_metric_that_is_no_number_is_misconfigured(
    asked: dict[str, Any], versions: dict[str, str], metrics: dict[str, float], seen: str
) -> None:
    """By every kind of rule, whether there is a champion or not: minus infinity is at most anything, and no pass."""
    judgement = judged(rule(**asked), metrics=metrics, champion_metrics={"rmse": 20.0}, **versions)
    assert judgement.verdict is Verdict.MISCONFIGURED
    assert judgement.outcomes[0].seen == seen
    assert judgement.reason.startswith(judgement.outcomes[0].sentence)


@pytest.mark.parametrize(
    ("champion_metrics", "seen"),
    [({}, "champion: no metric rmse"), *[({"rmse": value}, f"champion: rmse is {value}") for value in NO_NUMBERS]],
    ids=str,
)
def test_champion_that_was_not_measured_is_misconfigured(champion_metrics: dict[str, float], seen: str) -> None:
    judgement = judged(
        worse("1"),
        metrics={"rmse": 1.0},
        champion_metrics=champion_metrics,
        champion_version=CHAMPION,
        approved_version=CHAMPION,
        holdout="10-ab",
        champion_holdout="10-ab",
    )
    assert (judgement.verdict, judgement.outcomes[0].seen) == (Verdict.MISCONFIGURED, seen)


@pytest.mark.parametrize(
    ("compared", "approved", "seen"),
    [
        ("6", CHAMPION, "compared with version 6, approved is 7"),
        ("", CHAMPION, "compared with no champion, approved is 7"),
        ("6", "", "compared with version 6, approved is -"),
    ],
)
def test_evidence_about_another_champion_is_misconfigured(compared: str, approved: str, seen: str) -> None:
    """It was measured on the rows that the challenger held out, but against a version that is not the one in force."""
    judgement = judged(
        worse("1"),
        metrics={"rmse": 1.0},
        champion_metrics={"rmse": 20.0},
        champion_version=compared,
        approved_version=approved,
    )
    assert (judgement.verdict, judgement.outcomes[0].seen) == (Verdict.MISCONFIGURED, seen)


@pytest.mark.parametrize(
    ("bounds", "asked"),
    [
        ({}, "rmse, with no bound"),
        (
            {"at_most": Decimal(30), "at_most_percent_worse": Decimal(1)},
            "rmse, with a bound of its own and one against the champion",
        ),
        *[
            ({name: Decimal(value)}, "rmse, with a bound that is no number")
            for name in ("at_most", "at_least", "at_most_percent_worse")
            for value in ("NaN", "Infinity", "-Infinity")
        ],
    ],
    ids=str,
)
def test_rule_that_cannot_be_asked_is_misconfigured(bounds: dict[str, Any], asked: str) -> None:
    judgement = against(20.0, 19.0, rule(**bounds))
    assert (judgement.verdict, judgement.outcomes[0].asked) == (Verdict.MISCONFIGURED, asked)


def test_policy_that_blocks_nothing_is_misconfigured() -> None:
    warning = rule(at_most=Decimal(30), severity=Severity.WARNING)
    for judgement in (judged(), judged(warning, metrics={"rmse": 1.0})):
        assert judgement.verdict is Verdict.MISCONFIGURED
        assert judgement.reason == "the policy has no blocking rule"


def test_version_by_hand_is_misconfigured_whatever_its_numbers() -> None:
    judgement = judged(rule(at_most=Decimal(30)), metrics={"rmse": 1.0}, trained_by_us=False)
    assert judgement.verdict is Verdict.MISCONFIGURED
    assert judgement.reason.startswith("trained_by_us: asked a version that a training of ours made")


def test_reason_names_every_blocking_rule_that_stopped_it_and_no_other() -> None:
    judgement = judged(
        rule("good", at_most=Decimal(30)),
        rule("bad", at_most=Decimal(10)),
        rule("unknown", metric="mae", at_most=Decimal(1)),
        rule("advice", at_most=Decimal(1), severity=Severity.WARNING),
        metrics={"rmse": 20.0},
    )
    assert judgement.reason == (
        "bad: asked rmse at most 10, saw rmse 20; unknown: asked mae at most 1, saw no metric mae"
    )
    assert judgement.verdict is Verdict.MISCONFIGURED


def test_verdicts_together() -> None:
    """The worst counts, in whatever order they come; of none nobody can say."""
    worst_first = [
        Verdict.ERROR,
        Verdict.MISCONFIGURED,
        Verdict.FAILED,
        Verdict.WAITING,
        Verdict.WARNED,
        Verdict.PASSED,
    ]
    assert set(worst_first) == set(Verdict)
    for size in range(1, 4):
        for some in itertools.product(worst_first, repeat=size):
            assert together(some) is min(some, key=worst_first.index)
    assert together([]) is Verdict.MISCONFIGURED


decimals = st.decimals(-1000, 1000, places=3)
rules = st.builds(
    lambda kind, bound, metric, severity, higher: Rule(
        name="rule",
        why="",
        severity=severity,
        metric=metric,
        higher_is_better=higher,
        **{kind: abs(bound) if kind == "at_most_percent_worse" else bound},
    ),
    st.sampled_from(["at_most", "at_least", "at_most_percent_worse"]),
    decimals,
    st.sampled_from(["rmse", "mae"]),
    st.sampled_from(Severity),
    st.booleans(),
)
numbers = st.dictionaries(st.sampled_from(["rmse", "mae"]), st.floats())
versions = st.sampled_from(["", "6", "7"])


def is_known(metrics: Mapping[str, float], name: str) -> bool:
    return name in metrics and math.isfinite(metrics[name])


@settings(deadline=None, max_examples=300)
@given(
    asked=st.lists(rules, max_size=4),
    metrics=numbers,
    champion_metrics=numbers,
    compared=versions,
    approved=versions,
    trained_by_us=st.booleans(),
)
def test_nothing_missing_ever_passes(
    *,
    asked: list[Rule],
    metrics: dict[str, float],
    champion_metrics: dict[str, float],
    compared: str,
    approved: str,
    trained_by_us: bool,
) -> None:
    """Passed means: something blocks, and every blocking rule saw real numbers of the right two versions."""
    judgement = judged(
        *asked,
        metrics=metrics,
        champion_metrics=champion_metrics,
        champion_version=compared,
        approved_version=approved,
        trained_by_us=trained_by_us,
    )
    if judgement.verdict is not Verdict.PASSED:
        return
    blocking = [one for one in asked if one.severity is Severity.BLOCKING]
    assert blocking
    assert trained_by_us
    for one in blocking:
        assert is_known(metrics, one.metric)
        if one.at_most_percent_worse is not None:
            assert compared == approved
            assert not approved or is_known(champion_metrics, one.metric)


@settings(deadline=None, max_examples=200)
@given(st.lists(rules, max_size=4), numbers, numbers, st.randoms())
def test_another_rule_never_opens_the_gate(
    asked: list[Rule], metrics: dict[str, float], champion_metrics: dict[str, float], random: Any
) -> None:
    """A blocking rule that fails closes it, a warning changes nothing, and the order of the rules does not matter."""
    evidence: dict[str, Any] = {
        "metrics": {**metrics, "known": 1.0},
        "champion_metrics": champion_metrics,
        "champion_version": CHAMPION,
        "approved_version": CHAMPION,
    }
    before = judged(*asked, **evidence).verdict
    failing = rule("failing", metric="known", at_most=Decimal(0))
    assert judged(*asked, failing, **evidence).verdict in (Verdict.FAILED, Verdict.MISCONFIGURED)
    warning = rule("warning", metric="known", at_most=Decimal(0), severity=Severity.WARNING)
    assert judged(*asked, warning, **evidence).verdict is before
    shuffled = list(asked)
    random.shuffle(shuffled)
    assert judged(*shuffled, **evidence).verdict is before
