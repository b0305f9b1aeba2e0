"""The pages on which people approve or reject a version. What makes them is loaded when somebody looks."""

import azure.functions as func

blueprint = func.Blueprint()


@blueprint.function_name("ops_approvals")
@blueprint.route(route="ops/approvals", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
def ops_approvals(req: func.HttpRequest) -> func.HttpResponse:
    """What waits for people."""
    from functions import approval_pages

    return approval_pages.waiting(req)


@blueprint.function_name("ops_approval")
@blueprint.route(route="ops/approvals/{request}", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
def ops_approval(req: func.HttpRequest) -> func.HttpResponse:
    """One request, with what the gate saw."""
    from functions import approval_pages

    return approval_pages.request(req)


@blueprint.function_name("ops_decide")
@blueprint.route(route="ops/approvals/{request}", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
def ops_decide(req: func.HttpRequest) -> func.HttpResponse:
    """Approve or reject."""
    from functions import approval_pages

    return approval_pages.decide(req)
