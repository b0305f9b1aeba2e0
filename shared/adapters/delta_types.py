"""Delta's schemas as documents, and their columns in DuckDB's words."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from shared.adapters import schema_changes
from shared.adapters.sql import identifier
from shared.errors import Poison

if TYPE_CHECKING:
    import duckdb

NONE: Mapping[str, Any] = {"type": "struct", "fields": []}
"""The schema without a column."""


def schema_of(db: "duckdb.DuckDBPyConnection", query: str, what: str) -> Mapping[str, Any]:
    """Of what a query gives. Raises Poison for a type that Delta lacks."""
    from arro3.core import RecordBatchReader
    from deltalake import Schema

    try:
        document: Mapping[str, Any] = json.loads(
            Schema.from_arrow(RecordBatchReader.from_stream(db.sql(query)).schema).to_json()
        )
    except Exception as error:  # what it says of a column's type is a bare Exception
        if "Schema error" not in str(error):
            raise
        raise Poison(f"{what}: {error}: give the column another type in data.columns") from error
    return document


def schema_of_types(db: "duckdb.DuckDBPyConnection", types: Mapping[str, str], what: str) -> Mapping[str, Any]:
    """Of columns of DuckDB's types. Raises Poison for a type that Delta lacks."""
    if not types:
        return NONE
    columns = ", ".join(f"NULL::{kind} AS {identifier(name)}" for name, kind in types.items())
    return schema_of(db, f"SELECT {columns}", what)


def types_of(db: "duckdb.DuckDBPyConnection", schema: Mapping[str, Any]) -> dict[str, str]:
    """Names and types of the columns, in their order."""
    from arro3.core import RecordBatchReader
    from deltalake import Schema

    if not schema["fields"]:
        return {}
    none = RecordBatchReader.from_batches(Schema.from_json(json.dumps(schema)).to_arrow(), [])
    db.register("of_schema", none)
    return schema_changes.columns_of(db, "of_schema")
