"""Event Grid says that a blob was written."""

import azure.functions as func

from functions.control import sluice

blueprint = func.Blueprint()


@blueprint.function_name("data_arrival")
@blueprint.event_grid_trigger(arg_name="event")
def data_arrival(event: func.EventGridEvent) -> None:
    """Record the arrival and ask for its check. A subscription may speak Event Grid's schema or CloudEvents."""
    kind = event.type if isinstance(event, func.CloudEvent) else event.event_type
    sluice().event(event.id, kind, event.get_json())
