"""Sending the parts of a scoring, beside the bare SDK sending the same messages: `python -m benchmarks.sending`.

Both send to the same broker in turns, in batches as full as they get; what is printed is a ratio. The SDK's messages
are encoded before its clock runs, Sluice's while it runs. Exit code 1 where a message is missing or came twice, or
where Sluice sends at less than 0.8 of the SDK's rate.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from azure.servicebus import ServiceBusClient, ServiceBusMessage, ServiceBusSender
from azure.servicebus.exceptions import MessageSizeExceededError

from benchmarks.webhook import PROJECT, server
from shared.adapters.service_bus import CONTENT_TYPE, ServiceBusOutbox, from_connection_string
from shared.domain.commands import Queue, ScorePart
from shared.wire.documents import encode_command

AT_LEAST, ROUNDS = 0.8, 5


def wishes(turn: str, count: int) -> list[ScorePart]:
    """The parts of one plan."""
    return [
        ScorePart(story="0123456789abcdef", use_case="flight_delays", plan=turn, part=f"P{number:05}")
        for number in range(count)
    ]


def encoded(commands: Sequence[ScorePart]) -> list[tuple[bytes, str, str, str]]:
    """What the SDK is given of each."""
    return [(encode_command(one), one.message_id, one.story, one.kind) for one in commands]


def send(sender: ServiceBusSender, messages: Sequence[tuple[bytes, str, str, str]]) -> None:
    """As the SDK's documentation does it."""
    batch = sender.create_message_batch()
    for body, message_id, story, kind in messages:
        message = ServiceBusMessage(
            body, message_id=message_id, correlation_id=story, content_type=CONTENT_TYPE, subject=kind
        )
        try:
            batch.add_message(message)
        except MessageSizeExceededError:
            sender.send_messages(batch)
            batch = sender.create_message_batch()
            batch.add_message(message)
    sender.send_messages(batch)


def waiting(db: Path) -> int:
    """How many messages are in the queue."""
    command = [sys.executable, "-m", "local.servicebus", "counts", "--db", str(db), "--json"]
    counted = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True)
    return int(json.loads(counted.stdout)[Queue.SCORING_PARTS]["active"])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; 0 if it is fast enough and every message is there once."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sending", description=__doc__)
    parser.add_argument("--messages", type=int, default=5000, help="in each turn (default: %(default)s)")
    count = parser.parse_args(arguments).messages
    with tempfile.TemporaryDirectory() as name:
        db, queues = Path(name) / "service-bus.db", str(PROJECT / "infra/queues.json")
        started = server(
            Path(name) / "broker.log", "local.servicebus", "--port", "0", "--queues", queues, "--db", str(db)
        )
        with started as address:
            connection = f"Endpoint={address};SharedAccessKeyName=k;SharedAccessKey=s;UseDevelopmentEmulator=true"
            connect = partial(from_connection_string, connection)
            outbox, client = ServiceBusOutbox(connect, str), connect()
            ours, bare = in_turns(outbox, client, count)
            found = waiting(db)
            client.close()
    expected = 2 * count * ROUNDS + 2
    ratio = statistics.median(mine / its for mine, its in zip(ours, bare, strict=True))
    print(f"the bare SDK sends {statistics.median(bare):,.0f} messages a second, Sluice {statistics.median(ours):,.0f}")
    print(f"ratio {ratio:.2f} (at least {AT_LEAST}); in the queue: {found:,} of {expected:,}")
    return 0 if ratio >= AT_LEAST and found == expected else 1


def in_turns(outbox: ServiceBusOutbox, client: ServiceBusClient, count: int) -> tuple[list[float], list[float]]:
    """Messages a second of each turn, ours and the SDK's."""
    ours: list[float] = []
    bare: list[float] = []
    with client.get_queue_sender(Queue.SCORING_PARTS) as sender:
        outbox.send(wishes("warm-ours", 1))
        send(sender, encoded(wishes("warm-bare", 1)))
        for turn in range(ROUNDS):
            commands, messages = wishes(f"ours{turn}", count), encoded(wishes(f"bare{turn}", count))
            both = ((partial(outbox.send, commands), ours), (partial(send, sender, messages), bare))
            for work, rates in both if turn % 2 else reversed(both):
                began = time.perf_counter()
                work()
                rates.append(count / (time.perf_counter() - began))
    return ours, bare


if __name__ == "__main__":
    sys.exit(main())
