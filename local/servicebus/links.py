"""A link between a peer and a queue, and the delivery that is coming in on it."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from local.servicebus.amqp_types import Described
from local.servicebus.frames import HIGHEST
from local.servicebus.queue import Queue

if TYPE_CHECKING:
    from local.servicebus.session import Session

LONGEST_ADDRESS = 1024


@dataclass
class Incoming:
    """A delivery of which frames still come."""

    number: int | None
    message_format: int
    size: int = 0
    raw: bytearray = field(default_factory=bytearray)


@dataclass(eq=False)
class Link:
    """One link. `receives` is from our side: True for a sender's link."""

    session: "Session"
    handle: int
    receives: bool
    address: str
    queue: Queue | None
    presettled: bool
    credit: int = 0
    delivery_count: int = 0
    open: bool = True
    incoming: Incoming | None = None

    def count(self, deliveries: int) -> None:
        """So many deliveries went over the link, or their credit was given back."""
        self.delivery_count = (self.delivery_count + deliveries) & HIGHEST
        self.credit -= deliveries

    @property
    def takes(self) -> bool:
        """Can the consumer be sent a message now?"""
        return self.credit > 0 and self.session.remote_window > 0 and self.session.connection.takes


def fields_of(described: object) -> list[Any]:
    """The fields of a described list; none for anything else."""
    return described.value if isinstance(described, Described) and isinstance(described.value, list) else []


def path_of(address: object) -> str:
    """The entity's path in an address: `amqps://host:port/queue` or just `queue`, in any case; empty for nonsense."""
    if not isinstance(address, str) or len(address) > LONGEST_ADDRESS:
        return ""
    if "://" in address:
        address = address.partition("://")[2].partition("/")[2]
    return address.strip("/").lower()
