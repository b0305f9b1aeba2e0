"""The queues and their properties, from one file, in the words of Microsoft.ServiceBus/namespaces/queues."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?")


class QueuesFileError(Exception):
    """The file of the queues is wrong; says file, queue, field and remedy."""


@dataclass(frozen=True, kw_only=True)
class QueueProperties:
    """What a queue does, in milliseconds; the defaults are the service's."""

    name: str
    lock_ms: int = 60_000
    max_delivery_count: int = 10
    duplicate_window_ms: int = 0
    ttl_ms: int | None = None
    dead_letter_expired: bool = False


def duration_ms(text: object) -> int:
    """An ISO 8601 duration of days, hours, minutes and seconds. Raises ValueError."""
    found = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if found is None or text in ("P", "PT"):
        raise ValueError(f"{text!r} is no duration such as PT1M or P14D")
    days, hours, minutes, seconds = (float(part or 0) for part in found.groups())
    return int((((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000)


def read_queues(file: Path) -> list[QueueProperties]:
    """All queues of the file. Raises QueuesFileError."""
    try:
        loaded = [dict(entry) for entry in json.loads(file.read_text())["queues"]]
    except OSError as error:
        raise QueuesFileError(f"{file}: {error.strerror}: name the file of the queues with --queues") from error
    except (ValueError, KeyError, TypeError) as error:
        raise QueuesFileError(f'{file}: {{"queues": [{{"name": ...}}, ...]}} is expected: {error!r}') from error
    return [_queue(file, entry) for entry in loaded]


def _queue(file: Path, entry: dict[str, Any]) -> QueueProperties:
    name = str(entry.get("name", ""))
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,259}", name):
        raise QueuesFileError(f"{file}: a queue's name is {name!r}: give it letters, digits, points, dashes")
    known = {
        "name", "lockDuration", "maxDeliveryCount", "requiresDuplicateDetection",
        "duplicateDetectionHistoryTimeWindow", "defaultMessageTimeToLive", "deadLetteringOnMessageExpiration",
    }  # fmt: skip
    if unknown := sorted(set(entry) - known):
        raise QueuesFileError(f"{file}: queue {name}: {', '.join(unknown)} is not supported here: remove it")
    try:
        window = duration_ms(entry.get("duplicateDetectionHistoryTimeWindow", "PT10M"))
        ttl = entry.get("defaultMessageTimeToLive")
        return QueueProperties(
            name=name.lower(),
            lock_ms=duration_ms(entry.get("lockDuration", "PT1M")),
            max_delivery_count=int(entry.get("maxDeliveryCount", 10)),
            duplicate_window_ms=window if entry.get("requiresDuplicateDetection") else 0,
            ttl_ms=duration_ms(ttl) if ttl is not None else None,
            dead_letter_expired=bool(entry.get("deadLetteringOnMessageExpiration", False)),
        )
    except (ValueError, TypeError) as error:
        raise QueuesFileError(f"{file}: queue {name}: {error}") from error
