"""The queue `scoring-parts`."""

import azure.functions as func

from functions.control import sluice
from shared.domain.commands import Queue

blueprint = func.Blueprint()


@blueprint.function_name("scoring_parts")
@blueprint.service_bus_queue_trigger(
    arg_name="message",
    queue_name="%SCORING_PARTS_QUEUE%",
    connection="SERVICE_BUS",
    data_type=func.DataType.BINARY,
    cardinality=func.Cardinality.ONE,
)
def scoring_parts(message: func.ServiceBusMessage) -> None:
    """Score one part."""
    sluice().message(Queue.SCORING_PARTS, message.message_id, message.get_body(), message.correlation_id or "")
