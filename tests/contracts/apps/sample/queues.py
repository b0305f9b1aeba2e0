"""Service Bus functions, on a blueprint."""

import asyncio
import time

import azure.functions as func
import record  # type: ignore[import-not-found]  # the app folder is on sys.path when it runs

blueprint = func.Blueprint()


def _facts(message: func.ServiceBusMessage) -> dict[str, object]:
    return {
        "body": message.get_body().decode(),
        "message_id": message.message_id,
        "delivery_count": message.delivery_count,
        "correlation_id": message.correlation_id,
        "subject": message.subject,
        "content_type": message.content_type,
        "properties": message.application_properties,
        "locked_until": message.locked_until,
        "enqueued_has_zone": message.enqueued_time_utc is not None and message.enqueued_time_utc.tzinfo is not None,
        "sequence_number": message.sequence_number,
    }


@blueprint.service_bus_queue_trigger(
    "message", connection="Bus", queue_name="%WORK_QUEUE%", data_type=func.DataType.BINARY
)
def work(message: func.ServiceBusMessage) -> None:
    """Record the message, then do what its body says: `fail`, `hold:SECONDS`, or nothing."""
    record.write("work", **_facts(message))
    todo, _, argument = message.get_body().decode().partition(":")
    if todo == "fail":
        raise RuntimeError("this message always fails")
    if todo == "hold":
        time.sleep(float(argument))
        record.write("held", message_id=message.message_id)


@blueprint.service_bus_queue_trigger("message", connection="Bus", queue_name="%WORK_QUEUE%/$deadletterqueue")
def bury(message: func.ServiceBusMessage) -> None:
    """Record what was dead-lettered."""
    record.write("bury", **_facts(message))


@blueprint.service_bus_queue_trigger("message", connection="Bus", queue_name="texts")
async def text(message: func.ServiceBusMessage) -> None:
    """Take string bodies, whose JSON properties replace the metadata."""
    await asyncio.sleep(0)
    record.write("text", **_facts(message), metadata_id=(message.metadata or {}).get("MessageId"))


@blueprint.service_bus_queue_trigger("message", connection="Bus", queue_name="forwarded")
@blueprint.service_bus_queue_output("$return", connection="Bus", queue_name="texts")
def forward(message: func.ServiceBusMessage) -> str:
    """Send the body on by returning it."""
    return message.get_body().decode()
