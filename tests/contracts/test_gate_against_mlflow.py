"""Where MLflow's own validation of evaluation results and the gate both have an answer, it is the same."""

from decimal import Decimal
from typing import Any

import mlflow
import mlflow.models
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mlflow.models.evaluation.validation import ModelValidationFailedException

from shared.domain.policy import Evidence, Rule
from shared.domain.rules import outcome
from shared.domain.verdicts import Verdict

models: Any = mlflow.models  # most of it has no types
NUMBERS = st.decimals(-1000, 1000, places=3, allow_nan=False, allow_infinity=False)


def mlflow_passes(metrics: dict[str, float], **threshold: Any) -> bool:
    """What MLflow says of the metric m."""
    result = models.EvaluationResult(metrics=metrics, artifacts={})
    try:
        mlflow.validate_evaluation_results({"m": models.MetricThreshold(**threshold)}, result)
    except ModelValidationFailedException:
        return False
    return True


@settings(max_examples=300, deadline=None)
@given(NUMBERS, NUMBERS, st.booleans())
def test_absolute_bounds(value: Decimal, bound: Decimal, higher: bool) -> None:
    metrics = {"m": float(value)}
    asked: dict[str, Any] = {"at_least" if higher else "at_most": bound}
    ours = outcome(Rule(name="r", why="", metric="m", **asked), Evidence(metrics=metrics)).verdict
    assert (ours is Verdict.PASSED) == mlflow_passes(metrics, threshold=float(bound), greater_is_better=higher)


@pytest.mark.parametrize("higher", [True, False])
def test_metric_that_is_missing_passes_neither(higher: bool) -> None:
    assert not mlflow_passes({}, threshold=1.0, greater_is_better=higher)
    rule = Rule(name="r", why="", metric="m", at_most=Decimal(1))
    assert outcome(rule, Evidence()).verdict is Verdict.MISCONFIGURED
