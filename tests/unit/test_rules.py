"""Each kind of rule on cases written out: what is asked, what is seen, and the verdict."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain import expressions
from shared.domain.expressions import ExpressionError
from shared.domain.first_version import only_compared, warning
from shared.domain.gate import judge
from shared.domain.policy import Condition, Evidence, NoChampion, Policy, Rule
from shared.domain.rules import fault_of, outcome
from shared.domain.verdicts import Severity, Verdict

PASSED, FAILED, MISCONFIGURED = Verdict.PASSED, Verdict.FAILED, Verdict.MISCONFIGURED

EVIDENCE = Evidence(
    metrics={
        "rmse": 20.0,
        "r2": 0.85,
        "nan": float("nan"),
        "inf": float("inf"),
        "zero": 0.0,
        "rows.holdout": 5000.0,
        "rmse.origin.JFK": 22.0,
        "rmse.origin.EWR": 18.0,
        "rmse.origin.LGA": 20.0,
        "r2.origin.JFK": 0.7,
        "r2.origin.EWR": 0.9,
        "half.origin.JFK": 1.0,
        "importance.carrier": 0.25,
        "model.bytes": 90_000.0,
        "data.age_hours": 1.5,
        "bad.origin.JFK": float("nan"),
        "bad.origin.EWR": 1.0,
    },
    champion_metrics={
        "rmse": 21.0,
        "r2": 0.85,
        "nan": 1.0,
        "zero": 0.0,
        "rmse.origin.JFK": 20.0,
        "rmse.origin.EWR": 22.0,
        "rmse.origin.LGA": 20.0,
        "r2.origin.JFK": 0.75,
        "r2.origin.EWR": 0.8,
        "half.origin.JFK": 1.0,
        "half.origin.EWR": 1.0,
    },
    champion_version="1",
    approved_version="1",
    holdout="5000-ab",
    champion_holdout="5000-ab",
    tags={"reviewed_by": "risk", "empty": ""},
    artefacts={"model_card.md": 900, "empty.json": 0},
    conditions={"signature": "", "input_example": "the model has none"},
)

CASES: list[tuple[dict[str, Any], Verdict, str]] = [
    # a metric, absolutely
    ({"metric": "rmse", "at_most": "20"}, PASSED, "rmse 20"),
    ({"metric": "rmse", "at_most": "19.99"}, FAILED, "rmse 20"),
    ({"metric": "rmse", "at_least": "20"}, PASSED, "rmse 20"),
    ({"metric": "rmse", "at_least": "20.01"}, FAILED, "rmse 20"),
    ({"metric": "rmse", "at_least": "10", "at_most": "30"}, PASSED, "rmse 20"),
    ({"metric": "rmse", "at_least": "21", "at_most": "30"}, FAILED, "rmse 20"),
    ({"metric": "zero", "at_most": "0"}, PASSED, "zero 0"),
    ({"metric": "mae", "at_most": "1"}, MISCONFIGURED, "no metric mae"),
    ({"metric": "nan", "at_most": "1"}, MISCONFIGURED, "nan is nan"),
    ({"metric": "inf", "at_least": "1"}, MISCONFIGURED, "inf is inf"),
    ({"metric": "importance.carrier", "at_most": "0.3"}, PASSED, "importance.carrier 0.25"),
    ({"metric": "importance.carrier", "at_most": "0.2"}, FAILED, "importance.carrier 0.25"),
    ({"metric": "model.bytes", "at_most": "100000"}, PASSED, "model.bytes 90000"),
    ({"metric": "data.age_hours", "at_most": "1"}, FAILED, "data.age_hours 1.5"),
    # against the champion
    ({"metric": "rmse", "at_most_percent_worse": "0"}, PASSED, "rmse 20 against 21 of version 1"),
    ({"metric": "r2", "at_most_percent_worse": "0", "higher_is_better": True}, PASSED, "r2 0.85 against 0.85"),
    ({"metric": "rmse", "at_most_percent_worse": "4", "higher_is_better": True}, FAILED, "rmse 20 against 21"),
    ({"metric": "rmse", "at_most_percent_worse": "5", "higher_is_better": True}, PASSED, "rmse 20 against 21"),
    ({"metric": "rmse", "at_most_worse": "0"}, PASSED, "rmse 20 against 21"),
    ({"metric": "rmse", "at_most_worse": "0.9", "higher_is_better": True}, FAILED, "rmse 20 against 21"),
    ({"metric": "rmse", "at_most_worse": "1", "higher_is_better": True}, PASSED, "rmse 20 against 21"),
    ({"metric": "zero", "at_most_percent_worse": "50"}, PASSED, "zero 0 against 0"),
    ({"metric": "mae", "at_most_worse": "1"}, MISCONFIGURED, "no metric mae"),
    ({"metric": "nan", "at_most_worse": "1"}, MISCONFIGURED, "nan is nan"),
    ({"metric": "importance.carrier", "at_most_worse": "1"}, MISCONFIGURED, "champion: no metric importance.carrier"),
    # slices
    ({"metric": "rmse", "slices": "origin", "at_most": "22"}, PASSED, "origin JFK: rmse 22"),
    ({"metric": "rmse", "slices": "origin", "at_most": "21"}, FAILED, "origin JFK: rmse 22"),
    ({"metric": "rmse", "slices": "origin", "at_least": "18"}, PASSED, "origin EWR: rmse 18"),
    ({"metric": "r2", "slices": "origin", "at_least": "0.75"}, FAILED, "origin JFK: r2 0.7"),
    ({"metric": "rmse", "slices": "carrier", "at_most": "99"}, MISCONFIGURED, "no metric rmse.carrier.*"),
    ({"metric": "bad", "slices": "origin", "at_most": "99"}, MISCONFIGURED, "bad.origin.JFK is nan"),
    ({"metric": "rmse", "slices": "origin", "at_most_percent_worse": "10"}, PASSED, "origin JFK: rmse 22 against 20"),
    ({"metric": "rmse", "slices": "origin", "at_most_percent_worse": "9"}, FAILED, "origin JFK: rmse 22 against 20"),
    ({"metric": "rmse", "slices": "origin", "at_most_worse": "2"}, PASSED, "origin JFK: rmse 22 against 20"),
    ({"metric": "rmse", "slices": "origin", "at_most_worse": "1"}, FAILED, "origin JFK: rmse 22 against 20"),
    ({"metric": "r2", "slices": "origin", "at_most_worse": "0.05", "higher_is_better": True}, PASSED, "origin JFK"),
    ({"metric": "r2", "slices": "origin", "at_most_worse": "0.04", "higher_is_better": True}, FAILED, "origin JFK"),
    ({"metric": "half", "slices": "origin", "at_most_worse": "9"}, MISCONFIGURED, "no metric half.origin.EWR"),
    ({"metric": "bad", "slices": "origin", "at_most_worse": "9"}, MISCONFIGURED, "bad.origin.JFK is nan"),
    # the spread
    ({"metric": "rmse", "slices": "origin", "spread_at_most": "4"}, PASSED, "4 between origin EWR: rmse 18 and"),
    ({"metric": "rmse", "slices": "origin", "spread_at_most": "3.9"}, FAILED, "4 between origin EWR: rmse 18 and"),
    ({"metric": "mae", "slices": "origin", "spread_at_most": "9"}, MISCONFIGURED, "no metric mae.origin.*"),
    # artefacts, tags, conditions
    ({"artefact": "model_card.md"}, PASSED, "900 bytes"),
    ({"artefact": "empty.json"}, FAILED, "an empty file"),
    ({"artefact": "nothing.md"}, FAILED, "none"),
    ({"tag": "reviewed_by"}, PASSED, "risk"),
    ({"tag": "reviewed_by", "equals": "risk"}, PASSED, "risk"),
    ({"tag": "reviewed_by", "equals": "me"}, FAILED, "risk"),
    ({"tag": "empty"}, FAILED, "none"),
    ({"tag": "nobody"}, FAILED, "none"),
    ({"condition": Condition.SIGNATURE}, PASSED, "yes"),
    ({"condition": Condition.INPUT_EXAMPLE}, FAILED, "the model has none"),
    ({"condition": Condition.DATA_PASSED}, MISCONFIGURED, "nothing is known of it"),
    # expressions
    ({"expression": "rmse <= 30"}, PASSED, "rmse 20"),
    ({"expression": "rmse < champion.rmse"}, PASSED, "champion.rmse 21, rmse 20"),
    ({"expression": "rmse <= 0.95 * champion.rmse"}, FAILED, "champion.rmse 21, rmse 20"),
    ({"expression": "rmse <= 30 and rows.holdout >= 9000"}, FAILED, "rows.holdout 5000"),
    ({"expression": "rmse <= 30 or rows.holdout >= 9000"}, PASSED, "rmse 20"),
    ({"expression": "not rmse > 30"}, PASSED, "rmse 20"),
    ({"expression": "10 < rmse < 30"}, PASSED, "rmse 20"),
    ({"expression": "max(rmse.origin.JFK, rmse.origin.EWR) - min(rmse.origin.JFK, rmse.origin.EWR) <= 4"}, PASSED, ""),
    ({"expression": "abs(-rmse) == 20"}, PASSED, "rmse 20"),
    ({"expression": "0.1 + 0.2 == 0.3"}, PASSED, "0.1 + 0.2 == 0.3"),
    ({"expression": "rmse / zero < 1"}, MISCONFIGURED, "rmse / zero has no value"),
    ({"expression": "rmse <= 30 or mae <= 1"}, MISCONFIGURED, "no metric mae"),
    ({"expression": "nan < 1"}, MISCONFIGURED, "nan is nan"),
    # what cannot be asked
    ({}, MISCONFIGURED, "nothing that could be compared"),
    ({"metric": "rmse"}, MISCONFIGURED, "nothing that could be compared"),
    ({"metric": "rmse", "tag": "x", "at_most": "1"}, MISCONFIGURED, "nothing that could be compared"),
    ({"metric": "rmse", "spread_at_most": "1"}, MISCONFIGURED, "nothing that could be compared"),
    ({"metric": "rmse", "at_most": "NaN"}, MISCONFIGURED, "nothing that could be compared"),
    ({"metric": "rmse", "at_most_worse": "1", "at_most_percent_worse": "1"}, MISCONFIGURED, "nothing that could"),
    ({"expression": "__import__('os')"}, MISCONFIGURED, "nothing that could be compared"),
]


def rule(**asked: Any) -> Rule:
    bounds = {name: Decimal(value) for name, value in asked.items() if name.startswith(("at_", "spread"))}
    return Rule(name="rule", why="", **{**asked, **bounds})


@pytest.mark.parametrize(
    ("asked", "verdict", "seen"), CASES, ids=lambda case: str(case) if isinstance(case, dict) else ""
)
def test_rule(asked: dict[str, Any], verdict: Verdict, seen: str) -> None:
    found = outcome(rule(**asked), EVIDENCE)
    assert found.verdict is verdict, found.sentence
    assert seen in found.seen
    assert bool(found.cause) == (verdict is MISCONFIGURED)
    assert found.asked


@pytest.mark.parametrize(("asked", "verdict"), [case[:2] for case in CASES], ids=str)
def test_without_evidence_nothing_passes(asked: dict[str, Any], verdict: Verdict) -> None:
    """But an expression of numbers alone, which needs none."""
    found = outcome(rule(**asked), Evidence(champion_version="1", approved_version="1"))
    assert found.verdict is not PASSED or "0.1" in asked["expression"]


@pytest.mark.parametrize(
    "asked",
    [
        {"metric": "rmse", "at_most_worse": "1"},
        {"metric": "rmse", "slices": "origin", "at_most_percent_worse": "1"},
        {"expression": "rmse <= champion.rmse"},
    ],
    ids=str,
)
def test_against_a_champion(asked: dict[str, Any]) -> None:
    """With none the absolute rules decide, if the own number is there; compared with another one says nothing."""
    numbers = {"rmse": 20.0, "rmse.origin.JFK": 20.0}
    alone = outcome(rule(**asked), Evidence(metrics=numbers))
    assert (alone.verdict, alone.seen) == (PASSED, "no champion yet: the absolute rules decide")
    assert outcome(rule(**asked), Evidence()).cause == "missing-metric"
    for compared, approved in (("1", "2"), ("", "2"), ("1", "")):
        other = Evidence(
            metrics=numbers, champion_metrics=numbers, champion_version=compared, approved_version=approved
        )
        assert outcome(rule(**asked), other).cause == "other-champion"


@pytest.mark.parametrize(
    ("said", "seen"),
    [
        ({"holdout": ""}, "the run does not say on which held-out rows the version was measured"),
        ({"champion_holdout": ""}, "the run does not say on which held-out rows champion 1 was measured"),
        ({"champion_holdout": "5000-cd"}, "measured on rows 5000-ab, champion 1 on 5000-cd"),
    ],
    ids=str,
)
@pytest.mark.parametrize(
    "asked",
    [
        {"metric": "rmse", "at_most_worse": "1"},
        {"metric": "rmse", "slices": "origin", "at_most_percent_worse": "50"},
        {"expression": "rmse <= champion.rmse"},
    ],
    ids=str,
)
def test_a_comparison_over_other_rows_says_nothing(asked: dict[str, Any], said: dict[str, Any], seen: str) -> None:
    """However good the numbers are. A bound of its own asks for no rows."""
    other = replace(EVIDENCE, **said)
    found = outcome(rule(**asked), other)
    assert outcome(rule(**asked), EVIDENCE).verdict is PASSED
    assert (found.verdict, found.cause) == (MISCONFIGURED, "other-rows")
    assert found.seen == seen
    assert outcome(rule(metric="rmse", at_most="30"), other).verdict is PASSED


COMPARED: dict[str, Any] = {"metric": "rmse", "slices": "origin", "at_most_percent_worse": "1"}


@pytest.mark.parametrize(
    ("rules", "unbounded"),
    [
        ([COMPARED], ["rmse"]),
        ([COMPARED, {"condition": Condition.SIGNATURE}, {"artefact": "model_card.md"}], ["rmse"]),
        ([COMPARED, {"metric": "model.bytes", "at_most": "9"}], ["rmse"]),
        ([COMPARED, {"metric": "rmse", "slices": "origin", "spread_at_most": "9"}], ["rmse"]),
        ([COMPARED, {"metric": "rmse", "at_most": "30", "severity": Severity.WARNING}], ["rmse"]),
        ([{"expression": "rmse <= champion.rmse and r2 <= 5"}], ["rmse"]),
        ([COMPARED, {"metric": "rmse", "at_most": "30"}], []),
        ([COMPARED, {"metric": "rmse", "slices": "origin", "at_most": "30"}], []),
        ([COMPARED, {"expression": "rmse <= 30"}], []),
        ([{"expression": "rmse <= champion.rmse"}, {"metric": "rmse", "at_most": "30"}], []),
        ([{**COMPARED, "severity": Severity.WARNING}, {"condition": Condition.SIGNATURE}], []),
    ],
    ids=str,
)
def test_first_version_needs_a_bound_of_its_own(rules: list[dict[str, Any]], unbounded: list[str]) -> None:
    """Where blocking rules only compare, the first version does not pass in silence."""
    some = tuple(replace(rule(**each), name=f"r{index}") for index, each in enumerate(rules))
    policy = Policy(rules=some, fingerprint="")
    assert only_compared(policy) == unbounded
    assert bool(warning(policy)) == bool(unbounded)
    alone = replace(EVIDENCE, champion_version="", approved_version="", champion_metrics={})
    causes = [one.cause for one in judge(policy, alone).outcomes]
    assert ("no-champion" in causes) == bool(unbounded)
    assert (judge(policy, alone).verdict is MISCONFIGURED) == bool(unbounded)
    accepting = judge(replace(policy, no_champion=NoChampion.ACCEPT), alone)
    assert accepting.verdict is not MISCONFIGURED
    assert [one.verdict for one in accepting.outcomes if one.rule == "first_version"] == [FAILED] * bool(unbounded)
    assert "no-champion" not in [one.cause for one in judge(policy, EVIDENCE).outcomes], "there is one"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no expression"),
        ("rmse <", "no expression"),
        ("rmse", "neither yes nor no"),
        ("1 + 1", "neither yes nor no"),
        ("rmse <= 'x'", "not allowed"),
        ("True == 1", "not allowed"),
        ("rmse ** 9 < 1", "not allowed"),
        ("rmse in mae", "not allowed"),
        ("(lambda: 1)() < 1", "not allowed"),
        ("[rmse][0] < 1", "not allowed"),
        ("open('x') < 1", "not allowed"),
        ("abs(1, 2) < 1", "not allowed"),
        ("max(1) < 1", "not allowed"),
        ("max(*rmse, 1) < 1", "not allowed"),
        ("rmse < (mae if r2 else 1)", "not allowed"),
        ("rmse.f() < 1", "not allowed"),
        ("(rmse < 1) < 2", "yes or no, where a number is needed"),
        ("rmse < 1 and mae", "a number, where yes or no is needed"),
        ("not rmse or mae < 1", "a number, where yes or no is needed"),
        ("rmse < " + "1" * 600, "longer than 500 characters"),
        ("+".join(["1"] * 100) + " < 1", "more than 100 parts"),
    ],
)
def test_what_is_no_expression(text: str, why: str) -> None:
    with pytest.raises(ExpressionError, match=why):
        expressions.parse(text)


@given(st.text(max_size=60) | st.from_regex(r"[a-z0-9.()<>=+*/ -]{1,40}", fullmatch=True))
def test_whatever_is_written_is_judged_and_runs_nothing(text: str) -> None:
    """A rule is asked or it is a fault: nothing else ever comes of a text."""
    asked = Rule(name="r", why="", expression=text)
    found = outcome(asked, EVIDENCE)
    assert (found.cause == "bad-rule") == bool(fault_of(asked))


NUMBERS = st.floats(allow_nan=False, allow_infinity=False, min_value=-1e6, max_value=1e6)


@given(NUMBERS, NUMBERS, NUMBERS, st.booleans(), st.sampled_from(["at_most_worse", "at_most_percent_worse"]))
def test_a_better_number_never_fails_where_a_worse_one_passed(
    one: float, other: float, champion: float, higher: bool, bound: str
) -> None:
    better, worse = (max(one, other), min(one, other)) if higher else (min(one, other), max(one, other))
    asked: dict[str, Any] = {"metric": "m", "higher_is_better": higher, bound: Decimal(5)}

    def verdict(value: float) -> Verdict:
        evidence = replace(EVIDENCE, metrics={"m": value}, champion_metrics={"m": champion})
        return outcome(Rule(name="r", why="", **asked), evidence).verdict

    assert verdict(better) is PASSED or verdict(worse) is not PASSED


@given(st.permutations(range(len(CASES))))
def test_the_order_of_rules_decides_nothing(order: list[int]) -> None:
    rules = [Rule(**{**rule(**CASES[index][0]).__dict__, "name": f"r{index}"}) for index in order]
    found = judge(Policy(rules=tuple(rules), fingerprint=""), EVIDENCE)
    assert found.verdict is MISCONFIGURED
    assert {one.rule: one.verdict for one in found.outcomes} == {
        f"r{index}": CASES[index][1] for index in range(len(CASES))
    }


def test_warnings_are_recorded_and_stop_nothing() -> None:
    warning = Rule(name="w", why="", tag="nobody", severity=Severity.WARNING)
    blocking = Rule(name="b", why="", condition=Condition.SIGNATURE)
    found = judge(Policy(rules=(warning, blocking), fingerprint=""), EVIDENCE)
    assert (found.verdict, found.outcomes[0].verdict) == (PASSED, FAILED)


def test_evidence_comes_back_from_its_text() -> None:
    some = Evidence(metrics={"rmse": 0.1 + 0.2}, tags={"ü": "ß"}, artefacts={"a": 1}, conditions={"signature": ""})
    assert Evidence.from_json(some.as_json()) == some
    assert Evidence.from_json('{"metrics": {}, "of_a_newer_version": 1}') == Evidence()
    aged = Evidence(metrics={"rmse": 1.0, "data.age_hours": 7.0})
    assert aged.lasting() == Evidence(metrics={"rmse": 1.0})
