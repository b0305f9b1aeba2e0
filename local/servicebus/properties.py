"""The queues and their properties, from one file, in the words of Microsoft.ServiceBus/namespaces/queues."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_DURATION = re.compile(r"P(?:(\d{1,9})D)?(?:T(?:(\d{1,9})H)?(?:(\d{1,9})M)?(?:(\d{1,9}(?:\.\d{1,7})?)S)?)?")
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._/-]{0,258}[A-Za-z0-9_])?")
_LONGEST_LOCK = "PT5M"


class QueuesFileError(Exception):
    """The file of the queues is wrong; says, for each fault, file, queue, field and remedy."""


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
    milliseconds = 0.0
    if found is not None:
        days, hours, minutes, seconds = (float(part or 0) for part in found.groups())
        milliseconds = (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000
    if milliseconds < 1 or str(text).endswith("T"):
        raise ValueError("write an ISO 8601 duration above zero, such as PT1M or P14D")
    return round(milliseconds)


def _lock(value: object) -> int:
    lock = duration_ms(value)
    if lock > duration_ms(_LONGEST_LOCK):
        raise ValueError(f"the service locks for {_LONGEST_LOCK} at most; a longer one is renewed")
    return lock


def _count(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError("write a whole number from 1 on")
    return value


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("write true or false")  # noqa: TRY004 - a fault in a file, as the others
    return value


_FIELDS: dict[str, tuple[str, Callable[[object], Any]]] = {
    "lockDuration": ("lock_ms", _lock),
    "maxDeliveryCount": ("max_delivery_count", _count),
    "duplicateDetectionHistoryTimeWindow": ("duplicate_window_ms", duration_ms),
    "defaultMessageTimeToLive": ("ttl_ms", duration_ms),
    "deadLetteringOnMessageExpiration": ("dead_letter_expired", _flag),
}
_DETECTS_DUPLICATES = "requiresDuplicateDetection"
_USUAL_WINDOW = "PT10M"


def read_queues(file: Path) -> list[QueueProperties]:
    """All queues of the file. Raises QueuesFileError with every fault there is."""
    entries = _entries(file)
    faults: list[str] = []
    queues = [_queue(f"{file}: queue {_called(entry, number)}", entry, faults) for number, entry in enumerate(entries)]
    names = [queue.name for queue in queues if queue is not None]
    faults += [
        f"{file}: queue {name}: name: it is there twice, in whatever case: remove one"
        for name in sorted({name for name in names if names.count(name) > 1})
    ]
    if faults:
        raise QueuesFileError("\n".join(faults))
    return [queue for queue in queues if queue is not None]


def _entries(file: Path) -> list[Any]:
    try:
        loaded = json.loads(file.read_bytes())
    except OSError as error:
        raise QueuesFileError(f"{file}: {error.strerror}: name the file of the queues with --queues") from error
    except ValueError as error:
        raise QueuesFileError(f"{file}: no JSON: {error}: correct it there") from error
    entries = loaded.get("queues") if isinstance(loaded, dict) else None
    if not isinstance(entries, list) or not entries:
        raise QueuesFileError(f'{file}: queues: there is none: write {{"queues": [{{"name": "..."}}]}}')
    return entries


def _called(entry: Any, number: int) -> str:
    name = entry.get("name") if isinstance(entry, dict) else None
    return name if isinstance(name, str) and name else f"number {number + 1}"


def _queue(where: str, entry: Any, faults: list[str]) -> QueueProperties | None:
    if not isinstance(entry, dict):
        faults.append(f'{where}: {entry!r} is no queue: write {{"name": "..."}}')
        return None
    name = entry.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        faults.append(f"{where}: name: {name!r}: write letters, digits, points, dashes, underscores, at most 260")
        return None
    settings: dict[str, Any] = {}
    for field, value in {"duplicateDetectionHistoryTimeWindow": _USUAL_WINDOW, **entry}.items():
        if field in ("name", _DETECTS_DUPLICATES):
            continue
        if field not in _FIELDS:
            faults.append(f"{where}: {field}: not supported here: remove it (supported: {', '.join(_FIELDS)})")
            continue
        attribute, read = _FIELDS[field]
        try:
            settings[attribute] = read(value)
        except ValueError as error:
            faults.append(f"{where}: {field}: {value!r}: {error}")
    try:
        if not _flag(entry.get(_DETECTS_DUPLICATES, False)):
            settings["duplicate_window_ms"] = 0
    except ValueError as error:
        faults.append(f"{where}: {_DETECTS_DUPLICATES}: {entry[_DETECTS_DUPLICATES]!r}: {error}")
    return QueueProperties(name=name.lower(), **settings)
