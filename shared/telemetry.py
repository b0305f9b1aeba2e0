"""The port for telemetry: who traces and counts what happens, beside the ledger."""

from collections.abc import Sequence
from typing import Protocol

from shared.domain.facts import Fact


class Telemetry(Protocol):
    """Neither raises nor waits: what cannot be told is lost, and the ledger has it all the same."""

    def told(self, before: Sequence[Fact], after: Sequence[Fact]) -> None:
        """A story before something was recorded, and now: what ended by that is traced and counted."""

    def parked(self, queue: str, reason: str) -> None:
        """A message was parked."""
