"""Databricks' job notifications: HTTP Basic, unsigned, so a wake-up only. Ids come as number or as text."""

import base64
import binascii
import hmac

from shared.domain.commands import FollowRun
from shared.errors import Malformed, Unauthenticated
from shared.wire import json_text


def verify(authorization: str, *, user: str, password: str) -> None:
    """Check HTTP Basic (RFC 7617). Raises Unauthenticated."""
    scheme, _, encoded = authorization.partition(" ")
    try:
        given = base64.b64decode(encoded.strip(), validate=True)
    except (binascii.Error, ValueError):
        given = b""
    right = hmac.compare_digest(given, f"{user}:{password}".encode())
    if not (right and password and scheme.lower() == "basic"):
        raise Unauthenticated("user or password is wrong: compare the notification destination with the settings")


def decode(body: bytes, *, workspace: str) -> FollowRun | None:
    """The run to look at; None for an event without a run. Raises Malformed.

    `workspace` is ours, or the address's, never the body's.
    """
    try:
        event = json_text.parse(body)
        run = event.get("run") or {}
        if not run.get("run_id"):
            return None
        return FollowRun(
            workspace=workspace, job_run_id=_id(run["run_id"]), cause=str(event.get("event_type", ""))[:40]
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Malformed(f"no Databricks job notification: {error!r}") from error


def _id(value: object) -> int:
    """A whole number above 0, as number or as text."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise TypeError(f"run.run_id is no id: {value!r}")
    if int(value) <= 0:
        raise ValueError(f"run.run_id is no id: {value!r}")
    return int(value)
