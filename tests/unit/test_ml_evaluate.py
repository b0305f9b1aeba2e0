"""The gate's numbers: by hand on a handful of rows, and never better than they are."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_ml import evaluate

ROWS = pd.DataFrame({"delay": [0.0, 10.0, 20.0, 30.0], "origin": ["JFK", "JFK", "JFK", "L/A ö?"]})


def measured(predictions: list[float], **changed: int) -> dict[str, float]:
    """The metrics of the four rows."""
    return evaluate.metrics(
        ROWS, np.array(predictions), target="delay", slices=["origin"], smallest_slice=changed.get("smallest_slice", 1)
    )


def test_metrics_are_what_they_are_called() -> None:
    """Overall, and of each slice alone."""
    found = measured([3.0, 10.0, 16.0, 30.0])
    assert found["rmse"] == pytest.approx(2.5)
    assert found["mae"] == pytest.approx(1.75)
    assert found["r2"] == pytest.approx(1 - 25 / 500)
    assert found["rmse.origin.JFK"] == pytest.approx(math.sqrt(25 / 3))
    assert found["rmse.origin.L/A ö_"] == 0


def test_a_slice_of_too_few_rows_says_nothing() -> None:
    """One flight is no evidence of how an airport is served."""
    assert {name for name in measured([0.0] * 4, smallest_slice=2) if name.startswith("rmse.")} == {"rmse.origin.JFK"}


def test_a_missing_prediction_makes_the_metric_missing() -> None:
    """Rows that a model cannot predict are not left out to its advantage; other slices keep their number."""
    found = measured([0.0, math.nan, 20.0, 30.0])
    assert all(math.isnan(found[name]) for name in ("rmse", "mae", "r2", "rmse.origin.JFK"))
    assert found["rmse.origin.L/A ö_"] == 0


@given(st.permutations(range(4)))
def test_a_fingerprint_does_not_depend_on_the_order(order: list[int]) -> None:
    """Spark gives the same rows in another order each time."""
    assert evaluate.fingerprint(ROWS.iloc[order]) == evaluate.fingerprint(ROWS)


@given(st.integers(0, 3), st.floats(allow_nan=False, allow_infinity=False))
def test_a_fingerprint_depends_on_every_value(row: int, value: float) -> None:
    """Other rows have another one."""
    changed = ROWS.copy()
    changed.loc[row, "delay"] = value + 0.0  # of the two zeros the one that has no sign
    same = value == ROWS["delay"][row]
    assert (evaluate.fingerprint(changed) == evaluate.fingerprint(ROWS)) == same
    assert evaluate.fingerprint(ROWS[:3]) != evaluate.fingerprint(ROWS)
