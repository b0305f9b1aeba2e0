"""The scoring job: one part of the silver table, at one version, scored with one model version into the gold table."""

import sys
import tempfile
import time
from collections.abc import Callable

import pandas as pd
from mlflow.models import Model
from mlflow.pyfunc import spark_udf
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as f

from sluice_ml import gold, loaders, schemas, summary, tracking, usecase
from sluice_ml.errors import BadInput
from sluice_ml.parameters import ScoreParameters
from sluice_ml.schemas import Inputs


def main() -> None:
    """Entry point of the job; a run fails by what this raises."""
    score(ScoreParameters.parse(sys.argv[1:]))


def score(parameters: ScoreParameters) -> None:
    """Replace the part of the gold table; the same parameters make the same rows, however often."""
    began = time.perf_counter()
    parameters.continue_trace()
    tracking.configure(parameters.registry)
    key = usecase.load_training(usecase.folder(parameters.config)).key
    with tempfile.TemporaryDirectory() as folder:
        files = tracking.fetch(parameters.model, parameters.model_version, folder)
        rows = scored(parameters, files, key)
        fetched = time.perf_counter()
        attempts = gold.replace_part(
            rows,
            parameters.gold,
            column=parameters.partition_column,
            part=parameters.part,
            and_after=loaders.is_last_group(rows.sparkSession, parameters.files, parameters.part),
        )
    replaced = time.perf_counter()
    if parameters.summary:
        written = gold.read_part(rows.sparkSession, parameters.gold, parameters.partition_column, parameters.part)
        summary.leave(written, parameters.summary)
    ended = time.perf_counter()
    again = f", at the {attempts}th attempt" if attempts > 1 else ""
    print(
        f"{parameters.gold}: part {parameters.part} is {parameters.model}@{parameters.model_version}'s predictions for"
        f" version {parameters.delta_version} of {parameters.table}{again}"
    )
    took = {"model": fetched - began, "gold": replaced - fetched, "summary": ended - replaced}
    print(", ".join(f"{stage} {seconds:.1f} s" for stage, seconds in took.items()))


def scored(parameters: ScoreParameters, files: str, key: list[str]) -> DataFrame:
    """The part's gold rows, which Spark makes when they are written. Raises BadInput."""
    table, version, column = parameters.table, parameters.delta_version, parameters.partition_column
    name = f"{parameters.model}@{parameters.model_version}"
    model = Model.load(files)
    inputs = schemas.of_model(model, name)
    silver = loaders.read(table, version)
    of_rows = [] if parameters.files else [column]
    loaders.demand(
        silver, [*of_rows, *key], table=table, version=version, wanted_by="the key in training.yml, or the part,"
    )
    loaders.demand(silver, inputs, table=table, version=version, wanted_by=name)
    if parameters.files:
        part = loaders.group(silver, table, parameters.files, parameters.part)
    else:
        part = silver.where(f.col(column) == parameters.part)
    if part.isEmpty():
        raise BadInput(f"table {table} at version {version} has no rows where {column} is {parameters.part!r}")
    predict = prediction(silver.sparkSession, files, model, inputs)
    return part.select(
        *[each for each in key if each != column],
        predict(*schemas.arguments(inputs)).alias(schemas.PREDICTION),
        f.lit(parameters.model_version).alias("model_version"),
        f.lit(version).cast("long").alias("delta_version"),
        f.lit(parameters.story).alias("story"),
        f.lit(parameters.part).alias(column) if parameters.files else column,
    )


def prediction(spark: SparkSession, files: str, model: Model, inputs: Inputs) -> Callable[..., Column]:
    """The model as a function of Spark's, which has answered its own example: what cannot score, fails here.

    It is addressed by its files, whose path no other run shares: under Spark Connect MLflow keeps the loaded model
    where its address says, and takes what is there for it. And it answers once before it answers in parallel, since
    tasks that find nothing there fetch it over one another.
    """
    function: Callable[..., Column] = spark_udf(spark, files, env_manager="local")
    example = model.load_input_example(files)
    if isinstance(example, pd.DataFrame):
        rows = spark.createDataFrame(schemas.conform(example, inputs))
        rows.select(function(*schemas.arguments(inputs))).collect()
    return function
