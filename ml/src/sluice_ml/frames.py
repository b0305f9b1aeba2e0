"""Spark frames and the documents that speak of them."""

import importlib
import json
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote

from pyspark.errors import PySparkException
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as f
from pyspark.sql.types import StructType

from sluice_ml.errors import BadInput

_JAVA_CLASS = re.compile(r"^([\w$]+\.)+[\w$]+: ")


def column(name: str) -> Column:
    """The column of that name, whatever is in the name."""
    return f.col(quoted(name))


def quoted(name: str) -> str:
    """The name as Spark reads it as one."""
    return f"`{name.replace('`', '``')}`"


def schema_of(rows: DataFrame) -> dict[str, Any]:
    """Names and types in Spark's own JSON, which is Delta's too; any value may be missing: a table takes what comes."""
    document: dict[str, Any] = _nullable(json.loads(rows.schema.json()))
    return document


def of_schema(document: Mapping[str, Any]) -> StructType:
    """The same, back."""
    return StructType.fromJson(dict(document))


def _nullable(node: Any) -> Any:
    if isinstance(node, list):
        return [_nullable(each) for each in node]
    if not isinstance(node, dict):
        return node
    may_be = dict.fromkeys({"nullable", "containsNull", "valueContainsNull"} & node.keys(), True)
    return {key: {} if key == "metadata" else _nullable(value) for key, value in node.items()} | may_be


def read_document(spark: SparkSession, place: str) -> Any:
    """The JSON that is in a file, or in the one file of a folder. Raises BadInput."""
    try:
        (row,) = spark.read.text(place, wholetext=True).collect()
        return json.loads(row[0])
    except (PySparkException, ValueError) as error:
        raise BadInput(f"{place}: no JSON can be read there: {first_line(error)}") from error


def leave_document(spark: SparkSession, document: Mapping[str, Any], place: str) -> None:
    """Leave it as JSON in a folder's one file; a repeat replaces what was there."""
    text = json.dumps(document, ensure_ascii=False, default=str)
    spark.createDataFrame([(text,)], "value string").coalesce(1).write.mode("overwrite").text(place)


def write(rows: DataFrame, place: str, partition_by: str = "") -> list[str]:
    """Make the rows, of which there is one, all that is at the place; returns its files, as paths below it."""
    writer = rows.write.mode("overwrite")
    if partition_by:
        # Each value's rows meet in one task, or in as many as their number asks for, and not in all.
        writer = rows.hint("rebalance", column(partition_by)).write.mode("overwrite").partitionBy(partition_by)
    writer.parquet(place)
    top = path_of(place).rstrip("/") + "/"
    return sorted(path.removeprefix(top) for path in input_paths(rows.sparkSession.read.parquet(place)))


def input_paths(rows: DataFrame) -> list[str]:
    """The files that are read, as they are called; Spark tells them percent-encoded."""
    return [path_of(unquote(each)) for each in rows.inputFiles()]


def path_of(address: str) -> str:
    """An address without scheme and host, which the same place may be given with or without."""
    return re.sub(r"^[A-Za-z][A-Za-z0-9+.-]*:(//[^/]*)?", "", address)


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Say how long it took."""
    began = time.perf_counter()
    yield
    print(f"{name} {time.perf_counter() - began:.1f} s", flush=True)


def spark_errors() -> tuple[type[Exception], ...]:
    """What Spark raises: PySpark's own, and without Spark Connect also what Java raised in a task."""
    try:
        java: type[Exception] = importlib.import_module("py4j.protocol").Py4JJavaError
    except ImportError:
        return (PySparkException,)
    return (PySparkException, java)


def first_line(error: Exception) -> str:
    """What it says, and what it says it comes of, without the trace of calls."""
    lines = [line.strip().removeprefix(": ") for line in str(error).splitlines()]
    said = [line for line in lines if line and not line.startswith(("An error occurred while calling", "at "))]
    causes = [line.removeprefix("Caused by: ") for line in said if line.startswith("Caused by: ")]
    first = [] if causes and said[0].startswith("Job aborted") else said[:1]
    told = [_JAVA_CLASS.sub("", line) for line in (*first, *causes[-1:])]
    return ": ".join(dict.fromkeys(line for line in told if line)) or type(error).__name__
