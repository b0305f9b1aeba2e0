"""What Great Expectations says of a suite, in the words of the core: whichever of its engines ran it, and wherever.

A suite's expectations are told apart by their place in it, which stands in each one's `meta`.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from string import Template
from typing import Any

from shared.adapters.expectation_kinds import (
    COLUMNS_EXIST,
    TEXTS,
    asks_nothing,
    is_about_the_table,
    named_columns,
    texts_for_numbers,
)
from shared.domain.quality import CheckReport, ExpectationOutcome
from shared.domain.usecase import DataSpec
from shared.domain.verdicts import Severity, Verdict

SEVERITIES = {"critical": Severity.BLOCKING, "warning": Severity.WARNING, "info": Severity.WARNING}
"""Great Expectations' severities, and whether each stops."""

PLACE = "position"
"""The key in an expectation's `meta`."""

SHOWN = 3
"""So many of the values that break an expectation are named."""

_READABLE = ExpectationOutcome(
    expectation="readable",
    column="",
    severity=Severity.BLOCKING,
    verdict=Verdict.PASSED,
    asked="the batch can be read",
)
"""All that is asked where there is no suite."""


@dataclass(frozen=True, kw_only=True)
class Results:
    """What an engine found. `columns` have DuckDB's types, and `texts` are those that hold texts by their nature.
    `results` are Great Expectations' own, as JSON; `refused` says by place why an expectation could not be asked. One
    about a column that the batch lacks has neither. `fell` is what the whole suite fell over.
    """

    rows: int
    columns: Mapping[str, str]
    texts: Collection[str] = ()
    results: Sequence[Mapping[str, Any]] = ()
    refused: Mapping[int, str] = field(default_factory=dict)
    fell: str = ""


def report_of(found: Results, expectations: str, name: str, also: Iterable[ExpectationOutcome] = ()) -> CheckReport:
    """Judge what was found by the suite's text; `name` is what the batch is called, `also` what else was found."""
    try:
        outcomes = _outcomes(found, suite_of(expectations)) if expectations and not found.fell else []
    except Exception as error:  # noqa: BLE001 - whatever it raises, nobody can say the data is good
        outcomes = [stopped("suite", "the suite can be run", said(error), Verdict.MISCONFIGURED)]
    if found.fell:
        outcomes = [stopped("suite", "the suite can be run", found.fell, Verdict.MISCONFIGURED)]
    if not expectations:
        outcomes = [_READABLE]
    if not found.rows:  # every expectation about values holds for none
        outcomes.append(stopped("not_empty", f"{name} has rows", "it has none", Verdict.FAILED))
    return CheckReport(
        rows=found.rows,
        expectations=(*outcomes, *also),
        document=_document(found, name) if found.results else "",
    )


def _document(found: Results, name: str) -> str:
    """Great Expectations' own result of what was asked, as it writes one."""
    met = sum(bool(one["success"]) for one in found.results)
    asked_for = len(found.results)
    document = {
        "success": met == asked_for,
        "results": list(found.results),
        "suite_name": name,
        "suite_parameters": {},
        "statistics": {
            "evaluated_expectations": asked_for,
            "successful_expectations": met,
            "unsuccessful_expectations": asked_for - met,
            "success_percent": 100 * met / asked_for,
        },
        "meta": {"active_batch_definition": {"data_asset_name": name}},
    }
    return json.dumps(document, ensure_ascii=False)


def suite_of(expectations: str) -> list[dict[str, Any]]:
    """The suite's expectations, in their order. Raises whatever a text raises that is no suite."""
    found = json.loads(expectations)["expectations"]
    if not isinstance(found, list) or not found:
        raise ValueError("it has no list of expectations with one in it")
    return [{**each, "kwargs": each.get("kwargs") or {}} for each in found]


def texts_of(spec: DataSpec, known: Mapping[str, str]) -> Collection[str]:
    """The columns that hold texts by their nature: the use case says so, else the table, whose types are `known`."""
    return {name for name, kind in {**known, **spec.columns}.items() if kind.upper() in TEXTS}


def absent(each: Mapping[str, Any], columns: Collection[str]) -> list[str]:
    """The columns that it names and that are not there; none where it asks whether they are."""
    return [name for name in named_columns(each["kwargs"]) if name not in columns and each["type"] not in COLUMNS_EXIST]


def _outcomes(found: Results, suite: list[dict[str, Any]]) -> list[ExpectationOutcome]:
    """Each expectation's outcome. One about a column that is not there was not run: Great Expectations would fall over
    it. Where the suite also demands the column, its absence is the data's fault, else the suite's.
    """
    demanded = _demanded_columns(suite)
    results = {int(one["expectation_config"]["meta"][PLACE]): one for one in found.results}
    outcomes: list[ExpectationOutcome] = []
    for place, each in enumerate(suite):
        if missing := absent(each, found.columns):
            verdict = Verdict.FAILED if set(missing) <= demanded else Verdict.MISCONFIGURED
            outcomes.append(_outcome(each, verdict, f"column {', '.join(missing)} is missing", None))
        elif place in found.refused:
            outcomes.append(stopped(each["type"], asked(each), _text(found.refused[place]), Verdict.MISCONFIGURED))
        elif nothing := asks_nothing(each):
            outcomes.append(stopped(each["type"], asked(each), nothing, Verdict.MISCONFIGURED))
        elif not found.rows and not is_about_the_table(each):
            outcomes.append(_outcome(each, Verdict.PASSED, "there are no rows", None))
        else:
            outcomes.append(_of_result(results[place], found))
    return outcomes


def _demanded_columns(expectations: list[dict[str, Any]]) -> set[str]:
    demanded: set[str] = set()
    for each in expectations:
        if each["type"] in COLUMNS_EXIST:
            kwargs = each["kwargs"]
            demanded |= {kwargs.get("column", ""), *kwargs.get("column_set", []), *kwargs.get("column_list", [])}
    return demanded - {""}


def _of_result(result: Mapping[str, Any], among: Results) -> ExpectationOutcome:
    each = {**result["expectation_config"]}
    raised = _raised(result["exception_info"])
    if "Out of Memory" in raised:
        return _outcome(each, Verdict.ERROR, raised, None)
    if texts := texts_for_numbers(each, among.columns, raised=bool(raised)):
        return _of_texts(each, texts, among)
    if raised:
        return _outcome(each, Verdict.MISCONFIGURED, raised, None)
    found = result["result"] or {}
    unexpected = found.get("unexpected_count")
    detail = ""
    if not result["success"]:
        detail = _found(found) if unexpected is None else f"{unexpected} of {found.get('element_count')} rows are not"
        sample = list(dict.fromkeys(_value(one) for one in found.get("partial_unexpected_list", [])))[:SHOWN]
        if unexpected is not None and sample:
            detail += f", such as {'; '.join(sample)}"
    verdict = Verdict.PASSED if result["success"] else Verdict.FAILED
    return replace(_outcome(each, verdict, detail, unexpected), observed=_text(found.get("observed_value", "")))


def _of_texts(each: dict[str, Any], texts: Sequence[str], among: Results) -> ExpectationOutcome:
    """Numbers or times were asked for, and the columns came as texts: the data's fault, unless they are of texts."""
    name = next((one for one in texts if one not in among.texts), "")
    if not name:
        detail = f"column {texts[0]} is one of texts ({among.columns[texts[0]]}), by data.columns or the silver table"
        return _outcome(each, Verdict.MISCONFIGURED, detail, None)
    detail = f"column {name} came as texts ({among.columns[name]}): a value is no number, or no time"
    return _outcome(each, Verdict.FAILED, f"{detail}; with a type in data.columns the check names it", None)


def _found(result: dict[str, Any]) -> str:
    """What was found where the expectation is about the whole table."""
    mismatched = (result.get("details") or {}).get("mismatched")
    if isinstance(mismatched, dict):  # of columns
        return ", ".join(f"{how} {_text(names)}" for how, names in sorted(mismatched.items()) if names)
    observed = result.get("observed_value", result.get("details"))
    return f"found {_text(observed)}" if observed not in (None, "", {}) else "it is not"


def _value(value: object) -> str:
    """A value that breaks an expectation, or those of several columns."""
    return _text(list(value.values()) if isinstance(value, dict) else value)


def _raised(exception_info: Any) -> str:
    """What the engine fell over, or "". It is flat for one metric and nested for several."""
    infos = [exception_info] if "raised_exception" in exception_info else list(exception_info.values())
    return next((str(one["exception_message"]).splitlines()[0] for one in infos if one.get("raised_exception")), "")


def _outcome(each: dict[str, Any], verdict: Verdict, detail: str, unexpected: int | None) -> ExpectationOutcome:
    kwargs = {key: value for key, value in each["kwargs"].items() if key != "batch_id"}
    return ExpectationOutcome(
        expectation=each["type"],
        column=", ".join(named_columns(kwargs)),
        severity=SEVERITIES.get(str(each.get("severity", "critical")), Severity.BLOCKING),
        verdict=verdict,
        asked=asked({**each, "kwargs": kwargs}),
        unexpected=unexpected,
        detail=detail,
    )


def said(error: Exception) -> str:
    """What whoever wrote the suite can understand of it."""
    return str(error) if isinstance(error, ValueError) else repr(error)


def stopped(expectation: str, asked: str, detail: str, verdict: Verdict) -> ExpectationOutcome:
    """What stops a batch and is no result of an expectation."""
    return ExpectationOutcome(
        expectation=expectation,
        column="",
        severity=Severity.BLOCKING,
        verdict=verdict,
        asked=asked,
        detail=detail,
    )


def asked(each: dict[str, Any]) -> str:
    """The expectation as Great Expectations itself words it; by its name where it cannot."""
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration
    from great_expectations.expectations.registry import get_renderer_impl

    try:
        (_, render) = get_renderer_impl(each["type"], "renderer.prescriptive") or ("", None)
        configuration = ExpectationConfiguration(type=each["type"], kwargs=each["kwargs"])
        rendered: Any = render and render(
            configuration=configuration, runtime_configuration={"include_column_name": True}
        )
        text = rendered[0].string_template
        words = Template(text["template"]).safe_substitute(text["params"])
    except Exception:  # noqa: BLE001 - it renders only what it can also run
        columns = ", ".join(named_columns(each["kwargs"]))
        words = f"{columns} {each['type'].removeprefix('expect_').replace('_', ' ')}"
    return _text(words.strip().rstrip(".").replace(".0 ", " ").removesuffix(".0"))


def _text(value: object) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, list | tuple | set) else str(value)
    return text if len(text) <= 120 else text[:117] + "..."
