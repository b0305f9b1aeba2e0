"""The files of a batch: that they are what is read, and what they have in common."""

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as f
from pyspark.sql.types import ByteType, DataType, DoubleType, FloatType, IntegerType, LongType, ShortType

from sluice_ml.frames import column, input_paths, path_of, spark_errors

WHOLE = (ByteType, ShortType, IntegerType, LongType)

AT_ONCE = 50
"""So many files are counted in one look."""


class Unreadable(Exception):
    """The batch is not what it should be; the message says how."""


def patterns(read: Mapping[str, Any]) -> list[str]:
    """What would be a pattern, as one that the file itself matches."""
    return ["".join("?" if letter in "[]{}*\\" else letter for letter in path) for path in read["paths"]]


def demand(rows: DataFrame, read: Mapping[str, Any]) -> DataFrame:
    """The same rows, if they come from every file that is named, and from no other: Sail takes a file that is not there
    for one without rows.
    """
    found = input_paths(rows)
    wanted = [path_of(path).rstrip("/") for path in read["paths"]]
    for path in wanted:
        if not any(each == path or each.startswith(path + "/") for each in found):
            raise Unreadable(f"there is no file {path} that Spark finds")
    for each in found:
        if not any(each == path or each.startswith(path + "/") for path in wanted):
            raise Unreadable(f"Spark takes the file {each} for one of those that landed")
    return rows


def demand_names(rows: DataFrame) -> DataFrame:
    """The same rows, if no two columns have names that a table does not tell apart. Raises Unreadable."""
    first: dict[str, str] = {}
    for name in rows.columns:
        if before := first.get(name.lower()):
            raise Unreadable(f"column {before} is there twice, as {before} and {name}: give each a name of its own")
        first[name.lower()] = name
    return rows


def demand_closed_quotes(spark: SparkSession, read: Mapping[str, Any]) -> None:
    """Raise Unreadable for a text file with an odd number of quotes: one that nothing closes takes the rest of the file
    for its value, and Spark says nothing.
    """
    paths = patterns(read)
    for first in range(0, len(paths), AT_ONCE):
        some = paths[first : first + AT_ONCE]
        counted = [
            spark.read.text(path).agg(f.sum(_quotes()).alias("quotes")).select(f.lit(at).alias("at"), "quotes")
            for at, path in enumerate(some)
        ]
        for row in reduce(lambda one, other: one.unionAll(other), counted).collect():
            if (row["quotes"] or 0) % 2:
                raise Unreadable(f"{some[row['at']]} has a quote that nothing closes")


def _quotes() -> Column:
    return f.length("value") - f.length(f.regexp_replace("value", '"', ""))


def parquet(spark: SparkSession, paths: list[str]) -> DataFrame:
    """Parquet files as one. Types that differ from file to file Spark does not merge; they are united."""
    try:
        rows = spark.read.option("mergeSchema", "true").parquet(*paths)
        rows.schema  # noqa: B018 - asks the server, which looks at the files
    except spark_errors():
        return union([spark.read.parquet(path) for path in paths])
    return rows


def union(frames: Sequence[DataFrame]) -> DataFrame:
    """The frames as one, by name. Where their numbers differ in type, it is one that takes them all: what Sail takes is
    the first's. Raises Unreadable for other types that differ.
    """
    types: dict[str, DataType] = {}
    for each in [field for rows in frames for field in rows.schema]:
        types[each.name] = _wider(each.name, types.get(each.name, each.dataType), each.dataType)
    alike = [
        rows.select(
            *[
                column(each.name) if each.dataType == types[each.name] else column(each.name).cast(types[each.name])
                for each in rows.schema
            ]
        )
        for rows in frames
    ]
    return reduce(lambda one, other: one.unionByName(other, allowMissingColumns=True), alike)


def _wider(name: str, one: DataType, other: DataType) -> DataType:
    if one.simpleString() == other.simpleString():
        return one
    if type(one) in WHOLE and type(other) in WHOLE:
        return max(one, other, key=lambda kind: WHOLE.index(type(kind)))
    if {type(one), type(other)} <= {*WHOLE, FloatType, DoubleType}:
        return DoubleType()
    raise Unreadable(f"column {name} is {one.simpleString()} in one file and {other.simpleString()} in another")
