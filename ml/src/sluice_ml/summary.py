"""What the predictions of a part look like, in a few numbers, left where the control plane reads them."""

import json
from typing import Any, Final

from pyspark.sql import DataFrame, types
from pyspark.sql import functions as f

from sluice_ml.frames import leave_document
from sluice_ml.schemas import PREDICTION

CATEGORIES: Final = 20
SAMPLE: Final = 3


def leave(part: DataFrame, place: str) -> None:
    """Summarize the part's rows as gold has them; a repeat replaces what was left before."""
    leave_document(part.sparkSession, summary(part), place)


def summary(part: DataFrame) -> dict[str, Any]:
    """Rows, nulls and a sample; of numbers mean, deviation and range (NaN counts as null), of others the counts."""
    column = f.col(PREDICTION)
    number = isinstance(part.schema[PREDICTION].dataType, types.NumericType)
    value = f.when(~f.isnan(column.cast("double")), column.cast("double")) if number else column
    moments = [f.avg(value), f.stddev_pop(value), f.min(value), f.max(value)] if number else []
    first = part.agg(f.count(f.lit(1)), f.count(value), *moments).first()
    if first is None:
        return {"rows": 0}
    rows, there, *found = first
    sample = [json.dumps(row.asDict(), default=str, ensure_ascii=False) for row in part.limit(SAMPLE).collect()]
    document: dict[str, Any] = {"rows": rows, "nulls": rows - there, "sample": sample}
    if number:
        return document | dict(zip(("mean", "deviation", "minimum", "maximum"), found, strict=True))
    counted = part.where(column.isNotNull()).groupBy(column.cast("string").alias("name")).count()
    most = counted.orderBy(f.desc("count"), "name").limit(CATEGORIES).collect()
    return document | {"categories": [[row["name"], row["count"]] for row in most]}
