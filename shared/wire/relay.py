"""What our relay task sends of Unity Catalog's model update triggers, which have no webhooks of their own.

The body is `{"updates": [{"full_name": .., "version": .., "alias_name": ..}]}`, the trigger's own words for each
(`{{job.trigger.model.updates}}`), signed as Standard Webhooks asks, with headers that begin with `X-Sluice`.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from shared.domain.commands import Command, EnforceSlot, JudgeVersion
from shared.errors import Malformed
from shared.wire import json_text, standard_webhook

PREFIX, SETTING = "X-Sluice", "RELAY_SECRET"
MAX_UPDATES = 100
"""Databricks gives nine to a run."""


def verify(headers: Mapping[str, str], body: bytes, *, secrets: Sequence[str], now: datetime) -> str:
    """Check signature and age; return the delivery id. Raises Unauthenticated."""
    return standard_webhook.verify(headers, body, prefix=PREFIX, setting=SETTING, secrets=secrets, now=now)


def decode(body: bytes, *, delivery_id: str) -> Sequence[Command]:
    """A command for each update: an alias was set, or a version is ready. Raises Malformed."""
    try:
        return list(dict.fromkeys(_command(one, delivery_id) for one in _updates(json_text.parse(body))))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Malformed(f"delivery {delivery_id} is no list of model updates: {error!r}") from error


def _updates(said: Any) -> list[Any]:
    updates = said["updates"]
    if not isinstance(updates, list) or len(updates) > MAX_UPDATES:
        raise TypeError(f"updates is no list of at most {MAX_UPDATES}")
    return updates


def _command(update: Mapping[str, Any], cause: str) -> Command:
    model, version, alias = (update.get(each) or "" for each in ("full_name", "version", "alias_name"))
    if not isinstance(model, str) or not model or not isinstance(alias, str):
        raise TypeError(f"full_name or alias_name is no text: {update!r}")
    if alias:
        return EnforceSlot(model=model, slot=alias, cause=cause)
    if isinstance(version, bool) or not isinstance(version, int | str) or not version:
        raise TypeError(f"version is none: {update!r}")
    return JudgeVersion(model=model, version=str(version), cause=cause)
