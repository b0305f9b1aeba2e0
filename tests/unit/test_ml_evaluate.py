"""The gate's numbers: by hand on a handful of rows, and never better than they are."""

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_ml import evaluate
from sluice_ml.errors import BadInput
from sluice_ml.usecase import Training

ROWS = pd.DataFrame({"delay": [0.0, 10.0, 20.0, 30.0], "origin": ["JFK", "JFK", "JFK", "L/A ö?"]})


def measured(predictions: list[float], **changed: int) -> dict[str, float]:
    """The metrics of the four rows."""
    return evaluate.measure(ROWS, np.array(predictions), training(smallest_slice=changed.get("smallest_slice", 1)))


def training(**changed: Any) -> Training:
    """A training.yml."""
    given = {"target": "delay", "time": "t", "holdout_days": 1, "key": ["k"], "inputs": ["x"], "model": "ridge"}
    return Training.model_validate({**given, "slices": ["origin"], **changed})


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


LOANS = pd.DataFrame({"repaid": list("yynnyynn"), "sex": list("ffffmmmm"), "origin": ["JFK"] * 8})
SAID = [0.9, 0.8, 0.1, 0.6, 0.7, 0.2, 0.1, 0.2]  # f: 3 of 4 said to repay; m: 1 of 4


def classified(predictions: list[float], **changed: Any) -> dict[str, float]:
    """The metrics of the eight loans."""
    of = training(target="repaid", positive="y", fairness=["sex"], slices=["sex"], **changed)
    return evaluate.measure(LOANS, np.array(predictions), of)


def test_metrics_of_a_class_are_what_they_are_called() -> None:
    found = classified(SAID)
    assert found["accuracy"] == pytest.approx(6 / 8)
    assert found["f1"] == pytest.approx(2 * 3 / (2 * 3 + 1 + 1))
    assert (found["accuracy.sex.f"], found["accuracy.sex.m"]) == (0.75, 0.75)
    assert 0.5 < found["roc_auc"] < 1
    assert classified(SAID, threshold=0.65)["accuracy"] == pytest.approx(7 / 8)


def test_fairness_by_hand() -> None:
    """Of the women 3/4 are said to repay, of the men 1/4; of those who do 1 and 1/2, of those who do not 1/2 and 0."""
    found = classified(SAID)
    assert found["fairness.demographic_parity.sex"] == pytest.approx(0.5)
    assert found["fairness.equalised_odds.sex"] == pytest.approx(0.5)
    fair = classified([0.9, 0.8, 0.1, 0.1, 0.9, 0.8, 0.1, 0.1])
    assert (fair["fairness.demographic_parity.sex"], fair["fairness.equalised_odds.sex"]) == (0, 0)


def test_fairness_that_cannot_be_said_is_no_number() -> None:
    missing = classified([math.nan, *SAID[1:]])
    assert all(math.isnan(missing[f"fairness.{name}.sex"]) for name in ("demographic_parity", "equalised_odds"))
    assert math.isnan(missing["accuracy"])
    assert math.isnan(missing["accuracy.sex.f"])
    assert missing["accuracy.sex.m"] == 0.75
    assert math.isnan(classified(SAID, smallest_slice=5)["fairness.demographic_parity.sex"]), "no group is large enough"


def test_a_class_that_is_not_there_is_told() -> None:
    with pytest.raises(BadInput, match="positive: 0 of 8 rows have repaid 'yes'"):
        evaluate.measure(LOANS, np.array(SAID), training(target="repaid", positive="yes", slices=[]))


def test_fairness_wants_a_class() -> None:
    with pytest.raises(ValueError, match="say with `positive` which"):
        training(fairness=["origin"])
