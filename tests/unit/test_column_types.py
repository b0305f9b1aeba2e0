"""Types of columns: what is accepted in a use case is what DuckDB reads and Delta holds, and nothing else."""

from collections.abc import Iterator

import duckdb
import pytest
from arro3.core import RecordBatchReader
from deltalake import Schema

from shared.domain import column_types

OTHERS = [
    *("DECIMAL(10,2)", "decimal(38)", "DECIMAL(39,2)", "DECIMAL(5,7)", "NUMERIC ( 18, 3 )", "DECIMAL(1,2,3)"),
    *("INT[]", "INT[3]", "VARCHAR[][]", "int[][3]", "TIME[]", "INT[", "INT]", "INT ARRAY", "INT ARRAY[2]"),
    *("STRUCT(a INT, b VARCHAR)", 'STRUCT("a b" INT)', "STRUCT(a STRUCT(b DATE[]))", "ROW(a INT)", "STRUCT()"),
    *("STRUCT(a TIME)", "STRUCT(a)", "STRUCT(a INT", "STRUCT(a INTT)", "MAP(VARCHAR, INT)", "MAP(INT)"),
    *("MAP(VARCHAR, STRUCT(a INT))", "ENUM('a','b')", "ENUM('it''s', ', )')", "ENUM()", "ENUM(1)", "LIST(INT)"),
    *("UNION(a INT, b VARCHAR)", "VARCHAR(10)", "CHAR(3)", "CHARACTER VARYING(5)", "DOUBLE PRECISION"),
    *("NATIONAL CHARACTER VARYING(3)", "NCHAR(3)", "TIMESTAMP WITHOUT TIME ZONE", "timestamp  with  time  zone[]"),
    *("TIMESTAMP(3)", "TIMESTAMP(0)", "DATETIME(3)", "TIMESTAMPTZ(3)", "BLOB(3)", "BIGINT(5)", "BOOLEAN(1)"),
    *("FLOAT(10)", "FLOAT(30)", "FLOAT(99)", "INTERVAL YEAR", "BIGINTT", '"BIGINT"', "", "  ", ";", "INT;", "INT, x"),
    *("1", "INT) AS a, (1", "VARCHAR')", "TIMESTAMP WITH", "DATE DATE", "TIME WITHOUT TIME ZONE"),
]
NOT_THOUGH_IT_COULD = {"BIT", "TIMESTAMP_NS"}
"""Bits would be bytes; nanoseconds deltalake alone has, and no Spark."""


def names() -> Iterator[str]:
    for (name,) in duckdb.sql("SELECT DISTINCT type_name FROM duckdb_types() ORDER BY 1").fetchall():
        yield from (name, name.upper())


def is_held(kind: str) -> bool:
    try:
        duckdb.execute("SET TimeZone = 'UTC'")  # by that very name: Delta takes no other
        none = duckdb.sql(f"SELECT NULL::{kind} AS x")
        if str(none.types[0]) in NOT_THOUGH_IT_COULD or len(none.columns) > 1:
            return False
        Schema.from_arrow(RecordBatchReader.from_stream(none).schema)
    except Exception:  # noqa: BLE001 - Delta's is a bare one
        return False
    return True


@pytest.mark.parametrize("kind", [*names(), *OTHERS])
def test_type_is_accepted_where_duckdb_and_delta_have_it(kind: str) -> None:
    if is_held(kind):
        assert column_types.demand(kind) == kind
        return
    with pytest.raises(ValueError, match="write a type such as BOOLEAN"):
        column_types.demand(kind)


@pytest.mark.parametrize("kind", column_types.EXAMPLES)
def test_each_example_of_the_remedy_is_one(kind: str) -> None:
    assert column_types.demand(kind) == kind
