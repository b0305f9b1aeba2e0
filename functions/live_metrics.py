"""What is measured of models in production. The signature is the authentication."""

import azure.functions as func

from functions.answers import answer_to
from functions.control import sluice

blueprint = func.Blueprint()


@blueprint.function_name("live_metrics")
@blueprint.route(route="live-metrics", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
def live_metrics(req: func.HttpRequest) -> func.HttpResponse:
    """Check the signature, keep the values, answer 202."""
    return answer_to(lambda: sluice().live_metrics_delivery(dict(req.headers), req.get_body()))
