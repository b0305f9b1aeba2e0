"""`python -m ops arrivals`: what no event told of is found, and arrives when somebody wants it."""

import json
import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from azure.servicebus import ServiceBusClient

from local.home import PROJECT
from shared.domain import facts as f
from shared.domain import identity
from shared.domain.arrival import local_etag
from tests.acceptance.test_ops_cli import Operator

URL = "https://account.blob.core.windows.net/landing"
MONTH = timedelta(days=20)


@pytest.fixture
def operator(tmp_path: Path, broker: str) -> Operator:
    one = Operator(tmp_path)
    (tmp_path / "landing/flights").mkdir(parents=True)
    one.configure(SERVICE_BUS=broker, LANDING_URL=URL, LANDING_ROOT=str(tmp_path / "landing"))
    return one


def land(operator: Operator, name: str, age: timedelta = MONTH, content: str = "year\n2013\n") -> str:
    """A file lies there, written so long ago; the story that it would have."""
    file = operator.folder / "landing" / name
    file.write_text(content)
    at = (datetime.now(UTC) - age).timestamp()
    os.utime(file, (at, at))
    return identity.story_of_arrival(f"landing/{name}", local_etag(file.stat().st_mtime_ns, file.stat().st_size))


def test_files_from_before_are_found_and_adopted_once(operator: Operator, broker: str) -> None:
    second, first = land(operator, "flights/2013-02.csv"), land(operator, "flights/2013-01.csv", 2 * MONTH)
    land(operator, "flights/notes.txt")
    land(operator, "flights/2013-03.csv", timedelta())
    found = operator.json("arrivals", "find", "flight_delays", "--since", "90d", code=1)
    assert (found["use_case"], found["prefix"]) == ("flight_delays", "landing/flights/")
    assert [(one["file"], one["story"] if not one["reason"] else one["reason"]) for one in found["files"]] == [
        ("landing/flights/2013-01.csv", first),
        ("landing/flights/2013-02.csv", second),
        ("landing/flights/notes.txt", "other-suffix"),
        ("landing/flights/2013-03.csv", "young"),
    ]
    said = operator("arrivals", "find", "flight_delays", code=1)
    assert "other-suffix: there only .csv is data" in said
    assert "1 arrival without a story" in said
    assert "arrivals adopt flight_delays --since 20" in said

    adopt = ("arrivals", "adopt", "flight_delays", "--since", "90d", "--because", "from before")
    assert operator(*adopt, "--dry-run", code=0).startswith(
        "2 files of flight_delays would arrive; nothing was changed"
    )
    assert operator.ledger.recent(10) == []
    told = operator.json(*adopt, code=0)
    assert ([one["story"] for one in told["files"]], told["why"]) == ([first, second], "from before")
    assert operator.json(*adopt, code=0)["files"] == []
    arrived = [fact for fact in operator.ledger.story(first) if isinstance(fact, f.DataArrived)]
    assert [(one.found_by, one.reason, one.etag) for one in arrived] == [
        (told["who"], "from before", found["files"][0]["etag"])
    ]
    with ServiceBusClient.from_connection_string(broker) as client, client.get_queue_receiver("arrivals") as receiver:
        sent = [json.loads(b"".join(one.body)) for one in receiver.peek_messages(max_message_count=100)]
    assert [one["story"] for one in sent] == [first, second]
    assert "no event told of it: found by" in operator("story", first, code=1)
    (operator.folder / "landing/flights/notes.txt").unlink()
    assert "young: it was written just now" in operator("arrivals", "find", "flight_delays", code=0)


def test_what_arrived_before_under_that_name_and_size_is_adopted_only_when_asked(operator: Operator) -> None:
    adopt = ("arrivals", "adopt", "flight_delays", "--since", "2000-01-01", "--because", "new")
    land(operator, "flights/2013-01.csv")
    operator(*adopt, code=0)
    again = land(operator, "flights/2013-01.csv", MONTH / 2)
    assert "arrived-before: a file of that name and size" in operator("arrivals", "find", "flight_delays", code=0)
    assert operator.json(*adopt, code=0)["files"] == []
    assert [one["story"] for one in operator.json(*adopt, "--again", code=0)["files"]] == [again]


def test_files_of_a_batch_wait_for_it_to_be_quiet(operator: Operator) -> None:
    use_cases = shutil.copytree(PROJECT / "usecases", operator.folder / "usecases")
    file = use_cases / "flight_delays/usecase.yml"
    file.write_text(file.read_text().replace("  null_values:", "  batch: { quiet: 10 minutes }\n  null_values:"))
    values = json.loads(operator.settings.read_text())["Values"]
    operator.configure(**{**values, "USE_CASES": str(use_cases)})
    land(operator, "flights/2013-01.csv")
    adopt = ("arrivals", "adopt", "flight_delays", "--since", "90d", "--because", "new")
    assert "their batch begins when nothing more lands" in operator(*adopt, code=0)
    assert operator.ledger.recent(10) == []
    said = operator("arrivals", "find", "flight_delays", code=0)
    assert said.startswith("everything written below landing/flights/ since ")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["find", "hail"], "there is no use case 'hail' (there are: flight_delays, rain)"),
        (["find", "rain", "--since", "30"], "'30' is neither so long ago, such as 30d, 12h or 90min, nor a time"),
        (["find", "rain", "--since", "1m"], "'1m' is neither so long ago"),
        (["adopt", "rain", "--since", "30d"], "--because"),
        (["adopt", "rain", "--because", "new"], "--since"),
    ],
)
def test_what_cannot_be_done_says_what_to_do(operator: Operator, arguments: list[str], told: str) -> None:
    assert told in operator("arrivals", *arguments, code=2)


def test_without_a_ledger_nothing_is_lost(operator: Operator) -> None:
    operator.path.unlink()
    assert "there is no ledger" in operator("arrivals", "find", "flight_delays", code=2)
    assert not operator.path.exists()
