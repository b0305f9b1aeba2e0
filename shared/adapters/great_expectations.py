"""Great Expectations' own SQL engine over DuckDB: the suite as its owners wrote it, in bounded memory."""

import logging
import os
import tempfile
import threading
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shared.adapters import delta_types, gx_samples, schema_changes, tables
from shared.adapters.expectation_results import PLACE, Results, absent, report_of, said, suite_of, texts_of
from shared.domain.check_run import CheckAnswer
from shared.domain.quality import CheckReport, ExpectationOutcome, unreadable
from shared.domain.usecase import DataSpec
from shared.domain.verdicts import Verdict
from shared.errors import Malformed, TooLarge, Unreachable

if TYPE_CHECKING:
    import duckdb


class GreatExpectations:
    """Quality."""

    def __init__(self, memory_limit: str) -> None:
        self._memory_limit = memory_limit
        self.one_at_a_time = threading.Lock()  # the memory limit is one check's, and GX keeps global state

    @contextmanager
    def prepared(self, file: Path, spec: DataSpec) -> Iterator[Path]:
        import duckdb

        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder) / f"{file.name}{tables.PREPARED}"
            try:
                with self.one_at_a_time, tables.connect(self._memory_limit) as db:
                    target = tables.prepare(db, file, spec, target)
            except (duckdb.Error, Malformed, TooLarge):  # the check comes upon the same, and says so
                target = file
            yield target

    def check(self, file: Path, spec: DataSpec, known: Mapping[str, str] | None = None) -> CheckReport:
        import duckdb

        name = file.name.removesuffix(tables.PREPARED)
        with self.one_at_a_time, tempfile.TemporaryDirectory() as folder, tables.connect(self._memory_limit) as db:
            try:
                rows = tables.prepare(db, file, spec, Path(folder) / f"batch{tables.PREPARED}")
            except (duckdb.Error, Malformed) as error:
                if tables.is_of_our_disk(error):
                    raise Unreachable(f"{name}: {error}") from error
                is_much = isinstance(error, duckdb.OutOfMemoryException)
                said = tables.TOO_LITTLE * is_much + tables.first_line(error)
                if spec.check_job and (is_much or isinstance(error, TooLarge)):
                    raise TooLarge(said) from error
                return unreadable(name, said)
            tables.shut_in(db, rows)
            changes, texts = schema_changes.changes(db, spec, known or {}), texts_of(spec, known or {})
            found = judge(db, spec.expectations, name, changes, texts)
            if spec.check_job and found.verdict is Verdict.ERROR:  # of an expectation, it can only be memory
                raise TooLarge(tables.TOO_LITTLE + next(iter(found.reasons), name))
            return found

    def report(self, answer: CheckAnswer, known: Mapping[str, Any] | None, spec: DataSpec, name: str) -> CheckReport:
        load()
        with tables.connect(self._memory_limit) as db:
            found = delta_types.types_of(db, answer.schema)
            types = delta_types.types_of(db, known or delta_types.NONE)
        results = Results(
            rows=answer.rows,
            columns=found,
            texts=texts_of(spec, types),
            results=answer.results,
            refused=dict(answer.refused),
        )

        def counted(column: str, _: str) -> tuple[int, int]:
            changed = answer.changed.get(column, {})
            return changed.get("values", 0), changed.get("lost", 0)

        changes = schema_changes.changes_of(found, spec, types, counted)
        return report_of(results, spec.expectations, name, changes)


def judge(
    db: "duckdb.DuckDBPyConnection",
    expectations: str,
    name: str,
    also: Iterable[ExpectationOutcome] = (),
    texts: Collection[str] = (),
) -> CheckReport:
    """Judge the view `batch` by the suite's text; `name` is what the batch is called, `also` what else was found, and
    `texts` are the columns that hold texts by their nature.
    """
    (rows,) = db.sql(f"SELECT count(*) FROM {tables.VIEW}").fetchone() or (0,)
    found = Results(rows=rows, columns=schema_changes.columns_of(db), texts=texts)
    try:
        found = _validate(db, found, suite_of(expectations)) if expectations else found
    except Exception as error:  # noqa: BLE001 - whatever it raises, nobody can say the data is good
        found = replace(found, fell=said(error))
    return report_of(found, expectations, name, also)


def _validate(db: "duckdb.DuckDBPyConnection", found: Results, suite: list[dict[str, Any]]) -> Results:
    """What was found with each expectation's result, or why it could not be asked."""
    gx = load()
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    runnable: list[Any] = []
    refused: dict[int, str] = {}
    for place, each in enumerate(suite):
        if absent(each, found.columns):
            continue
        try:
            runnable.append(
                ExpectationConfiguration(
                    type=each["type"],
                    kwargs=each["kwargs"],
                    severity=each.get("severity", "critical"),
                    meta={PLACE: place},
                ).to_domain_obj()
            )
        except Exception as error:  # noqa: BLE001 - whatever it raises, the suite is wrong, and says how
            refused[place] = " ".join(str(error).split())
    counted: list[Any] = []
    if runnable:
        batch = batch_of(gx, db)
        counted = _run(gx, batch, runnable)
        gx_samples.add(batch, counted, shown=20)  # a scan each: only where something is to be shown
    return replace(found, results=[one.to_json_dict() for one in counted], refused=refused)


def _run(gx: Any, batch: Any, expectations: list[Any]) -> list[Any]:
    """Their results, in their order, without the values that break them."""
    suite = gx.ExpectationSuite(name="suite", expectations=expectations)
    results = batch.validate(suite, result_format={"result_format": "BASIC", "partial_unexpected_count": 0}).results
    return sorted(results, key=lambda one: one.expectation_config.meta[PLACE])


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
