"""A batch beside its table: which types differ, and the rows as the table takes them."""

from collections.abc import Mapping
from typing import Any

from pyspark.errors import AnalysisException, UnsupportedOperationException
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as f
from pyspark.sql.types import DataType

from sluice_ml import frames
from sluice_ml.frames import column
from sluice_ml.landed import Landed

type Schema = Mapping[str, Any]


def changed(batch: Landed, known: Schema | None) -> dict[str, dict[str, int]]:
    """By column whose type is not the table's: how many values it has, and how many of them are lost as that type."""
    differ = _differing(batch.frame, known)
    if not differ:
        return {}
    asked = [
        f.count(f.when(column(name).isNotNull() & _converted(batch.frame, name, kind).isNull(), 1)).alias(f"c{at}")
        for at, (name, kind) in enumerate(differ.items())
    ]
    lost = batch.frame.agg(*asked).collect()[0]
    return {name: {"values": batch.values[name], "lost": lost[at]} for at, name in enumerate(differ)}


def write(rows: DataFrame, known: Schema | None, place: str, partition_by: str) -> list[str]:
    """Write the rows, of which there is one, with the table's types; returns the files."""
    differ = _differing(rows, known)
    columns = [
        _converted(rows, name, differ[name]).alias(name) if name in differ else column(name) for name in rows.columns
    ]
    return frames.write(rows.select(*columns), place, partition_by)


def _differing(rows: DataFrame, known: Schema | None) -> dict[str, DataType]:
    types = {each.name: each.dataType.simpleString() for each in rows.schema}
    table = {each.name: each.dataType for each in frames.of_schema(known)} if known else {}
    return {name: kind for name, kind in table.items() if types.get(name, kind.simpleString()) != kind.simpleString()}


def _converted(rows: DataFrame, name: str, kind: DataType) -> Column:
    """Null where there is no such value of that type, and everywhere where there is no such conversion."""
    converted = column(name).try_cast(kind)
    try:
        rows.limit(1).select(converted.alias("value")).collect()
    except (AnalysisException, UnsupportedOperationException):  # Spark's answer, and Sail's
        return f.lit(None).cast(kind)
    return converted
