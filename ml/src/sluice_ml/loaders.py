"""Silver rows, at exactly one version of the table."""

from collections.abc import Iterable

from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession

from sluice_ml.errors import BadInput


def read(table: str, version: int) -> DataFrame:
    """The table as it was at that version; nothing is read yet but its schema. Raises BadInput."""
    spark = SparkSession.builder.getOrCreate()
    try:
        rows = spark.read.format("delta").option("versionAsOf", version).load(table)
        rows.schema  # noqa: B018 - asks the server, which looks at the table
    except PySparkException as error:
        raise BadInput(f"table {table} cannot be read at version {version}: {_first_line(error)}") from error
    return rows


def demand(rows: DataFrame, columns: Iterable[str], *, table: str, version: int, wanted_by: str) -> None:
    """Raise BadInput if a column is not there."""
    if missing := [column for column in columns if column not in rows.columns]:
        raise BadInput(
            f"table {table} at version {version} has no column {', '.join(missing)}, which {wanted_by} wants"
            f" (it has {', '.join(rows.columns)}): correct the name, or land data that has it"
        )


def _first_line(error: PySparkException) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
