"""The SQLAlchemy dialect that Great Expectations reads DuckDB through; imported by SQLAlchemy, by name."""

from typing import Any

from duckdb_sqlalchemy import Dialect


class AutocommitDialect(Dialect):
    """DuckDB without transactions: begin, commit and rollback do nothing, so a fetched-late result stays."""

    supports_statement_cache = False

    def do_begin(self, dbapi_connection: Any) -> None:
        """Nothing."""

    def do_commit(self, dbapi_connection: Any) -> None:
        """Nothing."""

    def do_rollback(self, dbapi_connection: Any) -> None:
        """Nothing."""
