"""Which rows of a batch break which expectation: Great Expectations' own condition of each, as SQL over DuckDB.

Great Expectations counts with these conditions, so what is sorted out is what was counted. Uniqueness it counts by a
subquery that has no place in a list of columns: here by groups, of which only those of several rows are kept in memory.
"""

import logging
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shared.adapters import great_expectations as engine
from shared.adapters import tables
from shared.adapters.sql import identifier, quoted
from shared.domain.check_run import stopping
from shared.domain.quality import CheckReport
from shared.domain.usecase import DataSpec
from shared.domain.verdicts import Verdict
from shared.errors import Malformed
from shared.quarantine import REASONS, Sorted

if TYPE_CHECKING:
    import duckdb

log = logging.getLogger("sluice")

_UNIQUE = ("column_values.unique", "compound_columns.unique")
_IGNORED = {
    "both_values_are_missing": "NOT ({all_missing})",
    "all_values_are_missing": "NOT ({all_missing})",
    "either_value_is_missing": "NOT ({any_missing})",
    "any_value_is_missing": "NOT ({any_missing})",
    "never": "true",
}
"""Great Expectations' `ignore_row_if`: the rows that it looks at."""


class RowSorter:
    """Sorting. `one_at_a_time` is the check's own lock: the memory limit is one's, and GX keeps global state."""

    def __init__(self, memory_limit: str, one_at_a_time: threading.Lock) -> None:
        self._memory_limit = memory_limit
        self._one_at_a_time = one_at_a_time

    @contextmanager
    def sort_out(self, file: Path, spec: DataSpec, report: CheckReport) -> Iterator[Sorted | None]:
        import duckdb

        with tempfile.TemporaryDirectory() as folder:
            found: Sorted | None
            try:
                with self._one_at_a_time, tables.connect(self._memory_limit) as db:
                    batch = tables.prepare(db, file, spec, Path(folder) / f"batch{tables.PREPARED}")
                    tables.shut_in(db, batch, Path(folder))
                    found = _sort_out(db, Path(folder), spec, report)
            except (
                duckdb.Error,
                Malformed,
            ) as error:  # unreadable, or too large: the file is kept all the same
                log.warning("%s is not sorted row by row: %s", file.name, str(error).partition("\n")[0])
                found = None
            yield found


def _sort_out(db: "duckdb.DuckDBPyConnection", folder: Path, spec: DataSpec, report: CheckReport) -> Sorted:
    by_row, of_all = stopping(report, spec.expectations)
    conditions = _conditions(db, by_row)
    cases = [f"CASE WHEN {sql} THEN {quoted(by_row[place]['asked'])} END" for place, sql in conditions.items()]
    own = f"list_filter([{', '.join(cases)}], one -> one IS NOT NULL)" if cases else "[]::VARCHAR[]"
    of_all = [each["sentence"] for place, each in enumerate(by_row) if place not in conditions] + of_all
    reasons = f"{own} || [{', '.join(map(quoted, of_all))}]::VARCHAR[]"
    rows, bad, good = (folder / f"{name}{tables.PREPARED}" for name in ("rows", "bad", "good"))
    select = f"FROM {tables.VIEW} SELECT *, {reasons} AS {identifier(REASONS)}"
    tables.write(db, select, rows)
    tables.show(db, rows)
    of_rows = f"FROM {tables.VIEW}"
    is_bad = f"len({identifier(REASONS)}) > {len(of_all)}"
    tables.write(db, f"{of_rows} WHERE {is_bad}", bad)
    without = f"SELECT * EXCLUDE ({identifier(REASONS)})"
    tables.write(db, f"{of_rows} {without} WHERE NOT ({is_bad})", good)
    counted = db.sql(f"{of_rows} SELECT count(*), count(*) FILTER ({is_bad})").fetchone() or (0, 0)
    return Sorted(
        rows=rows,
        bad=bad,
        good=good,
        counted=int(counted[0]),
        counted_bad=int(counted[1]),
        by_row=report.verdict is Verdict.FAILED and not of_all,
    )


def _conditions(db: "duckdb.DuckDBPyConnection", asked: Sequence[Mapping[str, Any]]) -> Mapping[int, str]:
    """By its place among those asked for, when a row breaks it; one that speaks of no single row has none."""
    if not asked:
        return {}
    batch = engine.batch_of(engine.load(), db)
    execution = batch.datasource.get_execution_engine()
    execution.batch_manager.load_batch_list(batch_list=[batch])
    found = {place: _condition(execution, each["type"], each["kwargs"]) for place, each in enumerate(asked)}
    return {place: sql for place, sql in found.items() if sql}


def _condition(execution: Any, kind: str, kwargs: dict[str, Any]) -> str:
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration
    from great_expectations.validator.metric_configuration import MetricConfiguration
    from great_expectations.validator.metrics_calculator import MetricsCalculator

    try:
        expectation: Any = ExpectationConfiguration(type=kind, kwargs=kwargs).to_domain_obj()
        metric: str = expectation.map_metric
        needed = expectation.get_validation_dependencies(
            execution_engine=execution, runtime_configuration={"result_format": {"result_format": "BASIC"}}
        )
        counted = needed.metric_configurations[f"{metric}.unexpected_count"]
        if counted.metric_domain_kwargs.get("row_condition"):
            return ""
        if metric in _UNIQUE:
            return _not_unique(kwargs)
        wanted = MetricConfiguration(
            metric_name=f"{metric}.condition",
            metric_domain_kwargs=counted.metric_domain_kwargs,
            metric_value_kwargs=counted.metric_value_kwargs,
        )
        condition, *_ = MetricsCalculator(execution).get_metric(wanted)
        sql = str(condition.compile(dialect=execution.engine.dialect, compile_kwargs={"literal_binds": True}))
    except Exception:  # noqa: BLE001 - an expectation without such a condition speaks of no single row
        return ""
    return f"({sql}) AND {_looked_at(kwargs)}"


def _not_unique(kwargs: dict[str, Any]) -> str:
    columns = [kwargs["column"]] if "column" in kwargs else list(kwargs["column_list"])
    named = ", ".join(map(identifier, columns))
    values = f"row({named})" if len(columns) > 1 else named  # in a row, nulls are equal
    not_alone = f"{values} IN (FROM {tables.VIEW} SELECT {values} GROUP BY ALL HAVING count(*) > 1)"
    if "column" in kwargs:
        return f"{not_alone} AND {named} IS NOT NULL"
    return f"{not_alone} AND {_looked_at(kwargs)}"


def _looked_at(kwargs: dict[str, Any]) -> str:
    columns = kwargs.get("column_list") or [kwargs[name] for name in ("column_A", "column_B") if name in kwargs]
    if not columns:
        return "true"
    ignored = kwargs.get("ignore_row_if") or ("all_values_are_missing" if "column_list" in kwargs else "")
    missing = [f"{identifier(name)} IS NULL" for name in columns]
    rule = _IGNORED[ignored or "both_values_are_missing"]
    return rule.format(all_missing=" AND ".join(missing), any_missing=" OR ".join(missing))
