"""Webhooks signed as Standard Webhooks asks, over `delivery_id.timestamp.raw_body`: MLflow's, and our relay's."""

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from shared.errors import Unauthenticated

MAX_AGE = timedelta(minutes=5)
MAX_AHEAD = timedelta(minutes=1)
"""Together less than the broker remembers message ids: whoever is young enough to be believed is known as a repeat."""

_VERSION_SIGNATURE = "v1,"


def verify(
    headers: Mapping[str, str], body: bytes, *, prefix: str, setting: str, secrets: Sequence[str], now: datetime
) -> str:
    """Check signature and age; return the delivery id, the same over the sender's own retries. Raises Unauthenticated.

    Any one of the secrets will do, so that they can be changed without losing a delivery.
    """
    names = [f"{prefix}-{name}" for name in ("Delivery-Id", "Timestamp", "Signature")]
    lowered = {name.lower(): value for name, value in headers.items()}
    delivery_id, timestamp, signature = (lowered.get(name.lower(), "") for name in names)
    if missing := [name for name in names if not lowered.get(name.lower())]:
        raise Unauthenticated(f"{', '.join(missing)} is missing: give the webhook a secret, {setting}")
    signed = f"{delivery_id}.{timestamp}.".encode(errors="replace") + body
    digests = [hmac.new(each.encode(), signed, hashlib.sha256).digest() for each in secrets if each]
    expected = [f"{_VERSION_SIGNATURE}{base64.b64encode(each).decode()}" for each in digests]
    if not matches(signature, expected):
        raise Unauthenticated(f"the signature is not ours: compare the webhook's secret with {setting}")
    if not timestamp.isdecimal() or len(timestamp) > 12:
        raise Unauthenticated(f"{names[1]} is no time in seconds: {timestamp[:20]!r}")
    check_age(int(timestamp), now)
    return delivery_id


def matches(given: str, expected: Sequence[str]) -> bool:
    """Is it one of them? It takes the same time whichever it is, and however much of it is right."""
    encoded = given.encode(errors="replace")
    return True in [hmac.compare_digest(encoded, each.encode()) for each in expected]


def check_age(sent_at: float, now: datetime) -> None:
    """Neither old, and so maybe replayed, nor from the future. Raises Unauthenticated."""
    age = now.timestamp() - sent_at
    if age > MAX_AGE.total_seconds():
        raise Unauthenticated(f"the delivery is older than {MAX_AGE}: compare the clocks, or it was replayed")
    if age < -MAX_AHEAD.total_seconds():
        raise Unauthenticated(f"the delivery is from the future, by more than {MAX_AHEAD}: compare the clocks")
