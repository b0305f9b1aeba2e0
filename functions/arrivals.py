"""The queue `arrivals`."""

import azure.functions as func

from functions.control import sluice
from shared.domain.commands import Queue

blueprint = func.Blueprint()


@blueprint.function_name("arrivals")
@blueprint.service_bus_queue_trigger(
    arg_name="message",
    queue_name="%ARRIVALS_QUEUE%",
    connection="SERVICE_BUS",
    data_type=func.DataType.BINARY,
    cardinality=func.Cardinality.ONE,
)
def arrivals(message: func.ServiceBusMessage) -> None:
    """Check a batch; commit it or quarantine it."""
    sluice().message(Queue.ARRIVALS, message.message_id, message.get_body(), message.correlation_id or "")
