"""Live metrics as whoever watches a model sends them: signed as the relay's deliveries are, with the same secret.

The body is `{"metrics": [{"model": .., "version": .., "metric": .., "value": .., "at": ..}]}`; `at` is when it was
measured, in ISO 8601 with its zone.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from shared.domain.live_metrics import LiveMetric
from shared.errors import Malformed, TooLarge
from shared.wire import json_text, relay
from shared.wire.registry_webhook import MAX_BODY

MAX_METRICS = 100
LONGEST = 250
"""Characters of a name; MLflow takes no longer ones of a metric."""


def receive(headers: Mapping[str, str], body: bytes, *, secrets: Sequence[str], now: datetime) -> Sequence[LiveMetric]:
    """What a delivery that is believed reports. Raises TooLarge, Unauthenticated or Malformed."""
    if len(body) > MAX_BODY:
        raise TooLarge(f"a delivery of {len(body)} bytes: at most {MAX_BODY} are read")
    relay.verify(headers, body, secrets=secrets, now=now)
    return decode(body)


def decode(body: bytes) -> Sequence[LiveMetric]:
    """The values, in their order. Raises Malformed."""
    try:
        return [_metric(one) for one in _metrics(json_text.parse(body))]
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise Malformed(f"no live metrics: {error!r}") from error


def _metrics(said: Any) -> list[Any]:
    metrics = said["metrics"]
    if not isinstance(metrics, list) or not 0 < len(metrics) <= MAX_METRICS:
        raise TypeError(f"metrics is no list of 1 to {MAX_METRICS}")
    return metrics


def _metric(said: Mapping[str, Any]) -> LiveMetric:
    value, version = said["value"], said["version"]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"value is no number: {value!r}")
    return LiveMetric(
        model=_text(said, "model"),
        version=str(version) if isinstance(version, int) and not isinstance(version, bool) else _text(said, "version"),
        metric=_text(said, "metric"),
        value=float(value),
        at=_time(_text(said, "at")),
    )


def _text(said: Mapping[str, Any], name: str) -> str:
    text = said[name]
    if not isinstance(text, str) or not 0 < len(text) <= LONGEST:
        raise TypeError(f"{name} is no text of 1 to {LONGEST} characters: {text!r:.100}")
    return text


def _time(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"at names no time zone: {text!r}, say 2026-01-31T03:00:00Z")
    return at.astimezone(UTC)
