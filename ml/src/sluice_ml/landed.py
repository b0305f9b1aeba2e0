"""A landed batch as Spark sees it: its files as one frame, each column of its type."""

import codecs
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as f
from pyspark.sql.types import DataType, DoubleType, FloatType, StringType, StructField, StructType

from sluice_ml import times
from sluice_ml.errors import BadInput
from sluice_ml.files import Unreadable, demand, demand_closed_quotes, demand_names, parquet, patterns, union
from sluice_ml.frames import column, first_line, leave_document, of_schema, read_document, spark_errors
from sluice_ml.request import Request

UNREAD = "\N{REPLACEMENT CHARACTER}"
TOLD = 3
"""Of the columns with values of another type so many are named."""

type Files = Callable[[Mapping[str, Any]], DataFrame]
"""What makes a frame of a read's files."""


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
    texts = StructType([StructField(each.name, StringType()) for each in of_schema(request.schema)])
    return _kept(spark, request, texts, lambda read: _csv_files(spark, request, read))


def _csv_files(spark: SparkSession, request: Request, read: Mapping[str, Any]) -> DataFrame:
    header = StructType([StructField(name, StringType()) for name in read["columns"]])
    reader = spark.read.schema(header).options(header=True, sep=request.delimiter, quote='"', escape='"')
    reader = reader.options(multiLine=True, mode="FAILFAST", encoding=_charset(request.encoding))
    # Beside a few of them Spark 4 takes what Java has only where it is told so.
    spark.conf.set("spark.sql.legacy.javaCharsets", "true")
    rows = demand(reader.csv(patterns(read)), read)
    if not _charset(request.encoding).startswith("utf-16"):  # whose bytes are no text to who counts quotes
        demand_closed_quotes(spark, read)
    return rows.select(*[_text(name, request).alias(name) for name in header.names])


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
    """Dates and times as texts, as DuckDB reads them here."""
    constants = {name for read in request.reads for name in read.get("constants") or {}}
    kept = StructType(
        [
            StructField(each.name, StringType()) if each.name in constants or times.is_time(each.dataType) else each
            for each in of_schema(request.schema)
        ]
    )
    own = StructType([each for each in kept if each.name not in constants])

    def files(read: Mapping[str, Any]) -> DataFrame:
        reader = spark.read.schema(own).option("mode", "FAILFAST")
        if not read.get("byte_order_mark"):
            return demand(reader.json(patterns(read)), read)
        lines = demand(spark.read.text(patterns(read)), read)
        unmarked = f.regexp_replace("value", "^\N{ZERO WIDTH NO-BREAK SPACE}", "")
        lines.select(unmarked.alias("value")).write.mode("overwrite").text(f"{request.raw}/unmarked")
        return reader.json(f"{request.raw}/unmarked")

    return _kept(spark, request, kept, files)


def _parquet(spark: SparkSession, request: Request) -> DataFrame:
    def files(read: Mapping[str, Any]) -> DataFrame:
        rows = demand_names(demand(parquet(spark, patterns(read)), read))
        return rows.drop(*[each for each in rows.columns if each in request.without])

    return _united(request, files)


_READ: Mapping[str, Callable[[SparkSession, Request], DataFrame]] = {
    "csv": _csv,
    "json_lines": _json_lines,
    "parquet": _parquet,
}


def _kept(spark: SparkSession, request: Request, schema: StructType, files: Files) -> DataFrame:
    """The reads as one frame, in that order, out of Parquet: it is looked at some thirty times, and texts would be
    parsed anew each time. What an earlier run for the same files wrote to its end is taken as it is.
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
        rows = _united(request, files)
        for each in [each for each in schema if each.name not in rows.columns]:
            rows = rows.withColumn(each.name, f.lit(None).cast(each.dataType))
        rows.select(*map(column, schema.names)).write.mode("overwrite").parquet(place)
        leave_document(spark, kept, done)
    return spark.read.schema(schema).parquet(place)


def _united(request: Request, files: Files) -> DataFrame:
    """The reads as one frame, a missing column without values; the constants last, as texts."""
    frames = []
    for read in request.reads:
        rows = files(read)
        for name, value in (read.get("constants") or {}).items():
            rows = rows.withColumn(name, f.lit(value).cast("string"))
        frames.append(rows)
    return union(frames)


def _counted(raw: DataFrame, request: Request) -> Landed:
    """Every column of its type, in one look at all values. Raises Unreadable for those that have none of it."""
    wanted = {each.name: each.dataType for each in of_schema(request.schema)}
    types = {each.name: each.dataType for each in raw.schema}
    cast = [name for name, kind in types.items() if wanted.get(name, kind) != kind]
    typed = {name: _typed(name, kind, wanted.get(name, kind), request) for name, kind in types.items()}
    # Not count(value): that Sail takes from the statistics of Parquet, without a look at the values.
    asked = [f.count(f.lit(1)), *(f.count(f.when(value.isNotNull(), 1)) for value in typed.values())]
    for name in cast:
        lost = column(name).isNotNull() & _converted(name, types[name], wanted[name], request).isNull()
        if times.is_time(wanted[name]) and isinstance(types[name], StringType):
            lost &= ~times.is_infinite(column(name))
        asked += [f.count(f.when(lost, 1)), f.min(f.when(lost, column(name).cast("string")))]
    texts = [column(name).contains(UNREAD) for name, kind in types.items() if isinstance(kind, StringType)]
    if request.format == "csv" and texts:
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


def _typed(name: str, kind: DataType, wanted: DataType, request: Request) -> Column:
    """The column as that type; a number that is none (NaN), and a time before or after all, is no value."""
    value = column(name) if kind == wanted else _converted(name, kind, wanted, request)
    if times.is_time(wanted):
        return times.finite(value, wanted)
    return f.when(~f.isnan(value), value) if isinstance(wanted, FloatType | DoubleType) else value


def _converted(name: str, kind: DataType, wanted: DataType, request: Request) -> Column:
    """Null where it is no value of that type."""
    if times.is_time(wanted) and isinstance(kind, StringType):
        return times.of_text(column(name), wanted, request)
    return column(name).try_cast(wanted)
