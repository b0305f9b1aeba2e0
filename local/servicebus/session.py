"""One AMQP session: links between a peer and the queues; deliveries in, deliveries out, and how they are settled."""

import uuid
from typing import TYPE_CHECKING, Any

from local.servicebus import frames as fr
from local.servicebus import management
from local.servicebus.amqp_types import DecodeError, Described, Symbol, UByte, UInt, ULong, UShort
from local.servicebus.errors import QueueError
from local.servicebus.frames import Performative, ProtocolError
from local.servicebus.links import Incoming, Link, fields_of, path_of
from local.servicebus.messages import BATCH_FORMAT, Message, batched, parse
from local.servicebus.queue import Queue
from local.servicebus.settlement import settle

if TYPE_CHECKING:
    from local.servicebus.connection import Connection
    from local.servicebus.server import Broker

MAX_MESSAGE = 256 * 1024
MAX_HANDLE = 255
WINDOW, CREDIT = 5000, 1000
MOST_CREDIT = 1 << 31
TOO_LARGE = "amqp:link:message-size-exceeded"
NO_SESSIONS = "It is not possible for an entity that does not require sessions to create a session receiver."
SESSION_FILTER = Symbol("com.microsoft:session-filter")
MOST_GATHERED = 8 << 20  # bytes of a connection's unfinished deliveries


class Session:
    """One session: its links by the peer's handle, and what was delivered and not settled."""

    def __init__(self, connection: "Connection", broker: "Broker", channel: int, begin: Performative) -> None:
        self.connection = connection
        self.remote_window = begin.number(2)
        self._broker = broker
        self._channel = channel
        self._next_incoming = begin.number(1)
        self._incoming_window = WINDOW
        self._next_outgoing = 0
        self._next_delivery = 0
        self.links: dict[int, Link] = {}
        self._unsettled: dict[int, tuple[Link, Queue, bytes]] = {}
        self._send(fr.BEGIN, UShort(channel), UInt(0), UInt(WINDOW), UInt(WINDOW), UInt(MAX_HANDLE))

    def handle(self, said: Performative) -> None:
        """Do what the peer says on this session. Raises ProtocolError."""
        match said.code:
            case fr.TRANSFER:
                self._transfer(said)
            case fr.DISPOSITION:
                self._disposition(said)
            case fr.FLOW:
                self._flow(said)
            case fr.ATTACH:
                self._attach(said)
            case fr.DETACH:
                self._detach(said)
            case code:
                raise ProtocolError(fr.NOT_ALLOWED, f"there is no performative 0x{code:02x}")

    def _send(self, code: int, *fields: Any) -> None:
        self.connection.send(self._channel, fr.performative(code, *fields))

    # ---- links

    def _attach(self, said: Performative) -> None:
        name, handle, peer_receives = str(said.value(0)), said.number(1), said.flag(2)
        if handle in self.links or handle > MAX_HANDLE:
            raise ProtocolError(fr.NOT_ALLOWED, f"handle {handle} is taken, or too high")
        sender_mode, receiver_mode = said.number(3, 2), said.number(4, 0)
        if sender_mode > 2 or receiver_mode > 1:
            raise ProtocolError(fr.INVALID_FIELD, f"settle modes {sender_mode} and {receiver_mode}")
        source, target = said.value(5), said.value(6)
        terminus = fields_of(source if peer_receives else target)
        address = path_of(terminus[0] if terminus else None)
        queue, refusal = self._open_queue(address, terminus, peer_receives=peer_receives)
        link = Link(self, handle, not peer_receives, address, queue, presettled=sender_mode == 1)
        link.delivery_count = 0 if peer_receives else said.number(9, 0)
        self.links[handle] = link
        properties = {Symbol("com.microsoft:max-message-batch-size"): ULong(MAX_MESSAGE)} if link.receives else None
        self._send(
            fr.ATTACH, name, UInt(handle), link.receives, UByte(sender_mode), UByte(receiver_mode), source, target,
            None, None, None if link.receives else UInt(0), ULong(MAX_MESSAGE), None, None, properties,
        )  # fmt: skip
        if refusal is not None:
            link.open = False
            self._send(fr.DETACH, UInt(handle), True, fr.error(refusal.condition, str(refusal)))
        elif link.receives:
            self._grant(link)
        elif queue is not None:
            self._broker.consume(queue, link)

    def _open_queue(
        self, address: str, terminus: list[Any], *, peer_receives: bool
    ) -> tuple[Queue | None, QueueError | None]:
        """The queue of an address, none for `$cbs` and `$management`, and why a link to it is refused."""
        if management.is_node(address):
            return None, None
        try:
            queue = self._broker.find(address)
        except QueueError as error:
            return None, error
        if not peer_receives and queue.dead_letters is None:
            return None, QueueError(fr.NOT_ALLOWED, "Nobody sends to a dead-letter queue: messages are dead-lettered.")
        if peer_receives and len(terminus) > 7 and isinstance(terminus[7], dict) and SESSION_FILTER in terminus[7]:
            return None, QueueError(fr.NOT_ALLOWED, NO_SESSIONS)
        return queue, None

    def _detach(self, said: Performative) -> None:
        link = self.links.pop(said.number(0), None)
        if link is None:
            return
        self._drop(link)
        if link.open:
            self._send(fr.DETACH, UInt(link.handle), said.flag(1))

    def end(self) -> None:
        """All links are gone."""
        for link in self.links.values():
            self._drop(link)
        self.links.clear()

    def _drop(self, link: Link) -> None:
        """What a consumer that leaves still holds stays locked, as the service does it, until the lock runs out."""
        self._forget(link.incoming)
        if link.receives or link.queue is None:
            return
        self._broker.leave(link.queue, link)
        self._unsettled = {number: held for number, held in self._unsettled.items() if held[0] is not link}

    def touch(self) -> None:
        """There may be room for deliveries again."""
        for link in self.links.values():
            if link.queue is not None and not link.receives:
                self._broker.touched(link.queue)

    # ---- flow

    def _grant(self, link: Link) -> None:
        """Let the sender on: credit on the link, and room in the session."""
        link.credit, self._incoming_window = CREDIT, WINDOW
        self._send_flow(link, drain=False)

    def _send_flow(self, link: Link, *, drain: bool) -> None:
        self._send(
            fr.FLOW, UInt(self._next_incoming), UInt(self._incoming_window), UInt(self._next_outgoing), UInt(WINDOW),
            UInt(link.handle), UInt(link.delivery_count), UInt(max(0, link.credit)), None, drain,
        )  # fmt: skip

    def _flow(self, said: Performative) -> None:
        next_incoming, handle = said.optional_number(0), said.optional_number(4)
        if next_incoming is not None:
            sent_since = (self._next_outgoing - next_incoming) & fr.HIGHEST
            self.remote_window = said.number(1) - sent_since
            self.touch()
        link = self.links.get(handle) if handle is not None else None
        if link is None or not link.open:
            return
        drain, echo = said.flag(8), said.flag(9)
        if link.receives:
            if echo or link.credit < CREDIT // 2:
                self._grant(link)
            return
        credit = (said.number(5, 0) + said.number(6, 0) - link.delivery_count) & fr.HIGHEST
        link.credit = credit if credit <= MOST_CREDIT else 0  # more is less than nothing: taken back
        if link.queue is not None:
            self._broker.pump(link.queue)
        if drain:
            link.count(max(0, link.credit))
        if drain or echo:
            self._send_flow(link, drain=drain)

    # ---- deliveries in

    def _transfer(self, said: Performative) -> None:
        self._next_incoming = (self._next_incoming + 1) & fr.HIGHEST
        self._incoming_window -= 1
        link = self.links.get(said.number(0))
        if link is None or not link.receives:
            raise ProtocolError(fr.NOT_ALLOWED, "a transfer needs a sender's link")
        if not link.open:
            return  # the peer sent before it read that the link was refused
        if link.incoming is None:
            link.incoming = Incoming(said.optional_number(1), said.number(3, 0))
        incoming, aborted = link.incoming, said.flag(9)
        self._gather(incoming, said.payload)
        if not said.flag(5) or aborted:
            self._forget(incoming)
            link.incoming = None
            link.count(1)
            if not aborted:
                self._received(link, incoming, settled=said.flag(4))
        if link.credit < CREDIT // 2 or self._incoming_window < WINDOW // 2:
            self._grant(link)

    def _gather(self, incoming: Incoming, payload: bytes) -> None:
        incoming.size += len(payload)
        if incoming.size > MAX_MESSAGE:
            return  # it will be refused, at its end
        incoming.raw += payload
        self.connection.gathered += len(payload)
        if self.connection.gathered > MOST_GATHERED:
            raise ProtocolError(fr.LIMIT_EXCEEDED, f"more than {MOST_GATHERED} bytes of unfinished deliveries")

    def _forget(self, incoming: Incoming | None) -> None:
        if incoming is not None:
            self.connection.gathered -= len(incoming.raw)

    def _received(self, link: Link, incoming: Incoming, *, settled: bool) -> None:
        state = self._take(link, incoming)
        if not settled and incoming.number is not None:
            number = UInt(incoming.number)
            self._acknowledge(True, number, number, True, state)

    def _acknowledge(self, *fields: Any) -> None:
        self.connection.send_after_commit(self._channel, fr.performative(fr.DISPOSITION, *fields))

    def _take(self, link: Link, incoming: Incoming) -> Described:
        """Put a delivery where it belongs; the outcome for its sender."""
        if incoming.size > MAX_MESSAGE:
            text = f"The message is {incoming.size} bytes long; the limit is {MAX_MESSAGE} (256 KB)."
            return fr.outcome(fr.REJECTED, fr.error(TOO_LARGE, text))
        raw = bytes(incoming.raw)
        try:
            if link.queue is None:
                self._answer(link, raw)
            else:
                messages = batched(raw) if incoming.message_format == BATCH_FORMAT else [raw]
                link.queue.put([parse(each) for each in messages])
                self._broker.touched(link.queue)
        except QueueError as error:
            return fr.outcome(fr.REJECTED, fr.error(error.condition, str(error)))
        except DecodeError as error:
            return fr.outcome(fr.REJECTED, fr.error(fr.DECODE_ERROR, str(error)))
        return fr.outcome(fr.ACCEPTED)

    def _answer(self, link: Link, raw: bytes) -> None:
        reply, queue = management.answer(self._broker.find, link.address, raw)
        if queue is not None:
            self._broker.touched(queue)
        for other in self.links.values():
            if not other.receives and other.address == link.address:
                self._deliver(other, reply, uuid.uuid4().bytes, settled=True)
                return

    # ---- deliveries out

    def deliver(self, link: Link, message: Message) -> None:
        """A message of a queue to a consumer."""
        token = message.lock_token
        number = self._deliver(link, message.encoded(), token or uuid.uuid4().bytes, settled=token is None)
        if token is not None and link.queue is not None:
            self._unsettled[number] = (link, link.queue, token)

    def _deliver(self, link: Link, raw: bytes, tag: bytes, *, settled: bool) -> int:
        position, room = 0, self.connection.peer_max_frame - 64
        number, self._next_delivery = self._next_delivery, (self._next_delivery + 1) & fr.HIGHEST
        while True:
            more = len(raw) - position > room
            body = fr.performative(fr.TRANSFER, UInt(link.handle), UInt(number), tag, UInt(0), settled, more)
            self.connection.send(self._channel, body + raw[position : position + room])
            self._next_outgoing = (self._next_outgoing + 1) & fr.HIGHEST
            self.remote_window -= 1
            if not more:
                break
            position += room
        link.count(1)
        return number

    def _disposition(self, said: Performative) -> None:
        if not said.flag(0):
            return  # from a sender: nothing of ours is open with it
        first = said.number(1)
        last, settled, state = said.number(2, first), said.flag(3), said.value(4)
        if last - first > WINDOW:
            raise ProtocolError(fr.NOT_ALLOWED, f"a disposition of deliveries {first} to {last}")
        for number in range(first, last + 1):
            if number not in self._unsettled:
                continue
            if not isinstance(state, Described) or state.descriptor == fr.RECEIVED:
                if settled:  # settled without an outcome: the lock just runs out
                    del self._unsettled[number]
                continue
            _, queue, token = self._unsettled[number]
            outcome = settle(queue, token, state)
            del self._unsettled[number]
            self._broker.touched(queue)
            if not settled:
                self._acknowledge(False, UInt(number), UInt(number), True, outcome)
