"""Great Expectations' own page of a check, from its stored result."""

import json
from typing import Any

from shared.adapters.great_expectations import load
from shared.errors import Malformed


def page_of(document: str) -> str:
    """The page of a validation result as JSON. It loads style and script from public servers. Raises Malformed."""
    load()
    from great_expectations.core.expectation_validation_result import ExpectationSuiteValidationResultSchema
    from great_expectations.render.renderer.page_renderer import ValidationResultsPageRenderer
    from great_expectations.render.view.view import DefaultJinjaPageView

    views: Any = DefaultJinjaPageView
    try:
        result = ExpectationSuiteValidationResultSchema().load(json.loads(document))
        page: str = views().render(ValidationResultsPageRenderer().render(result))
    except Exception as error:  # whatever it raises, the document is not what it wrote
        raise Malformed(f"no result of Great Expectations: {error!r}") from error
    return page
