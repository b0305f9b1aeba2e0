"""The registries' webhooks, one route for each dialect. The signature is the authentication."""

import azure.functions as func

from functions.answers import answer_to
from functions.control import sluice

blueprint = func.Blueprint()


@blueprint.function_name("registry_webhook")
@blueprint.route(route="registry-webhook/mlflow", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
def registry_webhook(req: func.HttpRequest) -> func.HttpResponse:
    """Check the signature, enqueue, answer 202."""
    return _receive(req, "mlflow")


@blueprint.function_name("registry_webhook_databricks")
@blueprint.route(route="registry-webhook/databricks", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
def registry_webhook_databricks(req: func.HttpRequest) -> func.HttpResponse:
    """The same, of Databricks' workspace model registry."""
    return _receive(req, "databricks")


@blueprint.function_name("registry_webhook_relay")
@blueprint.route(route="registry-webhook/relay", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
def registry_webhook_relay(req: func.HttpRequest) -> func.HttpResponse:
    """The same, of our relay of Unity Catalog's model update triggers."""
    return _receive(req, "relay")


def _receive(req: func.HttpRequest, dialect: str) -> func.HttpResponse:
    return answer_to(lambda: sluice().registry_delivery(dict(req.headers), req.get_body(), dialect))
