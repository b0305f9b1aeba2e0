"""One part of the gold table replaced, whoever else writes to the table."""

import random
import time
from typing import Final

from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as f

ATTEMPTS: Final = 20
LONGEST_PAUSE: Final = 3.0  # seconds

CONFLICTS: Final = (
    "DELTA_CONCURRENT",  # Databricks: another commit touched the part, or made the table
    "DELTA_METADATA_CHANGED",
    "DELTA_PROTOCOL_CHANGED",
    "Concurrent",  # the same, where the error has a name and no class: ConcurrentAppendException
    "Failed to commit transaction",  # Sail: somebody else committed this version
    "Missing commit file",  # Sail: somebody else wrote a checkpoint while it read the log
    "No commit files found",  # Sail: somebody else is making the table
)
"""What Spark says, when another writer was faster."""


def replace_part(rows: DataFrame, gold: str, *, column: str, part: str, and_after: bool = False) -> int:
    """Make the rows the whole of the part, or of it `and_after`, of all that follow; returns how many attempts it took.

    Writers of other parts get in each other's way: Sail refuses the later of two commits whatever they touch,
    Databricks where they overlap, and both when the table is made. Replacing is the same however often it is done, so
    the later tries again; after twenty attempts it raises what Spark raised.
    """
    predicate = f"`{column}` {'>=' if and_after else '='} {_literal(part)}"
    for attempt in range(1, ATTEMPTS + 1):
        try:
            # replaceWhere wants a table; it is made with the same columns, and no rows.
            empty = rows.sparkSession.createDataFrame([], rows.schema)
            empty.write.format("delta").mode("ignore").partitionBy(column).save(gold)
            rows.write.format("delta").mode("overwrite").option("replaceWhere", predicate).partitionBy(column).save(
                gold
            )
        except PySparkException as error:
            if attempt == ATTEMPTS or not any(words in str(error) for words in CONFLICTS):
                raise
            time.sleep(random.uniform(0, min(LONGEST_PAUSE, 0.1 * 2**attempt)))  # noqa: S311 - jitter, no secret
        else:
            return attempt
    raise AssertionError("the last attempt returns or raises")


def read_part(spark: SparkSession, gold: str, column: str, part: str) -> DataFrame:
    """The part as it is in gold now."""
    return spark.read.format("delta").load(gold).where(f.col(column) == part)


def _literal(text: str) -> str:
    """A text as Spark SQL reads it."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
