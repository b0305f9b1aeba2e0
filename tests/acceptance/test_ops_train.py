"""`python -m ops train`: what failed is trained on again, once, within the policy."""

import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from azure.servicebus import ServiceBusClient

from local.home import PROJECT
from shared.domain import facts as f
from shared.domain import identity
from shared.domain.profile import versions_of
from shared.domain.retrain import claims_of
from shared.domain.verdicts import RunResult
from shared.notes import Entry
from shared.ports import Approval
from tests.acceptance.test_ops_cli import Operator

NAME, TABLE, STORY = "flight_delays", "silver/flight_delays", "2b" * 8
ASKED = identity.story_of_training(NAME, TABLE, 5, 1)


@pytest.fixture
def operator(tmp_path: Path, broker: str) -> Operator:
    """Version 5 of silver is there, its training failed just now, and the next has to cool down."""
    use_cases = shutil.copytree(PROJECT / "usecases", tmp_path / "usecases")
    file = use_cases / "flight_delays/usecase.yml"
    file.write_text(f"{file.read_text()}\nretrain: {{ cool_down: 6 hours }}\n")
    one, now = Operator(tmp_path), datetime.now(UTC)
    one.configure(SERVICE_BUS=broker, USE_CASES=str(use_cases))
    told = (
        f.DataArrived.example(),
        replace(f.DataCommitted.example(), delta_version=5),
        replace(f.TrainingStarted.example(), delta_version=5),
        replace(f.TrainingFinished.example(), result=RunResult.FAILED, message="ValueError: x"),
    )
    one.ledger.record([replace(fact, story=STORY, at=now) for fact in told])
    one.ledger.note(Entry(scope=versions_of(TABLE), number=5, story=STORY, at=now, text="1"))
    one.ledger.note(Entry(scope=claims_of(NAME), number=1, story=STORY, at=now))
    one.ledger.approve(Approval(model=NAME, slot="champion", version="1", story=STORY, at=now), replaces=None)
    return one


def test_failed_training_says_what_to_type_and_that_is_done_once(operator: Operator, broker: str) -> None:
    (remedy,) = operator.json("story", STORY, code=1)["remedies"]
    words = [*remedy["command"][:-1], "features.py was mended"]
    assert words[:4] == ["train", "run", NAME, "--because"]
    refused = operator(*words, code=2)
    assert "flight_delays is not trained now, cool-down: " in refused
    assert "or ask with --past-cool-down" in refused
    words.append("--past-cool-down")
    dry = operator(*words, "--dry-run", code=0)
    assert dry == "flight_delays trains on version 5 of silver/flight_delays, to beat version 1; nothing was sent\n"
    assert operator.ledger.story(ASKED) == []

    said = operator(*words, code=0)
    first, then = said.splitlines()
    assert first.endswith("to beat version 1; the gate judges what it makes")
    assert then.startswith("python -m ops")
    assert then.endswith(f"story {ASKED}")
    again = operator.json(*words, code=0)
    assert {name: again[name] for name in ("story", "delta_version", "champion", "repeats", "is_new", "why")} == {
        "story": ASKED,
        "delta_version": 5,
        "champion": "1",
        "repeats": [STORY],
        "is_new": False,
        "why": "features.py was mended",
    }
    assert "asked before: features.py was mended; the gate" in operator(*words, code=0)
    (requested,) = operator.ledger.story(ASKED)
    assert isinstance(requested, f.TrainingRequested)
    with ServiceBusClient.from_connection_string(broker) as client, client.get_queue_receiver("trainings") as receiver:
        sent = [json.loads(b"".join(one.body)) for one in receiver.peek_messages(max_message_count=100)]
    assert [(one["type"], one["story"], one["delta_version"]) for one in sent] == [("StartTraining", ASKED, 5)]
    assert operator.json("story", f"{NAME}/training", code=1)["state"] == "running"


def test_what_cannot_be_is_said(operator: Operator) -> None:
    assert "there is no use case 'nope'" in operator("train", "run", "nope", "--because", "x", code=2)
    assert "the following arguments are required: --because" in operator.runs("train", "run", NAME).stderr
    said = operator("train", "run", "rain", "--because", "x", code=2)
    assert "silver/weather has no version yet: there is nothing to train on" in said
