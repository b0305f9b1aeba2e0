"""Some of the values that break an expectation, by Great Expectations' own look-up and without counting again."""

from typing import Any


def add(batch: Any, results: list[Any], shown: int) -> None:
    """Give each result that counted unexpected rows at most so many of their values."""
    from great_expectations.validator.metrics_calculator import MetricsCalculator
    from sqlalchemy import text

    execution = batch.datasource.get_execution_engine()
    result_format = {"result_format": "BASIC", "partial_unexpected_count": shown}
    wanted: list[tuple[Any, Any]] = []
    for result in results:
        if result.success or not result.result.get("unexpected_count"):
            continue
        expectation = result.expectation_config.to_domain_obj()
        metric = getattr(expectation, "map_metric", None)
        if not metric:  # it is about distinct values, of which it has no look-up
            result.result = batch.validate(expectation, result_format=result_format).result
            continue
        needed = expectation.get_validation_dependencies(
            execution_engine=execution, runtime_configuration={"result_format": result_format}
        )
        wanted.append((result, needed.metric_configurations[f"{metric}.unexpected_values"]))
    if wanted:
        execution.execute_query(text("SET enable_caching_operators = false"))  # or a LIMIT waits for 2048 rows
        found, _ = MetricsCalculator(execution).compute_metrics([each for _, each in wanted])
        for result, each in wanted:
            values: Any = found.get(each.id) or ()
            result.result["partial_unexpected_list"] = list(values)[:shown]
