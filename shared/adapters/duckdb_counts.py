"""Great Expectations' counts of missing values and of lengths, as DuckDB counts them cheapest. Importing it registers
them for the SQL engine of this process.

Missing values are asked for each column of a suite, and DuckDB has the number of present ones almost for nothing.
Lengths, without a metric of their own below the condition, are counted in the same scan as all else.
"""

from typing import Any

import sqlalchemy as sa
from great_expectations.core.metric_domain_types import MetricDomainTypes
from great_expectations.core.metric_function_types import MetricPartialFunctionTypes
from great_expectations.execution_engine.sqlalchemy_execution_engine import SqlAlchemyExecutionEngine
from great_expectations.expectations.metrics.map_metric_provider.column_condition_partial import (
    column_condition_partial,
)
from great_expectations.expectations.metrics.map_metric_provider.column_map_metric_provider import (
    ColumnMapMetricProvider,
)
from great_expectations.expectations.metrics.metric_provider import MetricProvider, metric_partial
from great_expectations.validator.metric_configuration import MetricConfiguration

_AGGREGATE = MetricPartialFunctionTypes.AGGREGATE_FN


class NullCount(MetricProvider):
    """How many values are missing; none is said of no rows, as Great Expectations' own sum says."""

    metric_name = "column_values.nonnull.unexpected_count"
    domain_keys = ("batch_id", "table", "column", "row_condition", "condition_parser")
    value_keys = ()

    @metric_partial(engine=SqlAlchemyExecutionEngine, partial_fn_type=_AGGREGATE, domain_type=MetricDomainTypes.COLUMN)
    def _sqlalchemy(cls, metrics: Any, **_: Any) -> Any:  # noqa: N805 - the decorator makes it a classmethod
        _condition, compute_domain, accessor_domain = metrics["unexpected_condition"]
        present = sa.func.count(sa.column(accessor_domain["column"]))
        return sa.func.nullif(sa.func.count(), 0) - present, compute_domain, accessor_domain

    @classmethod
    def _get_evaluation_dependencies(cls, metric: Any, *args: Any, **kwargs: Any) -> dict[str, MetricConfiguration]:
        """On the condition, as all counts, so that all are asked in one scan."""
        needed: dict[str, MetricConfiguration] = super()._get_evaluation_dependencies(metric, *args, **kwargs)
        if metric.metric_name == f"{cls.metric_name}.{_AGGREGATE.metric_suffix}":
            needed["unexpected_condition"] = MetricConfiguration(
                metric_name="column_values.nonnull.condition", metric_domain_kwargs=metric.metric_domain_kwargs
            )
        return needed


class LengthEquals(ColumnMapMetricProvider):
    """expect_column_value_lengths_to_equal."""

    condition_metric_name = "column_values.value_length.equals"
    condition_value_keys = ("value",)

    @column_condition_partial(engine=SqlAlchemyExecutionEngine)
    def _sqlalchemy(cls, column: Any, value: Any, **_: Any) -> Any:  # noqa: N805 - the decorator makes it a classmethod
        return sa.func.length(column) == value


class LengthBetween(ColumnMapMetricProvider):
    """expect_column_value_lengths_to_be_between."""

    condition_metric_name = "column_values.value_length.between"
    condition_value_keys = ("min_value", "max_value", "strict_min", "strict_max")

    @column_condition_partial(engine=SqlAlchemyExecutionEngine)
    def _sqlalchemy(
        cls,  # noqa: N805 - the decorator makes it a classmethod
        column: Any,
        min_value: Any = None,
        max_value: Any = None,
        strict_min: Any = None,
        strict_max: Any = None,
        **_: Any,
    ) -> Any:
        bounds = [each for each in (min_value, max_value) if each is not None]
        if not bounds:
            raise ValueError("min_value and max_value cannot both be None")
        if not all(float(each).is_integer() for each in bounds):
            raise ValueError("min_value and max_value must be integers")
        length: Any = sa.func.length(column)
        within = []
        if min_value is not None:
            within.append(length > min_value if strict_min else length >= min_value)
        if max_value is not None:
            within.append(length < max_value if strict_max else length <= max_value)
        return sa.and_(*within)
