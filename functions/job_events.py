"""The queue `job-events`."""

import azure.functions as func

from functions.control import sluice
from shared.domain.commands import Queue

blueprint = func.Blueprint()


@blueprint.function_name("job_events")
@blueprint.service_bus_queue_trigger(
    arg_name="message",
    queue_name="%JOB_EVENTS_QUEUE%",
    connection="SERVICE_BUS",
    data_type=func.DataType.BINARY,
    cardinality=func.Cardinality.ONE,
)
def job_events(message: func.ServiceBusMessage) -> None:
    """Follow a run to its end."""
    sluice().message(Queue.JOB_EVENTS, message.message_id, message.get_body(), message.correlation_id or "")
