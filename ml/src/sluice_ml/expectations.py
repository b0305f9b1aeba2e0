"""The suite on Great Expectations' own Spark engine: what it finds, and under which condition a row breaks it."""

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as f

from sluice_ml.frames import column

COLUMNS_EXIST = (
    "expect_column_to_exist",
    "expect_table_columns_to_match_set",
    "expect_table_columns_to_match_ordered_list",
)
COLUMNS = ("column", "column_A", "column_B")
SHOWN = 20
"""So many values that break an expectation are in its result."""

_ALL_MISSING = ("both_values_are_missing", "all_values_are_missing")
_ANY_MISSING = ("either_value_is_missing", "any_value_is_missing")


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What was found: results in their order, what cannot be asked by its index in the suite, and whether anything
    that stops a batch failed, could not be asked, or was left out for want of its column.
    """

    results: Sequence[Mapping[str, Any]]
    refused: Mapping[str, str]
    stops: bool


def judge(rows: DataFrame, suite: Sequence[Any]) -> Judged:
    """Run the suite. One about a column that is not there is not run: Great Expectations would fall over it."""
    gx = load()
    runnable: list[Any] = []
    refused: dict[str, str] = {}
    stops = False
    for position, each in enumerate(suite):
        try:
            if _lacks_column(rows, each):
                stops = stops or _stops(each)
            else:
                runnable.append(_expectation(each, position))
        except Exception as error:  # noqa: BLE001 - whatever it raises, the suite is wrong, and says how
            refused[str(position)] = " ".join(str(error).split()) or type(error).__name__
    found = _results(gx, rows, runnable) if runnable else []
    failed = any(not one["success"] and _stops(suite[_position(one)]) for one in found)
    return Judged(results=found, refused=refused, stops=stops or failed or bool(refused))


def _results(gx: Any, rows: DataFrame, runnable: Sequence[Any]) -> list[dict[str, Any]]:
    """Counts first: samples of values cost a look each, and only where something is to be shown."""
    batch = _batch(gx, rows)
    found = {_position(one): one for one in _run(gx, batch, runnable, shown=0)}
    again = [one for one in runnable if not found[one.meta["position"]]["success"]]
    if again:
        found |= {_position(one): one for one in _run(gx, batch, again, shown=SHOWN)}
    return [found[position] for position in sorted(found)]


def _run(gx: Any, batch: Any, expectations: Sequence[Any], *, shown: int) -> list[dict[str, Any]]:
    suite = gx.ExpectationSuite(name="suite", expectations=list(expectations))
    result_format = {"result_format": "BASIC", "partial_unexpected_count": shown}
    return [one.to_json_dict() for one in batch.validate(suite, result_format=result_format).results]


def conditions(rows: DataFrame, asked: Sequence[Mapping[str, Any]]) -> dict[int, Column]:
    """By its place among those asked for, when a row breaks it; one that speaks of no single row has none. To be added
    as a column, not to be filtered by: uniqueness looks at a window.
    """
    gx = load()
    batch = _batch(gx, rows)
    engine = batch.datasource.get_execution_engine()
    engine.batch_manager.load_batch_list(batch_list=[batch])
    found = {}
    for at, each in enumerate(asked):
        condition = None if _lacks_column(rows, each) else _condition(engine, each)
        if condition is not None:
            found[at] = condition
    return found


def _condition(engine: Any, each: Mapping[str, Any]) -> Column | None:
    from great_expectations.validator.metric_configuration import MetricConfiguration
    from great_expectations.validator.metrics_calculator import MetricsCalculator

    try:
        expectation = _expectation(each, 0)
        metric: str = expectation.map_metric
        needed = expectation.get_validation_dependencies(
            execution_engine=engine, runtime_configuration={"result_format": {"result_format": "BASIC"}}
        )
        counted = needed.metric_configurations[f"{metric}.unexpected_count"]
        if counted.metric_domain_kwargs.get("row_condition"):
            return None
        wanted = MetricConfiguration(
            metric_name=f"{metric}.condition",
            metric_domain_kwargs=counted.metric_domain_kwargs,
            metric_value_kwargs=counted.metric_value_kwargs,
        )
        condition, *_ = MetricsCalculator(engine).get_metric(wanted)
        breaks: Column = _looked_at(each.get("kwargs") or {}) & condition
    except Exception:  # noqa: BLE001 - an expectation without such a condition speaks of no single row
        return None
    return breaks


def _looked_at(kwargs: Mapping[str, Any]) -> Column:
    """The rows that Great Expectations looks at, where it is asked about several columns."""
    names = kwargs.get("column_list") or [kwargs[name] for name in ("column_A", "column_B") if name in kwargs]
    ignored = kwargs.get("ignore_row_if") or ("all_values_are_missing" if "column_list" in kwargs else _ALL_MISSING[0])
    missing = [column(name).isNull() for name in names]
    if missing and ignored in _ALL_MISSING:
        return ~reduce(lambda one, other: one & other, missing)
    if missing and ignored in _ANY_MISSING:
        return ~reduce(lambda one, other: one | other, missing)
    return f.lit(True)


def _expectation(each: Mapping[str, Any], position: int) -> Any:
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    configuration: Any = ExpectationConfiguration
    return configuration(
        type=each["type"],
        kwargs=each.get("kwargs") or {},
        severity=each.get("severity") or "critical",
        meta={"position": position},
    ).to_domain_obj()


def _position(result: Mapping[str, Any]) -> int:
    return int(result["expectation_config"]["meta"]["position"])


def _stops(each: Mapping[str, Any]) -> bool:
    return each.get("severity", "critical") not in {"warning", "info"}


def _lacks_column(rows: DataFrame, each: Mapping[str, Any]) -> bool:
    """Does it name a column that is not there, and not ask just that?"""
    kwargs = each.get("kwargs") or {}
    named = [str(name) for name in (*map(kwargs.get, COLUMNS), *kwargs.get("column_list", [])) if name]
    return each["type"] not in COLUMNS_EXIST and not set(named) <= set(rows.columns)


def load() -> Any:
    """Great Expectations, imported when it is first needed: training and scoring have none."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    logging.getLogger("great_expectations").setLevel(logging.WARNING)
    import great_expectations as gx

    return gx


def _batch(gx: Any, rows: DataFrame) -> Any:
    """The rows as Great Expectations sees them. They are not persisted: they are Parquet, of which it reads a column at
    a time.
    """
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    asset = context.data_sources.add_spark("spark", persist=False).add_dataframe_asset("batch")
    return asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": rows})
