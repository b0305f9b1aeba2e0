"""Each kind of rule: what it asks, what it sees in the evidence, and what it makes of what is not there."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from shared.domain import expressions
from shared.domain.policy import Evidence, Rule, RuleOutcome
from shared.domain.verdicts import Verdict

CHAMPION = "champion."
"""How an expression names the champion's metric."""

NO_CHAMPION = "no champion yet: the absolute rules decide"


@dataclass(frozen=True)
class _CannotSayError(Exception):
    """Nothing could be compared: why, as a word that stays and in words that say what was seen."""

    cause: str
    seen: str


def outcome(rule: Rule, evidence: Evidence) -> RuleOutcome:
    """What the rule says of the evidence; what cannot be said is misconfigured."""
    cause = ""
    if fault := fault_of(rule):
        verdict, asked, seen, cause = Verdict.MISCONFIGURED, fault, "nothing that could be compared", "bad-rule"
    else:
        asked, look = _question(rule)
        try:
            holds, seen = look(rule, evidence)
            verdict = Verdict.PASSED if holds else Verdict.FAILED
        except _CannotSayError as why:
            verdict, seen, cause = Verdict.MISCONFIGURED, why.seen, why.cause
    return RuleOutcome(rule=rule.name, severity=rule.severity, verdict=verdict, asked=asked, seen=seen, cause=cause)


def fault_of(rule: Rule) -> str:
    """Why the rule cannot be asked, or ""."""
    kinds = {"metric": rule.metric, "artefact": rule.artefact, "tag": rule.tag, "condition": rule.condition,
             "expression": rule.expression}  # fmt: skip
    given = [name for name, value in kinds.items() if value]
    if len(given) != 1:
        return f"exactly one of {', '.join(kinds)}: {' and '.join(given) or 'none'} is given"
    if rule.expression:
        try:
            expressions.parse(rule.expression)
        except expressions.ExpressionError as error:
            return f"expression: {error}"
    return _fault_of_bounds(rule)


def _fault_of_bounds(rule: Rule) -> str:
    own = [bound for bound in (rule.at_most, rule.at_least) if bound is not None]
    relative = [bound for bound in (rule.at_most_worse, rule.at_most_percent_worse) if bound is not None]
    spread = [rule.spread_at_most] if rule.spread_at_most is not None else []
    if not rule.metric:
        beside = [*own, *relative, *spread] or rule.slices
        return "a bound or slices where no metric is" if beside else ""
    if not all(bound.is_finite() for bound in (*own, *relative, *spread)):
        return f"{rule.metric}, with a bound that is no number"
    if [bool(own), bool(relative), bool(spread)].count(True) != 1 or len(relative) > 1:
        if own and relative:
            return f"{rule.metric}, with a bound of its own and one against the champion"
        return f"{rule.metric}, with {'several kinds of bound' if own or relative or spread else 'no bound'}"
    if spread and not rule.slices:
        return f"the spread of {rule.metric}, with no slices"
    return ""


type _Look = Callable[[Rule, Evidence], tuple[bool, str]]


def _question(rule: Rule) -> tuple[str, _Look]:
    """What the rule asks, in words, and how to look for the answer."""
    if rule.metric:
        return _question_of_metric(rule)
    if rule.artefact:
        return f"artefact {rule.artefact}", _artefact
    if rule.tag:
        return f"tag {rule.tag}" + (f" = {rule.equals}" if rule.equals else ""), _tag
    if rule.condition:
        return str(rule.condition).replace("_", " "), _condition
    return rule.expression, _expression


def _question_of_metric(rule: Rule) -> tuple[str, _Look]:
    what = f"{rule.metric} of every {rule.slices}" if rule.slices else rule.metric
    if rule.spread_at_most is not None:
        return f"{rule.metric} at most {rule.spread_at_most} apart between every {rule.slices}", _spread
    if rule.at_most_percent_worse is not None:
        return f"{what} at most {rule.at_most_percent_worse} % worse than the champion's", _against_champion
    if rule.at_most_worse is not None:
        return f"{what} at most {rule.at_most_worse} worse than the champion's", _against_champion
    bounds = [
        f"{words} {bound}"
        for words, bound in (("at most", rule.at_most), ("at least", rule.at_least))
        if bound is not None
    ]
    return f"{what} {' and '.join(bounds)}", _absolute


def _number(metrics: Mapping[str, float], name: str, *, whose: str = "") -> Decimal:
    if name not in metrics:
        raise _CannotSayError("missing-metric", f"{whose}no metric {name}")
    value = Decimal(repr(float(metrics[name])))
    if not value.is_finite():
        raise _CannotSayError("not-a-number", f"{whose}{name} is {metrics[name]}")
    return value


def _asked_for(rule: Rule, metrics: Mapping[str, float]) -> list[str]:
    """The metric, or the metrics of its slices."""
    if not rule.slices:
        return [rule.metric]
    begins = f"{rule.metric}.{rule.slices}."
    found = sorted(name for name in metrics if name.startswith(begins))
    if not found:
        raise _CannotSayError("missing-metric", f"no metric {begins}*")
    return found


def _label(rule: Rule, name: str) -> str:
    return f"{rule.slices} {name.removeprefix(f'{rule.metric}.{rule.slices}.')}: {rule.metric}" if rule.slices else name


def _absolute(rule: Rule, evidence: Evidence) -> tuple[bool, str]:
    values = {name: _number(evidence.metrics, name) for name in _asked_for(rule, evidence.metrics)}

    def beyond(value: Decimal) -> Decimal:
        over = [value - rule.at_most] if rule.at_most is not None else []
        under = [rule.at_least - value] if rule.at_least is not None else []
        return max(over + under)

    worst = max(values, key=lambda name: (beyond(values[name]), name))
    return beyond(values[worst]) <= 0, f"{_label(rule, worst)} {_short(values[worst])}"


def _spread(rule: Rule, evidence: Evidence) -> tuple[bool, str]:
    values = {name: _number(evidence.metrics, name) for name in _asked_for(rule, evidence.metrics)}
    low, high = (pick(values, key=lambda name: (values[name], name)) for pick in (min, max))
    apart = values[high] - values[low]
    seen = f"{_short(apart)} between {_label(rule, low)} {_short(values[low])} and"
    assert rule.spread_at_most is not None  # noqa: S101 - it is what was asked
    return apart <= rule.spread_at_most, f"{seen} {_label(rule, high)} {_short(values[high])}"


def has_no_champion(evidence: Evidence) -> bool:
    """Is none approved, and was none when it was trained?"""
    return not evidence.approved_version and not evidence.champion_version


def _demand_comparable(evidence: Evidence) -> None:
    """The champion's numbers are of the version that is approved now, on the rows that the challenger was measured on:
    by the word of the run that measured both. Raises _CannotSayError.
    """
    if evidence.champion_version != evidence.approved_version:
        compared = f"version {evidence.champion_version}" if evidence.champion_version else "no champion"
        seen = f"compared with {compared}, approved is {evidence.approved_version or '-'}"
        raise _CannotSayError("other-champion", seen)
    if not evidence.holdout or not evidence.champion_holdout:
        whose = "the version" if not evidence.holdout else f"champion {evidence.champion_version}"
        raise _CannotSayError("other-rows", f"the run does not say on which held-out rows {whose} was measured")
    if evidence.holdout != evidence.champion_holdout:
        champion = f"champion {evidence.champion_version} on {evidence.champion_holdout}"
        raise _CannotSayError("other-rows", f"measured on rows {evidence.holdout}, {champion}")


def _against_champion(rule: Rule, evidence: Evidence) -> tuple[bool, str]:
    challenger = {name: _number(evidence.metrics, name) for name in _asked_for(rule, evidence.metrics)}
    if has_no_champion(evidence):
        return True, NO_CHAMPION
    _demand_comparable(evidence)
    names = sorted({*challenger, *(_asked_for(rule, evidence.champion_metrics) if rule.slices else ())})
    champion = {name: _number(evidence.champion_metrics, name, whose="champion: ") for name in names}
    challenger |= {name: _number(evidence.metrics, name) for name in names if name not in challenger}

    def beyond(name: str) -> Decimal:
        sign = -1 if rule.higher_is_better else 1
        worse = sign * (challenger[name] - champion[name])
        if rule.at_most_worse is not None:
            return worse - rule.at_most_worse
        assert rule.at_most_percent_worse is not None  # noqa: S101 - one of the two was asked
        return worse * 100 - rule.at_most_percent_worse * abs(champion[name])

    # Of several slices the one that is relatively worst is told; whether it holds depends on all of them.
    worst = max(names, key=lambda name: (beyond(name) / (abs(champion[name]) or 1), name))
    seen = f"{_label(rule, worst)} {_short(challenger[worst])} against {_short(champion[worst])}"
    return all(beyond(name) <= 0 for name in names), f"{seen} of version {evidence.champion_version}"


def _artefact(rule: Rule, evidence: Evidence) -> tuple[bool, str]:
    size = evidence.artefacts.get(rule.artefact)
    if size is None:
        return False, "none"
    return size > 0, f"{size} bytes" if size else "an empty file"


def _tag(rule: Rule, evidence: Evidence) -> tuple[bool, str]:
    value = evidence.tags.get(rule.tag, "")
    return bool(value) and (not rule.equals or value == rule.equals), value or "none"


def _condition(rule: Rule, evidence: Evidence) -> tuple[bool, str]:
    why_not = evidence.conditions.get(str(rule.condition))
    if why_not is None:
        raise _CannotSayError("not-gathered", "nothing is known of it")
    return not why_not, why_not or "yes"


def _expression(rule: Rule, evidence: Evidence) -> tuple[bool, str]:
    tree = expressions.parse(rule.expression)
    numbers = {**evidence.metrics, **{CHAMPION + name: value for name, value in evidence.champion_metrics.items()}}
    asked = sorted(expressions.names(tree))
    if any(name.startswith(CHAMPION) for name in asked):
        if has_no_champion(evidence):
            for name in asked:
                if not name.startswith(CHAMPION):
                    _number(numbers, name)
            return True, NO_CHAMPION
        _demand_comparable(evidence)
    values = {name: _number(numbers, name) for name in asked}
    try:
        holds = expressions.holds(tree, values.__getitem__)
    except expressions.ExpressionError as error:
        raise _CannotSayError("no-value", str(error)) from error
    return holds, ", ".join(f"{name} {_short(value)}" for name, value in values.items()) or rule.expression


def _short(value: Decimal) -> str:
    """Enough digits to argue about, not more."""
    return f"{float(value):.6g}"
