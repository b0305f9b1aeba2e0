"""Great Expectations' uniqueness counts as GROUP BY, where it would use a window over every row. Importing it registers
them for the SQL engine of this process.

The window keeps all rows in memory at once; groups are counted as they come.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from great_expectations.core.metric_domain_types import MetricDomainTypes
from great_expectations.execution_engine.sqlalchemy_execution_engine import SqlAlchemyExecutionEngine
from great_expectations.expectations.metrics.metric_provider import MetricProvider, metric_value


def _rows_not_alone(
    engine: SqlAlchemyExecutionEngine, domain: dict[str, Any], kind: MetricDomainTypes, columns: Sequence[str]
) -> int:
    """How many rows share their values of the columns with another row."""
    selected, *_ = engine.get_compute_domain(domain, kind)
    source = selected.subquery() if isinstance(selected, sa.Select) else selected
    names: list[sa.ColumnClause[Any]] = [sa.column(name) for name in columns]
    counted = sa.func.count().label("counted")
    groups = sa.select(counted).select_from(source).group_by(*names).having(sa.func.count() > 1)
    if len(names) == 1:  # of one column, Great Expectations never looks at nulls
        groups = groups.where(names[0].is_not(None))
    total = sa.select(sa.func.coalesce(sa.func.sum(groups.subquery().c.counted), 0))
    return int(engine.execute_query(total).scalar())


class UniqueCount(MetricProvider):
    """expect_column_values_to_be_unique."""

    metric_name = "column_values.unique.unexpected_count"
    domain_keys = ("batch_id", "table", "column", "row_condition", "condition_parser")
    value_keys = ()

    @metric_value(engine=SqlAlchemyExecutionEngine)
    def _sqlalchemy(cls, execution_engine: Any, metric_domain_kwargs: Any, **_: Any) -> int:  # noqa: N805 - the decorator makes it a classmethod
        columns = [metric_domain_kwargs["column"]]
        return _rows_not_alone(execution_engine, metric_domain_kwargs, MetricDomainTypes.COLUMN, columns)


class CompoundUniqueCount(MetricProvider):
    """expect_compound_columns_to_be_unique."""

    metric_name = "compound_columns.unique.unexpected_count"
    domain_keys = ("batch_id", "table", "column_list", "row_condition", "condition_parser", "ignore_row_if")
    value_keys = ()

    @metric_value(engine=SqlAlchemyExecutionEngine)
    def _sqlalchemy(cls, execution_engine: Any, metric_domain_kwargs: Any, **_: Any) -> int:  # noqa: N805 - the decorator makes it a classmethod
        columns = metric_domain_kwargs["column_list"]
        return _rows_not_alone(execution_engine, metric_domain_kwargs, MetricDomainTypes.MULTICOLUMN, columns)
