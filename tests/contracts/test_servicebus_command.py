"""`python -m local.servicebus`: serve and counts, for people and for programs."""

import json
import re
from pathlib import Path

import pytest

from tests.contracts.servicebus_broker import (
    PROJECT,
    Broker,
    Peer,
    broker_fixture,  # noqa: F401 - a fixture
    put,
    run_broker,
)


def test_help_is_in_the_reference() -> None:
    ran = run_broker("--help")
    assert ran.returncode == 0
    reference = (PROJECT / "docs" / "reference" / "broker.md").read_text()
    options = set(re.findall(r"--[a-z]+", ran.stdout))
    assert options == {"--help", "--db", "--port", "--queues", "--json"}
    assert all(f"`{option}" in reference for option in options - {"--help"})


def test_counts_by_state(broker: Broker) -> None:
    with broker.client() as client:
        peer = Peer(client, "three-tries-0")
        peer.send("dead", "aside", "held", "active", "active too")
        peer.receiver.dead_letter_message(peer.receive())
        peer.receiver.defer_message(peer.receive())
        peer.receive()
        peer.schedule("later", 3600)
        expected = {"active": 2, "scheduled": 1, "deferred": 1, "locked": 1, "dead_lettered": 1}
        assert broker.counts() == {"three-tries-0": expected}
        peer.close()
    broker.stop()
    ran = run_broker("counts", "--db", broker.db)  # also when no broker runs
    head, line = ran.stdout.splitlines()
    assert head.split() == ["queue", "active", "scheduled", "deferred", "locked", "dead-lettered"]
    assert line.split() == ["three-tries-0", "2", "1", "1", "1", "1"]


def test_counts_after_kill_9(broker: Broker) -> None:
    put(broker, "plain-0", *"abcde")
    broker.restart()
    assert broker.counts()["plain-0"]["active"] == 5


def test_counts_of_a_broker_without_messages(broker: Broker) -> None:
    assert broker.counts() == {}
    assert run_broker("counts", "--db", broker.db).stdout == "no queue has had a message yet\n"


def test_counts_of_no_file(tmp_path: Path) -> None:
    ran = run_broker("counts", "--db", tmp_path / "none.db")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr == f"{tmp_path / 'none.db'} does not exist: name the broker's file with --db\n"


@pytest.mark.parametrize("port", ["-1", "65536", "http", ""])
def test_a_port_that_is_none_is_refused(port: str, tmp_path: Path) -> None:
    ran = run_broker("--db", tmp_path / "service-bus.db", f"--port={port}")
    assert ran.returncode == 2
    assert f"{port} is no port" in ran.stderr


def test_counts_as_json_is_one_object(broker: Broker) -> None:
    ran = run_broker("counts", "--json", "--db", broker.db)
    assert json.loads(ran.stdout) == {}
