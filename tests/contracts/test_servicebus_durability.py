"""What was acknowledged is there, and what was completed is gone, after kill -9; one file has one broker."""

import json
import signal
import sqlite3
import time
import uuid
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest
from azure.servicebus import ServiceBusMessage, ServiceBusReceivedMessage
from azure.servicebus.exceptions import MessageLockLostError, ServiceBusError

from local.servicebus import frames as fr
from local.servicebus.amqp_types import UInt
from local.servicebus.decoding import decode
from local.servicebus.messages import ANNOTATIONS, DATA, section, sections
from tests.contracts.servicebus_broker import (
    DEADLINE,
    PROJECT,
    Broker,
    Peer,
    Wire,
    broker_fixture,  # noqa: F401 - a fixture
    put,
    run_broker,
)

pytestmark = pytest.mark.filterwarnings(
    "ignore:unclosed <socket:ResourceWarning"
)  # the SDK's, when it loses its broker


def test_everything_that_was_acknowledged_survives_kill_9(broker: Broker) -> None:
    one = uuid.uuid4().hex
    with broker.client(retries=10) as client:
        peer = Peer(client, "once-0")
        peer.send(ServiceBusMessage("completed"), ServiceBusMessage("deferred"), ServiceBusMessage("dead"))
        peer.receiver.complete_message(peer.receive())
        deferred = peer.receive()
        peer.receiver.defer_message(deferred)
        peer.receiver.dead_letter_message(peer.receive(), reason="because")
        peer.send(ServiceBusMessage("seen", message_id=one))
        soon, late = peer.schedule("soon", 2), peer.schedule("late", 3600)

        broker.restart(signal.SIGKILL)

        peer.send(ServiceBusMessage("seen again", message_id=one))  # the same sender: it connects again by itself
        peer.complete("seen", "soon")
        [again] = peer.receiver.receive_deferred_messages(deferred.sequence_number or 0)
        assert str(again) == "deferred"
        peer.receiver.complete_message(again)
        dead = peer.receive_dead()
        assert (str(dead), dead.dead_letter_reason) == ("dead", "because")
        assert peer.bodies() == ["late"]
        peer.sender.cancel_scheduled_messages(late)
        assert soon < late
        peer.close()
    assert broker.counts()["once-0"] == {"active": 0, "scheduled": 0, "deferred": 0, "locked": 0, "dead_lettered": 1}


def test_a_message_whose_lock_died_with_the_broker_comes_again_and_counts(broker: Broker) -> None:
    with broker.client(retries=10) as client:
        peer = Peer(client, "plain-0")
        peer.send("held")
        held = peer.receive()
        broker.restart(signal.SIGKILL)
        again = peer.receive()
        assert (str(again), again.delivery_count) == ("held", 1)
        with pytest.raises(MessageLockLostError):
            peer.receiver.complete_message(held)
        peer.receiver.complete_message(again)
        peer.close()


def test_sequence_numbers_are_never_given_twice(broker: Broker) -> None:
    def sent_and_completed() -> int:
        with Wire(broker.port).open() as wire:
            wire.attach_sender("plain-0")
            wire.transfer(0, 0, section(DATA, b"x"))
            wire.attach_receiver("plain-0", 1, credit=1)
            delivered = wire.expect(fr.TRANSFER).payload
            wire.say(fr.DISPOSITION, True, UInt(0), UInt(0), False, fr.outcome(fr.ACCEPTED))
            wire.expect(fr.DISPOSITION)
        [annotations] = [each for each in sections(delivered) if each.code == ANNOTATIONS]
        return int(decode(delivered, annotations.value)[0]["x-opt-sequence-number"])

    first = sent_and_completed()
    broker.restart(signal.SIGKILL)
    assert sent_and_completed() > first


def test_under_load_and_kill_9_nothing_is_lost_and_nothing_completed_comes_back(broker: Broker) -> None:
    acknowledged: set[str] = set()
    completed: Counter[str] = Counter()
    returned: list[str] = []

    def complete(message: ServiceBusReceivedMessage) -> None:
        if str(message) in completed:
            returned.append(str(message))
        peer.receiver.complete_message(message)
        completed[str(message)] += 1

    with broker.client(retries=10) as client:
        peer = Peer(client, "once-0")
        for number in range(200):
            text = f"m{number}"
            peer.send(ServiceBusMessage(text, message_id=text))  # sent again until it is acknowledged
            acknowledged.add(text)
            if number % 3 == 0:
                complete(peer.receive())
            if number == 100:
                broker.restart(signal.SIGKILL)
        end = time.monotonic() + DEADLINE
        while len(completed) < len(acknowledged):
            assert time.monotonic() < end, f"lost: {sorted(acknowledged - set(completed))[:10]}"
            for message in peer.receiver.receive_messages(max_message_count=50, max_wait_time=1):
                complete(message)
        assert set(completed) == acknowledged
        assert returned == []
        peer.close()


def test_sigterm_stops_within_two_seconds_with_connections_open(broker: Broker) -> None:
    with Wire(broker.port).open() as wire, broker.client() as client:
        wire.put("plain-0", "kept", "held")
        peer = Peer(client, "plain-0")
        peer.receive()
        before = time.monotonic()
        assert broker.stop(signal.SIGTERM) == 0
        assert time.monotonic() - before < 2
        assert wire.refusal() == "amqp:connection:forced"
        assert broker.said == []
        peer.close()
    counts = broker.counts()["plain-0"]
    assert counts["active"] + counts["locked"] == 2


def test_two_brokers_do_not_share_a_file(broker: Broker) -> None:
    second = run_broker("--queues", broker.queues, "--db", broker.db)
    assert (second.returncode, second.stdout) == (2, "")
    assert second.stderr == f"{broker.db} is in use by another broker: stop that one, or name another --db\n"


def test_a_port_in_use_is_named(broker: Broker, tmp_path: Path) -> None:
    second = run_broker("--queues", broker.queues, "--db", tmp_path / "other.db", "--port", str(broker.port))
    assert second.returncode == 2
    assert f"127.0.0.1:{broker.port}" in second.stderr
    assert "--port" in second.stderr


def queues_file(folder: Path, *queues: object) -> Path:
    """A file of queues."""
    file = folder / "queues.json"
    file.write_text(json.dumps({"queues": queues}))
    return file


def foreign_database(file: Path) -> None:
    """A database of somebody else."""
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE stories (id)")
        connection.commit()


def damaged_message(file: Path) -> None:
    """The broker's own database, with a message that is none."""
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("UPDATE messages SET raw = x'00'")
        connection.commit()


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    queues, db = queues_file(tmp_path, {"name": "q"}), tmp_path / "service-bus.db"
    db.write_text("this is no database, but text that is long enough to be looked at" * 20)
    ran = run_broker("--queues", queues, "--db", db)
    assert ran.returncode == 2
    assert ran.stderr.startswith(f"{db} is no database of the broker, or a damaged one: ")
    assert ran.stderr.count("\n") == 1
    assert run_broker("counts", "--db", db).stderr == ran.stderr


def test_the_database_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    queues, db = queues_file(tmp_path, {"name": "q"}), tmp_path / "service-bus.db"
    foreign_database(db)
    before = db.read_bytes()
    ran = run_broker("--queues", queues, "--db", db)
    assert ran.returncode == 2
    assert "its tables are stories" in ran.stderr
    assert db.read_bytes() == before


def test_a_damaged_message_is_no_traceback(broker: Broker) -> None:
    put(broker, "plain-0", "whole")
    broker.stop()
    damaged_message(broker.db)
    ran = run_broker("--queues", broker.queues, "--db", broker.db)
    assert ran.returncode == 2
    assert ran.stderr.startswith(f"{broker.db} is no database of the broker, or a damaged one: ")


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    queues = queues_file(tmp_path, {"name": "q"})
    ran = run_broker("--queues", queues, "--db", queues / "service-bus.db")
    assert (ran.returncode, ran.stderr) == (2, f"{queues / 'service-bus.db'}: File exists: name another --db\n")


def test_the_projects_own_queues_are_served(tmp_path: Path) -> None:
    with Broker(tmp_path, queues=PROJECT / "infra" / "queues.json") as broker:
        put(broker, "arrivals", "hello")
        assert broker.counts()["arrivals"]["active"] == 1


def test_messages_of_a_queue_that_is_no_longer_declared_are_kept_and_said(broker: Broker) -> None:
    put(broker, "plain-0", "kept")
    declared = broker.queues.read_text()
    broker.stop()
    queues_file(broker.queues.parent, {"name": "other"})
    broker.start()
    broker.stop()
    assert broker.said == [
        (
            f"{broker.db} keeps 1 messages of queue plain-0, which {broker.queues} does not name:"
            " name it there again to have them\n"
        )
    ]
    broker.queues.write_text(declared)
    broker.start()
    assert broker.counts()["plain-0"]["active"] == 1
    put(broker, "plain-0", "more")


def test_an_error_is_raised_while_the_broker_is_away(broker: Broker) -> None:
    with broker.client() as client:
        peer = Peer(client, "plain-0")
        peer.send("before")
        broker.stop(signal.SIGKILL)
        with pytest.raises(ServiceBusError):
            peer.send("lost")
        broker.start()
        peer.send("after")
        peer.complete("before", "after")
        peer.close()
