"""The registry's webhooks, one route for each dialect. The signature is the authentication."""

import azure.functions as func

from functions.answers import answer_to
from shared.bootstrap import sluice

blueprint = func.Blueprint()


@blueprint.function_name("registry_webhook")
@blueprint.route(route="registry-webhook/mlflow", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
def registry_webhook(req: func.HttpRequest) -> func.HttpResponse:
    """Check the signature, enqueue, answer 202."""
    return answer_to(lambda: sluice().registry_delivery(dict(req.headers), req.get_body()))
