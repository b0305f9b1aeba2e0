"""What the gate looks at: how far predictions are off, overall and for every slice, and how fair they are."""

import re
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
from sklearn.metrics import (
    accuracy_score,
    f1_score,
    log_loss,
    mean_absolute_error,
    r2_score,
    roc_auc_score,
    root_mean_squared_error,
)

from sluice_ml.usecase import Training

HEADLINES = ("rmse", "mae", "r2", "accuracy", "f1", "roc_auc", "log_loss")
"""The overall metrics of either task, the first of each first."""

type Slices = Mapping[str, Sequence[tuple[str, np.ndarray]]]
"""By column, each value's name and the positions of its rows."""


def measure(rows: pd.DataFrame, predictions: np.ndarray, training: Training) -> dict[str, float]:
    """The metrics of the task, and how fair it is between the groups that training.yml names."""
    truth = training.truth(rows)
    groups = {
        column: [
            (_name(value), np.asarray(positions))
            for value, positions in rows.groupby(column).indices.items()
            if len(positions) >= training.smallest_slice
        ]
        for column in dict.fromkeys([*training.slices, *training.fairness])
    }
    sliced = {column: groups[column] for column in training.slices}
    if not training.classifies:
        return of_numbers(truth, predictions, sliced)
    fair = {column: [positions for _, positions in groups[column]] for column in training.fairness}
    return of_classes(truth, predictions, sliced, threshold=training.threshold) | fairness(
        truth, predictions, fair, threshold=training.threshold
    )


def of_numbers(truth: np.ndarray, predictions: np.ndarray, slices: Slices) -> dict[str, float]:
    """`rmse`, `mae`, `r2`, and `rmse.<column>.<value>` for every slice with enough rows to mean something.

    A prediction that is missing makes the metric missing (NaN): rows are never left out quietly.
    """
    found = {"rmse": np.nan, "mae": np.nan, "r2": np.nan}
    if np.isfinite(predictions).all():
        found = {
            "rmse": root_mean_squared_error(truth, predictions),
            "mae": mean_absolute_error(truth, predictions),
            "r2": r2_score(truth, predictions),
        }
    squares = (truth - predictions) ** 2
    for name, positions in _each(slices):
        found[f"rmse.{name}"] = np.sqrt(squares[positions].mean())
    return {name: float(value) for name, value in found.items()}


def of_classes(truth: np.ndarray, predictions: np.ndarray, slices: Slices, *, threshold: float) -> dict[str, float]:
    """`accuracy`, `f1`, `roc_auc`, `log_loss`, and `accuracy.<column>.<value>` for every slice. `truth` is 0 or 1,
    predictions are probabilities; one that is missing makes the metric missing.
    """
    found = dict.fromkeys(("accuracy", "f1", "roc_auc", "log_loss"), np.nan)
    said = predictions >= threshold
    if np.isfinite(predictions).all():
        found = {
            "accuracy": accuracy_score(truth, said),
            "f1": f1_score(truth, said, zero_division=0),
            "roc_auc": roc_auc_score(truth, predictions),
            "log_loss": log_loss(truth, predictions),
        }
    right = np.where(np.isfinite(predictions), said == truth, np.nan)
    for name, positions in _each(slices):
        found[f"accuracy.{name}"] = right[positions].mean()
    return {name: float(value) for name, value in found.items()}


def fairness(
    truth: np.ndarray, predictions: np.ndarray, groups: Mapping[str, Sequence[np.ndarray]], *, threshold: float
) -> dict[str, float]:
    """`fairness.demographic_parity.<column>`: between the group of which most are said to be positive and that of which
    least are, the difference of the shares. `fairness.equalised_odds.<column>`: the same of the shares among those that
    are positive, or among those that are not, whichever is larger (Hardt, Price, Srebro 2016; as fairlearn's
    `demographic_parity_difference` and `equalized_odds_difference`).

    0 is fair. NaN, which no gate takes for good, where fewer than two groups can be compared or one has no prediction.
    """
    said = np.where(np.isfinite(predictions), predictions >= threshold, np.nan)
    found = {}
    for column, each in groups.items():
        found[f"fairness.demographic_parity.{column}"] = _spread([said[one] for one in each])
        odds = [_spread([said[one][truth[one] == outcome] for one in each]) for outcome in (0, 1)]
        found[f"fairness.equalised_odds.{column}"] = max(odds) if not any(np.isnan(odds)) else np.nan
    return {name: float(value) for name, value in found.items()}


def _spread(groups: Sequence[np.ndarray]) -> float:
    """The largest mean less the smallest; a group without rows says nothing."""
    means = [float(one.mean()) for one in groups if len(one)]
    return max(means) - min(means) if len(means) > 1 and not any(np.isnan(means)) else float("nan")


def _each(slices: Slices) -> Iterator[tuple[str, np.ndarray]]:
    for column, values in slices.items():
        for value, positions in values:
            yield f"{column}.{value}", positions


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
