"""Silver rows, at exactly one version of the table."""

import json
from collections.abc import Iterable

from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as f

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


def group(silver: DataFrame, table: str, place: str, part: str) -> DataFrame:
    """Of an unpartitioned table the rows that are in a group's files. Raises BadInput."""
    names = [each.rpartition("/")[2] for each in _groups(silver.sparkSession, place).get(part, [])]
    if not names:
        raise BadInput(f"{place} has no group {part!r}: the plan and the job parameter files have to be of one version")
    try:
        silver.select("_metadata.file_name").schema  # noqa: B018 - asks the server, which knows such a column or not
    except PySparkException:  # Sail, for one, does not
        return silver.sparkSession.read.schema(silver.schema).parquet(*[f"{table}/{name}" for name in names])
    return silver.where(f.col("_metadata.file_name").isin(names))


def is_last_group(spark: SparkSession, place: str, part: str) -> bool:
    """Is it the last, whose files replace also what gold has of groups that are no more?"""
    return bool(place) and part == max(_groups(spark, place))


def _groups(spark: SparkSession, place: str) -> dict[str, list[str]]:
    try:
        (row,) = spark.read.text(place, wholetext=True).collect()
        groups: dict[str, list[str]] = json.loads(row[0])
    except (PySparkException, ValueError) as error:
        raise BadInput(f"{place}: which files each part has cannot be read: {error}") from error
    return groups


def demand(rows: DataFrame, columns: Iterable[str], *, table: str, version: int, wanted_by: str) -> None:
    """Raise BadInput if a column is not there."""
    if missing := [column for column in columns if column not in rows.columns]:
        raise BadInput(
            f"table {table} at version {version} has no column {', '.join(missing)}, which {wanted_by} wants"
            f" (it has {', '.join(rows.columns)}): correct the name, or land data that has it"
        )


def _first_line(error: PySparkException) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
