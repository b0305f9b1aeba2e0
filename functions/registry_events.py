"""The queue `registry-events`."""

import azure.functions as func

from functions.control import sluice
from shared.domain.commands import Queue

blueprint = func.Blueprint()


@blueprint.function_name("registry_events")
@blueprint.service_bus_queue_trigger(
    arg_name="message",
    queue_name="%REGISTRY_EVENTS_QUEUE%",
    connection="SERVICE_BUS",
    data_type=func.DataType.BINARY,
    cardinality=func.Cardinality.ONE,
)
def registry_events(message: func.ServiceBusMessage) -> None:
    """Judge a model version, or enforce a slot."""
    sluice().message(Queue.REGISTRY_EVENTS, message.message_id, message.get_body(), message.correlation_id or "")
