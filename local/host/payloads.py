"""What the host hands to the engine with each call, built the way Azure's host builds it.

A payload is a function of the function it is meant for, because the host shapes the value by the trigger's binding
(the parameter's name, ``dataType``). Restated from the sources of azure-functions-host: nulls are left out of the
trigger metadata, strings stay strings, floats are doubles, everything else is JSON.
"""

import base64
import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from local.host.functions import Function
from local.host.protos import RpcHttp, TypedData

NEVER = "0001-01-01T00:00:00"  # .NET's default DateTime: a timer that has not run yet


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """The trigger's value and its metadata."""

    value: TypedData
    metadata: Mapping[str, TypedData] = field(default_factory=dict)


type Payload = Callable[[Function], Arguments]


def http(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    route_params: Mapping[str, str] | None = None,
    body: bytes = b"",
) -> Payload:
    """An HTTP request. Header names arrive in lower case; a query name given twice arrives joined by a comma."""
    absolute = url if "://" in url else f"http://localhost{url}"
    request = RpcHttp(
        method=method.upper(),
        url=absolute,
        headers={name.lower(): value for name, value in (headers or {}).items()},
        query=_joined_query(urlsplit(absolute).query),
        params=dict(route_params or {}),
        body=TypedData(bytes=body) if body else TypedData(),
    )
    return lambda _: Arguments(value=TypedData(http=request))


def _joined_query(query: str) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined


def event_grid(event: Mapping[str, Any]) -> Payload:
    """One event, in Event Grid's schema or as a CloudEvent: the host calls once per event of a POST."""

    def build(function: Function) -> Arguments:
        metadata = {"data": event.get("data"), **_call_facts(function)}
        return Arguments(
            value=TypedData(json=json.dumps(event)),
            metadata={name: TypedData(json=json.dumps(value)) for name, value in metadata.items() if value is not None},
        )

    return build


def timer(
    *,
    past_due: bool = False,
    last: datetime | None = None,
    next_run: datetime | None = None,
    last_updated: datetime | None = None,
    monitored: bool = True,
) -> Payload:
    """A timer's call. Unmonitored timers (``useMonitor`` false, or more often than once a minute) carry no status."""
    status = {
        "Last": last.isoformat() if last else NEVER,
        "Next": next_run.isoformat() if next_run else NEVER,
        "LastUpdated": last_updated.isoformat() if last_updated else NEVER,
    }
    info = {
        "Schedule": {"AdjustForDST": True},
        "ScheduleStatus": status if monitored else None,
        "IsPastDue": past_due,
    }
    return lambda _: Arguments(value=TypedData(json=json.dumps(info)))


def service_bus(
    body: bytes | str,
    *,
    message_id: str | None = None,
    delivery_count: int = 1,
    sequence_number: int = 1,
    lock_token: str | None = None,
    correlation_id: str | None = None,
    subject: str | None = None,
    content_type: str | None = None,
    session_id: str | None = None,
    partition_key: str | None = None,
    to: str | None = None,
    reply_to: str | None = None,
    reply_to_session_id: str | None = None,
    application_properties: Mapping[str, Any] | None = None,
    enqueued_at: datetime | None = None,
    expires_at: datetime | None = None,
    dead_letter_source: str | None = None,
) -> Payload:
    """One Service Bus message (cardinality one).

    The delivery count starts at 1, times are UTC without saying so, and ``locked_until`` and ``time_to_live`` are
    never sent. Unless the binding's ``dataType`` is BINARY the body is a string, and the top-level properties of a
    string that is a JSON object replace metadata of the same name in any case: a body ``{"messageId": "x"}`` replaces
    the message's id, ``{"deliveryCount": "x"}`` makes every delivery fail. That is the real host's behaviour.
    """
    raw = body.encode() if isinstance(body, str) else body
    enqueued = enqueued_at or datetime.now(UTC)
    expires = expires_at or enqueued + timedelta(days=14)
    properties = dict(application_properties or {})
    facts: dict[str, Any] = {
        "MessageId": message_id or uuid.uuid4().hex,
        "DeliveryCount": delivery_count,
        "LockToken": lock_token or str(uuid.uuid4()),
        "SequenceNumber": sequence_number,
        "CorrelationId": correlation_id,
        "Subject": subject,
        "Label": subject,
        "ContentType": content_type,
        "SessionId": session_id,
        "PartitionKey": partition_key,
        "To": to,
        "ReplyTo": reply_to,
        "ReplyToSessionId": reply_to_session_id,
        "ApplicationProperties": properties,
        "UserProperties": properties,
        "EnqueuedTime": enqueued,
        "EnqueuedTimeUtc": enqueued,
        "ExpiresAt": expires,
        "ExpiresAtUtc": expires,
        "DeadLetterSource": dead_letter_source,
    }

    def build(function: Function) -> Arguments:
        metadata = {**facts, **_call_facts(function)}
        if str(function.trigger.get("dataType", "STRING")).upper() == "BINARY":
            value = TypedData(bytes=raw)
        else:
            text = raw.decode()  # the host too refuses a string that is not UTF-8
            value = TypedData(string=text)
            _merge_body(text, metadata)
        return Arguments(value=value, metadata={k: _typed(v) for k, v in metadata.items() if v is not None})

    return build


def _call_facts(function: Function) -> dict[str, Any]:
    """The ``sys`` entry the host adds to every call's metadata."""
    return {
        "sys": {
            "MethodName": function.name,
            "UtcNow": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
            "RandGuid": str(uuid.uuid4()),
        }
    }


def _merge_body(body: str, metadata: dict[str, Any]) -> None:
    """Let the body's top-level properties replace metadata, as the host does for string bodies.

    Arrays and nulls are left out, objects stay objects, every other value becomes text. (.NET would also re-format
    values that look like dates; that is not reproduced.)
    """
    if not looks_like_json(body) or not body.strip().startswith("{"):
        return
    try:
        properties = json.loads(body)
    except ValueError:
        return
    known = {name.lower(): name for name in metadata}
    for name, value in properties.items():
        if value is not None and not isinstance(value, list):
            metadata[known.setdefault(name.lower(), name)] = value if isinstance(value, dict) else dotnet_text(value)


def looks_like_json(text: str) -> bool:
    """The host's own test: first and last character."""
    stripped = text.strip()
    return (stripped[:1], stripped[-1:]) in {("{", "}"), ("[", "]")}


def dotnet_text(value: object) -> str:
    """How .NET turns a JSON scalar into text: ``True``, ``1`` for 1.0, the empty string for null."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _typed(value: object) -> TypedData:
    match value:
        case bytes():
            return TypedData(bytes=value)
        case str():
            return TypedData(string=value)
        case float():
            return TypedData(double=value)
        case datetime():
            return TypedData(json=json.dumps(_naive_utc(value)))
        case _:
            return TypedData(json=json.dumps(value, default=_json_value))


def _naive_utc(moment: datetime) -> str:
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat()


def _json_value(value: object) -> str:
    match value:
        case bytes():
            return base64.b64encode(value).decode()
        case datetime():
            return _naive_utc(value)
        case _:
            return str(value)
