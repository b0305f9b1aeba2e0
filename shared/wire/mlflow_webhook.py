"""MLflow's registry webhooks: signed as Standard Webhooks asks, over `delivery_id.timestamp.raw_body`."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime, timedelta

from shared.domain.commands import Command, EnforceSlot, JudgeVersion
from shared.errors import Malformed, Unauthenticated
from shared.wire import json_text

MAX_AGE = timedelta(minutes=5)
_VERSION_SIGNATURE = "v1,"
_HEADERS = ("X-MLflow-Delivery-Id", "X-MLflow-Timestamp", "X-MLflow-Signature")


def verify(headers: Mapping[str, str], body: bytes, *, secret: str, now: datetime) -> str:
    """Check signature and age; return the delivery id, the same over MLflow's own retries. Raises Unauthenticated."""
    lowered = {name.lower(): value for name, value in headers.items()}
    delivery_id, timestamp, signature = (lowered.get(name.lower(), "") for name in _HEADERS)
    if missing := [name for name in _HEADERS if not lowered.get(name.lower())]:
        raise Unauthenticated(f"{', '.join(missing)} is missing: give the webhook a secret, REGISTRY_WEBHOOK_SECRET")
    signed = f"{delivery_id}.{timestamp}.".encode(errors="replace") + body
    expected = base64.b64encode(hmac.new(secret.encode(), signed, hashlib.sha256).digest()).decode()
    given = signature.encode(errors="replace")
    if not secret or not hmac.compare_digest(given, f"{_VERSION_SIGNATURE}{expected}".encode()):
        raise Unauthenticated("the signature is not ours: compare the webhook's secret with REGISTRY_WEBHOOK_SECRET")
    if not timestamp.isdecimal() or len(timestamp) > 12:
        raise Unauthenticated(f"X-MLflow-Timestamp is no time in seconds: {timestamp[:20]!r}")
    age = now.timestamp() - int(timestamp)
    if age > MAX_AGE.total_seconds():
        raise Unauthenticated(f"the delivery is older than {MAX_AGE}: compare the clocks, or it was replayed")
    if age < -MAX_AGE.total_seconds():
        raise Unauthenticated(f"the delivery is from the future, by more than {MAX_AGE}: compare the clocks")
    return delivery_id


def decode(body: bytes, *, delivery_id: str) -> Command | None:
    """The command that follows from a delivery; None for an event that asks for nothing. Raises Malformed.

    The event is a hint: the command names what to look at, not what to believe.
    """
    try:
        event = json_text.parse(body)
        subject, data = f"{event['entity']}.{event['action']}", event["data"]
        match subject:
            case "model_version.created":
                return JudgeVersion(model=_text(data, "name"), version=_text(data, "version"), cause=delivery_id)
            case "model_version_alias.created" | "model_version_alias.deleted":
                return EnforceSlot(model=_text(data, "name"), slot=_text(data, "alias"), cause=delivery_id)
            case _:
                return None
    except (ValueError, KeyError, TypeError) as error:
        raise Malformed(f"delivery {delivery_id} is no MLflow registry event: {error!r}") from error


def _text(data: Mapping[str, object], field: str) -> str:
    value = data[field]
    if not isinstance(value, str) or not value:
        raise TypeError(f"data.{field} is no text: {value!r}")
    return value
