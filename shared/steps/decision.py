"""What a step returns."""

from dataclasses import dataclass

from shared.domain.commands import Command


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What was decided, in words for the log, and what is to be sent now.

    `story` is what it was about, where the message does not say.
    """

    summary: str
    send: tuple[Command, ...] = ()
    story: str = ""
