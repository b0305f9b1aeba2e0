"""Great Expectations' regular expressions on DuckDB, whose words for them it does not know. Importing it registers them
for the SQL engine of this process, which reads nothing but DuckDB.

As in the pandas engine a value matches when the expression is found anywhere in it. The expressions are RE2's.
"""

from typing import Any

import sqlalchemy as sa
from great_expectations.execution_engine.sqlalchemy_execution_engine import SqlAlchemyExecutionEngine
from great_expectations.expectations.metrics.column_map_metrics.column_values_match_regex import (
    ColumnValuesMatchRegex,
)
from great_expectations.expectations.metrics.column_map_metrics.column_values_match_regex_list import (
    ColumnValuesMatchRegexList,
)
from great_expectations.expectations.metrics.column_map_metrics.column_values_not_match_regex import (
    ColumnValuesNotMatchRegex,
)
from great_expectations.expectations.metrics.column_map_metrics.column_values_not_match_regex_list import (
    ColumnValuesNotMatchRegexList,
)
from great_expectations.expectations.metrics.map_metric_provider.column_condition_partial import (
    column_condition_partial,
)


def _found(column: Any, regex: str) -> sa.ColumnElement[bool]:
    written = sa.literal(regex, literal_execute=True)  # as a parameter it would be compiled anew for each row
    found: sa.ColumnElement[bool] = sa.func.regexp_matches(column, written)
    return found


class MatchRegex(ColumnValuesMatchRegex):
    """expect_column_values_to_match_regex."""

    @column_condition_partial(engine=SqlAlchemyExecutionEngine)
    def _sqlalchemy(cls, column: Any, regex: Any, _dialect: Any, **_: Any) -> Any:  # noqa: N805 - the decorator makes it a classmethod
        return _found(column, regex)


class NotMatchRegex(ColumnValuesNotMatchRegex):
    """expect_column_values_to_not_match_regex."""

    @column_condition_partial(engine=SqlAlchemyExecutionEngine)
    def _sqlalchemy(cls, column: Any, regex: Any, _dialect: Any, **_: Any) -> Any:  # noqa: N805 - the decorator makes it a classmethod
        return sa.not_(_found(column, regex))


class MatchRegexList(ColumnValuesMatchRegexList):
    """expect_column_values_to_match_regex_list."""

    @column_condition_partial(engine=SqlAlchemyExecutionEngine)
    def _sqlalchemy(cls, column: Any, regex_list: Any, match_on: Any, _dialect: Any, **_: Any) -> Any:  # noqa: N805
        together = sa.or_ if match_on == "any" else sa.and_
        return together(*(_found(column, regex) for regex in regex_list))


class NotMatchRegexList(ColumnValuesNotMatchRegexList):
    """expect_column_values_to_not_match_regex_list."""

    @column_condition_partial(engine=SqlAlchemyExecutionEngine)
    def _sqlalchemy(cls, column: Any, regex_list: Any, _dialect: Any, **_: Any) -> Any:  # noqa: N805
        return sa.and_(*(sa.not_(_found(column, regex)) for regex in regex_list))
