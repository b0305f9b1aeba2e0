"""Proof that a form was made by us, for this person and this content, not long ago: against forged requests."""

import hashlib
import hmac
import json
from collections.abc import Sequence
from datetime import datetime, timedelta

from shared.errors import Unauthenticated

MAX_AGE = timedelta(hours=1)


def make(secret: str, bound: Sequence[str], *, now: datetime) -> str:
    """A token for what the form is about."""
    at = str(int(now.timestamp()))
    return f"{at}.{_digest(secret, at, bound)}"


def verify(token: str, secret: str, bound: Sequence[str], *, now: datetime) -> None:
    """Raises Unauthenticated."""
    at, _, digest = token.partition(".")
    right = hmac.compare_digest(digest.encode(errors="replace"), _digest(secret, at, bound).encode())
    if not (secret and right and at.isdecimal()):
        raise Unauthenticated("the form is none of ours: open the page again")
    if not timedelta(0) <= timedelta(seconds=int(now.timestamp()) - int(at)) <= MAX_AGE:
        raise Unauthenticated(f"the form is older than {MAX_AGE}: open the page again")


def _digest(secret: str, at: str, bound: Sequence[str]) -> str:
    signed = json.dumps(["form", at, *bound]).encode()
    return hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
