"""`$cbs` and `$management`: requests as messages, answered on the same session (AMQP request/response)."""

import uuid
from collections.abc import Callable
from typing import Any

from local.servicebus.amqp_types import Array, Int, Symbol, Timestamp
from local.servicebus.decoding import decode
from local.servicebus.errors import BAD_ARGUMENT, QueueError
from local.servicebus.messages import APPLICATION_PROPERTIES, PROPERTIES, VALUE, parse, section, sections
from local.servicebus.queue import Queue

CBS = "$cbs"
MANAGEMENT = "/$management"
LARGEST_PEEK = 1 << 20  # bytes of messages in one answer; who peeks asks on from the last one


def is_node(address: str) -> bool:
    """Is it one of the two nodes, and no queue?"""
    return address == CBS or address.endswith(MANAGEMENT)


def answer(find: Callable[[str], Queue], address: str, raw: bytes) -> tuple[bytes, Queue | None]:
    """The answer to a request message, and the queue that it changed. Raises DecodeError for what is no message."""
    request_id: Any = None
    headers: dict[Any, Any] = {}
    body: Any = None
    for each in sections(raw):
        value, _ = decode(raw, each.value)
        if each.code == PROPERTIES and isinstance(value, list) and value:
            request_id = value[0]
        elif each.code == APPLICATION_PROPERTIES and isinstance(value, dict):
            headers = value
        elif each.code == VALUE:
            body = value
    if address == CBS:  # nothing to check: whoever reaches 127.0.0.1 may do everything
        return _reply(request_id, {"status-code": Int(202), "status-description": "Accepted"}, None), None
    try:
        queue = find(address.removesuffix(MANAGEMENT))
        status, result = _perform(queue, str(headers.get("operation", "")).rpartition(":")[2], body)
        return _reply(request_id, {"statusCode": Int(status), "statusDescription": "OK"}, result), queue
    except QueueError as error:
        fault = error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        fault = QueueError(BAD_ARGUMENT, f"The request is not as documented: {error!r:.300}")
    refused = {
        "statusCode": Int(fault.status),
        "statusDescription": str(fault),
        "errorCondition": Symbol(fault.condition),
    }
    return _reply(request_id, refused, None), None


def _reply(request_id: Any, headers: dict[str, Any], body: Any) -> bytes:
    return (
        section(PROPERTIES, [None, None, None, None, None, request_id, *[None] * 7])
        + section(APPLICATION_PROPERTIES, headers)
        + section(VALUE, body)
    )


def _perform(queue: Queue, operation: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    match operation:
        case "renew-lock":
            return 200, {"expirations": Array(Timestamp(queue.renew(token)) for token in _tokens(body))}
        case "peek-message":
            messages = _peek(queue, int(body["from-sequence-number"]), int(body["message-count"]))
            return (200 if messages else 204), {"messages": messages}
        case "schedule-message":
            taken = queue.put([parse(_binary(entry["message"])) for entry in body["messages"]])
            return 200, {"sequence-numbers": Array(message.sequence if message else 0 for message in taken)}
        case "cancel-scheduled-message":
            queue.cancel([int(sequence) for sequence in body["sequence-numbers"]])
            return 200, {}
        case "receive-by-sequence-number":
            return 200, {"messages": _receive_deferred(queue, body)}
        case "update-disposition":
            settle = _settling(queue, body)
            for token in _tokens(body):
                settle(token)
            return 200, {}
        case _:
            raise QueueError("amqp:not-implemented", f"There is no operation {operation!r:.100} here.", 501)


def _tokens(body: dict[str, Any]) -> list[bytes]:
    tokens = body["lock-tokens"]
    if not all(isinstance(token, uuid.UUID) for token in tokens):
        raise QueueError(BAD_ARGUMENT, "A lock token is a UUID.")
    return [token.bytes_le for token in tokens]


def _binary(value: object) -> bytes:
    if not isinstance(value, bytes):
        raise QueueError(BAD_ARGUMENT, "A message is binary.")
    return value


def _peek(queue: Queue, sequence: int, count: int) -> list[dict[str, bytes]]:
    found: list[dict[str, bytes]] = []
    size = 0
    for message in queue.peek(sequence, count):
        encoded = message.encoded()
        size += len(encoded)
        if found and size > LARGEST_PEEK:
            break
        found.append({"message": encoded})
    return found


def _receive_deferred(queue: Queue, body: dict[str, Any]) -> list[dict[str, Any]]:
    lock = int(body["receiver-settle-mode"]) != 0
    received: list[dict[str, Any]] = []
    for message in queue.take_deferred([int(sequence) for sequence in body["sequence-numbers"]], lock=lock):
        entry: dict[str, Any] = {"message": message.encoded(with_token=lock)}
        if message.lock_token:
            entry["lock-token"] = uuid.UUID(bytes_le=message.lock_token)
        received.append(entry)
    return received


def _settling(queue: Queue, body: dict[str, Any]) -> Callable[[bytes], None]:
    match body["disposition-status"]:
        case "completed":
            return queue.complete
        case "abandoned":
            return queue.abandon
        case "defered":  # the protocol's own spelling
            return queue.defer
        case "suspended":
            reason, description = (_text(body.get(f"deadletter-{name}")) for name in ("reason", "description"))
            return lambda token: queue.dead_letter(token, reason, description)
        case other:
            raise QueueError(BAD_ARGUMENT, f"There is no disposition {other!r:.100}.")


def _text(value: object) -> str | None:
    return None if value is None else str(value)
