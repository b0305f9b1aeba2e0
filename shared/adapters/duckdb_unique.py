"""Great Expectations' uniqueness counts as GROUP BY, where it would use a window over every row. Importing it registers
them for the SQL engine of this process.

The window keeps all rows in memory at once; groups are counted as they come. The same statement finds some of the
values that are there more than once, so showing them needs no second count.
"""

from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from great_expectations.core.metric_domain_types import MetricDomainTypes
from great_expectations.execution_engine.sqlalchemy_execution_engine import SqlAlchemyExecutionEngine
from great_expectations.expectations.metrics.metric_provider import MetricProvider, metric_value

KEPT = 20
"""So many of the values that are there more than once are kept: the least ones."""

type Found = tuple[int, list[tuple[Any, ...]]]

_found: WeakKeyDictionary[SqlAlchemyExecutionEngine, dict[str, Found]] = WeakKeyDictionary()
"""By engine, as each has one batch; and by what was asked."""


def _not_alone(engine: SqlAlchemyExecutionEngine, domain: dict[str, Any], columns: Sequence[str]) -> Found:
    """How many rows share their values of the columns with another row, and some of these values."""
    found = _found.setdefault(engine, {})
    asked = repr(sorted(domain.items(), key=lambda item: item[0]))
    if asked not in found:
        found[asked] = _counted(engine, domain, columns)
    return found[asked]


def _counted(engine: SqlAlchemyExecutionEngine, domain: dict[str, Any], columns: Sequence[str]) -> Found:
    kind = MetricDomainTypes.COLUMN if "column" in domain else MetricDomainTypes.MULTICOLUMN
    selected, *_ = engine.get_compute_domain(domain, kind)
    source = selected.subquery() if isinstance(selected, sa.Select) else selected
    names: list[sa.ColumnClause[Any]] = [sa.column(name) for name in columns]
    counted = sa.func.count().label("counted")
    values = sa.func.row(*names).label("kept")
    groups = sa.select(counted, values).select_from(source).group_by(*names).having(sa.func.count() > 1)
    if len(names) == 1:  # of one column, Great Expectations never looks at nulls
        groups = groups.where(names[0].is_not(None))
    group = groups.subquery().c
    total = sa.select(sa.func.coalesce(sa.func.sum(group.counted), 0), sa.func.min(group.kept, KEPT))
    count, kept = engine.execute_query(total).one()
    return int(count), list(kept or ())


class UniqueCount(MetricProvider):
    """expect_column_values_to_be_unique."""

    metric_name = "column_values.unique.unexpected_count"
    domain_keys = ("batch_id", "table", "column", "row_condition", "condition_parser")
    value_keys = ()

    @metric_value(engine=SqlAlchemyExecutionEngine)
    def _sqlalchemy(cls, execution_engine: Any, metric_domain_kwargs: Any, **_: Any) -> int:  # noqa: N805 - the decorator makes it a classmethod
        return _not_alone(execution_engine, metric_domain_kwargs, [metric_domain_kwargs["column"]])[0]


class UniqueValues(MetricProvider):
    """expect_column_values_to_be_unique: some of the values that are not."""

    metric_name = "column_values.unique.unexpected_values"
    domain_keys = UniqueCount.domain_keys
    value_keys = ("result_format",)

    @metric_value(engine=SqlAlchemyExecutionEngine)
    def _sqlalchemy(cls, execution_engine: Any, metric_domain_kwargs: Any, **_: Any) -> list[Any]:  # noqa: N805 - the decorator makes it a classmethod
        found = _not_alone(execution_engine, metric_domain_kwargs, [metric_domain_kwargs["column"]])
        return [value for (value,) in found[1]]


class CompoundUniqueCount(MetricProvider):
    """expect_compound_columns_to_be_unique."""

    metric_name = "compound_columns.unique.unexpected_count"
    domain_keys = ("batch_id", "table", "column_list", "row_condition", "condition_parser", "ignore_row_if")
    value_keys = ()

    @metric_value(engine=SqlAlchemyExecutionEngine)
    def _sqlalchemy(cls, execution_engine: Any, metric_domain_kwargs: Any, **_: Any) -> int:  # noqa: N805 - the decorator makes it a classmethod
        return _not_alone(execution_engine, metric_domain_kwargs, metric_domain_kwargs["column_list"])[0]


class CompoundUniqueValues(MetricProvider):
    """expect_compound_columns_to_be_unique: some of the values that are not."""

    metric_name = "compound_columns.unique.unexpected_values"
    domain_keys = CompoundUniqueCount.domain_keys
    value_keys = ("result_format",)

    @metric_value(engine=SqlAlchemyExecutionEngine)
    def _sqlalchemy(cls, execution_engine: Any, metric_domain_kwargs: Any, **_: Any) -> list[Any]:  # noqa: N805 - the decorator makes it a classmethod
        columns = metric_domain_kwargs["column_list"]
        found = _not_alone(execution_engine, metric_domain_kwargs, columns)
        return [dict(zip(columns, values, strict=True)) for values in found[1]]
