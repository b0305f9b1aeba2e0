"""One AMQP connection: the state machine between a socket and the queues."""

import asyncio
import contextlib
import socket
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from local.servicebus import frames as fr
from local.servicebus import management
from local.servicebus.codec import Array, DecodeError, Described, Symbol, UByte, UInt, ULong, UShort, decode
from local.servicebus.messages import BATCH_FORMAT, batched
from local.servicebus.queue import Message, Queue, QueueError

if TYPE_CHECKING:
    from local.servicebus.server import Broker

MAX_FRAME = 1 << 20
MAX_MESSAGE = 256 * 1024
MAX_HANDLES, MAX_CHANNELS = 255, 255
WINDOW, CREDIT = 5000, 1000
IDLE_MS = 240_000
FRAMING_ERROR, NOT_ALLOWED, TOO_LARGE = (
    "amqp:connection:framing-error",
    "amqp:not-allowed",
    "amqp:link:message-size-exceeded",
)


class ProtocolError(Exception):
    """The peer broke the protocol: its connection is closed with an AMQP error, nobody else's is touched."""

    def __init__(self, condition: str, description: str) -> None:
        super().__init__(description)
        self.condition, self.description = condition, description


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
    partial: list[bytes] = field(default_factory=list)
    partial_size: int = 0
    delivery_id: int | None = None
    message_format: int = 0


@dataclass(eq=False)
class Session:
    """One session: its links by the peer's handle, and what was delivered and not settled."""

    connection: "Connection"
    channel: int
    next_incoming: int
    remote_window: int
    incoming_window: int = WINDOW
    next_outgoing: int = 0
    next_delivery: int = 0
    links: dict[int, Link] = field(default_factory=dict)
    unsettled: dict[int, tuple[Queue, bytes, Link]] = field(default_factory=dict)


class Connection(asyncio.Protocol):
    """Reads frames, changes queues, writes frames; acknowledgements wait for the broker's commit."""

    def __init__(self, broker: "Broker") -> None:
        self._broker = broker
        self._incoming = bytearray()
        self._outgoing: list[bytes] = []
        self.acknowledgements: list[tuple[int, bytes]] = []
        self._expects_header = True
        self._sasl_done = False
        self._opened = False
        self._peer_max_frame = 512
        self._sessions: dict[int, Session] = {}
        self._transport: asyncio.Transport

    # ---- the socket

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - a TCP server gives nothing else
        self._transport = transport
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._broker.connections.add(self)

    def connection_lost(self, exception: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Its locks run out by themselves, as the service's do."""
        self._broker.connections.discard(self)
        for session in self._sessions.values():
            for link in session.links.values():
                self._drop(link)
        self._sessions.clear()

    def data_received(self, data: bytes) -> None:
        self._incoming += data
        try:
            self._read()
        except ProtocolError as fault:
            self._refuse(fault.condition, fault.description)
        except DecodeError as fault:
            self._refuse("amqp:decode-error", str(fault))
        except (IndexError, KeyError, TypeError, ValueError, AttributeError) as fault:
            # A well-formed value in the wrong place: the peer's fault, whatever it trips over here.
            self._refuse("amqp:invalid-field", repr(fault))
        self._broker.flush()

    def _refuse(self, condition: str, description: str) -> None:
        self._incoming.clear()
        if self._opened:
            self._send(0, fr.performative(fr.CLOSE, fr.error(condition, description[:500])))
        self.write()
        self._transport.close()

    def write(self) -> None:
        """Put what was gathered on the wire."""
        if self._outgoing and not self._transport.is_closing():
            self._transport.write(b"".join(self._outgoing))
        self._outgoing.clear()

    def acknowledge(self) -> None:
        """Gather the acknowledgements: what they acknowledge is durable now."""
        for channel, body in self.acknowledgements:
            self._send(channel, body)
        self.acknowledgements.clear()

    def _send(self, channel: int, body: bytes, kind: int = fr.AMQP_FRAME) -> None:
        self._outgoing.append(fr.frame(channel, body, kind))

    # ---- frames

    def _read(self) -> None:
        data, position = self._incoming, 0
        while len(data) - position >= 8 and not self._transport.is_closing():
            if self._expects_header:
                self._header(bytes(data[position : position + 8]))
                position += 8
                continue
            size, offset, kind, channel = fr.frame_head(data, position)
            if not 8 <= offset <= size <= MAX_FRAME:
                raise ProtocolError(FRAMING_ERROR, f"a frame of {size} bytes with its data at {offset}")
            if len(data) - position < size:
                break
            body = bytes(data[position + offset : position + size])
            position += size
            if body:  # an empty frame keeps the connection alive
                self._frame(kind, channel, body)
        del data[:position]

    def _header(self, header: bytes) -> None:
        if header == fr.SASL_HEADER and not self._sasl_done:
            self._outgoing.append(fr.SASL_HEADER)
            mechanisms = Array([Symbol("ANONYMOUS"), Symbol("MSSBCBS"), Symbol("PLAIN")])
            self._send(0, fr.performative(fr.SASL_MECHANISMS, mechanisms), fr.SASL_FRAME)
        elif header == fr.AMQP_HEADER:
            self._outgoing.append(fr.AMQP_HEADER)
        else:
            self._outgoing.append(fr.SASL_HEADER)  # AMQP 1.0, 2.2: answer with what is spoken here, and close
            self.write()
            self._transport.close()
        self._expects_header = False

    def _frame(self, kind: int, channel: int, body: bytes) -> None:
        described, end = decode(body)
        if not isinstance(described, Described) or not isinstance(described.value, list):
            raise ProtocolError(FRAMING_ERROR, "a frame begins with a performative")
        if kind == fr.SASL_FRAME:
            self._send(0, fr.performative(fr.SASL_OUTCOME, UByte(0)), fr.SASL_FRAME)
            self._sasl_done = self._expects_header = True
            return
        code = int(described.descriptor)
        fields = described.value + [None] * (fr.field_count(code) - len(described.value))
        if not self._opened and code != fr.OPEN:
            raise ProtocolError(NOT_ALLOWED, "a connection begins with open")
        match code:
            case fr.OPEN:
                self._open(fields)
            case fr.BEGIN:
                self._begin(channel, fields)
            case fr.CLOSE:
                self._close()
            case fr.END:
                self._end(channel)
            case fr.DETACH if channel not in self._sessions:
                pass  # the SDK may detach after it ended the session
            case _:
                self._in_session(code, self._session(channel), fields, body[end:])

    def _in_session(self, code: int, session: Session, fields: list[Any], payload: bytes) -> None:
        match code:
            case fr.ATTACH:
                self._attach(session, fields)
            case fr.FLOW:
                self._flow(session, fields)
            case fr.TRANSFER:
                self._transfer(session, fields, payload)
            case fr.DISPOSITION:
                self._disposition(session, fields)
            case fr.DETACH:
                self._detach(session, fields)
            case _:
                raise ProtocolError(NOT_ALLOWED, f"there is no performative 0x{code:02x}")

    def _session(self, channel: int) -> Session:
        if channel not in self._sessions:
            raise ProtocolError(NOT_ALLOWED, f"channel {channel} has no session")
        return self._sessions[channel]

    # ---- connection, session, link

    def _open(self, fields: list[Any]) -> None:
        self._opened = True
        self._peer_max_frame = max(512, min(fields[2] or MAX_FRAME, MAX_FRAME))
        self._send(
            0,
            fr.performative(fr.OPEN, "local", None, UInt(MAX_FRAME), UShort(MAX_CHANNELS), UInt(IDLE_MS)),
        )

    def _begin(self, channel: int, fields: list[Any]) -> None:
        if channel in self._sessions or channel > MAX_CHANNELS:
            raise ProtocolError(NOT_ALLOWED, f"channel {channel} is taken, or too high")
        self._sessions[channel] = Session(self, channel, int(fields[1]), int(fields[2]))
        self._send(
            channel,
            fr.performative(fr.BEGIN, UShort(channel), UInt(0), UInt(WINDOW), UInt(WINDOW), UInt(MAX_HANDLES)),
        )

    def _attach(self, session: Session, fields: list[Any]) -> None:
        name, handle, peer_receives, sender_mode, receiver_mode, source, target = fields[:7]
        if handle in session.links or handle > MAX_HANDLES:
            raise ProtocolError(NOT_ALLOWED, f"handle {handle} is taken, or too high")
        terminus = source if peer_receives else target
        address = _path(terminus.value[0] if isinstance(terminus, Described) and terminus.value else None)
        queue, fault = None, None
        if not management.is_node(address):
            try:
                queue = self._broker.find(address)
            except QueueError as error:
                fault = error
        link = Link(session, handle, str(name), not peer_receives, address, queue, presettled=sender_mode == 1)
        session.links[handle] = link
        properties = {Symbol("com.microsoft:max-message-batch-size"): ULong(MAX_MESSAGE)} if link.receives else None
        self._send(
            session.channel,
            fr.performative(
                fr.ATTACH, link.name, UInt(handle), link.receives, UByte(sender_mode or 0), UByte(receiver_mode or 0),
                source, target, None, None, None if link.receives else UInt(0), ULong(MAX_MESSAGE), None, None,
                properties,
            ),
        )  # fmt: skip
        if fault is not None:
            link.open = False
            body = fr.performative(fr.DETACH, UInt(handle), True, fr.error(fault.condition, fault.description))
            self._send(session.channel, body)
        elif link.receives:
            self._grant(link)
        elif queue is not None:
            self._broker.consumers[queue].append(link)

    def _grant(self, link: Link) -> None:
        """Let the sender on: credit on the link, and room in the session."""
        session = link.session
        link.credit, session.incoming_window = CREDIT, WINDOW
        self._send_flow(session, link, drain=False)

    def _send_flow(self, session: Session, link: Link, *, drain: bool) -> None:
        body = fr.performative(
            fr.FLOW, UInt(session.next_incoming), UInt(session.incoming_window), UInt(session.next_outgoing),
            UInt(WINDOW), UInt(link.handle), UInt(link.delivery_count), UInt(max(0, link.credit)), None, drain,
        )  # fmt: skip
        self._send(session.channel, body)

    def _detach(self, session: Session, fields: list[Any]) -> None:
        link = session.links.pop(fields[0], None)
        if link is None:
            return
        self._drop(link)
        if link.open:
            self._send(session.channel, fr.performative(fr.DETACH, UInt(link.handle), bool(fields[1])))

    def _drop(self, link: Link) -> None:
        if not link.receives and link.queue is not None:
            with contextlib.suppress(ValueError):
                self._broker.consumers[link.queue].remove(link)

    def _end(self, channel: int) -> None:
        session = self._sessions.pop(channel, None)
        if session is not None:
            for link in session.links.values():
                self._drop(link)
            self._send(channel, fr.performative(fr.END))

    def _close(self) -> None:
        self._send(0, fr.performative(fr.CLOSE))
        self.write()
        self._transport.close()

    # ---- messages in

    def _flow(self, session: Session, fields: list[Any]) -> None:
        next_incoming, window, _, _, handle, delivery_count, credit, _, drain, echo = fields[:10]
        if next_incoming is not None:
            session.remote_window = next_incoming + window - session.next_outgoing
        link = session.links.get(handle) if handle is not None else None
        if link is None:
            return
        if link.receives:
            if echo or link.credit < CREDIT // 2:
                self._grant(link)
            return
        link.credit = (delivery_count or 0) + (credit or 0) - link.delivery_count
        if link.queue is not None:
            self._broker.pump(link.queue)
        if drain:
            link.delivery_count += max(0, link.credit)
            link.credit = 0
        if drain or echo:
            self._send_flow(session, link, drain=bool(drain))

    def _transfer(self, session: Session, fields: list[Any], payload: bytes) -> None:
        handle, delivery_id, _, message_format, settled, more = fields[:6]
        aborted = fields[9]
        session.next_incoming = (session.next_incoming + 1) & 0xFFFFFFFF
        session.incoming_window -= 1
        link = session.links.get(handle)
        if link is None or not link.receives:
            raise ProtocolError(NOT_ALLOWED, f"handle {handle} is no sender's link")
        if not link.open:
            return
        if not link.partial:
            link.delivery_id, link.message_format = delivery_id, message_format or 0
        link.partial_size += len(payload)
        if link.partial_size <= MAX_MESSAGE:
            link.partial.append(payload)
        elif not link.partial:
            link.partial.append(b"")
        if more and not aborted:
            if session.incoming_window < WINDOW // 2:
                self._grant(link)
            return
        raw, size = b"".join(link.partial), link.partial_size
        link.partial, link.partial_size = [], 0
        link.delivery_count += 1
        link.credit -= 1
        if not aborted:
            state = self._take(link, raw, size)
            if not settled and link.delivery_id is not None:
                number = UInt(link.delivery_id)
                self.acknowledgements.append(
                    (session.channel, fr.performative(fr.DISPOSITION, True, number, number, True, state))
                )
        if link.credit < CREDIT // 2 or session.incoming_window < WINDOW // 2:
            self._grant(link)

    def _take(self, link: Link, raw: bytes, size: int) -> Described:
        """Put a delivery where it belongs; the outcome for its sender."""
        if size > MAX_MESSAGE:
            text = f"The message is {size} bytes long, and the limit of this queue is {MAX_MESSAGE} (256 KB)."
            return fr.outcome(fr.REJECTED, fr.error(TOO_LARGE, text))
        try:
            if link.queue is None:
                self._answer(link, raw)
            else:
                for each in batched(raw) if link.message_format == BATCH_FORMAT else [raw]:
                    link.queue.put(each)
                self._broker.touched(link.queue)
        except QueueError as error:
            return fr.outcome(fr.REJECTED, fr.error(error.condition, error.description))
        except DecodeError as error:
            return fr.outcome(fr.REJECTED, fr.error("amqp:decode-error", str(error)))
        return fr.outcome(fr.ACCEPTED)

    def _answer(self, link: Link, raw: bytes) -> None:
        reply = management.answer(self._broker, link.address, raw)
        self._broker.commit()
        for other in link.session.links.values():
            if not other.receives and other.address == link.address:
                self._deliver(other, reply, uuid.uuid4().bytes, settled=True)
                return

    # ---- messages out

    def deliver(self, link: Link, message: Message) -> None:
        """A message of a queue to a consumer."""
        token = message.lock_token
        number = self._deliver(link, message.encoded(), token or uuid.uuid4().bytes, settled=token is None)
        if token is not None and link.queue is not None:
            link.session.unsettled[number] = (link.queue, token, link)

    def _deliver(self, link: Link, raw: bytes, tag: bytes, *, settled: bool) -> int:
        session, position, room = link.session, 0, self._peer_max_frame - 64
        number, session.next_delivery = session.next_delivery, (session.next_delivery + 1) & 0xFFFFFFFF
        while True:
            more = len(raw) - position > room
            body = fr.performative(fr.TRANSFER, UInt(link.handle), UInt(number), tag, UInt(0), settled, more)
            self._send(session.channel, body + raw[position : position + room])
            session.next_outgoing = (session.next_outgoing + 1) & 0xFFFFFFFF
            session.remote_window -= 1
            if not more:
                break
            position += room
        link.delivery_count += 1
        link.credit -= 1
        return number

    def _disposition(self, session: Session, fields: list[Any]) -> None:
        from_receiver, first, last, settled, state = fields[:5]
        if not from_receiver:
            return
        last = first if last is None else last
        if not isinstance(first, int) or not isinstance(last, int) or last - first > WINDOW:
            raise ProtocolError(NOT_ALLOWED, f"a disposition of deliveries {first} to {last}")
        for number in range(first, last + 1):
            if number not in session.unsettled:
                continue
            if not isinstance(state, Described) or int(state.descriptor) == fr.RECEIVED:
                if settled:  # settled without an outcome: the lock just runs out
                    del session.unsettled[number]
                continue
            queue, token, _ = session.unsettled.pop(number)
            outcome = self._settle(queue, token, state)
            if not settled:
                body = fr.performative(fr.DISPOSITION, False, UInt(number), UInt(number), True, outcome)
                self.acknowledgements.append((session.channel, body))

    def _settle(self, queue: Queue, token: bytes, state: Described) -> Described:
        fields = [*state.value, None, None]
        try:
            match int(state.descriptor):
                case fr.ACCEPTED:
                    queue.complete(token)
                case fr.RELEASED:
                    queue.release(token)
                case fr.MODIFIED if fields[1]:  # undeliverable-here
                    queue.defer(token)
                case fr.MODIFIED:
                    queue.abandon(token)
                case fr.REJECTED:
                    info = (fields[0].value[2] if isinstance(fields[0], Described) else None) or {}
                    queue.dead_letter(token, info.get("DeadLetterReason"), info.get("DeadLetterErrorDescription"))
                    state = fr.outcome(fr.REJECTED, None)
                case code:
                    raise ProtocolError(NOT_ALLOWED, f"there is no outcome 0x{code:02x}")
        except QueueError as error:
            return fr.outcome(fr.REJECTED, fr.error(error.condition, error.description))
        self._broker.touched(queue)
        return state


def _path(address: object) -> str:
    """The entity's path in an address: `amqps://host:port/queue` or just `queue`, in any case."""
    if not isinstance(address, str):
        return ""
    if "://" in address:
        address = address.partition("://")[2].partition("/")[2]
    return address.strip("/").lower()
