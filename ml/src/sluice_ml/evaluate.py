"""What the gate looks at: how far predictions are off, overall and for every slice."""

import re
from collections.abc import Iterable

import numpy as np
import pandas as pd
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error


def metrics(
    rows: pd.DataFrame, predictions: np.ndarray, *, target: str, slices: Iterable[str], smallest_slice: int
) -> dict[str, float]:
    """`rmse`, `mae`, `r2`, and `rmse.<column>.<value>` for every slice with enough rows to mean something.

    A prediction that is missing makes the metric missing (NaN): rows are never left out quietly.
    """
    truth = rows[target].to_numpy(dtype=float)
    found = {"rmse": np.nan, "mae": np.nan, "r2": np.nan}
    if np.isfinite(predictions).all():
        found = {
            "rmse": root_mean_squared_error(truth, predictions),
            "mae": mean_absolute_error(truth, predictions),
            "r2": r2_score(truth, predictions),
        }
    squares = (truth - predictions) ** 2
    for column in slices:
        for value, positions in rows.groupby(column).indices.items():
            if len(positions) >= smallest_slice:
                found[f"rmse.{column}.{_name(value)}"] = np.sqrt(squares[positions].mean())
    return {name: float(value) for name, value in found.items()}


def as_numbers(predictions: object) -> np.ndarray:
    """Predictions as a loaded model gives them (an array, a series, a frame of one column), as one array."""
    return np.asarray(predictions, dtype=float).reshape(-1)


def fingerprint(rows: pd.DataFrame) -> str:
    """Which rows these are, in whatever order they came: their number, and the sum of their hashes."""
    hashes = pd.util.hash_pandas_object(rows, index=False)
    return f"{len(rows)}-{int(hashes.sum()):016x}"


def _name(value: object) -> str:
    """The value as MLflow takes it in a metric's name."""
    return re.sub(r"[^\w\-. :/]", "_", str(value))
