"""What a training tells of its model beside how far it is off."""

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sluice_ml import explain
from sluice_ml.deployed import DeployedModel


class Adds:
    """An estimator that knows two of three inputs: the first counts twice."""

    def predict(self, features: pd.DataFrame) -> np.ndarray:
        return (2 * features["much"] + features["some"]).to_numpy()


def model(**given: Any) -> DeployedModel:
    arguments = {"features": lambda rows: rows, "estimator": Adds(), "inputs": ["much", "some", "none"], "needs": []}
    return DeployedModel(**{**arguments, **given})


@pytest.fixture
def rows() -> pd.DataFrame:
    numbers = np.random.default_rng(1)
    return pd.DataFrame({name: numbers.normal(size=3000) for name in ("much", "some", "none")})


def test_importance_is_the_share_of_what_the_model_goes_by(rows: pd.DataFrame) -> None:
    """Shuffling an input costs its variance twice: of 2x that is four times that of x."""
    shares = explain.importance(model(), rows, Adds().predict(rows))
    assert sum(shares.values()) == pytest.approx(1)
    assert shares["much"] == pytest.approx(0.8, abs=0.04)
    assert shares["some"] == pytest.approx(0.2, abs=0.04)
    assert shares["none"] == 0
    assert explain.importance(model(), rows, Adds().predict(rows)) == shares


def test_model_that_goes_by_nothing_has_no_shares(rows: pd.DataFrame) -> None:
    class Constant:
        def predict(self, features: pd.DataFrame) -> np.ndarray:
            return np.zeros(len(features))

    shares = explain.importance(model(estimator=Constant()), rows, np.ones(len(rows)))
    assert shares == {"much": 0, "some": 0, "none": 0}


def test_rows_without_a_prediction_say_nothing_about_importance(rows: pd.DataFrame) -> None:
    rows.loc[:9, "none"] = np.nan
    shares = explain.importance(model(needs=["none"]), rows.head(500), Adds().predict(rows.head(500)))
    assert sum(shares.values()) == pytest.approx(1)


def test_table_and_picture_show_every_input_the_largest_first() -> None:
    shares = {"small": 0.1, "<script>": 0.9}
    assert [each["input"] for each in json.loads(explain.table(shares))] == ["<script>", "small"]
    picture = explain.picture(shares)
    assert picture.index("&lt;script&gt;") < picture.index("small")
    assert "<script>" not in picture
    assert "90.0 %" in picture
    assert explain.picture({"nothing": 0.0}).count("<rect") == 1


def test_speed_is_in_milliseconds_for_a_thousand_rows(rows: pd.DataFrame) -> None:
    assert 0 < explain.milliseconds_per_1000_rows(model(), rows) < 10_000
