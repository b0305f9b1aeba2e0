"""The queue `scorings`."""

import azure.functions as func

from functions.control import sluice
from shared.domain.commands import Queue

blueprint = func.Blueprint()


@blueprint.function_name("scorings")
@blueprint.service_bus_queue_trigger(
    arg_name="message",
    queue_name="%SCORINGS_QUEUE%",
    connection="SERVICE_BUS",
    data_type=func.DataType.BINARY,
    cardinality=func.Cardinality.ONE,
)
def scorings(message: func.ServiceBusMessage) -> None:
    """Plan a scoring: pin versions, cut parts."""
    sluice().message(Queue.SCORINGS, message.message_id, message.get_body(), message.correlation_id or "")
