"""host.json: the few of its settings that a Python function can notice on a laptop."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from local.host.errors import HostError

SLOTS_ON_A_LAPTOP = 4
DEFAULT_CONCURRENT_CALLS = 16
OVERRIDE = "AzureFunctionsJobHost__"
TIME_SPAN = re.compile(r"(?:(?P<days>\d+)\.)?(?P<hours>\d{1,2}):(?P<minutes>\d{2}):(?P<seconds>\d{2})(?:\.\d+)?")


@dataclass(frozen=True, kw_only=True)
class HostFile:
    """What was read from host.json, with the host's own defaults."""

    route_prefix: str = "api"
    concurrent_calls: int = DEFAULT_CONCURRENT_CALLS
    lock_renewal: timedelta = timedelta(minutes=5)

    def slots(self, asked: int | None) -> int:
        """Messages a function works on at a time: as asked, else host.json's, capped for a laptop."""
        return asked or min(self.concurrent_calls, SLOTS_ON_A_LAPTOP)


def read_host_file(app_dir: Path, settings: Mapping[str, str]) -> HostFile:
    """Read host.json; ``AzureFunctionsJobHost__a__b`` settings override its entries, as in Azure."""
    file = app_dir / "host.json"
    try:
        content = json.loads(file.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise HostError(f"{app_dir} has no host.json: is it the folder of a Functions app?") from None
    except ValueError as error:
        raise HostError(f"{file} is not JSON: {error}") from error
    if not isinstance(content, dict) or content.get("version") != "2.0":
        raise HostError(f'{file} must be an object with "version": "2.0"')

    def entry(path: str, default: Any) -> Any:
        override = settings.get(OVERRIDE + path.replace(".", "__"))
        if override is not None:
            return override
        value: Any = content
        for key in path.split("."):
            value = value.get(key) if isinstance(value, dict) else None
        return default if value is None else value

    try:
        return HostFile(
            route_prefix=str(entry("extensions.http.routePrefix", "api")).strip("/"),
            concurrent_calls=_positive(entry("extensions.serviceBus.maxConcurrentCalls", DEFAULT_CONCURRENT_CALLS)),
            lock_renewal=time_span(str(entry("extensions.serviceBus.maxAutoLockRenewalDuration", "00:05:00"))),
        )
    except ValueError as error:
        raise HostError(f"{file}: {error}") from error


def _positive(value: object) -> int:
    number = int(str(value))
    if number < 1:
        raise ValueError(f"maxConcurrentCalls is {number}; it must be at least 1")
    return number


def time_span(text: str) -> timedelta:
    """Read a .NET time span: ``hh:mm:ss`` or ``d.hh:mm:ss``."""
    match = TIME_SPAN.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a time span such as 00:05:00")
    return timedelta(**{unit: int(number or 0) for unit, number in match.groupdict().items()})
