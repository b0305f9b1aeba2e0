"""Webhooks of Databricks' workspace model registry: a hex HMAC-SHA256 of the raw body, and no delivery id.

So the id is the body's digest; a delivery is as old as its event, which the signed body says.
"""

import hashlib
import hmac
import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from shared.domain.commands import Command, EnforceSlot, JudgeVersion
from shared.errors import Malformed, Unauthenticated
from shared.wire import json_text
from shared.wire.standard_webhook import check_age, matches

HEADER, SETTING = "X-Databricks-Signature", "DATABRICKS_WEBHOOK_SECRET"
_NO_SLOT = {"", "None", "Archived"}


def verify(headers: Mapping[str, str], body: bytes, *, secrets: Sequence[str], now: datetime) -> str:
    """Check signature and age; return an id that repeats of the same event share. Raises Unauthenticated."""
    signature = {name.lower(): value for name, value in headers.items()}.get(HEADER.lower(), "")
    if not signature:
        raise Unauthenticated(f"{HEADER} is missing: give the webhook a secret, {SETTING}")
    expected = [hmac.new(each.encode(), body, hashlib.sha256).hexdigest() for each in secrets if each]
    if not matches(signature, expected):
        raise Unauthenticated(f"the signature is not ours: compare the webhook's secret with {SETTING}")
    check_age(_sent_at(body), now)
    return hashlib.sha256(body).hexdigest()[:32]


def _sent_at(body: bytes) -> float:
    with suppress(ValueError, KeyError, TypeError, OverflowError):
        sent_at = float(json_text.parse(body)["event_timestamp"]) / 1000
        if math.isfinite(sent_at):
            return sent_at
    raise Unauthenticated("event_timestamp is no time in milliseconds: nobody can say how old the delivery is")


def decode(body: bytes, *, delivery_id: str) -> Sequence[Command]:
    """The commands that follow: a stage that was left and one that was entered are both looked at. Raises Malformed."""
    try:
        event = json_text.parse(body)
        name = event["event"]
        if name == "MODEL_VERSION_CREATED":
            return [JudgeVersion(model=_text(event, "model_name"), version=_text(event, "version"), cause=delivery_id)]
        if not str(name).startswith("MODEL_VERSION_TRANSITIONED"):
            return []
        stages = dict.fromkeys(str(event.get(side) or "") for side in ("from_stage", "to_stage"))
        model = _text(event, "model_name")
        return [EnforceSlot(model=model, slot=each, cause=delivery_id) for each in stages if each not in _NO_SLOT]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Malformed(f"delivery {delivery_id} is no event of Databricks' model registry: {error!r}") from error


def _text(event: Mapping[str, Any], field: str) -> str:
    value = event[field]
    if not isinstance(value, str) or not value:
        raise TypeError(f"{field} is no text: {value!r}")
    return value
