"""One AMQP connection: bytes to frames and back, the handshake, and its end, whoever brings it about."""

import asyncio
import socket
import sqlite3
import sys
import traceback
from collections.abc import Callable
from enum import Enum, auto
from typing import TYPE_CHECKING

from local.servicebus import frames as fr
from local.servicebus.amqp_types import Array, DecodeError, Symbol, UByte, UInt, UShort
from local.servicebus.frames import Performative, ProtocolError
from local.servicebus.session import Session

if TYPE_CHECKING:
    from local.servicebus.server import Broker

MAX_FRAME, SMALLEST_MAX_FRAME = 1 << 20, 512
MAX_CHANNEL = 255
IDLE_MS = 240_000
HANDSHAKE_SECONDS = 10  # until open; who takes longer holds a socket for nothing
LINGER_SECONDS = 1  # for the peer to read the last words
MOST_UNSENT = 1 << 20  # bytes; a peer that does not read is delivered no more, and then not listened to
MECHANISMS = ("ANONYMOUS", "MSSBCBS", "PLAIN")


class Stage(Enum):
    """How far the handshake is."""

    HEADER = auto()
    SASL = auto()
    AMQP_HEADER = auto()
    FRAMES = auto()
    OPEN = auto()


class Connection(asyncio.Protocol):
    """Reads frames, changes queues, writes frames; acknowledgements wait for the broker's commit."""

    def __init__(self, broker: "Broker") -> None:
        self._broker = broker
        self._incoming = bytearray()
        self._outgoing: list[bytes] = []
        self._unsent = 0
        self._acknowledgements: list[tuple[int, bytes]] = []
        self._reads = True  # does the peer read what it is sent?
        self._held_back = False
        self._unheard = False  # is there more from the peer, which has to wait until it reads?
        self._ending = False
        self.gathered = 0
        """Bytes of unfinished deliveries."""
        self._stage = Stage.HEADER
        self._deadline: asyncio.TimerHandle | None = None
        self._heartbeat: asyncio.TimerHandle | None = None
        self._sessions: dict[int, Session] = {}
        self._transport: asyncio.Transport
        self.peer_max_frame = SMALLEST_MAX_FRAME

    # ---- the socket

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - a TCP server gives nothing else
        self._transport = transport
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._broker.connections.add(self)
        self._set_deadline(HANDSHAKE_SECONDS, self._too_slow)

    def connection_lost(self, exception: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Its locks run out by themselves, as the service's do."""
        self._broker.connections.discard(self)
        for timer in (self._heartbeat, self._deadline):
            if timer is not None:
                timer.cancel()
        self._end_sessions()

    def data_received(self, data: bytes) -> None:
        self._incoming += data
        self._work()

    def _work(self) -> None:
        try:
            self._read()
        except ProtocolError as fault:
            self.refuse(fault.condition, str(fault))
        except DecodeError as fault:
            self.refuse(fr.DECODE_ERROR, str(fault))
        except sqlite3.Error as error:
            self._broker.fail(error)
            return
        except Exception:  # noqa: BLE001 - a fault of ours ends one connection, and not the broker
            traceback.print_exc(file=sys.stderr)
            self.refuse(fr.INTERNAL_ERROR, "the broker made a mistake; its log says which")
        self._broker.flush()

    def pause_writing(self) -> None:
        self._reads = False

    def resume_writing(self) -> None:
        self._reads = True
        self._go_on()

    # ---- out

    def send(self, channel: int, body: bytes, kind: int = fr.AMQP_FRAME) -> None:
        """Put a frame on the wire, when the broker's next commit is done."""
        self._put(fr.frame(channel, body, kind))

    def send_after_commit(self, channel: int, body: bytes) -> None:
        """As `send`, but behind all that comes of what was read: acknowledgements before deliveries."""
        self._acknowledgements.append((channel, body))
        self._broker.speaking.add(self)

    def _put(self, data: bytes) -> None:
        self._outgoing.append(data)
        self._unsent += len(data)
        self._broker.speaking.add(self)

    @property
    def takes(self) -> bool:
        """Is there room for more deliveries?"""
        if self._reads and self._unsent < MOST_UNSENT:
            return True
        self._held_back = True
        return False

    def acknowledge(self) -> None:
        """Gather the acknowledgements: what they acknowledge is durable before they are written."""
        for channel, body in self._acknowledgements:
            self.send(channel, body)
        self._acknowledgements.clear()

    def write(self) -> None:
        """Put what was gathered on the wire."""
        if self._outgoing and not self._transport.is_closing():
            self._transport.write(b"".join(self._outgoing))
        self._outgoing.clear()
        self._unsent = 0
        if self._ending:
            self._transport.close()
        elif (self._held_back or self._unheard) and self._reads:
            asyncio.get_running_loop().call_soon(self._go_on)

    def _go_on(self) -> None:
        """The peer reads again: deliver what was held back, and hear what it has said meanwhile."""
        self._held_back = self._unheard = False
        self._transport.resume_reading()
        for session in self._sessions.values():
            session.touch()
        self._work()

    def refuse(self, condition: str, description: str) -> None:
        """Say what is wrong, as far as the handshake went, and close; locks run out."""
        if self._ending:
            return
        self._incoming.clear()
        if self._stage is Stage.FRAMES:
            self._say_open()  # AMQP 1.0, 2.4.3: who cannot go on opens, and closes with the error
        if self._stage in (Stage.FRAMES, Stage.OPEN):
            self.send(0, fr.performative(fr.CLOSE, fr.error(condition, description)))
        self._end()

    def abort(self) -> None:
        """Be gone, without another word."""
        self._transport.abort()

    def _end(self) -> None:
        """Close, after the broker's next commit; nothing of the peer is heard any more."""
        self._ending = True
        self._end_sessions()
        self._acknowledgements.clear()
        self._broker.speaking.add(self)
        self._set_deadline(LINGER_SECONDS, self.abort)

    def _end_sessions(self) -> None:
        for session in self._sessions.values():
            session.end()
        self._sessions.clear()

    def _set_deadline(self, seconds: float, then: Callable[[], None]) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = asyncio.get_running_loop().call_later(seconds, then)

    def _too_slow(self) -> None:
        self.refuse(fr.NOT_ALLOWED, f"a connection is opened within {HANDSHAKE_SECONDS} seconds")
        self._broker.flush()

    # ---- in

    def _read(self) -> None:
        data, position = self._incoming, 0
        while len(data) - position >= 8 and not self._ending:
            if self._unsent + self._transport.get_write_buffer_size() >= MOST_UNSENT:
                self._unheard = True
                self._transport.pause_reading()
                break
            if self._stage in (Stage.HEADER, Stage.AMQP_HEADER):
                self._header(bytes(data[position : position + 8]))
                position += 8
                continue
            size, offset, kind, channel = fr.frame_head(data, position)
            if not 8 <= offset <= size <= MAX_FRAME:
                raise ProtocolError(fr.FRAMING_ERROR, f"a frame of {size} bytes with its data at {offset}")
            if kind != (fr.SASL_FRAME if self._stage is Stage.SASL else fr.AMQP_FRAME):
                raise ProtocolError(fr.FRAMING_ERROR, f"a frame of kind {kind}")
            if len(data) - position < size:
                break
            body = bytes(data[position + offset : position + size])
            position += size
            if body:  # an empty frame keeps the connection alive
                self._said(channel, fr.read_performative(body))
        del data[:position]

    def _header(self, header: bytes) -> None:
        if header == fr.SASL_HEADER and self._stage is Stage.HEADER:
            self._put(fr.SASL_HEADER)
            mechanisms = Array(map(Symbol, MECHANISMS))
            self.send(0, fr.performative(fr.SASL_MECHANISMS, mechanisms), fr.SASL_FRAME)
            self._stage = Stage.SASL
        elif header == fr.AMQP_HEADER:
            self._put(fr.AMQP_HEADER)
            self._stage = Stage.FRAMES
        else:
            self._put(fr.SASL_HEADER)  # AMQP 1.0, 2.2: answer with what is spoken here, and close
            self._end()

    def _said(self, channel: int, said: Performative) -> None:
        if self._stage is Stage.SASL:
            self._sasl(said)
        elif (self._stage is Stage.OPEN) == (said.code == fr.OPEN):
            raise ProtocolError(fr.NOT_ALLOWED, "a connection begins with open, and is opened once")
        elif said.code == fr.OPEN:
            self._open(said)
        elif said.code == fr.CLOSE:
            self._close()
        elif said.code == fr.BEGIN:
            self._begin(channel, said)
        elif channel in self._sessions:
            self._in_session(channel, said)
        elif said.code not in (fr.DETACH, fr.END):  # the SDK may detach after it ended the session
            raise ProtocolError(fr.NOT_ALLOWED, f"channel {channel} has no session")

    def _sasl(self, said: Performative) -> None:
        """Any name and key will do: whoever reaches 127.0.0.1 may do everything."""
        known = said.code == fr.SASL_INIT and said.value(0) in MECHANISMS
        self.send(0, fr.performative(fr.SASL_OUTCOME, UByte(0 if known else 1)), fr.SASL_FRAME)
        self._stage = Stage.AMQP_HEADER
        if not known:
            self._end()

    def _open(self, said: Performative) -> None:
        self.peer_max_frame = min(said.number(2, MAX_FRAME), MAX_FRAME)
        if self.peer_max_frame < SMALLEST_MAX_FRAME:
            raise ProtocolError(fr.INVALID_FIELD, f"max-frame-size is at least {SMALLEST_MAX_FRAME}")
        self._say_open()
        if self._deadline is not None:
            self._deadline.cancel()
        if idle := said.optional_number(4):
            self._set_heartbeat(max(idle, 100) / 2000)

    def _say_open(self) -> None:
        self._stage = Stage.OPEN
        limits = UInt(MAX_FRAME), UShort(MAX_CHANNEL), UInt(IDLE_MS)
        self.send(0, fr.performative(fr.OPEN, "local", None, *limits))

    def _set_heartbeat(self, seconds: float) -> None:
        self._heartbeat = asyncio.get_running_loop().call_later(seconds, self._beat, seconds)

    def _beat(self, seconds: float) -> None:
        """The peer wants to hear something now and then: an empty frame. What it does not read piles up no further."""
        if self._reads:
            self._transport.write(fr.frame(0, b""))
        self._set_heartbeat(seconds)

    def _begin(self, channel: int, said: Performative) -> None:
        if channel in self._sessions or channel > MAX_CHANNEL:
            raise ProtocolError(fr.NOT_ALLOWED, f"channel {channel} is taken, or too high")
        self._sessions[channel] = Session(self, self._broker, channel, said)

    def _in_session(self, channel: int, said: Performative) -> None:
        session = self._sessions[channel]
        if said.code != fr.END:
            session.handle(said)
            return
        del self._sessions[channel]
        session.end()
        self.send(channel, fr.performative(fr.END))

    def _close(self) -> None:
        self.send(0, fr.performative(fr.CLOSE))
        self._end()
