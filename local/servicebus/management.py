"""`$cbs` and `$management`: requests as messages, answered on the same session (AMQP request/response)."""

import uuid
from typing import TYPE_CHECKING, Any

from local.servicebus.codec import Array, DecodeError, Int, Symbol, Timestamp, decode
from local.servicebus.messages import APPLICATION_PROPERTIES, PROPERTIES, VALUE, section, sections
from local.servicebus.queue import Queue, QueueError

if TYPE_CHECKING:
    from local.servicebus.server import Broker

CBS = "$cbs"
MANAGEMENT = "/$management"
BAD_REQUEST = "com.microsoft:argument-error"


def is_node(address: str) -> bool:
    """Is it one of the two nodes, and no queue?"""
    return address == CBS or address.endswith(MANAGEMENT)


def answer(broker: "Broker", address: str, raw: bytes) -> bytes:
    """The answer to a request message. Raises DecodeError for what is no message."""
    properties: list[Any] = [None]
    headers: dict[Any, Any] = {}
    body: Any = None
    for each in sections(raw):
        value, _ = decode(raw, each.value)
        if each.code == PROPERTIES and isinstance(value, list):
            properties = value or [None]
        elif each.code == APPLICATION_PROPERTIES and isinstance(value, dict):
            headers = value
        elif each.code == VALUE:
            body = value
    if address == CBS:
        return _reply(properties[0], {"status-code": Int(202), "status-description": "Accepted"}, None)
    try:
        queue = broker.find(address.removesuffix(MANAGEMENT))
        status, result = _perform(queue, str(headers.get("operation", "")).rpartition(":")[2], body)
        broker.touched(queue)
        return _reply(properties[0], {"statusCode": Int(status), "statusDescription": "OK"}, result)
    except QueueError as error:
        fault = error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        if isinstance(error, DecodeError):
            raise
        fault = QueueError(BAD_REQUEST, f"the request is not as documented: {error!r}")
    refused = {
        "statusCode": Int(fault.status),
        "statusDescription": fault.description,
        "errorCondition": Symbol(fault.condition),
    }
    return _reply(properties[0], refused, None)


def _reply(correlation_id: Any, headers: dict[str, Any], body: Any) -> bytes:
    return (
        section(PROPERTIES, [None, None, None, None, None, correlation_id, *[None] * 7])
        + section(APPLICATION_PROPERTIES, headers)
        + section(VALUE, body)
    )


def _perform(queue: Queue, operation: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    match operation:
        case "renew-lock":
            ends = Array(Timestamp(queue.renew(token)) for token in _tokens(body))
            return 200, {"expirations": ends}
        case "peek-message":
            found = queue.peek(int(body["from-sequence-number"]), int(body["message-count"]))
            messages = [{"message": message.encoded()} for message in found]
            return (200, {"messages": messages}) if messages else (204, {"messages": []})
        case "schedule-message":
            taken = [queue.put(bytes(entry["message"])) for entry in body["messages"]]
            return 200, {"sequence-numbers": Array(message.sequence if message else 0 for message in taken)}
        case "cancel-scheduled-message":
            for sequence in body["sequence-numbers"]:
                queue.cancel(int(sequence))
            return 200, {}
        case "receive-by-sequence-number":
            return 200, {"messages": _receive_deferred(queue, body)}
        case "update-disposition":
            for token in _tokens(body):
                _dispose(queue, token, body)
            return 200, {}
        case _:
            raise QueueError("amqp:not-implemented", f"there is no operation {operation!r} here", 501)


def _tokens(body: dict[str, Any]) -> list[bytes]:
    return [token.bytes_le for token in body["lock-tokens"] if isinstance(token, uuid.UUID)]


def _receive_deferred(queue: Queue, body: dict[str, Any]) -> list[dict[str, Any]]:
    lock = int(body["receiver-settle-mode"]) != 0
    received: list[dict[str, Any]] = []
    for sequence in body["sequence-numbers"]:
        message = queue.take_deferred(int(sequence), lock=lock)
        entry: dict[str, Any] = {"message": message.encoded(with_token=lock)}
        if message.lock_token:
            entry["lock-token"] = uuid.UUID(bytes_le=message.lock_token)
        received.append(entry)
    return received


def _dispose(queue: Queue, token: bytes, body: dict[str, Any]) -> None:
    match body["disposition-status"]:
        case "completed":
            queue.complete(token)
        case "abandoned":
            queue.abandon(token)
        case "defered":  # the protocol's own spelling
            queue.defer(token)
        case "suspended":
            queue.dead_letter(token, body.get("deadletter-reason"), body.get("deadletter-description"))
        case other:
            raise QueueError(BAD_REQUEST, f"there is no disposition {other!r}")
