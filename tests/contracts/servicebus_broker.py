"""A local Service Bus broker as a real process, what the SDK needs to talk to it, and a bare socket for bad manners."""

import gc
import json
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import pytest
from azure.servicebus import (
    ServiceBusClient,
    ServiceBusMessage,
    ServiceBusReceivedMessage,
    ServiceBusReceiver,
    ServiceBusSender,
    ServiceBusSubQueue,
)

from local.servicebus import frames as fr
from local.servicebus.amqp_types import DecodeError, Described, UByte, UInt, ULong
from local.servicebus.frames import Performative, ProtocolError, frame, performative, read_performative
from local.servicebus.messages import DATA, section

PROJECT = Path(__file__).parents[2]
DEADLINE = 30.0
TLS = ssl.create_default_context()  # made once: the SDK would read all certificates for each connection
DEAD_LETTER = ServiceBusSubQueue.DEAD_LETTER
KINDS: dict[str, dict[str, object]] = {
    "plain": {},
    "short-lock": {"lockDuration": "PT1S"},
    "three-tries": {"maxDeliveryCount": 3},
    "one-try": {"lockDuration": "PT1S", "maxDeliveryCount": 1},
    "once": {"requiresDuplicateDetection": True},
    "once-a-second": {"requiresDuplicateDetection": True, "duplicateDetectionHistoryTimeWindow": "PT1S"},
    "short-life": {"defaultMessageTimeToLive": "PT1S", "deadLetteringOnMessageExpiration": True},
    "forgetful": {"defaultMessageTimeToLive": "PT0.5S"},
    "deferred-life": {"deadLetteringOnMessageExpiration": True},
    "Mixed.Case/Name": {},
}
"""What the queues of a test's broker are like; there are several of each kind, as `kind-0`, `kind-1`, ..."""
OF_EACH_KIND = 12


def eventually[T](look: Callable[[], T], *, what: str, within: float = DEADLINE) -> T:
    """Look again until there is something to see."""
    end = time.monotonic() + within
    while not (seen := look()):
        assert time.monotonic() < end, f"not within {within} s: {what}"
        time.sleep(0.02)
    return seen


def run_broker(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run `python -m local.servicebus` to its end."""
    command = [sys.executable, "-m", "local.servicebus", *map(str, arguments)]
    return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=DEADLINE, check=False)


class Broker:
    """`python -m local.servicebus` with a home of its own; keeps port and messages when it is started again."""

    def __init__(self, home: Path, queues: Path | None = None) -> None:
        self.db = home / "service-bus.db"
        self.queues = queues or home / "queues.json"
        if queues is None:
            named = [{"name": f"{kind}-{n}", **each} for kind, each in KINDS.items() for n in range(OF_EACH_KIND)]
            self.queues.write_text(json.dumps({"queues": named}))
        self.port = 0
        self.start()

    def start(self) -> None:
        """Start, on the port it had before."""
        arguments = ("--port", str(self.port), "--queues", str(self.queues), "--db", str(self.db))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "local.servicebus", *arguments],
            cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._process.stdout is not None
        self.said: list[str] = []
        self._reader = threading.Thread(target=self._follow, daemon=True)
        self._reader.start()
        line = self._process.stdout.readline()
        ready = re.fullmatch(r"ready sb://127\.0\.0\.1:(\d+)\n", line)
        assert ready, f"said {line!r} and {self.said}"
        self.port = int(ready[1])

    def _follow(self) -> None:
        assert self._process.stderr is not None
        self.said.extend(self._process.stderr)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal; the exit code."""
        self._process.send_signal(number)
        return self.ended()

    def ended(self) -> int:
        """Wait for the end; the exit code."""
        try:
            return self._process.wait(DEADLINE)
        finally:
            self._process.kill()
            self._process.wait()
            self._reader.join()
            for stream in (self._process.stdout, self._process.stderr):
                if stream is not None:
                    stream.close()

    def restart(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Be killed, and come back."""
        self.stop(number)
        self.start()

    def memory(self) -> int:
        """Bytes of memory in use."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        assert found
        return 1024 * int(found[1])

    @property
    def connection_string(self) -> str:
        """What the SDK connects with."""
        return (
            f"Endpoint=sb://127.0.0.1:{self.port};SharedAccessKeyName=local;SharedAccessKey=local;"
            "UseDevelopmentEmulator=true"
        )

    def client(self, *, retries: int = 0) -> ServiceBusClient:
        """An SDK client; with retries for a broker that restarts, without for one that is to refuse something."""
        return ServiceBusClient.from_connection_string(
            self.connection_string,
            retry_total=retries,
            retry_backoff_factor=0.1,
            retry_backoff_max=0.5,
            ssl_context=TLS,
        )

    def counts(self) -> dict[str, dict[str, int]]:
        """What `counts --json` says; the queues that have had messages."""
        ran = run_broker("counts", "--json", "--db", self.db)
        assert ran.returncode == 0, ran.stderr
        counts: dict[str, dict[str, int]] = json.loads(ran.stdout)
        return counts

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self.stop(signal.SIGKILL)


class Peer:
    """A queue through the SDK. What was opened stays open: the SDK opens and closes a link in half a second each."""

    def __init__(self, client: ServiceBusClient, queue: str) -> None:
        self.client = client
        self.queue = queue

    @cached_property
    def sender(self) -> ServiceBusSender:
        """Where messages are sent."""
        return self.client.get_queue_sender(self.queue)

    @cached_property
    def receiver(self) -> ServiceBusReceiver:
        """Where messages are received, in peek-lock."""
        return self.client.get_queue_receiver(self.queue)

    @cached_property
    def dead_letters(self) -> ServiceBusReceiver:
        """Where dead-lettered messages are received, in peek-lock."""
        return self.client.get_queue_receiver(self.queue, sub_queue=DEAD_LETTER)

    def send(self, *messages: ServiceBusMessage | str) -> None:
        """Send, in one batch."""
        self.sender.send_messages([_message(each) for each in messages])

    def schedule(self, message: ServiceBusMessage | str, seconds: float) -> int:
        """Schedule so many seconds from now; the sequence number."""
        [number] = self.sender.schedule_messages(_message(message), datetime.now(UTC) + timedelta(seconds=seconds))
        return number

    def receive(self) -> ServiceBusReceivedMessage:
        """The next message, locked."""
        return receive_one(self.receiver)

    def receive_dead(self) -> ServiceBusReceivedMessage:
        """The next message of the dead-letter queue, locked."""
        return receive_one(self.dead_letters)

    def complete(self, *bodies: str) -> None:
        """Receive and complete exactly these."""
        for body in bodies:
            message = self.receive()
            assert str(message) == body
            self.receiver.complete_message(message)

    def bodies(self) -> list[str]:
        """What is in the queue, in whatever state."""
        return [str(each) for each in self.receiver.peek_messages(max_message_count=100, sequence_number=1)]

    def dead_bodies(self) -> list[str]:
        """What is in the dead-letter queue."""
        return [str(each) for each in self.dead_letters.peek_messages(max_message_count=100, sequence_number=1)]

    def is_clean(self) -> bool:
        """Is nothing in the queue, nor in the dead-letter queue if that was used?"""
        return not self.bodies() and not ("dead_letters" in self.__dict__ and self.dead_bodies())

    def close(self) -> None:
        """Close what was opened."""
        opened = [self.__dict__.pop(name) for name in ("sender", "receiver", "dead_letters") if name in self.__dict__]
        side_by_side(*(each.close for each in opened))

    def open(self) -> Self:
        """Open everything now."""
        side_by_side(self.sender.create_message_batch, self.bodies, self.dead_bodies)
        return self


def side_by_side(*works: Callable[[], object]) -> None:
    """Do all at the same time."""
    with ThreadPoolExecutor(max(1, len(works))) as pool:
        for each in [pool.submit(work) for work in works]:
            each.result()


def _message(content: ServiceBusMessage | str) -> ServiceBusMessage:
    return content if isinstance(content, ServiceBusMessage) else ServiceBusMessage(content)


_BUS = pytest.StashKey["Bus"]()


class Bus:
    """A broker, and open links to its queues for one test after the other."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.client = broker.client()
        self.slow = [Wire(broker.port) for _ in range(100)]
        """Connections that never finish their first word: they must be in nobody's way."""
        for number, wire in enumerate(self.slow):
            wire.send((fr.AMQP_HEADER + b"\x00\x00\x03\xe8\x02\x00\x00\x00")[: number % 16])
        self._in_use: list[tuple[str, Peer]] = []
        self._left: list[Peer] = []
        self._made: dict[str, int] = {}
        self._free = {kind: [self._make(kind)] for kind in KINDS}
        side_by_side(*(peer.open for [peer] in self._free.values()))

    def queue(self, kind: str) -> Peer:
        """An empty queue of that kind that no other test uses now."""
        free = self._free[kind]
        peer = free.pop() if free else self._make(kind)
        self._in_use.append((kind, peer))
        return peer

    def _make(self, kind: str) -> Peer:
        number = self._made.get(kind, 0)
        self._made[kind] = number + 1
        assert number < OF_EACH_KIND, f"too many queues of kind {kind} in use, or left with messages"
        return Peer(self.client, f"{kind}-{number}")

    def test_ends(self) -> None:
        """Keep for others what the test left clean."""
        for kind, peer in self._in_use:
            if peer.is_clean():
                self._free[kind].append(peer)
            else:
                self._left.append(peer)
        self._in_use.clear()

    def close(self) -> None:
        """Close everything, side by side."""
        peers = [*self._left, *(peer for free in self._free.values() for peer in free)]
        side_by_side(*(peer.close for peer in peers))
        self.client.close()
        for wire in self.slow:
            wire.socket.close()
        self.broker.stop()


@pytest.fixture(name="bus")
def bus_fixture(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bus]:
    """The broker that all tests share, and must not harm; at the end it must have nothing to complain about."""
    bus = pytestconfig.stash.get(_BUS, None)
    if bus is None:  # one for all modules, which a session's fixture is not when it is imported
        bus = pytestconfig.stash[_BUS] = Bus(Broker(tmp_path_factory.mktemp("service-bus")))
        pytestconfig.add_cleanup(bus.close)
    yield bus
    bus.test_ends()
    assert not bus.broker.said, "".join(bus.broker.said)


@pytest.fixture(name="broker")
def broker_fixture(tmp_path: Path) -> Iterator[Broker]:
    """A broker for one test, to stop, kill and restart."""
    with Broker(tmp_path) as running:
        yield running
    gc.collect()  # the SDK forgets to close the sockets of connections that it lost: not in the next test, please


def receive_one(receiver: ServiceBusReceiver) -> ServiceBusReceivedMessage:
    """The next message."""
    received = receiver.receive_messages(max_message_count=1, max_wait_time=DEADLINE)
    assert received, "no message came"
    return received[0]


def receive_all(receiver: ServiceBusReceiver, count: int) -> list[ServiceBusReceivedMessage]:
    """So many messages."""
    received: list[ServiceBusReceivedMessage] = []
    while len(received) < count:
        more = receiver.receive_messages(max_message_count=count - len(received), max_wait_time=DEADLINE)
        assert more, f"only {len(received)} of {count} messages came"
        received += more
    return received


def put(broker: Broker, queue: str, *bodies: str) -> None:
    """Send messages on a connection of their own."""
    with Wire(broker.port).open() as wire:
        wire.put(queue, *bodies)


class Wire:
    """A bare connection: what is said, and what is not, is up to the test."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), DEADLINE)
        self._read = b""

    def send(self, data: bytes) -> None:
        """Send bytes."""
        self.socket.sendall(data)

    def say(self, code: int, *fields: Any, channel: int = 0, payload: bytes = b"") -> None:
        """Send a performative."""
        self.send(frame(channel, performative(code, *fields) + payload))

    def open(self, *, max_frame: int = 1 << 16, idle_ms: int | None = None) -> Self:
        """Open a connection, and a session on channel 0."""
        self.send(fr.AMQP_HEADER)
        self.say(fr.OPEN, "test", None, UInt(max_frame), None, None if idle_ms is None else UInt(idle_ms))
        self.say(fr.BEGIN, None, UInt(0), UInt(2048), UInt(2048))
        assert self.take(8) == fr.AMQP_HEADER
        self.expect(fr.OPEN)
        self.expect(fr.BEGIN)
        return self

    def attach_sender(self, queue: str, handle: int = 0) -> Performative:
        """Attach a link to send on; what the broker answers."""
        target = Described(ULong(0x29), [queue])
        self.say(fr.ATTACH, f"to-{handle}", UInt(handle), False, UByte(0), UByte(0), None, target, None, None, UInt(0))
        return self.expect(fr.ATTACH)

    def attach_receiver(self, queue: str, handle: int = 0, *, credit: int = 0) -> Performative:
        """Attach a link to receive on; what the broker answers."""
        source = Described(ULong(0x28), [queue])
        self.say(fr.ATTACH, f"from-{handle}", UInt(handle), True, UByte(0), UByte(1), source, None)
        answer = self.expect(fr.ATTACH)
        if credit:
            self.flow(handle, credit)
        return answer

    def flow(self, handle: int, credit: int, *, delivery_count: int = 0, drain: bool = False) -> None:
        """Give credit."""
        numbers = UInt(0), UInt(2048), UInt(0), UInt(2048), UInt(handle), UInt(delivery_count), UInt(credit)
        self.say(fr.FLOW, *numbers, None, drain)

    def transfer(self, handle: int, number: int, payload: bytes, *, more: bool = False) -> None:
        """Send a frame of a delivery."""
        self.say(fr.TRANSFER, UInt(handle), UInt(number), b"%d" % number, UInt(0), False, more, payload=payload)

    def take(self, count: int) -> bytes:
        """So many bytes, or fewer when the broker closes."""
        while len(self._read) < count:
            try:
                more = self.socket.recv(1 << 16)
            except ConnectionResetError:
                more = b""
            if not more:
                break
            self._read += more
        taken, self._read = self._read[:count], self._read[count:]
        return taken

    def put(self, queue: str, *bodies: str) -> None:
        """Send messages, and have them acknowledged: quicker than the SDK, for tests of something else."""
        self.attach_sender(queue)
        for number, body in enumerate(bodies):
            self.transfer(0, number, section(DATA, body.encode()))
            assert self.expect(fr.DISPOSITION).value(4).descriptor == fr.ACCEPTED
        self.say(fr.DETACH, UInt(0), True)
        self.expect(fr.DETACH)

    def frame(self) -> tuple[int, bytes] | None:
        """The next frame's channel and body; None when the broker has closed."""
        head = self.take(8)
        if len(head) < 8:
            return None
        size, offset, _, channel = fr.frame_head(head, 0)
        return channel, self.take(size - 8)[offset - 8 :]

    def hear(self) -> Performative | None:
        """What the broker says next; None when it has closed."""
        while (found := self.frame()) is not None:
            if found[1]:
                return read_performative(found[1])
        return None

    def expect(self, code: int) -> Performative:
        """The next performative of that kind."""
        while (said := self.hear()) is not None:
            if said.code == code:
                return said
        raise AssertionError(f"closed without performative 0x{code:02x}")

    def refusal(self) -> str | None:
        """Wait for the end; the condition that the broker gave, if it gave one."""
        condition = None
        try:
            while (said := self.hear()) is not None:
                if said.code == fr.CLOSE:
                    error = said.value(0)
                    condition = str(error.value[0]) if isinstance(error, Described) else None
        except (DecodeError, ProtocolError):  # a header, in the place of a frame
            return condition
        return condition

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()
