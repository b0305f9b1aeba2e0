"""The rows to learn from and the rows to be judged by: read once, cut by time."""

from dataclasses import dataclass
from datetime import timedelta

import pandas as pd

from sluice_ml import loaders, schemas
from sluice_ml.errors import BadInput
from sluice_ml.schemas import Inputs
from sluice_ml.tracking import Registered
from sluice_ml.usecase import Training


@dataclass(frozen=True, kw_only=True)
class Data:
    """Rows with a known target; the held-out ones are the newest. `inputs` are the new model's columns."""

    training: pd.DataFrame
    holdout: pd.DataFrame
    inputs: Inputs


def read(table: str, version: int, training: Training, champion: Registered | None) -> Data:
    """The table's rows at that version, with the columns that training and champion want. Raises BadInput."""
    silver = loaders.read(table, version)
    columns = training.columns()
    loaders.demand(silver, columns, table=table, version=version, wanted_by="training.yml")
    if champion:
        loaders.demand(silver, champion.inputs, table=table, version=version, wanted_by=f"champion {champion.name}")
        columns = list(dict.fromkeys([*columns, *champion.inputs]))
    rows = silver.select(*columns).dropna(subset=[training.target, training.time, *training.needs]).toPandas()
    newer = held_out(pd.to_datetime(rows[training.time]), training.holdout_days)
    older, newest = rows[~newer].reset_index(drop=True), rows[newer].reset_index(drop=True)
    if older.empty or newest.empty:
        raise BadInput(
            f"table {table} at version {version} has {len(older)} rows before its last {training.holdout_days} days and"
            f" {len(newest)} in them, with {training.target} known: both are needed; land more data, or lower"
            " holdout_days in training.yml"
        )
    return Data(training=older, holdout=newest, inputs=schemas.of_table(silver.schema, training.inputs))


def held_out(times: "pd.Series[pd.Timestamp]", days: int) -> "pd.Series[bool]":
    """Which rows are of the last days: whole days, the newest included, however much of it there is."""
    return times >= times.max().normalize() - timedelta(days=days - 1)
