"""Every error that Sluice raises on purpose.

    SluiceError
    ├── Poison                 the message can never succeed: parked, and completed
    │   ├── Malformed          bytes that are not what they should be
    │   │   └── TooLarge       more of them than anybody reads
    │   ├── UnknownUseCase     no use case owns this file or model
    │   └── Refused            an outside system said no, for good
    ├── Transient              it may succeed later: retried with back-off, then abandoned
    │   ├── Unreachable        an outside system did not answer
    │   │   └── Down           nor a moment ago: not asked again, so that nothing else waits for it
    │   └── Conflict           somebody else was faster; reading again decides
    ├── Misconfigured          settings or a use case's files: names the file, the field and the remedy
    └── Unauthenticated        a request without a valid signature or password

`reason` is stable: it is stored with parked messages, counted and alerted on.
"""

from typing import ClassVar

DEAD_LETTERED = "dead-lettered"
"""The reason of a parked message that the broker gave up, whatever it had failed of."""


class SluiceError(Exception):
    """The base of the tree; its text says what the reader can do."""

    reason: ClassVar[str] = "error"


class Poison(SluiceError):
    """The message can never succeed, however often it is delivered."""

    reason = "poison"


class Malformed(Poison):
    """Bytes from outside that cannot be decoded."""

    reason = "malformed"


class TooLarge(Malformed):
    """More bytes than are read."""

    reason = "too-large"


class UnknownUseCase(Poison):
    """No use case owns this file, table or model."""

    reason = "unknown-use-case"


class Refused(Poison):
    """An outside system refused for good: a missing job, a missing permission, an invalid parameter."""

    reason = "refused"


class Transient(SluiceError):
    """It may succeed later."""

    reason = "transient"


class Unreachable(Transient):
    """An outside system did not answer, or answered that it is busy."""

    reason = "unreachable"


class Down(Unreachable):
    """An outside system did not answer a moment ago, so it was not asked."""

    reason = "down"


class Conflict(Transient):
    """Somebody else changed it in the meantime."""

    reason = "conflict"


class Misconfigured(SluiceError):
    """Settings or a use case's files are wrong; carries every fault found, one a line."""

    reason = "misconfigured"


class Unauthenticated(SluiceError):
    """The sender could not prove who it is."""

    reason = "unauthenticated"
