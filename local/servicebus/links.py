"""A link between a peer and a queue, and the delivery that is coming in on it."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from local.servicebus.amqp_types import Described
from local.servicebus.queue import Queue

if TYPE_CHECKING:
    from local.servicebus.session import Session


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
    name: str
    receives: bool
    address: str
    queue: Queue | None
    presettled: bool
    credit: int = 0
    delivery_count: int = 0
    open: bool = True
    incoming: Incoming | None = None

    @property
    def takes(self) -> bool:
        """Can the consumer be sent a message now?"""
        return self.credit > 0 and self.session.remote_window > 0 and self.session.connection.takes


def fields_of(described: object) -> list[Any]:
    """The fields of a described list; none for anything else."""
    return described.value if isinstance(described, Described) and isinstance(described.value, list) else []


def path_of(address: object) -> str:
    """The entity's path in an address: `amqps://host:port/queue` or just `queue`, in any case."""
    if not isinstance(address, str):
        return ""
    if "://" in address:
        address = address.partition("://")[2].partition("/")[2]
    return address.strip("/").lower()
