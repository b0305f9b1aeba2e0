"""The registries' dialects: whichever says that something changed, the same commands follow."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from shared.domain.commands import Command
from shared.errors import TooLarge
from shared.wire import databricks_webhook, mlflow_webhook, relay

MAX_BODY = 65_536
"""An event is some hundred bytes."""


class Dialect(StrEnum):
    """One route for each."""

    MLFLOW = "mlflow"
    DATABRICKS = "databricks"
    RELAY = "relay"


class _Verify(Protocol):
    def __call__(self, headers: Mapping[str, str], body: bytes, *, secrets: Sequence[str], now: datetime) -> str: ...


class _Decode(Protocol):
    def __call__(self, body: bytes, *, delivery_id: str) -> Sequence[Command]: ...


_DIALECTS: dict[Dialect, tuple[_Verify, _Decode]] = {
    Dialect.MLFLOW: (mlflow_webhook.verify, mlflow_webhook.decode),
    Dialect.DATABRICKS: (databricks_webhook.verify, databricks_webhook.decode),
    Dialect.RELAY: (relay.verify, relay.decode),
}


def receive(
    dialect: Dialect, headers: Mapping[str, str], body: bytes, *, secrets: Sequence[str], now: datetime
) -> Sequence[Command]:
    """The commands of a delivery that is believed. Raises TooLarge, Unauthenticated or Malformed.

    Repeats: a command's message id has the delivery's id in it, and the broker drops what it has seen, durably, for
    longer than a delivery is believed. A delivery that comes again after that is too old.
    """
    if len(body) > MAX_BODY:
        raise TooLarge(f"a delivery of {len(body)} bytes: at most {MAX_BODY} are read")
    verify, decode = _DIALECTS[dialect]
    return decode(body, delivery_id=verify(headers, body, secrets=secrets, now=now))
