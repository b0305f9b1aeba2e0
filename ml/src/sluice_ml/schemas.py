"""Which columns a model takes, and as what.

Silver's integers become doubles: a column without gaps today may have some tomorrow, and a model whose signature says
integer refuses every row of such a batch.
"""

from collections.abc import Mapping, Sequence

import pandas as pd
from mlflow.models import Model, ModelSignature
from mlflow.types import ColSpec, DataType, Schema
from pyspark.sql import Column, functions
from pyspark.sql import types as spark

from sluice_ml.errors import BadInput

PREDICTION = "prediction"

type Inputs = Mapping[str, DataType]


def of_table(table: spark.StructType, columns: Sequence[str]) -> Inputs:
    """A new model's, from the types of the table. Raises BadInput for a column whose type no model takes."""
    return {name: _type(table[name]) for name in columns}


def of_model(model: Model, name: str) -> Inputs:
    """A logged model's, from its signature. Raises BadInput if that does not say."""
    schema: Schema | None = model.get_input_schema()  # type: ignore[no-untyped-call]  # MLflow's own omission
    columns = {each.name: each.type for each in schema.inputs} if schema else {}
    inputs = {name: kind for name, kind in columns.items() if name and isinstance(kind, DataType)}
    if not inputs or len(inputs) < len(columns):
        raise BadInput(f"{name} has no signature of named columns: log it with one, or take another version")
    return inputs


def signature(inputs: Inputs) -> ModelSignature:
    """For MLflow."""
    columns = Schema([ColSpec(kind, name) for name, kind in inputs.items()])
    return ModelSignature(inputs=columns, outputs=Schema([ColSpec(DataType.double, PREDICTION)]))


def conform(rows: pd.DataFrame, inputs: Inputs) -> pd.DataFrame:
    """The model's columns of the rows, in the model's types."""
    return rows[list(inputs)].astype({name: kind.to_pandas() for name, kind in inputs.items()})


def arguments(inputs: Inputs) -> list[Column]:
    """The same, as Spark passes them to the model's function."""
    return [functions.col(name).cast(kind.to_spark()) for name, kind in inputs.items()]  # type: ignore[no-untyped-call]  # MLflow's own omission


def _type(column: spark.StructField) -> DataType:
    match column.dataType:
        case spark.NumericType():
            return DataType.double
        case spark.StringType():
            return DataType.string
        case spark.BooleanType():
            return DataType.boolean
        case spark.DateType() | spark.TimestampType() | spark.TimestampNTZType():
            return DataType.datetime
        case other:
            raise BadInput(
                f"training.yml: inputs: column {column.name} is of type {other.simpleString()}, which no model takes:"
                " number, text, boolean, date and timestamp are"
            )
