"""The operator's pages. What makes them is loaded when somebody looks."""

import azure.functions as func

blueprint = func.Blueprint()


@blueprint.function_name("health")
@blueprint.route(route="health", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
def health(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001 - the binding needs it
    """The process answers; whether it can work is on the ops page, which not everybody may read."""
    return func.HttpResponse("ok", headers={"Cache-Control": "no-store"})


@blueprint.function_name("ops_status")
@blueprint.route(route="ops", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
def ops_status(req: func.HttpRequest) -> func.HttpResponse:
    """Everything at a glance."""
    from functions import ops_pages

    return ops_pages.status(req)


@blueprint.function_name("ops_story")
@blueprint.route(route="ops/stories/{story}", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
def ops_story(req: func.HttpRequest) -> func.HttpResponse:
    """One story; `q` is what led to it, and maybe to others."""
    from functions import ops_pages

    return ops_pages.story(req)


@blueprint.function_name("ops_find")
@blueprint.route(route="ops/find", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
def ops_find(req: func.HttpRequest) -> func.HttpResponse:
    """From a file, run or version to its story."""
    from functions import ops_pages

    return ops_pages.find(req)


@blueprint.function_name("ops_check")
@blueprint.route(route="ops/checks/{story}", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
def ops_check(req: func.HttpRequest) -> func.HttpResponse:
    """The report of a story's check."""
    from functions import ops_pages

    return ops_pages.check(req)
