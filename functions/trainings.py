"""The queue `trainings`."""

import azure.functions as func

from functions.control import sluice
from shared.domain.commands import Queue

blueprint = func.Blueprint()


@blueprint.function_name("trainings")
@blueprint.service_bus_queue_trigger(
    arg_name="message",
    queue_name="%TRAININGS_QUEUE%",
    connection="SERVICE_BUS",
    data_type=func.DataType.BINARY,
    cardinality=func.Cardinality.ONE,
)
def trainings(message: func.ServiceBusMessage) -> None:
    """Start a training on exactly one Delta version."""
    sluice().message(Queue.TRAININGS, message.message_id, message.get_body(), message.correlation_id or "")
