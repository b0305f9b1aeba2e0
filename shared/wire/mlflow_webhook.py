"""MLflow's registry webhooks."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from shared.domain.commands import Command, EnforceSlot, JudgeVersion
from shared.errors import Malformed
from shared.wire import json_text, standard_webhook

PREFIX, SETTING = "X-MLflow", "REGISTRY_WEBHOOK_SECRET"


def verify(headers: Mapping[str, str], body: bytes, *, secrets: Sequence[str], now: datetime) -> str:
    """Check signature and age; return the delivery id, the same over MLflow's own retries. Raises Unauthenticated."""
    return standard_webhook.verify(headers, body, prefix=PREFIX, setting=SETTING, secrets=secrets, now=now)


def decode(body: bytes, *, delivery_id: str) -> Sequence[Command]:
    """The commands that follow from a delivery; none for an event that asks for nothing. Raises Malformed.

    The event is a hint: the command names what to look at, not what to believe.
    """
    try:
        event = json_text.parse(body)
        subject, data = f"{event['entity']}.{event['action']}", event["data"]
        match subject:
            case "model_version.created":
                return [JudgeVersion(model=_text(data, "name"), version=_text(data, "version"), cause=delivery_id)]
            case "model_version_alias.created" | "model_version_alias.deleted":
                return [EnforceSlot(model=_text(data, "name"), slot=_text(data, "alias"), cause=delivery_id)]
            case _:
                return []
    except (ValueError, KeyError, TypeError) as error:
        raise Malformed(f"delivery {delivery_id} is no MLflow registry event: {error!r}") from error


def _text(data: Mapping[str, object], field: str) -> str:
    value = data[field]
    if not isinstance(value, str) or not value:
        raise TypeError(f"data.{field} is no text: {value!r}")
    return value
