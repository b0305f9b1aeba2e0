"""The model as it is deployed: silver columns in, predictions out.

It is pickled with its code and with features.py's, so that it needs nothing of this package, wherever it is loaded:
only what its requirements list. Keep imports here to those.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from mlflow.pyfunc.model import PythonModel


class DeployedModel(PythonModel):
    """Features and estimator in one. A row that lacks what is needed gets no prediction (NaN)."""

    def __init__(
        self, *, features: Callable[[pd.DataFrame], pd.DataFrame], estimator: Any, inputs: list[str], needs: list[str]
    ) -> None:
        self.features = features
        self.estimator = estimator
        self.inputs = inputs
        self.needs = needs

    def predict(self, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> np.ndarray:  # type: ignore[override]  # noqa: ARG002 - one of the two signatures that MLflow takes
        """One prediction a row, in the rows' order; of a classifier the probability of the positive class."""
        able = model_input[self.needs].notna().all(axis=1).to_numpy()
        predictions = np.full(len(model_input), np.nan)
        if able.any():
            features = self.features(model_input.loc[able, self.inputs])
            if hasattr(self.estimator, "predict_proba"):
                predictions[able] = self.estimator.predict_proba(features)[:, 1]
            else:
                predictions[able] = self.estimator.predict(features)
        return predictions
