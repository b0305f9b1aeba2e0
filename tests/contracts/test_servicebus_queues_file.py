"""The file of the queues: Azure's own property names, durations as Azure writes them, every fault named at once."""

import json
from pathlib import Path

import pytest

from local.servicebus.properties import QueueProperties, QueuesFileError, read_queues
from tests.contracts.servicebus_broker import run_broker

DAY = 86_400_000


def queues_file(folder: Path, *queues: object) -> Path:
    """A file of queues."""
    file = folder / "queues.json"
    file.write_text(json.dumps({"queues": queues}))
    return file


def faults_of(file: Path) -> list[str]:
    """What is wrong with the file."""
    with pytest.raises(QueuesFileError) as raised:
        read_queues(file)
    return str(raised.value).splitlines()


def test_every_property_is_read(tmp_path: Path) -> None:
    given = {
        "name": "Orders/New",
        "lockDuration": "PT1M30S",
        "maxDeliveryCount": 3,
        "requiresDuplicateDetection": True,
        "duplicateDetectionHistoryTimeWindow": "PT20.5S",
        "defaultMessageTimeToLive": "P14DT1H",
        "deadLetteringOnMessageExpiration": True,
    }
    assert read_queues(queues_file(tmp_path, given)) == [
        QueueProperties(
            name="orders/new",
            lock_ms=90_000,
            max_delivery_count=3,
            duplicate_window_ms=20_500,
            ttl_ms=14 * DAY + 3_600_000,
            dead_letter_expired=True,
        )
    ]


def test_what_is_left_out_is_as_in_the_service(tmp_path: Path) -> None:
    assert read_queues(queues_file(tmp_path, {"name": "q"})) == [
        QueueProperties(
            name="q",
            lock_ms=60_000,
            max_delivery_count=10,
            duplicate_window_ms=0,
            ttl_ms=None,
            dead_letter_expired=False,
        )
    ]
    [detecting] = read_queues(queues_file(tmp_path, {"name": "q", "requiresDuplicateDetection": True}))
    assert detecting.duplicate_window_ms == 600_000


def test_azures_longest_time_to_live_is_read(tmp_path: Path) -> None:
    [queue] = read_queues(
        queues_file(tmp_path, {"name": "q", "defaultMessageTimeToLive": "P10675199DT2H48M5.4775807S"})
    )
    assert queue.ttl_ms is not None
    assert queue.ttl_ms // DAY == 10_675_199


def test_the_command_says_the_faults_and_makes_no_database(tmp_path: Path) -> None:
    queues = queues_file(tmp_path, {"name": "q", "lockDuration": "1 minute"})
    ran = run_broker("--queues", queues, "--db", tmp_path / "service-bus.db")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.startswith(f"{queues}: queue q: lockDuration: '1 minute': ")
    assert not (tmp_path / "service-bus.db").exists()


@pytest.mark.parametrize(
    ("queue", "fault"),
    [
        ({"name": "q", "lockDuration": "1 minute"}, "queue q: lockDuration: '1 minute'"),
        ({"name": "q", "lockDuration": "PT10M"}, "queue q: lockDuration: 'PT10M': the service locks for PT5M at most"),
        ({"name": "q", "lockDuration": "PT0S"}, "queue q: lockDuration: 'PT0S'"),
        ({"name": "q", "defaultMessageTimeToLive": 5}, "queue q: defaultMessageTimeToLive: 5"),
        ({"name": "q", "maxDeliveryCount": 0}, "queue q: maxDeliveryCount: 0"),
        ({"name": "q", "maxDeliveryCount": True}, "queue q: maxDeliveryCount: True"),
        ({"name": "q", "requiresDuplicateDetection": "yes"}, "queue q: requiresDuplicateDetection: 'yes'"),
        ({"name": "q", "requiresSession": True}, "queue q: requiresSession: not supported here"),
        ({"name": "q w"}, "queue q w: name: 'q w'"),
        ({"nam": "q"}, "queue number 1: name: None"),
        ("q", "queue number 1: 'q' is no queue"),
    ],
)
def test_a_fault_in_the_queues_file_is_named_with_file_queue_and_field(
    queue: object, fault: str, tmp_path: Path
) -> None:
    queues = queues_file(tmp_path, queue)
    assert faults_of(queues)[0].startswith(f"{queues}: {fault}")


def test_all_faults_of_the_queues_file_at_once(tmp_path: Path) -> None:
    queues = queues_file(
        tmp_path, {"name": "Q", "maxDeliveryCount": -1}, {"name": "r", "x": 1}, {"name": "s"}, {"name": "S"}
    )
    assert [fault.split(": ")[1:3] for fault in faults_of(queues)] == [
        ["queue Q", "maxDeliveryCount"],
        ["queue r", "x"],
        ["queue s", "name"],
    ]


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"queues": []}', '{"queues": {}}', "\ufeff\x00"])
def test_a_file_without_queues_is_named(text: str, tmp_path: Path) -> None:
    queues = tmp_path / "queues.json"
    queues.write_text(text)
    [fault] = faults_of(queues)
    assert fault.startswith(f"{queues}: ")


def test_a_missing_queues_file_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "none.json"
    assert faults_of(missing) == [f"{missing}: No such file or directory: name the file of the queues with --queues"]
