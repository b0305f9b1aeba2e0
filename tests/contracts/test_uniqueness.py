"""Values that are there more than once: as many rows as a plain count finds, where values lie dense and where not."""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings
from sqlalchemy import event
from sqlalchemy.engine import Engine

from shared.adapters.great_expectations import GreatExpectations
from shared.domain.usecase import DataSpec, Format
from tests.contracts.test_quality import expect

DAY = date(2013, 1, 1)
LEAST, GREATEST = -(2**63), 2**63 - 1
near = st.integers(-3, 60)
numbers = st.lists(st.one_of(near, st.none()), min_size=1, max_size=40) | st.lists(
    st.sampled_from([LEAST, LEAST + 1, -1, 0, 1, GREATEST - 1, GREATEST]) | near, min_size=1, max_size=20
)
type Columns = dict[str, tuple[str, list[Any]]]
days = st.integers(-40, 5000).map(lambda days: DAY + timedelta(days)) | st.sampled_from([DAY, date.max, date.min])


@pytest.fixture
def statements() -> Iterator[list[str]]:
    """What is asked of DuckDB."""
    asked: list[str] = []

    def before(*arguments: Any) -> None:
        asked.append(arguments[2])

    event.listen(Engine, "before_cursor_execute", before)
    yield asked
    event.remove(Engine, "before_cursor_execute", before)


def unexpected(folder: Path, columns: Columns, ignore: str = "any_value_is_missing") -> int | None:
    """How many rows are not unique."""
    selected = ", ".join(f"unnest(${name}::{kind}[]) AS {name}" for name, (kind, _) in columns.items())
    with duckdb.connect() as db:
        db.execute(f"CREATE TABLE batch AS SELECT {selected}", {name: values for name, (_, values) in columns.items()})
        db.execute(f"COPY batch TO '{folder / 'batch.parquet'}'")
    named = list(columns)
    of_one = expect("column_values_to_be_unique", column=named[0])
    of_all = expect("compound_columns_to_be_unique", column_list=named, ignore_row_if=ignore)
    spec = DataSpec(
        arrives="landing/*",
        expectations=json.dumps({"expectations": [of_all if len(named) > 1 else of_one]}),
        table="silver/t",
        partition_by=named[0],
        columns={},
        format=Format.PARQUET,
    )
    (outcome,) = GreatExpectations("500MB").check(folder / "batch.parquet", spec).expectations
    return outcome.unexpected


def more_than_once(rows: list[Any]) -> int:
    return sum(count for count in Counter(rows).values() if count > 1)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(numbers)
def test_numbers(tmp_path: Path, values: list[int | None]) -> None:
    found = unexpected(tmp_path, {"number": ("BIGINT", values)})
    assert found == more_than_once([each for each in values if each is not None])


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(days | st.none(), near | st.none()), min_size=1, max_size=30), st.booleans())
def test_days_beside_numbers(tmp_path: Path, rows: list[tuple[date | None, int | None]], any_missing: bool) -> None:
    days, numbers = (list(each) for each in zip(*rows, strict=True))
    columns = {"day": ("DATE", days), "number": ("TINYINT", numbers)}
    found = unexpected(tmp_path, columns, "any_value_is_missing" if any_missing else "all_values_are_missing")
    assert found == more_than_once([row for row in rows if (all if any_missing else any)(x is not None for x in row)])


@pytest.mark.parametrize(
    ("columns", "dense"),
    [
        ({"id": ("SMALLINT", [*range(-5000, 15000), 7, 7, 9000])}, True),
        ({"id": ("UTINYINT", [255, 0, *range(99, 120), 255])}, True),
        ({"id": ("BIGINT", [0, 10**9, 10**9, 0])}, False),
        ({"id": ("UBIGINT", [2**64 - 1, 2**64 - 1, 2**64 - 2])}, False),
        ({"id": ("VARCHAR", ["a", "b", "b"])}, False),
        ({"id": ("BOOLEAN", [True, False, True])}, False),
        ({"id": ("INTEGER", [None, None])}, False),
        ({"day": ("DATE", [DAY, DAY, DAY + timedelta(30)]), "number": ("BIGINT", [1, 1, 1])}, True),
        ({"day": ("DATE", [DAY, DAY, DAY + timedelta(9999)]), "number": ("BIGINT", [1, 1, 1])}, False),
    ],
)
def test_bits_are_kept_where_values_lie_dense(
    columns: Columns, dense: bool, tmp_path: Path, statements: list[str]
) -> None:
    rows = [row for row in zip(*(values for _, values in columns.values()), strict=True) if None not in row]
    assert unexpected(tmp_path, columns) == more_than_once(rows)
    assert any("bitstring_agg" in each for each in statements) is dense
