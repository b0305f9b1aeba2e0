"""Every dead-letter queue: a message that the broker gave up goes onto the one list that people look at."""

import azure.functions as func

from functions.control import sluice
from shared.domain.commands import Queue

blueprint = func.Blueprint()


def _park(queue: Queue, name: str) -> None:
    def park(message: func.ServiceBusMessage) -> None:
        """Move the dead-lettered message to the parked list."""
        sluice().dead_letter(
            queue,
            message.message_id,
            message.get_body(),
            message.correlation_id or "",
            str(message.application_properties.get("DeadLetterReason") or ""),
        )

    blueprint.function_name(name)(
        blueprint.service_bus_queue_trigger(
            arg_name="message",
            queue_name=f"%{queue.name}_QUEUE%/$deadletterqueue",
            connection="SERVICE_BUS",
            data_type=func.DataType.BINARY,
            cardinality=func.Cardinality.ONE,
        )(park)
    )


for _queue in Queue:
    _park(_queue, f"park_{_queue.name.lower()}")
