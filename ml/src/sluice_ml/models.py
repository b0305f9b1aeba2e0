"""The estimators that training.yml may name. Each takes features as they are: numbers with gaps, and texts."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from sluice_ml.errors import BadInput


def build(name: str, parameters: Mapping[str, Any], features: pd.DataFrame, *, classifies: bool = False) -> Any:
    """The estimator, not fitted yet, with an encoder for the features that are texts. Raises BadInput."""
    models = CLASSIFIERS if classifies else MODELS
    if name not in models:
        raise BadInput(f"training.yml: model: there is no model {name!r}; there are {', '.join(sorted(models))}")
    texts = [str(column) for column in features.select_dtypes(exclude=["number", "bool"]).columns]
    try:
        return models[name](texts, **parameters)
    except TypeError as error:
        raise BadInput(f"training.yml: parameters: model {name!r} does not take them: {error}") from error


def gradient_boosting(texts: list[str], **parameters: Any) -> Any:
    """scikit-learn's histogram gradient boosting; texts are categories, unseen ones count as missing."""
    return _boosted(HistGradientBoostingRegressor, texts, parameters)


def gradient_boosting_classifier(texts: list[str], **parameters: Any) -> Any:
    """The same for a class."""
    return _boosted(HistGradientBoostingClassifier, texts, parameters)


def _boosted(estimator: Callable[..., Any], texts: list[str], parameters: Mapping[str, Any]) -> Any:
    encoder = make_column_transformer(
        (OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=float("nan"), max_categories=250), texts),
        remainder="passthrough",
        verbose_feature_names_out=False,
    )
    categories = list(range(len(texts)))  # the encoder puts them first
    return make_pipeline(encoder, estimator(categorical_features=categories, **parameters))


def ridge(texts: list[str], **parameters: Any) -> Any:
    """A linear model: what anything cleverer has to beat."""
    return _linear(Ridge(**parameters), texts)


def logistic_regression(texts: list[str], **parameters: Any) -> Any:
    """The same for a class."""
    return _linear(LogisticRegression(**parameters), texts)


def _linear(estimator: Any, texts: list[str]) -> Any:
    encoder = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), texts),
        remainder=make_pipeline(SimpleImputer(strategy="median"), StandardScaler()),
    )
    return make_pipeline(encoder, estimator)


CLASSIFIERS: Final[Mapping[str, Callable[..., Any]]] = {
    "gradient_boosting": gradient_boosting_classifier,
    "logistic_regression": logistic_regression,
}
MODELS: Final[Mapping[str, Callable[..., Any]]] = {
    "gradient_boosting": gradient_boosting,
    "ridge": ridge,
}
