"""Great Expectations' own SQL engine over DuckDB: the suite as its owners wrote it, in bounded memory."""

import json
import logging
import os
import tempfile
import threading
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

from shared.adapters import gx_samples, schema_changes, tables
from shared.domain import identity
from shared.domain.quality import CheckReport, ExpectationOutcome
from shared.domain.usecase import DataSpec
from shared.domain.verdicts import Severity, Verdict
from shared.errors import Malformed, Unreachable

if TYPE_CHECKING:
    import duckdb

SEVERITIES = {"critical": Severity.BLOCKING, "warning": Severity.WARNING, "info": Severity.WARNING}
"""Great Expectations' severities, and whether each stops."""

_COLUMNS_EXIST = (
    "expect_column_to_exist",
    "expect_table_columns_to_match_set",
    "expect_table_columns_to_match_ordered_list",
)
_COLUMNS = ("column", "column_A", "column_B")

_READABLE = ExpectationOutcome(
    expectation="readable",
    column="",
    severity=Severity.BLOCKING,
    verdict=Verdict.PASSED,
    asked="the batch can be read",
)
"""All that is asked where there is no suite."""

SHOWN = 3
"""So many of the values that break an expectation are named."""


class GreatExpectations:
    """Quality."""

    def __init__(self, memory_limit: str) -> None:
        self._memory_limit = memory_limit
        self.one_at_a_time = threading.Lock()  # the memory limit is one check's, and GX keeps global state

    def check(self, file: Path, spec: DataSpec, known: Mapping[str, str] | None = None) -> CheckReport:
        import duckdb

        with self.one_at_a_time, tempfile.TemporaryDirectory() as folder, tables.connect(self._memory_limit) as db:
            try:
                tables.to_parquet(db, file, spec, Path(folder) / "batch.parquet")
            except duckdb.IOException as error:
                raise Unreachable(f"{file.name}: {error}") from error
            except (duckdb.Error, Malformed) as error:
                too_little = "CHECK_MEMORY_LIMIT is too little: " * isinstance(error, duckdb.OutOfMemoryException)
                said = too_little + _first_line(error)
                unreadable = _stopped("readable", f"{file.name} can be read", said, Verdict.ERROR)
                return CheckReport(suite=identity.fingerprint(spec.expectations), rows=0, expectations=(unreadable,))
            return judge(db, spec.expectations, file.name, schema_changes.changes(db, spec, known or {}))


def judge(
    db: "duckdb.DuckDBPyConnection", expectations: str, name: str, also: Iterable[ExpectationOutcome] = ()
) -> CheckReport:
    """Judge the view `batch` by the suite's text; `name` is what the batch is called, `also` what else was found."""
    columns = list(schema_changes.columns_of(db))
    (rows,) = db.sql(f"SELECT count(*) FROM {tables.VIEW}").fetchone() or (0,)
    try:
        outcomes = _validate(db, json.loads(expectations)["expectations"], columns) if expectations else [_READABLE]
    except Exception as error:  # noqa: BLE001 - whatever it raises, nobody can say the data is good
        outcomes = [_stopped("suite", "the suite can be run", repr(error), Verdict.MISCONFIGURED)]
    if not rows:  # every expectation about values holds for none
        outcomes.append(_stopped("not_empty", f"{name} has rows", "it has none", Verdict.FAILED))
    return CheckReport(suite=identity.fingerprint(expectations), rows=rows, expectations=(*outcomes, *also))


def _validate(
    db: "duckdb.DuckDBPyConnection", suite: list[dict[str, Any]], columns: list[str]
) -> list[ExpectationOutcome]:
    """Each expectation's outcome. One about a column that is not there is not run: Great Expectations would fall over
    it. Where the suite also demands the column, its absence is the data's fault, else the suite's.
    """
    gx = load()
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    suite = [{**each, "kwargs": each.get("kwargs") or {}} for each in suite]
    demanded = _demanded_columns(suite)
    outcomes: list[ExpectationOutcome] = []
    runnable: list[Any] = []
    for each in suite:
        absent = [name for name in named_columns(each["kwargs"]) if name not in columns]
        if absent and each["type"] not in _COLUMNS_EXIST:
            verdict = Verdict.FAILED if set(absent) <= demanded else Verdict.MISCONFIGURED
            outcomes.append(_outcome(each, verdict, f"column {', '.join(absent)} is missing", None))
            continue
        try:
            runnable.append(
                ExpectationConfiguration(
                    type=each["type"],
                    kwargs=each["kwargs"],
                    severity=each.get("severity", "critical"),
                    meta={"position": len(runnable)},
                ).to_domain_obj()
            )
        except Exception as error:  # noqa: BLE001 - whatever it raises, the suite is wrong, and says how
            detail = _text(" ".join(str(error).split()))
            outcomes.append(_stopped(each["type"], asked(each), detail, Verdict.MISCONFIGURED))
    if runnable:
        batch = batch_of(gx, db)
        counted = _run(gx, batch, runnable)
        gx_samples.add(batch, counted, shown=20)  # a scan each: only where something is to be shown
        outcomes += [_of_result(one) for one in counted]
    return outcomes


def _run(gx: Any, batch: Any, expectations: list[Any]) -> list[Any]:
    """Their results, in their order, without the values that break them."""
    suite = gx.ExpectationSuite(name="suite", expectations=expectations)
    results = batch.validate(suite, result_format={"result_format": "BASIC", "partial_unexpected_count": 0}).results
    return sorted(results, key=lambda one: one.expectation_config.meta["position"])


def named_columns(kwargs: dict[str, Any]) -> list[str]:
    """The columns that an expectation names."""
    return [str(name) for name in (*map(kwargs.get, _COLUMNS), *kwargs.get("column_list", [])) if name]


def _demanded_columns(expectations: list[dict[str, Any]]) -> set[str]:
    demanded: set[str] = set()
    for each in expectations:
        if each["type"] in _COLUMNS_EXIST:
            kwargs = each["kwargs"]
            demanded |= {kwargs.get("column", ""), *kwargs.get("column_set", []), *kwargs.get("column_list", [])}
    return demanded - {""}


def _of_result(result: Any) -> ExpectationOutcome:
    each = {**result.expectation_config.to_json_dict()}
    raised = _raised(result.exception_info)
    if raised:
        verdict = Verdict.ERROR if "Out of Memory" in raised else Verdict.MISCONFIGURED
        return _outcome(each, verdict, raised, None)
    found = result.result or {}
    unexpected = found.get("unexpected_count")
    detail = ""
    if not result.success:
        detail = _found(found) if unexpected is None else f"{unexpected} of {found.get('element_count')} rows are not"
        sample = list(dict.fromkeys(_value(one) for one in found.get("partial_unexpected_list", [])))[:SHOWN]
        if unexpected is not None and sample:
            detail += f", such as {'; '.join(sample)}"
    verdict = Verdict.PASSED if result.success else Verdict.FAILED
    return replace(_outcome(each, verdict, detail, unexpected), observed=_text(found.get("observed_value", "")))


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


def _stopped(expectation: str, asked: str, detail: str, verdict: Verdict) -> ExpectationOutcome:
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


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)


def load() -> Any:
    """Great Expectations, imported and taught DuckDB."""
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    logging.getLogger("great_expectations").setLevel(logging.WARNING)  # it says a hundred lines while it is imported
    import great_expectations as gx

    _register_dialect()
    logging.getLogger("great_expectations.expectations.registry").setLevel(logging.ERROR)  # it warns of ours
    from shared.adapters import duckdb_counts, duckdb_regex, duckdb_unique  # noqa: F401 - importing them registers the metrics

    return gx


def batch_of(gx: Any, db: "duckdb.DuckDBPyConnection") -> Any:
    """The view `batch` as Great Expectations sees it, over our one connection."""
    import duckdb_sqlalchemy
    from sqlalchemy.pool import StaticPool

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    source = context.data_sources.add_sql(
        "duckdb",
        connection_string="duckdb+autocommit://",
        create_temp_table=False,
        kwargs={"poolclass": StaticPool, "creator": lambda: duckdb_sqlalchemy.ConnectionWrapper(db)},
    )
    return (
        source.add_table_asset(tables.VIEW, table_name=tables.VIEW).add_batch_definition_whole_table("all").get_batch()
    )


def _register_dialect() -> None:
    """A dialect without transactions: Great Expectations fetches a result after it has given its connection back, and
    the rollback that goes with giving back would drop DuckDB's result.
    """
    from sqlalchemy.dialects import registry

    registry.register("duckdb.autocommit", "shared.adapters.duckdb_dialect", "AutocommitDialect")
