"""Event Grid says that a blob was written."""

import azure.functions as func

from shared.bootstrap import sluice

blueprint = func.Blueprint()


@blueprint.function_name("data_arrival")
@blueprint.event_grid_trigger(arg_name="event")
def data_arrival(event: func.EventGridEvent) -> None:
    """Record the arrival and ask for its check."""
    sluice().event(event.id, event.event_type, event.get_json())
