"""Function keys, for `--keys`: who may call what, as in Azure. Without it every call is let through, as locally."""

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Keys:
    """The host's three keys: any function, everything, and the Event Grid webhook."""

    default: str
    master: str
    eventgrid_extension: str

    def allows(self, level: str, headers: Mapping[str, str], query: Mapping[str, str]) -> bool:
        """Whether a request's key (header ``x-functions-key`` or ``?code=``) is good for an authorization level."""
        given = headers.get("x-functions-key") or query.get("code") or ""
        accepted = {
            "ANONYMOUS": (given,),
            "FUNCTION": (self.default, self.master),
            "SYSTEM": (self.eventgrid_extension, self.master),
            "ADMIN": (self.master,),
        }[level.upper()]
        return any(secrets.compare_digest(given.encode(), key.encode()) for key in accepted)


class NoKeys:
    """Lets every call through."""

    def allows(self, level: str, headers: Mapping[str, str], query: Mapping[str, str]) -> bool:  # noqa: ARG002  # the interface of Keys
        """Answer yes."""
        return True


def load_keys(home: Path) -> Keys:
    """Read the keys, or make them the first time; they are kept under `home` for its owner only."""
    file = home / "keys.json"
    if file.exists():
        return Keys(**json.loads(file.read_text()))
    keys = {name: secrets.token_urlsafe(32) for name in ("default", "master", "eventgrid_extension")}
    home.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        json.dump(keys, stream, indent=2)
    return Keys(**keys)
