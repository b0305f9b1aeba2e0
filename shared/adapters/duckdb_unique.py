"""Great Expectations' uniqueness counts as GROUP BY, where it would use a window over every row. Importing it registers
them for the SQL engine of this process.

The window keeps all rows in memory at once; groups are counted as they come. The same statement finds some of the
values that are there more than once, so showing them needs no second count. Where values lie dense, as ids do, or days
beside small numbers, a bit is kept of each, and only where there are more rows than bits are groups made: a fraction of
the time and of the memory.
"""

from collections.abc import Sequence
from datetime import date
from typing import Any
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from great_expectations.core.metric_domain_types import MetricDomainTypes
from great_expectations.execution_engine.sqlalchemy_execution_engine import SqlAlchemyExecutionEngine
from great_expectations.expectations.metrics.metric_provider import MetricProvider, metric_value

KEPT = 20
"""So many of the values that are there more than once are kept: the least ones."""

BITS, MOST_BITS, BITS_TOGETHER = 32, 2**28, 4096
"""At most so many bits for each row, and in all (32 MiB); those of so many neighbours are kept and counted together."""

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
    rows = sa.select(*names).select_from(source)
    if len(names) == 1:  # of one column, Great Expectations never looks at nulls
        rows = rows.where(names[0].is_not(None))
    place = _place(engine, rows, names)
    if place is not None:
        together, bit = place.op("//")(BITS_TOGETHER), place % sa.literal_column(str(BITS_TOGETHER))
        bits = sa.func.bitstring_agg(bit, sa.literal_column("0"), sa.literal_column(str(BITS_TOGETHER - 1)))
        fewer_bits = sa.func.bit_count(bits) < sa.func.count()
        rows = rows.where(together.in_(rows.with_only_columns(together).group_by(together).having(fewer_bits)))
    counted, values = sa.func.count().label("counted"), sa.func.row(*names).label("kept")
    group = rows.with_only_columns(counted, values).group_by(*names).having(sa.func.count() > 1).subquery().c
    total = sa.select(sa.func.coalesce(sa.func.sum(group.counted), 0), sa.func.min(group.kept, KEPT))
    count, kept = engine.execute_query(total).one()
    return int(count), list(kept or ())


def _place(
    engine: SqlAlchemyExecutionEngine, rows: sa.Select[Any], names: Sequence[sa.ColumnClause[Any]]
) -> sa.ColumnElement[int] | None:
    """The place of a row's values among all that are possible between the least and the greatest of each column, from
    0: other values, another place. None where that is not to be said, or would be too many. DuckDB reads the least and
    the greatest from the file's metadata.
    """
    asked = [each for name in names for each in (sa.func.min(name), sa.func.max(name), sa.func.count(name))]
    count, *found = engine.execute_query(rows.with_only_columns(sa.func.count(), *asked)).one()
    place: sa.ColumnElement[int] = sa.literal_column("0::BIGINT")
    possible = 1
    for name, least, greatest, present in zip(names, found[::3], found[1::3], found[2::3], strict=True):
        if present < count or not count:
            return None
        if type(least) is int and max(-least, greatest) < 2**63:
            offset = sa.cast(name, sa.BigInteger) - sa.literal_column(f"{least}::BIGINT")
            size = greatest - least + 1
        elif type(least) is date and date.min < least and greatest < date.max:  # which infinite ones are shown as
            offset = sa.func.date_diff("day", sa.literal_column(f"DATE '{least}'"), name)
            size = (greatest - least).days + 1
        else:
            return None
        place, possible = place * size + offset, possible * size
    return place if possible <= min(BITS * count, MOST_BITS) else None


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
