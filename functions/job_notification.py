"""Databricks' job notifications. HTTP Basic is the authentication."""

import azure.functions as func

from functions.answers import answer_to
from functions.control import sluice

blueprint = func.Blueprint()


@blueprint.function_name("job_notification")
@blueprint.route(route="job-notification", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
def job_notification(req: func.HttpRequest) -> func.HttpResponse:
    """Check user and password, enqueue a wake-up, answer 202."""
    authorization, workspace = req.headers.get("authorization", ""), req.params.get("workspace", "")
    return answer_to(lambda: sluice().job_notification(authorization, req.get_body(), workspace))
