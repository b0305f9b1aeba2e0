"""A landed batch as Spark sees it: its files as one frame, each column of its type."""

import codecs
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as f
from pyspark.sql.types import (
    ByteType,
    DataType,
    DoubleType,
    FloatType,
    IntegerType,
    LongType,
    ShortType,
    StringType,
    StructField,
    StructType,
)

from sluice_ml.errors import BadInput
from sluice_ml.frames import (
    column,
    first_line,
    input_paths,
    leave_document,
    of_schema,
    path_of,
    read_document,
    spark_errors,
)
from sluice_ml.request import Request

UNREAD = "\N{REPLACEMENT CHARACTER}"
WHOLE = (ByteType, ShortType, IntegerType, LongType)
TOLD = 3
"""Of the columns with values of another type so many are named."""


class Unreadable(Exception):
    """The batch is not what it should be; the message says how."""


@dataclass(frozen=True, kw_only=True)
class Landed:
    """A batch: its rows, how many, and how many values are in each column."""

    frame: DataFrame
    rows: int
    values: Mapping[str, int]


def read(spark: SparkSession, request: Request) -> Landed:
    """The batch, every value of which was read once. Raises Unreadable."""
    try:
        return _counted(_READ[request.format](spark, request), request)
    except spark_errors() as error:
        raise Unreadable(first_line(error)) from error


def _csv(spark: SparkSession, request: Request) -> DataFrame:
    """All texts: types are given later, where a value that is none can be named."""
    names = [each.name for each in of_schema(request.schema)]
    texts = StructType([StructField(name, StringType()) for name in names])
    return _kept(spark, request, texts, lambda: _united(request, lambda read: _csv_files(spark, request, read), names))


def _csv_files(spark: SparkSession, request: Request, read: Mapping[str, Any]) -> DataFrame:
    header = StructType([StructField(name, StringType()) for name in read["columns"]])
    reader = spark.read.schema(header).options(header=True, sep=request.delimiter, quote='"', escape='"')
    reader = reader.options(multiLine=True, mode="FAILFAST", encoding=_charset(request.encoding))
    # Beside a few of them Spark 4 takes what Java has only where it is told so.
    spark.conf.set("spark.sql.legacy.javaCharsets", "true")
    rows = reader.csv(_paths(read))
    return _demand_files(rows, read).select(*[_text(name, request).alias(name) for name in header.names])


def _charset(encoding: str) -> str:
    """Python's name of an encoding as Java has it. Raises Unreadable for what is none."""
    try:
        return codecs.lookup(encoding).name.replace("iso8859", "ISO-8859")
    except LookupError as error:
        raise Unreadable(f"there is no encoding {encoding!r}") from error


def _text(name: str, request: Request) -> Column:
    """Spark gives an empty value as null; here it is a text like any other, which may be one that means null."""
    value = f.coalesce(column(name), f.lit(""))
    nulls = list(request.null_values)
    return f.when(~value.isin(nulls), value) if nulls else value


def _json_lines(spark: SparkSession, request: Request) -> DataFrame:
    schema = of_schema(request.schema)

    def files(read: Mapping[str, Any]) -> DataFrame:
        return _demand_files(spark.read.schema(schema).option("mode", "FAILFAST").json(_paths(read)), read)

    return _kept(spark, request, schema, lambda: _united(request, files, schema.names))


def _parquet(spark: SparkSession, request: Request) -> DataFrame:
    def files(read: Mapping[str, Any]) -> DataFrame:
        rows = _demand_files(_parquet_files(spark, _paths(read)), read)
        return rows.drop(*[each for each in rows.columns if each in request.without])

    return _united(request, files)


def _parquet_files(spark: SparkSession, paths: list[str]) -> DataFrame:
    """The files as one. Types that differ from file to file Spark does not merge, but unites where one takes both."""
    try:
        rows = spark.read.option("mergeSchema", "true").parquet(*paths)
        rows.schema  # noqa: B018 - asks the server, which looks at the files
    except spark_errors():
        return _union([spark.read.parquet(path) for path in paths])
    return rows


def _union(frames: Sequence[DataFrame]) -> DataFrame:
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


_READ: Mapping[str, Callable[[SparkSession, Request], DataFrame]] = {
    "csv": _csv,
    "json_lines": _json_lines,
    "parquet": _parquet,
}


def _kept(spark: SparkSession, request: Request, schema: StructType, make: Callable[[], DataFrame]) -> DataFrame:
    """The frame out of Parquet: it is looked at some thirty times, and texts would be parsed anew each time. What an
    earlier run for the same files wrote to its end is taken as it is.
    """
    place, done = f"{request.raw}/rows", f"{request.raw}/done"
    kept = {
        "reads": request.reads,
        "schema": json.loads(schema.json()),
        "delimiter": request.delimiter,
        "encoding": request.encoding,
        "null_values": request.null_values,
    }
    try:
        there = read_document(spark, done) == kept
    except BadInput:
        there = False
    if not there:
        make().write.mode("overwrite").parquet(place)
        leave_document(spark, kept, done)
    return spark.read.schema(schema).parquet(place)


def _united(
    request: Request, files: Callable[[Mapping[str, Any]], DataFrame], order: list[str] | None = None
) -> DataFrame:
    """The reads as one frame, a missing column without values, the constants last, or in the order that is given."""
    types = {each.name: each.dataType for each in of_schema(request.schema)}
    as_text = request.format == "csv"
    frames = []
    for read in request.reads:
        rows = files(read)
        for name, value in (read.get("constants") or {}).items():
            kind = StringType() if as_text else types.get(name, StringType())
            rows = rows.withColumn(name, f.lit(value).cast("string").try_cast(kind))
        frames.append(rows)
    rows = _union(frames)
    for name in [each for each in order or [] if each not in rows.columns]:
        rows = rows.withColumn(name, f.lit(None).cast(StringType() if as_text else types[name]))
    return rows.select(*map(column, order)) if order else rows


def _paths(read: Mapping[str, Any]) -> list[str]:
    """What would be a pattern, as one that the file itself matches."""
    return ["".join("?" if letter in "[]{}*\\" else letter for letter in path) for path in read["paths"]]


def _demand_files(rows: DataFrame, read: Mapping[str, Any]) -> DataFrame:
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


def _counted(raw: DataFrame, request: Request) -> Landed:
    """Every column of its type, in one look at all values. Raises Unreadable for those that have none of it."""
    wanted = {each.name: each.dataType for each in of_schema(request.schema)}
    types = {each.name: each.dataType for each in raw.schema}
    cast = [name for name, kind in types.items() if wanted.get(name, kind) != kind]
    typed = {name: _typed(name, kind, wanted.get(name, kind)) for name, kind in types.items()}
    # Not count(value): that Sail takes from the statistics of Parquet, without a look at the values.
    asked = [f.count(f.lit(1)), *(f.count(f.when(value.isNotNull(), 1)) for value in typed.values())]
    for name in cast:
        lost = column(name).isNotNull() & column(name).try_cast(wanted[name]).isNull()
        asked += [f.count(f.when(lost, 1)), f.min(f.when(lost, column(name).cast("string")))]
    texts = [column(name).contains(UNREAD) for name, kind in types.items() if isinstance(kind, StringType)]
    if request.format == "csv" and _charset(request.encoding) != "utf-8" and texts:
        asked.append(f.count(f.when(reduce(lambda one, other: one | other, texts), 1)))
    answer = list(raw.agg(*[each.alias(f"c{at}") for at, each in enumerate(asked)]).collect()[0])
    rows, values = answer[0], dict(zip(typed, answer[1 : len(typed) + 1], strict=True))
    left = answer[len(typed) + 1 :]
    told = [
        f"column {name}: {count:,} {'value is' if count == 1 else 'values are'} no {wanted[name].simpleString()},"
        f" such as {example!r}"
        for name, count, example in zip(cast, left[::2], left[1::2], strict=False)
        if count
    ]
    if len(left) > 2 * len(cast) and left[-1]:
        told.append(f"a file is not {request.encoding}: {left[-1]:,} rows have characters that cannot be read")
    if told:
        raise Unreadable("; ".join(told[:TOLD]))
    return Landed(frame=raw.select(*[value.alias(name) for name, value in typed.items()]), rows=rows, values=values)


def _typed(name: str, kind: DataType, wanted: DataType) -> Column:
    """The column as that type; a number that is none (NaN) is no value."""
    value = column(name) if kind == wanted else column(name).try_cast(wanted)
    return f.when(~f.isnan(value), value) if isinstance(wanted, FloatType | DoubleType) else value
